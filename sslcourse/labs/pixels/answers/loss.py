"""Lab 6, exercise `loss`: mean squared error of the removed patches alone."""

import torch

HINTS = (
    "First one error for each patch. Then a mean over those that were *removed*: who tells you which these are?",
    "errors = mean over P of (predicted - target)^2, [B, N]; weight 1 for a removed patch and 0 for a kept one; loss = "
    "sum(weight * errors) / sum(weight).",
    "`errors = (predicted - target).square().mean(dim=-1)`; `weight = torch.ones_like(errors).scatter(1, kept, 0.0)`; "
    "return `(errors * weight).sum() / weight.sum()`.",
)


def removed_only(predicted, target, kept):
    errors = (predicted - target).square().mean(dim=-1)  # B,N
    weight = torch.ones_like(errors).scatter(1, kept, 0.0)
    return (errors * weight).sum() / weight.sum()


def by_a_mask(predicted, target, kept):
    removed = torch.ones(predicted.shape[:2], dtype=torch.bool)
    removed[torch.arange(len(kept))[:, None], kept] = False
    return torch.nn.functional.mse_loss(predicted[removed], target[removed])


def picture_by_picture(predicted, target, kept):
    terms = []
    for guess, truth, places in zip(predicted, target, kept):
        others = sorted(set(range(len(guess))) - set(places.tolist()))
        terms += [((guess[at] - truth[at]) ** 2).mean() for at in others]
    return sum(terms) / len(terms)


def by_taking_away(predicted, target, kept):
    squares = (predicted - target) ** 2
    seen = squares.gather(1, kept.unsqueeze(-1).expand(-1, -1, squares.shape[-1]))
    return (squares.sum() - seen.sum()) / (squares.numel() - seen.numel())


def _errors(predicted, target):
    return (predicted - target).square().mean(-1)


def _removed(errors, kept):
    return torch.ones_like(errors).scatter(1, kept, 0.0)


def counts_every_patch(predicted, target, kept):
    """That is the error of all patches. The encoder has seen the kept ones, so painting them is copying: only the
    removed ones count."""
    return _errors(predicted, target).mean()


def counts_the_kept_ones(predicted, target, kept):
    """That is the error of the *kept* patches, which the encoder has seen. `kept` holds their numbers; the others are
    to be painted."""
    return _errors(predicted, target).gather(1, kept).mean()


def divides_by_all_patches(predicted, target, kept):
    """The errors of the removed patches are added up, but you divide by the number of all patches, so the loss changes
    with the keep rate. Divide by the number of removed ones."""
    errors = _errors(predicted, target)
    return (errors * _removed(errors, kept)).mean()


def adds_up_the_pixels(predicted, target, kept):
    """You add up the P values of a patch. Its error is their *mean*; the weights then choose between patches."""
    return removed_only(predicted, target, kept) * predicted.shape[-1]


def blanks_the_prediction_alone(predicted, target, kept):
    """You set the prediction of the kept patches to 0 and compare it with their true pixels all the same, so the kept
    ones still count. It is their *error* that gets weight 0."""
    removed = _removed(_errors(predicted, target), kept)[:, :, None]
    return (predicted * removed - target).square().mean(-1).sum() / removed.sum()


def takes_one_choice_for_all(predicted, target, kept):
    """You use the first picture's kept patches for all. Every picture has its own, a row of `kept`."""
    return removed_only(predicted, target, kept[:1].expand(len(kept), -1))


def takes_absolute_errors(predicted, target, kept):
    """These are absolute errors. MAE, the paper, takes *squared* ones; its name means masked autoencoder, not mean
    absolute error."""
    errors = (predicted - target).abs().mean(-1)
    removed = _removed(errors, kept)
    return (errors * removed).sum() / removed.sum()
