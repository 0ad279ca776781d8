"""Lab 4, exercise `center`: DINO's targets, a softmax of centred logits at a low temperature."""

import torch

HINTS = (
    "Two things happen before the softmax: each prototype loses its advantage, and then what is left is stretched.",
    "p = softmax((logits - center) / temperature), over the prototypes, which are the last dimension.",
    "`torch.softmax((logits - center) / temperature, dim=-1)`: `center` has one number a prototype, and broadcasting "
    "takes it from every row.",
)


def center_and_sharpen(logits, center, temperature):
    return torch.softmax((logits - center) / temperature, dim=-1)


def by_exponentials(logits, center, temperature):
    scores = (logits - center[None]) / temperature
    weights = (scores - scores.max(dim=-1, keepdim=True).values).exp()
    return weights / weights.sum(-1, keepdim=True)


def by_log_softmax(logits, center, temperature):
    scale = 1.0 / temperature
    with torch.no_grad():
        return (scale * logits.clone() - scale * center).log_softmax(-1).exp()


def adds_the_center(logits, center, temperature):
    """You add the centre: a prototype that always won then wins by more. Centring subtracts it."""
    return center_and_sharpen(logits, -center, temperature)


def forgets_the_center(logits, center, temperature):
    """The centre has no effect. It is one number a *prototype*, subtracted from the logits; what is the same for all
    prototypes of a row (the row's own mean, say) falls out of the softmax."""
    return torch.softmax(logits / temperature, dim=-1)


def sharpens_before_it_centers(logits, center, temperature):
    """You divide the logits alone by the temperature, and subtract the centre afterwards. The centre is a mean of
    logits: subtract first, then divide the difference."""
    return torch.softmax(logits / temperature - center, dim=-1)


def multiplies_by_the_temperature(logits, center, temperature):
    """You multiply by the temperature, which flattens the targets. Dividing by a small one sharpens them."""
    return torch.softmax((logits - center) * temperature, dim=-1)


def centers_the_probabilities(logits, center, temperature):
    """You subtract the centre after the softmax, so the targets are no distribution any more. The centre is a mean of
    logits: it belongs before the softmax."""
    return torch.softmax(logits / temperature, dim=-1) - center


def takes_the_mean_of_the_batch(logits, center, temperature):
    """You subtract the mean of these logits. The centre that you are given is a running mean over many batches, also
    of what is not in this one."""
    rows = logits.reshape(-1, logits.shape[-1])
    return center_and_sharpen(logits, rows.mean(0), temperature)


def shares_out_over_the_rows(logits, center, temperature):
    """Your softmax runs over the pictures: each prototype sums to 1. Each picture's row over the *prototypes*, the last
    dimension, is to be a distribution."""
    return torch.softmax((logits - center) / temperature, dim=-2)


def takes_the_second_dimension_for_the_last(logits, center, temperature):
    """With logits of one crop all is right. Those of several have three dimensions, and your softmax runs over the
    second, which holds the pictures: prototypes are always the last, `dim=-1`."""
    return torch.softmax((logits - center) / temperature, dim=1)
