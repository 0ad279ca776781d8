"""Compare two plain values, and put their difference into words: where it is and how large."""

import math

import torch

from sslcourse.exercises.task import Tree

Numbers = (bool, int, float)


def same_values(expected: Tree, observed: Tree, tolerance: tuple[float, float]) -> bool:
    """Whether two numbers, texts or equally shaped tensors agree; never raises, whatever they are.

    >>> same_values(1.0, 1.0 + 1e-9, (1e-7, 0.0)), same_values(1, 1.0, (1e-7, 0.0))
    (True, False)
    """
    if type(expected) is not type(observed):
        return False
    if type(expected) is torch.Tensor:
        return expected.shape == observed.shape and not wrong_elements(expected, observed, tolerance).any()
    if type(expected) is float:
        first, second = (torch.tensor(value, dtype=torch.float64) for value in (expected, observed))
        return not wrong_elements(first, second, tolerance).any()
    return expected == observed if type(expected) in (bool, int, str, type(None)) else False


def wrong_elements(expected: torch.Tensor, observed: torch.Tensor, tolerance: tuple[float, float]) -> torch.Tensor:
    """Where two tensors of one shape disagree: beyond absolute + relative * (largest finite expected value).

    The tolerance is relative to the whole tensor and not to each element, because rounding errors are: a small
    element may be the difference of two large ones. NaN agrees with NaN, an infinity with itself.
    """
    first, second = as_numbers(expected), as_numbers(observed)
    finite = torch.isfinite(first) & torch.isfinite(second)
    equal = (first == second) | (torch.isnan(first) & torch.isnan(second))
    if not (expected.is_floating_point() or expected.is_complex()):
        return ~equal
    relative, absolute = tolerance
    scale = torch.where(torch.isfinite(first), first.abs(), 0.0).amax() if first.numel() else 0.0
    return ~(equal | (finite & ((first - second).abs() <= absolute + relative * scale)))


def as_numbers(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in a dtype that has every operation; whole numbers stay exact."""
    if tensor.is_complex():
        return tensor.to(torch.complex128)
    return tensor.to(torch.float64 if tensor.is_floating_point() else torch.int64)


def explain_values(expected: Tree, observed: Tree, tolerance: tuple[float, float]) -> str:
    """Say where two values of one type first differ, by how much, and what the pattern looks like."""
    if type(expected) is torch.Tensor:
        return _explain_tensors(expected, observed, tolerance)
    if type(expected) is float and math.isnan(observed):
        return f"expected {_pair(expected, observed)[0]}, yours is not a number (NaN)"
    one, other = _pair(expected, observed)
    return f"expected {one}, yours {other}"


def kind_of(value: Tree) -> str:
    """Name a value's type in a student's words.

    >>> kind_of(1.5), kind_of(torch.ones(2, 3)), kind_of([1, 2])
    ('a Python float', 'a tensor of shape (2, 3)', 'a list or tuple of 2 values')
    """
    if type(value) is torch.Tensor:
        return f"a tensor of shape {tuple(value.shape)}" if value.dim() else "a tensor without dimensions"
    if type(value) is list:
        return f"a list or tuple of {count_of(len(value), 'value')}"
    if value is None:
        return "None"
    names = {bool: "a bool", int: "a Python int", float: "a Python float", str: "a text", dict: "a dict"}
    return names.get(type(value), "something else")


def count_of(number: int, thing: str) -> str:
    """A number with its noun.

    >>> count_of(1, "value"), count_of(2, "value")
    ('1 value', '2 values')
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _explain_tensors(expected: torch.Tensor, observed: torch.Tensor, tolerance: tuple[float, float]) -> str:
    wrong = wrong_elements(expected, observed, tolerance)
    index = tuple(wrong.nonzero()[0].tolist())
    one, other = _pair(expected[index].item(), observed[index].item())
    parts = [f"{_where(index)}expected {one}, yours {other}"]
    broken = int((~torch.isfinite(observed)).sum()) if observed.is_floating_point() else 0
    if broken:
        parts.append(
            f"{broken} of your {count_of(observed.numel(), 'value')} {'is' if broken == 1 else 'are'} NaN or infinite"
        )
    elif wrong.numel() > 1:
        gap = (as_numbers(expected) - as_numbers(observed)).abs()[wrong].max().item()
        parts.append(f"{int(wrong.sum())} of {wrong.numel()} values differ, the largest difference is {gap:.4g}")
    return "; ".join(parts)


def _where(index: tuple[int, ...]) -> str:
    if len(index) == 0:
        return ""
    if len(index) == 1:
        return f"at position {index[0]}: "
    if len(index) == 2:
        return f"row {index[0]}, column {index[1]}: "
    return f"at {list(index)}: "


def _pair(expected, observed) -> tuple[str, str]:
    """Two values in as few digits as show that they differ (four decimals, where possible)."""
    if type(expected) is not float or type(observed) is not float:
        return text_of(expected, 80), text_of(observed, 80)
    for digits in (5, 8, 12, 17):
        one, other = f"{expected:z.{digits}g}", f"{observed:z.{digits}g}"
        if one != other:
            break
    return one, other


def text_of(value: Tree, limit: int = 300) -> str:
    """A text or a number as text, cut at `limit`; nothing for anything else."""
    if value is None:
        return ""
    return (value if type(value) is str else repr(value) if type(value) in (*Numbers, complex) else "").strip()[:limit]
