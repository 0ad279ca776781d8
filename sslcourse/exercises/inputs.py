"""Random numbers for a task's `draw_inputs`, from the generator that is passed in. Goes into the grading box."""

import torch

# Short vectors whose lengths are whole numbers, so that cosines can be written down: 0, 0.6, 0.8, 0.96, 0.28 ...
NICE_ROWS = ((3, 4), (4, 3), (-3, 4), (4, -3), (1, 0), (0, 2), (-2, 0), (0, -1), (6, 8), (-4, -3))


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


def nice_pairs(generator: torch.Generator, n: int) -> torch.Tensor:
    """Twice n different rows of NICE_ROWS, `2,n,2`, in float64."""
    rows = torch.tensor(NICE_ROWS, dtype=torch.float64)
    return rows[shuffled(generator, len(NICE_ROWS))[: 2 * n]].reshape(2, n, 2)


def related_pairs(generator: torch.Generator, n: int, d: int) -> torch.Tensor:
    """Rows of different lengths that are related as the embeddings of two views are, `2,n,d`, in float64."""
    lengths = uniform(generator, 0.5, 2.5, 2, n, 1)
    shared = normal(generator, n, d)
    return torch.stack([length * (shared + 0.7 * normal(generator, n, d)) for length in lengths])


def draw_cotangent(generator: torch.Generator) -> torch.Tensor:
    """What the gradient of a loss is multiplied with: neither 0 nor 1, without dimensions, in float64."""
    return signs(generator, 1)[0] * integer(generator, 3, 9) / 2
