"""Put a difference between two plain values into words: where, how much, and what it looks like."""

from __future__ import annotations

import math

import torch

from sslcourse.exercises.task import Tree

Numbers = (bool, int, float)
# Factors by which a scalar is off that have a meaning of their own.
TELLING_FACTORS = (-1.0, 2.0, 0.5, 4.0, 0.25, 100.0, 0.01)


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
    factor = _factor(expected, observed) if type(expected) is float else ""
    return f"expected {one}, yours {other}{factor}"


def explain_type(expected: Tree, observed: Tree) -> str:
    """Say that a type is wrong, and how to mend the usual ways of getting it wrong."""
    said = f"expected {describe(expected)}, yours is {describe(observed)}"
    single = type(observed) is torch.Tensor and observed.numel() == 1
    if type(expected) is float and single:
        return f"{said}; float(...) or .item() makes a Python number of it"
    if type(expected) is float and type(observed) is int:
        return f"{said}; float(...) makes a float of it"
    if type(expected) is torch.Tensor and type(observed) in Numbers:
        return f"{said}; keep it a tensor (no .item() and no float(...)), so that gradients can flow"
    if type(expected) is list and type(observed) is torch.Tensor:
        return f"{said}; return the values one by one, separated by commas"
    return said


def explain_failure(failure: dict) -> str:
    """Say why a call has no result; unknown or strange entries are left out.

    >>> explain_failure({"kind": "exception", "type": "KeyError", "message": "'a'", "line": 2, "source": "x['a']"})
    "KeyError in line 2 of your function (`x['a']`): 'a'"
    """
    kind, name, message, source, function = (
        _text(failure.get(key)) for key in ("kind", "type", "message", "source", "function")
    )
    if kind == "not_attempted":
        if name == "NotImplementedError":
            return "not attempted yet: the function still raises NotImplementedError"
        return f"not attempted yet, or the return statement is missing: {message or 'the function returned nothing'}"
    if kind == "type":
        return f"{message or 'the result is of a type that cannot be judged'}{_remedy(name)}"
    line = failure.get("line")
    owner = f"`{function}`" if function else "your function"
    where = f" in line {line} of {owner}" if type(line) is int else ""
    shown = f" (`{source}`)" if source else ""
    return f"{name or 'an exception'}{where}{shown}" + (f": {message}" if message else "")


def _remedy(type_name: str) -> str:
    if type_name.startswith("numpy."):
        return "; float(...) makes a Python number of a NumPy one, torch.from_numpy(...) a tensor of an array"
    if type_name == "torch.nn.parameter.Parameter":
        return "; return a plain tensor (.detach() makes one)"
    return "; plain torch tensors and Python numbers can be judged"


def describe(value: Tree) -> str:
    """Name a value's type in a student's words.

    >>> describe(1.5), describe(torch.ones(2, 3)), describe([1, 2])
    ('a Python float', 'a tensor of shape (2, 3)', '2 separate values')
    """
    if type(value) is torch.Tensor:
        return f"a tensor of shape {tuple(value.shape)}" if value.dim() else "a tensor without dimensions"
    if type(value) is list:
        return count_of(len(value), "separate value")
    names = {
        bool: "a bool",
        int: "a Python int",
        float: "a Python float",
        str: "a text",
        dict: "a dict",
        type(None): "None",
    }
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
    pattern = "" if broken else _pattern(expected, observed, tolerance)
    return "; ".join(parts) + pattern


def _pattern(expected: torch.Tensor, observed: torch.Tensor, tolerance: tuple[float, float]) -> str:
    """What the wrong tensor looks like as a whole, when it looks like something."""
    if expected.is_complex() or expected.dtype == torch.bool:
        return ""
    first, second = as_numbers(expected).double(), as_numbers(observed).double()
    if first.dim() == 0:
        return _factor(first.item(), second.item())
    if (
        first.dim() >= 2
        and first.shape[-1] == first.shape[-2]
        and same_values(first.mT.contiguous(), second, tolerance)
    ):
        return "; yours is the transpose of what is expected"
    flips = [
        dim for dim in range(first.dim()) if first.shape[dim] > 1 and same_values(first.flip(dim), second, tolerance)
    ]
    if flips:
        return f"; yours is what is expected, reversed along dimension {flips[0]}"
    solid = first.abs() > 1e-6 * first.abs().max()
    ratio = (second[solid] / first[solid]).median().item() if solid.any() else 1.0
    if ratio not in (0.0, 1.0) and same_values(first * ratio, second, (10 * tolerance[0], tolerance[1])):
        return f"; yours is {ratio:.4g} times what is expected, everywhere"
    shift = (second - first).median().item()
    if shift and first.numel() > 2 and same_values(first + shift, second, (10 * tolerance[0], tolerance[1])):
        return f"; yours is what is expected plus {shift:.4g}, everywhere"
    return ""


def _factor(expected: float, observed: float) -> str:
    for factor in TELLING_FACTORS:
        if expected and math.isfinite(observed) and abs(observed - factor * expected) <= 1e-5 * abs(observed):
            return f" ({factor:g} times what is expected)"
    return ""


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
        return _text(expected, 80), _text(observed, 80)
    for digits in (5, 8, 12, 17):
        one, other = f"{expected:.{digits}g}", f"{observed:.{digits}g}"
        if one != other:
            break
    return one, other


def _text(value, limit: int = 300) -> str:
    if value is None:
        return ""
    return (value if type(value) is str else repr(value) if type(value) in (*Numbers, complex) else "").strip()[:limit]
