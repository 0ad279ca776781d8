"""A linear classifier trained by gradient descent, as papers report it: several learning rates at once."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluation.knn import check_labelled
from sslcourse.evaluation.linear import split_rows
from sslcourse.evaluation.scaling import scale_features

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
MOMENTUM = 0.9


class RatesProbe(NamedTuple):
    """`accuracy` on the test set, in [0, 1], the `rate` chosen, and each rate's accuracy on the `held_out` part of the
    training set, which chose it."""

    accuracy: float
    rate: float
    held_out: dict[float, float]


def rates_probe(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    rates: tuple[float, ...] = RATES,
    scaling: str = "standardised",
    epochs: int = 100,
    batch_size: int = 256,
    holdout: float = 0.2,
    generator: torch.Generator | None = None,
    num_classes: int | None = None,
) -> RatesProbe:
    """Test accuracy of a linear classifier on frozen features `N,D` and `M,D`, labels int64 `N` and `M`.

    Gradient descent with momentum 0.9, a cosine schedule and no weight decay, from zero, on features brought to one
    scale (see `scale_features`). All `rates` are trained on the same batches in one stacked computation, on all but a
    random share `holdout` of the training rows; the rate that classifies that share best (of equal ones, the lowest) is
    trained again on all rows, and the test rows are seen once. `generator` (of the CPU; by default seed 0) draws the
    share and the batches. Raises ValueError for wrong shapes or labels, for features that are not finite, for settings
    out of range and for a split that leaves one side empty.

    Source: Caron et al. 2021 (DINO), whose linear evaluation this is without the augmentation.

    >>> features = torch.tensor([[0.0], [0.1], [0.9], [1.0]]).repeat(5, 1)
    >>> labels = torch.tensor([0, 0, 1, 1]).repeat(5)
    >>> rates_probe(features, labels, features, labels, epochs=20).accuracy
    1.0
    """
    num_classes = check_labelled(train_features, train_labels, test_features, test_labels, num_classes)
    if not rates or not all(rate > 0 for rate in rates):
        raise ValueError(f"rates must hold positive numbers; got {rates}")
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be at least 1; got epochs={epochs}, batch_size={batch_size}")
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    fit, aside = split_rows(len(train_features), holdout, generator, train_features.device)
    train, test = (part.float() for part in scale_features(train_features, test_features, scaling))
    train_labels, test_labels = train_labels.to(train.device), test_labels.to(train.device)
    rates = tuple(sorted(rates))
    how = {"epochs": epochs, "batch_size": batch_size, "generator": generator}
    models = fit_rates(train[fit], train_labels[fit], num_classes, rates, **how)
    held_out = dict(zip(rates, accuracies(models, train[aside], train_labels[aside])))
    chosen = max(rates, key=held_out.get)  # the first, so the lowest, of equal ones
    final = fit_rates(train, train_labels, num_classes, (chosen,), **how)
    return RatesProbe(accuracies(final, test, test_labels)[0], chosen, held_out)


def fit_rates(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    rates: tuple[float, ...],
    *,
    epochs: int,
    batch_size: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Weights `R,C,D` and biases `R,C` after `epochs` over features `N,D`, one classifier a learning rate.

    The classifiers do not know of each other: each is what it would be alone with the same generator.

    >>> features, labels = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
    >>> how = {"epochs": 3, "batch_size": 2, "generator": torch.Generator()}
    >>> [tuple(part.shape) for part in fit_rates(features, labels, 2, (0.1, 1.0), **how)]
    [(2, 2, 1), (2, 2)]
    """
    rows, dim = features.shape
    features = torch.cat([features, features.new_ones(rows, 1)], 1)  # N,D+1: the bias is a weight of 1
    targets = F.one_hot(labels, num_classes).to(features.dtype)
    weights = features.new_zeros(len(rates), num_classes, dim + 1)  # R,C,D+1
    speed = torch.zeros_like(weights)
    rate = features.new_tensor(rates)[:, None, None]
    steps, step = epochs * math.ceil(rows / batch_size), 0
    for _ in range(epochs):
        order = torch.randperm(rows, generator=generator).to(features.device)
        for batch in order.split(batch_size):
            x = features[batch]
            errors = (x @ weights.mT).softmax(2) - targets[batch]  # R,B,C: the gradient of cross-entropy by the logits
            speed = MOMENTUM * speed + errors.mT @ x / len(batch)
            weights = weights - rate * (0.5 + 0.5 * math.cos(math.pi * step / steps)) * speed
            step += 1
    return weights[:, :, :dim], weights[:, :, dim]


def accuracies(models: tuple[Tensor, Tensor], features: Tensor, labels: Tensor) -> list[float]:
    """The share of features `N,D` that each of the classifiers of `fit_rates` puts right."""
    weights, biases = models
    logits = features @ weights.mT + biases[:, None]  # R,N,C
    return (logits.argmax(2) == labels).double().mean(1).tolist()
