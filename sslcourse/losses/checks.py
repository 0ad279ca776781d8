"""What several losses refuse, each with what was given and what is allowed."""

from torch import Tensor


def check_pair(shape: str, **pair: Tensor) -> None:
    """Raise ValueError unless two tensors are alike, not empty and of a `shape` such as "N,D" or "...,D".

    >>> import torch
    >>> check_pair("N,D", z1=torch.ones(4, 8), z2=torch.ones(4, 9))
    Traceback (most recent call last):
    ValueError: z1 and z2 must be two tensors N,D of one shape, row i of both from image i; got (4, 8) and (4, 9)
    """
    (first_name, first), (second_name, second) = pair.items()
    axes = shape.split(",")
    fits = first.ndim == len(axes) or (axes[0] == "..." and first.ndim > len(axes))
    if not fits or first.shape != second.shape or first.numel() == 0:
        raise ValueError(
            f"{first_name} and {second_name} must be two tensors {shape} of one shape, row i of both from image i; "
            f"got {tuple(first.shape)} and {tuple(second.shape)}"
        )


def check_temperature(temperature: float | Tensor, usual: str) -> None:
    """Raise ValueError unless the temperature is positive; the message says which values are `usual`.

    A tensor passes: it is a schedule's value on its device, which nobody waits for.
    """
    if not isinstance(temperature, Tensor) and not temperature > 0:
        raise ValueError(f"temperature must be positive ({usual} are usual); got {temperature}")
