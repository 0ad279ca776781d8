"""Random numbers for a task's `draw_inputs`, from the generator that is passed in. Goes into the grading box."""

import torch


def integers(generator: torch.Generator, low: int, high: int, count: int = 1) -> list[int]:
    """`count` whole numbers from low to high, both included.

    >>> integers(torch.Generator(), 3, 3, 2)
    [3, 3]
    """
    return torch.randint(low, high + 1, (count,), generator=generator).tolist()


def integer(generator: torch.Generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return integers(generator, low, high)[0]


def normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Normally distributed numbers in float64: drawn in one dtype, the numbers do not depend on the case's."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    """Numbers from low to high, evenly distributed, in float64."""
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def signs(generator: torch.Generator, count: int) -> torch.Tensor:
    """`count` numbers that are 1 or -1, in float64."""
    return 1 - 2 * torch.randint(0, 2, (count,), generator=generator).double()


def shuffled(generator: torch.Generator, count: int) -> torch.Tensor:
    """The numbers from 0 to count - 1 in random order."""
    return torch.randperm(count, generator=generator)
