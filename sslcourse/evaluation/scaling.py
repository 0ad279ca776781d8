"""Features brought to a common scale before they are compared: standardised or whitened by the training set."""

import torch
from torch import Tensor

SCALINGS = ("raw", "standardised", "whitened")
SMALLEST_SHARE = 1e-6  # of the largest variance: directions below it hold rounding, which whitening would blow up


def scale_features(train: Tensor, test: Tensor, scaling: str) -> tuple[Tensor, Tensor]:
    """Training features `N,D` and test features `M,D` after `scaling`, both measured on the training rows alone.

    "raw": as they are. "standardised": each channel with mean 0 and standard deviation 1. "whitened": rotated to the
    principal directions, each with standard deviation 1; directions whose variance is below 1e-6 of the largest are
    left out, so that the result may be narrower than D. Encoders trained on pixels have a few channels so large that
    they alone decide every cosine; compare the three. Whitening needs many more rows than channels: with N <= D it
    makes all training rows equally far apart. Computed in float64, returned in the dtype given (float32 at least), both
    on the device of `train`. Raises ValueError on another scaling or shape.

    >>> train = torch.tensor([[1.0, 100.0], [3.0, 100.0], [1.0, 300.0], [3.0, 300.0]])
    >>> scale_features(train, train[:1], "standardised")[1].tolist()
    [[-1.0, -1.0]]
    """
    if scaling not in SCALINGS:
        raise ValueError(f"scaling must be one of {', '.join(SCALINGS)}; got {scaling!r}")
    if train.ndim != 2 or test.ndim != 2 or train.shape[1] != test.shape[1] or len(train) == 0:
        raise ValueError(f"features must be N,D and M,D; got {tuple(train.shape)} and {tuple(test.shape)}")
    test = test.to(train.device)
    if scaling == "raw":
        return train, test
    dtype = torch.promote_types(train.dtype, torch.float32)
    change = standardise if scaling == "standardised" else whiten
    train, test = change(train.double(), test.double())
    return train.to(dtype), test.to(dtype)


def check_finite(features: Tensor, name: str) -> None:
    """Raise ValueError, naming them, if features hold NaN or infinite values."""
    if not torch.isfinite(features).all():
        raise ValueError(f"{name} hold NaN or infinite values: the encoder has diverged")


def standardise(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both with the training rows' mean taken off and divided by their standard deviation, channel by channel.

    >>> standardise(torch.tensor([[0.0, 7.0], [2.0, 7.0]]), torch.tensor([[3.0, 7.0]]))[1].tolist()
    [[2.0, 0.0]]
    """
    mean, std = train.mean(0), train.std(0, correction=0)
    std = torch.where(std > 1e-8 * std.max(), std, torch.ones_like(std))  # a constant feature stays 0, not noise
    return (train - mean) / std, (test - mean) / std


def whiten(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the principal directions of the training rows, each divided by its standard deviation: `N,K` and `M,K`.

    Constant features have no direction: one channel of zeros is left.

    >>> train = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [2.0, -2.0], [-2.0, 2.0]])
    >>> white, _ = whiten(train, train)
    >>> (white.T @ white / 4).round(decimals=3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    mean = train.mean(0)
    train, test = train - mean, test - mean
    variances, directions = torch.linalg.eigh(train.T @ train / len(train))  # ascending
    rounding = 1e-14 * (mean.square().sum() + variances[-1])  # what float32 leaves of features that are constant
    kept = variances > (SMALLEST_SHARE * variances[-1]).maximum(rounding)
    if not kept.any():
        return torch.zeros_like(train[:, :1]), torch.zeros_like(test[:, :1])
    basis = directions[:, kept] / variances[kept].sqrt()
    return train @ basis, test @ basis
