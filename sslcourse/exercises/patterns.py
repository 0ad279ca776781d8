"""What wrong values have in common with the right ones: the same factor everywhere, the sign, the order, softmax twice.

A pattern is told only where several numbers show it, in every input that an answer was tried on: one number agrees
with something by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sslcourse.exercises.compare import as_expected, place
from sslcourse.exercises.explain import as_numbers, wrong_elements
from sslcourse.exercises.task import Tree

Tolerance = tuple[float, float]
ENOUGH = 3  # numbers that must show a pattern, and not all the same one


@dataclass(frozen=True)
class Seen:
    """What was observed on one input, beside what is expected there."""

    case: str
    inputs: Mapping[str, Any]
    expected: Tree
    observed: Tree
    tolerance: Tolerance


@dataclass(frozen=True)
class _Pair:
    """An expected and an observed tensor of one shape, at one place of an observation."""

    expected: torch.Tensor
    observed: torch.Tensor
    sizes: dict[str, int]
    tolerance: Tolerance

    def looks_like(self, guess: torch.Tensor) -> bool:
        return not wrong_elements(guess, self.observed, self.tolerance).any()

    def is_wrong(self, guess: torch.Tensor) -> bool:
        return bool(wrong_elements(self.expected, guess, self.tolerance).any())


def tell_enough(numbers: Sequence[float]) -> bool:
    """Whether these numbers can be no coincidence: several, different, and not 0, 1 or -1.

    >>> tell_enough([0.3, 0.7, 0.7, 1.0]), tell_enough([0.3, 0.3, 0.3]), tell_enough([0.0, 1.0, 0.5])
    (True, False, False)
    """
    telling = [float(f"{number:.6g}") for number in numbers if math.isfinite(number) and number not in (0, 1, -1)]
    return len(telling) >= ENOUGH and len(set(telling)) > 1


def wrong_numbers(expected: Tree, observed: Tree, tolerance: Tolerance) -> list[float]:
    """The numbers in an observation that are wrong.

    Of a tensor that is right for the most part, the right numbers too: *where* it is wrong tells as much.

    >>> wrong_numbers({"value": [0.5, 2.0]}, {"value": [0.5, 3.0]}, (0, 0))
    [3.0]
    """
    right, found = dict(_leaves(expected)), []
    for path, mine in _leaves(observed):
        other = right.get(path)
        if other is not None and other.shape == mine.shape:
            wrong = wrong_elements(other, mine, tolerance)
            mine = mine if 0 < wrong.sum() <= wrong.numel() / 2 else mine[wrong]
        found += as_numbers(mine).double().flatten()[:1000].tolist()
    return found


def pattern(seen: Sequence[Seen], path: tuple) -> str:
    """What the values at `path` look like on all inputs, in words; "" when they look like nothing in particular."""
    pairs = [pair for one in seen for pair in _pairs(one, path)]
    pairs = [pair for pair in pairs if torch.isfinite(pair.observed).all()]
    if len(pairs) < 2:
        return ""
    where = place(path)
    if said := _constant(pairs):
        return f"{where} is {said} for every input"
    numbers = [wrong_numbers(pair.expected, pair.observed, pair.tolerance) for pair in pairs]
    if not tell_enough(sum(numbers, [])):
        return ""
    for said, guess in PATTERNS.items():
        guesses = [(pair, value) for pair in pairs if (value := guess(pair.expected)) is not None]
        if len(guesses) == len(pairs) and all(pair.looks_like(value) for pair, value in guesses):
            return f"{where} is {said}" if any(pair.is_wrong(value) for pair, value in guesses) else ""
    said = _factor(pairs) or _shift(pairs) or _reordered(pairs)
    return f"{where} is {said}" if said else ""


def _transposed(x: torch.Tensor) -> torch.Tensor | None:
    return x.mT if x.dim() >= 2 and x.shape[-1] == x.shape[-2] else None


def _reversed(dim: int) -> Callable[[torch.Tensor], torch.Tensor | None]:
    return lambda x: x.flip(dim) if x.dim() >= -dim else None


PATTERNS: dict[str, Callable[[torch.Tensor], torch.Tensor | None]] = {
    "right but for its sign": lambda x: -x,
    "the transpose of what is expected": _transposed,
    "what is expected, reversed along the last dimension": _reversed(-1),
    "what is expected, reversed along the last dimension but one": _reversed(-2),
    "the softmax of what is expected: is it taken twice?": lambda x: x.softmax(-1) if x.dim() else None,
    "the log_softmax of what is expected": lambda x: x.log_softmax(-1) if x.dim() else None,
    "the logarithm of what is expected": lambda x: x.log(),
    "the exponential of what is expected": lambda x: x.exp(),
    "the square of what is expected": lambda x: x * x,
    "the square root of what is expected": lambda x: x.sqrt(),
    "1 minus what is expected": lambda x: 1 - x,
    "1 divided by what is expected": lambda x: 1 / x,
}
FACTORS = {
    2.0: "twice",
    0.5: "half of",
    100.0: "100 times",
    0.01: "a hundredth of",
    4.0: "four times",
    0.25: "a quarter of",
}


def _factor(pairs: Sequence[_Pair]) -> str:
    ratio = _common([_ratio(pair) for pair in pairs])
    if ratio is not None and all(pair.looks_like(pair.expected * ratio) for pair in pairs):
        return f"{FACTORS.get(round(ratio, 6), f'{ratio:.4g} times')} what is expected"
    for name in pairs[0].sizes:
        if all(pair.looks_like(pair.expected * pair.sizes[name]) for pair in pairs):
            return f"{name} times what is expected: it looks like a sum where a mean is asked for"
        if all(pair.looks_like(pair.expected / pair.sizes[name]) for pair in pairs):
            return f"what is expected divided by {name}: it looks like a mean where a sum is asked for"
    return ""


def _shift(pairs: Sequence[_Pair]) -> str:
    gap = _common([(pair.observed - pair.expected).median().item() for pair in pairs])
    if gap and all(pair.looks_like(pair.expected + gap) for pair in pairs):
        return f"what is expected plus {gap:.4g}" if gap > 0 else f"what is expected minus {-gap:.4g}"
    return ""


def _reordered(pairs: Sequence[_Pair]) -> str:
    def in_order(x: torch.Tensor) -> torch.Tensor:
        return x.flatten().sort().values

    same = all(
        not wrong_elements(in_order(pair.expected), in_order(pair.observed), pair.tolerance).any() for pair in pairs
    )
    return (
        "right but for the order of its values"
        if same and pairs[0].expected.numel() > 2 and pairs[0].expected.dim() <= 2
        else ""
    )


def _constant(pairs: Sequence[_Pair]) -> str:
    values = {value for pair in pairs for value in pair.observed.flatten().tolist()}
    varied = {round(value, 9) for pair in pairs for value in pair.expected.flatten().tolist()}
    return f"{values.pop():.4g}" if len(values) == 1 and len(varied) > 1 else ""


def _ratio(pair: _Pair) -> float:
    solid = pair.expected.abs() > 1e-6 * pair.expected.abs().max()
    return (pair.observed[solid] / pair.expected[solid]).median().item() if solid.any() else math.nan


def _common(values: Sequence[float]) -> float | None:
    """The one value that all these are, rounding aside; NaN says nothing."""
    known = [value for value in values if math.isfinite(value)]
    if not known or max(known) - min(known) > 1e-3 * abs(known[0]):
        return None
    return sum(known) / len(known)


def _pairs(one: Seen, path: tuple) -> Iterator[_Pair]:
    expected, observed = _at(one.expected, path), _at(one.observed, path)
    first, second = _as_tensor(expected), _as_tensor(as_expected(expected, observed))
    if first is not None and second is not None and first.shape == second.shape and first.numel():
        yield _Pair(as_numbers(first).double(), as_numbers(second).double(), _sizes(one.inputs), one.tolerance)


def _sizes(inputs: Mapping[str, Any]) -> dict[str, int]:
    """The sizes of the first tensor among the arguments, in words."""
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor) and value.dim():
            rows = len(value)
            sizes = {f"len({name})": rows, f"2 * len({name})": 2 * rows}
            return sizes | {f"{name}.shape[1]": value.shape[1]} if value.dim() > 1 else sizes
    return {}


def _at(tree: Tree, path: tuple) -> Tree:
    for step in path:
        if type(tree) is dict and step in tree:
            tree = tree[step]
        elif type(tree) is list and type(step) is int and step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


def _leaves(tree: Tree, path: tuple = ()) -> Iterator[tuple[tuple, torch.Tensor]]:
    if type(tree) is dict:
        for key, item in tree.items():
            yield from _leaves(item, (*path, key))
    elif type(tree) is list:
        for position, item in enumerate(tree):
            yield from _leaves(item, (*path, position))
    elif (leaf := _as_tensor(tree)) is not None:
        yield path, leaf


def _as_tensor(value: Tree) -> torch.Tensor | None:
    """A number or a tensor of numbers as a tensor; None for anything else."""
    if type(value) is torch.Tensor:
        return None if value.is_complex() or value.dtype == torch.bool else value
    if type(value) is float or (type(value) is int and value.bit_length() < 63):
        return torch.tensor(value, dtype=torch.float64)
    return None
