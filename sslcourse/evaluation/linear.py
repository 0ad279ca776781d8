"""A linear classifier on frozen features, its regularisation chosen on a part of the training set."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluation.knn import check_labelled
from sslcourse.evaluation.scaling import scale_features

L2_GRID = tuple(10.0**exponent for exponent in (-5, -4, -3, -2, -1, 0))


class LinearProbe(NamedTuple):
    """`accuracy` on the test set, in [0, 1], and the weight decay `l2` that did best on held-out training data."""

    accuracy: float
    l2: float


def linear_probe(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    l2_grid: tuple[float, ...] = L2_GRID,
    scaling: str = "standardised",
    holdout: float = 0.2,
    seed: int = 0,
    num_classes: int | None = None,
) -> LinearProbe:
    """Test accuracy of multinomial logistic regression on frozen features `N,D` and `M,D`, labels int64 `N` and `M`.

    Features are standardised by the training set's mean and deviation, or left raw or whitened by another `scaling`
    (see `scale_features`); the weight decay means another thing under each. Each value of `l2_grid` is tried on all
    but a random share `holdout` of the training rows (drawn by `seed`); the one that classifies that share best (of
    equal ones, the most regularised) is fitted again on all rows, and the test rows are seen once. Raises ValueError
    for wrong shapes or labels, for features that are not finite, and for a split that leaves one side empty.

    >>> features = torch.tensor([[0.0], [0.1], [0.9], [1.0]]).repeat(5, 1)
    >>> labels = torch.tensor([0, 0, 1, 1]).repeat(5)
    >>> linear_probe(features, labels, features, labels).accuracy
    1.0
    """
    num_classes = check_labelled(train_features, train_labels, test_features, test_labels, num_classes)
    if not l2_grid or not all(l2 > 0 for l2 in l2_grid):
        raise ValueError(f"l2_grid must hold positive numbers; got {l2_grid}")
    device = train_features.device
    fit_rows, held_rows = split_rows(len(train_features), holdout, torch.Generator().manual_seed(seed), device)
    train, test = scale_features(train_features.double(), test_features.double(), scaling)
    train_labels, test_labels = train_labels.to(device), test_labels.to(device)
    best, best_accuracy, start = l2_grid[0], -1.0, None
    for l2 in sorted(l2_grid, reverse=True):  # the strongest first: each solution is a good start for the next
        start = fit_logistic(train[fit_rows], train_labels[fit_rows], num_classes, l2, start=start)
        accuracy = _accuracy(start, train[held_rows], train_labels[held_rows])
        if accuracy > best_accuracy:
            best, best_accuracy = l2, accuracy
    final = fit_logistic(train, train_labels, num_classes, best)
    return LinearProbe(_accuracy(final, test, test_labels), best)


def split_rows(rows: int, holdout: float, generator: torch.Generator, device: torch.device) -> tuple[Tensor, Tensor]:
    """The numbers of the rows to fit on and of a random share `holdout` to choose by, int64, on `device`.

    Raises ValueError for a split that leaves one side empty.

    >>> fit, held = split_rows(10, 0.2, torch.Generator().manual_seed(0), torch.device("cpu"))
    >>> len(fit), len(held), len({*fit.tolist(), *held.tolist()})
    (8, 2, 10)
    """
    held = round(holdout * rows)
    if not 0 < held < rows:
        raise ValueError(f"holdout={holdout} of {rows} rows leaves one side empty")
    order = torch.randperm(rows, generator=generator).to(device)
    return order[held:], order[:held]


def fit_logistic(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    l2: float,
    *,
    start: tuple[Tensor, Tensor] | None = None,
    iterations: int = 500,
) -> tuple[Tensor, Tensor]:
    """Weight `C,D` and bias `C` that minimise the mean cross-entropy plus l2 / 2 times the squared weights.

    The bias is free. All rows at once, by L-BFGS with a line search, from `start` or zero: the problem is convex and
    the result does not depend on it. In scikit-learn's terms C = 1 / (l2 N). Features `N,D` decide the precision;
    float64 reaches the minimum to about six digits.

    >>> weight, bias = fit_logistic(torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0, 1]), 2, l2=0.1)
    >>> bool(weight[1] > 0 > weight[0])
    True
    """
    weight, bias = start or (features.new_zeros(num_classes, features.shape[1]), features.new_zeros(num_classes))
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=iterations,
        history_size=20,
        tolerance_grad=1e-8,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(features, weight, bias), labels) + 0.5 * l2 * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return weight.detach(), bias.detach()


def _accuracy(model: tuple[Tensor, Tensor], features: Tensor, labels: Tensor) -> float:
    return (F.linear(features, *model).argmax(1) == labels).double().mean().item()
