"""What wrong values have in common with the right ones: the same factor everywhere, the sign, the order, softmax twice.

A pattern is told only where several numbers show it, in every input that an answer was tried on: one number agrees
with something by chance.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sslcourse.exercises.compare import place
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

    Of a tensor that is right for the most part, the right numbers too: *where* it is wrong tells as much. A gradient
    where none should be is wrong, whatever it is.

    >>> wrong_numbers({"value": [0.5, 2.0]}, {"value": [0.5, 3.0]}, (0, 0))
    [3.0]
    """
    right, found = _leaves(expected), []
    for path, mine in _leaves(observed).items():
        if path[:1] == ("gradient",) and path not in right:
            found += mine.double().flatten()[:1000].tolist()
        elif path in right and right[path].shape == mine.shape:
            wrong = wrong_elements(right[path], mine, tolerance)
            mine = mine if 0 < wrong.sum() <= wrong.numel() / 2 else mine[wrong]
        found += as_numbers(mine).double().flatten()[:1000].tolist()
    return found


def words_tell_enough(pairs: Sequence[tuple[Tree, Tree]]) -> bool:
    """The same of answers in words, from what was expected and what was said: several are wrong, and they vary.

    >>> words_tell_enough([("yes", "no"), ("yes", "no"), ("yes", "no")])
    False
    >>> words_tell_enough([({"a": "yes", "b": "yes", "c": "no"}, {"a": "no", "b": "no", "c": "yes"})])
    True
    """
    both = [(_words(right), _words(mine)) for right, mine in pairs]
    said = [(right[path], mine[path]) for right, mine in both for path in right if path in mine]
    return sum(right != mine for right, mine in said) >= ENOUGH and len({mine for _, mine in said}) > 1


def _words(tree: Tree, path: tuple = ()) -> dict[tuple, str]:
    """Every word in a tree by its place."""
    if type(tree) is dict:
        return {where: word for key, item in tree.items() for where, word in _words(item, (*path, key)).items()}
    return {path: tree} if type(tree) is str else {}


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
    for said, guesses in _guesses(pairs):
        made = [(pair, guess) for pair, guess in zip(pairs, guesses) if guess is not None]
        if len(made) == len(pairs) and all(pair.looks_like(guess) for pair, guess in made):
            different = any(pair.is_wrong(guess) for pair, guess in made)
            return f"{where} is {said}" if different else ""
    return f"{where} is right but for the order of its values" if all(map(_is_reordered, pairs)) else ""


def _transposed(x: torch.Tensor) -> torch.Tensor | None:
    return x.mT if x.dim() >= 2 and x.shape[-1] == x.shape[-2] else None


def _reversed(dim: int) -> Callable[[torch.Tensor], torch.Tensor | None]:
    return lambda x: x.flip(dim) if x.dim() >= -dim else None


PATTERNS: dict[str, Callable[[torch.Tensor], torch.Tensor | None]] = {
    "right but for its sign": lambda x: -x,
    "the transpose of what is expected": _transposed,
    "what is expected, reversed along the last dimension": _reversed(-1),
    "what is expected, reversed along the last dimension but one": _reversed(-2),
    "the softmax of what is expected: one softmax too many": lambda x: x.softmax(-1) if x.dim() else None,
    "the log_softmax of what is expected": lambda x: x.log_softmax(-1) if x.dim() else None,
    "the logarithm of what is expected": lambda x: x.log(),
    "the exponential of what is expected": lambda x: x.exp(),
    "the square of what is expected": lambda x: x * x,
    "the square root of what is expected": lambda x: x.sqrt(),
    "1 minus what is expected": lambda x: 1 - x,
    "1 divided by what is expected": lambda x: 1 / x,
}
FACTORS = {2.0: "twice", 0.5: "half of", 100.0: "100 times", 4.0: "four times"}


def _guesses(pairs: Sequence[_Pair]) -> Iterator[tuple[str, list[torch.Tensor | None]]]:
    """What may have been done to the expected values, in words, and what each of them would be then."""
    for said, change in PATTERNS.items():
        yield said, [change(pair.expected) for pair in pairs]
    ratio = _common([_ratio(pair) for pair in pairs])
    if ratio is not None:
        said = FACTORS.get(round(ratio, 6), f"{ratio:.4g} times")
        yield f"{said} what is expected", [pair.expected * ratio for pair in pairs]
    for name in pairs[0].sizes:
        sizes = [pair.sizes[name] for pair in pairs]
        times = f"{name} times what is expected: a sum where a mean is asked for?"
        yield times, [pair.expected * size for pair, size in zip(pairs, sizes)]
        divided = f"what is expected divided by {name}: a mean where a sum is asked for?"
        yield divided, [pair.expected / size for pair, size in zip(pairs, sizes)]
    gap = _common([(pair.observed - pair.expected).median().item() for pair in pairs])
    if gap:
        yield f"what is expected {'plus' if gap > 0 else 'minus'} {abs(gap):.4g}", [p.expected + gap for p in pairs]


def _is_reordered(pair: _Pair) -> bool:
    one, other = (x.flatten().sort().values for x in (pair.expected, pair.observed))
    return 2 < len(one) and pair.expected.dim() <= 2 and not wrong_elements(one, other, pair.tolerance).any()


def _constant(pairs: Sequence[_Pair]) -> str:
    values = {value for pair in pairs for value in pair.observed.flatten().tolist()}
    varied = {round(value, 9) for pair in pairs for value in pair.expected.flatten().tolist()}
    return f"{values.pop():z.4g}" if len(values) == 1 and len(varied) > 1 else ""


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
    first, second = _leaves(one.expected).get(path), _leaves(one.observed).get(path)
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


def _leaves(tree: Tree, path: tuple = ()) -> dict[tuple, torch.Tensor]:
    """Every number and tensor of numbers in a tree by its place, as tensors."""
    if type(tree) is dict or type(tree) is list:
        items = tree.items() if type(tree) is dict else enumerate(tree)
        return {where: leaf for key, item in items for where, leaf in _leaves(item, (*path, key)).items()}
    if type(tree) is torch.Tensor and not tree.is_complex() and tree.dtype != torch.bool:
        return {path: tree}
    if type(tree) is float or (type(tree) is int and tree.bit_length() < 63):
        return {path: torch.tensor(tree, dtype=torch.float64)}
    return {}
