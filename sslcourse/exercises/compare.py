"""What differs first between what was expected and what was observed, said so that a student can act on it.

Observed trees come from student code. Types are compared with `type(a) is type(b)`, values with torch operations on
plain tensors, and nothing here raises, whatever the tree.

What makes no difference to anyone is accepted: a whole number or a tensor without dimensions for a float, any integer
dtype for another (int32 for int64), a list for a tuple. (NumPy's numbers are plain ones before they come here.)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from sslcourse.exercises.advice import explain_dtype, explain_failure, explain_type
from sslcourse.exercises.explain import count_of, explain_values, same_values
from sslcourse.exercises.plain import same_bits
from sslcourse.exercises.task import Tree

Tolerance = tuple[float, float]  # relative to the largest expected value of a tensor, absolute

# What a student should mend first. A wrong value makes a wrong gradient, so gradient values come last; a gradient that
# is missing altogether is a mistake of its own and comes before.
ORDER = ("failure", "type", "keys", "shape", "dtype", "in-place change", "gradient", "value", "gradient value")

# Parts of an observation that are not compared as results are: the arguments, and where NaN arose.
NO_RESULT = ("after", "changed", "origin")


@dataclass(frozen=True)
class Difference:
    """One difference: its kind (one of ORDER), where in the tree it is, and a sentence about it."""

    kind: str
    path: tuple[str | int, ...]
    message: str


def first_difference(expected: Tree, observed: Tree, tolerance: Tolerance = (1e-7, 1e-9)) -> Difference | None:
    """The difference to mend first, in the order of ORDER, or None when the trees agree within the tolerance.

    >>> first_difference({"value": 0.5}, {"value": 0.75}).message
    'your result: expected 0.5, yours 0.75'
    >>> first_difference({"value": [1, 2]}, {"value": [1, 2]}) is None
    True
    """
    return min(_differences(expected, observed, tolerance, ()), key=lambda found: ORDER.index(found.kind), default=None)


def same_observation(first: Tree, second: Tree, tolerance: Tolerance) -> bool:
    """Whether two observations agree; of failures the kind, type and message count, not the line."""
    return next(_differences(first, second, tolerance, ()), None) is None


def failure_of(tree: Tree) -> dict | None:
    """The failure that an observation consists of, or None."""
    if type(tree) is dict and tree.keys() == {"failure"} and type(tree["failure"]) is dict:
        return tree["failure"]
    return None


def as_expected(expected: Tree, observed: Tree) -> Tree:
    """`observed`, in the type of `expected` where the two types mean the same.

    >>> as_expected(1.5, torch.tensor(2.5)), as_expected(1.5, 2), as_expected(1.5, [2])
    (2.5, 2.0, [2])
    """
    number = type(observed) is torch.Tensor and observed.dim() == 0 and not observed.is_complex()
    if number and observed.dtype != torch.bool and type(expected) in (float, int):
        observed = observed.item()
    if type(expected) is float and type(observed) is int:
        return float(observed)
    both = type(expected) is torch.Tensor and type(observed) is torch.Tensor
    if both and _is_whole(expected) and _is_whole(observed):
        converted = observed.to(expected.dtype)
        return converted if torch.equal(converted.to(observed.dtype), observed) else observed  # 257 is no uint8
    return observed


def _is_whole(tensor: torch.Tensor) -> bool:
    return tensor.dtype != torch.bool and not tensor.is_floating_point() and not tensor.is_complex()


def failures_in(observations: Mapping[str, Tree]) -> list[dict]:
    """The failures among the observations of all cases, each a list of what was seen on one input after the other."""
    trees = [item for tree in observations.values() for item in (tree if type(tree) is list else [tree])]
    return [failure for failure in map(failure_of, trees) if failure is not None]


def _differences(expected: Tree, observed: Tree, tolerance: Tolerance, path: tuple) -> Iterator[Difference]:
    observed = as_expected(expected, observed)
    if failure_of(expected) or failure_of(observed):
        yield from _failures(failure_of(expected), failure_of(observed), path)
    elif type(expected) is not type(observed):
        yield from _types(expected, observed, path)
    elif type(expected) is dict:
        yield from _dicts(expected, observed, tolerance, path)
    elif type(expected) is list:
        if len(expected) != len(observed):
            message = f"{place(path)}: expected {count_of(len(expected), 'value')}, yours has {len(observed)}"
            yield Difference(_kind("keys", path), path, message)
        for position, (one, other) in enumerate(zip(expected, observed)):
            yield from _differences(one, other, tolerance, (*path, position))
    elif type(expected) is torch.Tensor:
        yield from _tensors(expected, observed, tolerance, path)
    elif not same_values(expected, observed, tolerance):
        yield Difference(_kind("value", path), path, f"{place(path)}: {explain_values(expected, observed, tolerance)}")


def _arguments(expected: dict, observed: dict, tolerance: Tolerance) -> Iterator[Difference]:
    """What the call left of its arguments: to the last bit what it was, but for those that the reference changes."""
    left, mine = _after(expected), _after(observed)
    changed = expected.get("changed")
    meant = [name for name in changed if type(name) is str] if type(changed) is list else []
    wrong = [name for name in left if not same_bits(left[name], mine.get(name))]
    wrong = [name for name in wrong if name not in meant or not same_observation(left[name], mine.get(name), tolerance)]
    if not wrong:
        return
    names = [name for name in wrong if name in mine and name not in meant]
    said = f"your function changes its argument{'s' if len(names) > 1 else ''} {', '.join(names)}"
    advice = "the caller's tensors must stay as they were (operations that end in _, and x[...] = ..., write in place)"
    message = f"{said}: {advice}" if names else "the arguments are not changed as they should be"
    yield Difference("in-place change", ("after",), message)


def _after(tree: dict) -> dict:
    after = tree.get("after")
    return after if type(after) is dict else {}


def _failures(expected: dict | None, observed: dict | None, path: tuple) -> Iterator[Difference]:
    keys = ("kind", "type", "message")
    if expected and observed and all(same_bits(expected.get(key), observed.get(key)) for key in keys):
        return
    message = explain_failure(observed) if observed else "a failure was expected here"
    yield Difference(_kind("failure", path), path, message if len(path) == 0 else f"{place(path)}: {message}")


def _types(expected: Tree, observed: Tree, path: tuple) -> Iterator[Difference]:
    if path[:1] == ("gradient",) and observed is None:
        cut = "was cut off from it (by .item(), .detach(), float(...) or torch.no_grad)"
        message = f"no gradient reaches {path[-1]}: the result does not depend on it, or {cut}"
    elif path[:1] == ("gradient",) and expected is None:
        message = f"a gradient reaches {path[-1]}, and none should"
    else:
        message = f"{place(path)}: {explain_type(expected, observed)}"
    yield Difference(_kind("type", path), path, message)


def _dicts(expected: dict, observed: dict, tolerance: Tolerance, path: tuple) -> Iterator[Difference]:
    if not path:
        yield from _arguments(expected, observed, tolerance)
        expected, observed = ({key: tree[key] for key in tree if key not in NO_RESULT} for tree in (expected, observed))
    both = ((expected, observed), (observed, expected))
    missing, extra = ([str(key)[:40] for key in one if key not in other] for one, other in both)
    if missing or extra:
        said = [f"{words} {', '.join(keys[:5])}" for words, keys in (("lacks", missing), ("also has", extra)) if keys]
        yield Difference(_kind("keys", path), path, f"{place(path)} {' and '.join(said)}")
    for key, value in expected.items():
        if key in observed:
            yield from _differences(value, observed[key], tolerance, (*path, key))


def _tensors(expected: torch.Tensor, observed: torch.Tensor, tolerance: Tolerance, path: tuple) -> Iterator[Difference]:
    if expected.shape != observed.shape:
        yield Difference(
            _kind("shape", path),
            path,
            f"{place(path)}: expected shape {tuple(expected.shape)}, yours is {tuple(observed.shape)}",
        )
    elif expected.dtype != observed.dtype:
        is_real = not (expected.is_complex() or observed.is_complex())
        right = is_real and same_values(expected, observed.to(expected.dtype), (1e-5, 1e-7))
        message = f"{'the values are right, but ' if right else ''}{explain_dtype(expected.dtype, observed.dtype)}"
        yield Difference(_kind("dtype", path), path, f"{place(path)}: {message}")
    elif not same_values(expected, observed, tolerance):
        yield Difference(_kind("value", path), path, f"{place(path)}: {explain_values(expected, observed, tolerance)}")


def _kind(kind: str, path: tuple) -> str:
    if path[:1] != ("gradient",):
        return kind
    return "gradient value" if kind == "value" else "gradient"


def place(path: tuple) -> str:
    """Name a place in an observation as a student would.

    >>> place(("value", 1)), place(("value", 0, 2, 1)), place(("gradient", "z1"))
    ('the second value you return', 'the first value you return, at [2][1]', 'the gradient with respect to z1')
    """
    if not path:
        return "the observation"
    first, *rest = path
    if first == "gradient":
        return f"the gradient with respect to {rest[0]}" if rest else "the gradient"
    if first == "value" and rest and type(rest[0]) is int and rest[0] < 4:
        ordinal, rest = ("first", "second", "third", "fourth")[rest[0]], rest[1:]
        start = f"the {ordinal} value you return" + (", at " if rest else "")
    else:
        start = "your result" if first == "value" else str(first)
    return start + "".join(f"[{step!r}]" for step in rest)
