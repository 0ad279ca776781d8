"""Lab 4, exercise `iou`: how well two maps agree, class by class."""

import torch

HINTS = (
    "Take one class. Some pixels are predicted to be of it, some are. How many are both, how many are at least one of "
    "the two? And what of a class that nobody has seen?",
    "IoU_c = |predicted = c and true = c| / |predicted = c or true = c|, counted over all pixels of all pictures; the "
    "mean over the classes whose denominator is not 0.",
    "For c in range(classes): `both = ((predicted == c) & (true == c)).sum()`, `either = ((predicted == c) | (true == "
    "c)).sum()`; if either is not 0, append `(both / either).item()` to a list; return the list's mean.",
)


def mean_iou(predicted, true, classes):
    shares = []
    for c in range(classes):
        mine, there = predicted == c, true == c
        either = (mine | there).sum().item()
        if either > 0:
            shares.append((mine & there).sum().item() / either)
    return sum(shares) / len(shares)


def by_a_table(predicted, true, classes):
    table = torch.bincount((classes * true + predicted).flatten(), minlength=classes**2).reshape(classes, classes)
    both = table.diag()
    either = table.sum(0) + table.sum(1) - both
    return (both[either > 0].double() / either[either > 0]).mean().item()


def by_one_hot(predicted, true, classes):
    mine, there = (torch.nn.functional.one_hot(x.reshape(-1), classes).float() for x in (predicted, true))
    both, either = torch.minimum(mine, there).sum(0), torch.maximum(mine, there).sum(0)
    return float((both / either).nanmean())


def _shares(predicted, true, classes):
    """Pixels of each class in both maps, in either, and in the true one, `classes` each."""
    numbers = torch.arange(classes)[:, None]
    mine, there = predicted.flatten() == numbers, true.flatten() == numbers
    return (mine & there).sum(1).double(), (mine | there).sum(1).double(), there.sum(1).double()


def counts_pixels(predicted, true, classes):
    """That is the share of pixels that are right. A large background makes it high, whatever becomes of the objects:
    take each class's intersection over union, then the mean over the classes."""
    return (predicted == true).double().mean().item()


def counts_absent_classes_as_zero(predicted, true, classes):
    """You count a class that is in neither map as 0. It was not missed, for it is not there: leave it out of the
    mean."""
    both, either, _ = _shares(predicted, true, classes)
    return (both / either.clamp(min=1)).mean().item()


def counts_absent_classes_as_one(predicted, true, classes):
    """You count a class that is in neither map as 1. Nobody has drawn it well, for it is not there: leave it out of the
    mean."""
    both, either, _ = _shares(predicted, true, classes)
    return torch.where(either > 0, both / either, 1.0).mean().item()


def looks_at_true_classes_only(predicted, true, classes):
    """You leave out a class that is predicted somewhere and true nowhere. Its union is not empty and its intersection
    is: it counts as 0."""
    both, either, there = _shares(predicted, true, classes)
    return (both / either)[there > 0].mean().item()


def looks_at_predicted_classes_only(predicted, true, classes):
    """You leave out a class that is true somewhere and predicted nowhere. It was missed altogether: its union is not
    empty and its intersection is, so it counts as 0."""
    both, either, _ = _shares(predicted, true, classes)
    return (both / either)[predicted.unique()].mean().item()


def leaves_out_classes_with_nothing_right(predicted, true, classes):
    """You leave out classes of which no pixel is right. Where one of the two maps has the class, its union is not
    empty: it counts as 0. Only a class that is in neither map is left out."""
    both, either, _ = _shares(predicted, true, classes)
    return (both / either)[both > 0].mean().item()


def averages_over_images(predicted, true, classes):
    """You take the IoU of each picture and then the mean over the pictures. Count pixels over all pictures together, or
    a class that is small in one picture decides that picture."""
    each = [mean_iou(mine, there, classes) for mine, there in zip(predicted, true)]
    return sum(each) / len(each)


def divides_by_what_is_there(predicted, true, classes):
    """You divide by the pixels that are truly of the class: drawing a class everywhere then costs that class nothing.
    The union also holds the pixels that are wrongly predicted to be of it."""
    both, either, there = _shares(predicted, true, classes)
    return (both / there.clamp(min=1))[either > 0].mean().item()


def leaves_out_the_background(predicted, true, classes):
    """You leave out class 0. Here the background is a class like any other, and drawing it wrongly counts."""
    both, either, _ = _shares(predicted, true, classes)
    return (both / either)[1:][either[1:] > 0].mean().item()


def counts_the_intersection_twice(predicted, true, classes):
    """Your denominator is the sum of the two areas, in which the intersection is counted twice: take it away once."""
    both, either, _ = _shares(predicted, true, classes)
    return (both / (either + both))[either > 0].mean().item()
