"""Lab 0, exercise `linear_cka`: how alike two networks arrange the same pictures."""

import torch

HINTS = (
    "Two networks whose features have other widths can be compared over the same pictures: X^T Y says how each feature "
    "of one moves with each of the other. Features move around their *mean*.",
    "With centred X and Y: CKA = |X^T Y|^2 / (|X^T X| |Y^T Y|), where |.| is the root of the sum of squares of all "
    "entries (the Frobenius norm).",
    "`x = x - x.mean(dim=0)`, the same for y; `(x.T @ y).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())`; "
    "`.item()`.",
)


def linear_cka(x, y):
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    together = (x.T @ y).square().sum()
    return (together / ((x.T @ x).norm() * (y.T @ y).norm())).item()


def by_similarities(x, y):
    n = len(x)
    centre = torch.eye(n, dtype=x.dtype) - 1 / n
    first, second = (centre @ z @ z.T @ centre for z in (x, y))  # of all pairs of pictures
    return float((first * second).sum() / (first.square().sum() * second.square().sum()).sqrt())


def by_singular_values(x, y):
    u, s, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    v, t, _ = torch.linalg.svd(y - y.mean(0), full_matrices=False)
    together = (u.T @ v * s[:, None] * t[None]).pow(2).sum()
    return float(together / (s.pow(4).sum() * t.pow(4).sum()).sqrt())


def _ratio(x, y):
    return ((x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())).item()


def does_not_centre(x, y):
    """You do not subtract the mean. What all pictures have in common then counts as agreement: two networks whose
    features merely lie far from zero look alike."""
    return _ratio(x, y)


def centres_every_picture(x, y):
    """You subtract each picture's mean over its features. Take each *feature's* mean over the pictures: `dim=0`."""
    return _ratio(x - x.mean(dim=1, keepdim=True), y - y.mean(dim=1, keepdim=True))


def does_not_square_the_numerator(x, y):
    """The numerator is not squared, so the number changes with the scale of the features. |X^T Y| belongs squared."""
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    return ((x.T @ y).norm() / ((x.T @ x).norm() * (y.T @ y).norm())).item()


def takes_the_root(x, y):
    """You return the square root of CKA: of numerator |X^T Y|^2 and denominator, one has lost its square."""
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    return _ratio(x, y) ** 0.5


def divides_by_the_variances(x, y):
    """You divide by |X|^2 |Y|^2. The denominator is |X^T X| |Y^T Y|: with it a network compared with itself gives 1."""
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    return ((x.T @ y).square().sum() / (x.square().sum() * y.square().sum())).item()


def does_not_divide(x, y):
    """You return the numerator, which grows with the scale of the features (up to a factor it is HSIC). CKA divides it
    by what each network gives with itself."""
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    return (x.T @ y).square().sum().item()
