"""Lab 1, exercise `positives`: which views belong together."""

import torch

HINTS = (
    "Write the views of three images in one list: a0 b0 c0 a1 b1 c1. How far is it from each to its partner?",
    "p(i) = i + n for i < n, and i - n otherwise; in one formula, p(i) = (i + n) mod 2n.",
    "Count from 0 to 2n - 1 with `torch.arange(2 * n)`, add n, take the remainder with `% (2 * n)`.",
)


def positive_index(n):
    return torch.arange(2 * n).roll(n)


def by_remainder(n):
    return (torch.arange(2 * n) + n) % (2 * n)


def by_list(n):
    return torch.tensor([i + n if i < n else i - n for i in range(2 * n)], dtype=torch.int32)


def points_at_itself(n):
    """You point every view at itself. A view's positive is the *other* view of its image, n places further on."""
    return torch.arange(2 * n)


def gives_the_number_of_the_image(n):
    """You return which image each view comes from. Asked for is the position of its positive in the list of 2n views:
    for view 0 that is n, for view n it is 0."""
    return torch.arange(n).repeat(2)


def pairs_neighbours(n):
    """You pair 0 with 1, 2 with 3, as if the two views of an image stood side by side. Here all first views come first:
    view 0 belongs with view n."""
    return torch.arange(2 * n).reshape(n, 2).flip(1).reshape(-1)


def never_takes_n_off(n):
    """For the second views you point beyond the end of the list: the positive of view i >= n is i - n."""
    return torch.arange(2 * n) + n


def reverses_the_list(n):
    """Your list runs backwards, which pairs view 0 with the *last* view. The second views stand in the same order as
    the first: view 0 belongs with view n."""
    return torch.arange(2 * n).flip(0)
