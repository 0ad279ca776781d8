"""What a mistake is told: its own hint where that is certain, else what the values look like, and nothing untrue."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from pathlib import Path

import pytest
import torch
from judging import IS_LONG, Judging

from sslcourse.exercises import find
from sslcourse.exercises.patterns import Seen, pattern, wrong_numbers

MISTAKES = []
for _path in sorted(Path(__file__).parent.glob("mistakes*.py")):  # a file a lab
    _spec = importlib.util.spec_from_file_location(f"exercise_{_path.stem}", _path)
    _module = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)
    MISTAKES += _module.MISTAKES


def told(judging, function):
    with contextlib.redirect_stdout(io.StringIO()):
        return judging.verdict(function)


def complaint(judging, function, expected) -> str:
    """What is wrong with what this mistake is told, or ""."""
    verdict = told(judging, function)
    name = expected.removeprefix("= ") if expected and expected.startswith("= ") else None
    said = " ".join([verdict.message, *(case.message for case in verdict.cases if not case.passed)])
    if verdict.misconception != name:
        return f"named {verdict.misconception!r}, not {name!r}"
    if name is None and expected is not None and expected not in said:
        return f"{expected!r} is not in {said!r}"
    if expected is None and verdict.hint is not None:
        return f"nothing in particular should be told, but {verdict.hint!r}"
    return "" if verdict.points < verdict.max_points else "full marks"


def complaints(id, seed) -> list[str]:
    """What is wrong with what the mistakes in one exercise are told, on the inputs of one seed."""
    judging = Judging(find(id), seed)
    found = {function: complaint(judging, function, expected) for other, function, expected in MISTAKES if other == id}
    return [f"{id} {function.__name__}, seed {seed}: {said}" for function, said in found.items() if said]


IDS = sorted({id for id, *_ in MISTAKES})


@pytest.mark.parametrize("id", IDS)
def test_mistakes_are_told_what_they_are(id):
    found = complaints(id, 0)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("id", IDS)
def test_what_a_mistake_is_told_does_not_depend_on_the_draw(id):
    found = [said for seed in range(1, 21 if IS_LONG else 3) for said in complaints(id, seed)]
    assert not found, "\n".join(found)


def test_most_mistakes_are_told_something_of_their_own():
    assert sum(expected is not None for *_, expected in MISTAKES) > 0.8 * len(MISTAKES) > 100


@pytest.mark.parametrize("value", [0, 1, -1, 0.5, float("nan"), float("inf"), 3])
def test_a_constant_is_no_misconception(value):
    """Whatever is returned for every input, no listed mistake is named."""
    for id in ("contrastive.collapse", "contrastive.shortcut", "contrastive.geometry", "contrastive.positives"):
        judging = Judging(find(id), 0)
        for answer in (
            lambda *_: float(value),
            lambda *_: (float(value), float(value)),
            lambda *_: torch.full((4,), value),
        ):
            assert told(judging, answer).misconception is None


def seen(expected, observed, n=4):
    return [
        Seen("case", {"z": torch.zeros(n + at, 3)}, {"value": one}, {"value": other}, (1e-7, 1e-9))
        for at, (one, other) in enumerate(zip(expected, observed, strict=True))
    ]


def values(count=3, *shape):
    return [torch.randn(shape, generator=torch.Generator().manual_seed(at), dtype=torch.float64) for at in range(count)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x, n: -x, "sign"),
        (lambda x, n: 2 * x, "twice"),
        (lambda x, n: x / 2, "half of"),
        (lambda x, n: 2.5 * x, "2.5 times"),
        (lambda x, n: n * x, "len(z) times"),
        (lambda x, n: x / n, "divided by len(z)"),
        (lambda x, n: x / 3, "0.3333 times"),
        (lambda x, n: x + 3, "plus 3"),
        (lambda x, n: x.mT, "transpose"),
        (lambda x, n: x.flip(-1), "reversed along the last dimension"),
        (lambda x, n: x.flip(-2), "last dimension but one"),
        (lambda x, n: x.softmax(-1), "softmax"),
        (lambda x, n: x.exp(), "exponential"),
        (lambda x, n: x * x, "square"),
        (lambda x, n: x[[2, 0, 1]], "order"),
        (lambda x, n: torch.zeros_like(x), "is 0 for every input"),
        (lambda x, n: x + x.sin(), ""),
    ],
)
def test_patterns_are_recognised(change, said):
    expected = values(3, 3, 3)
    found = pattern(seen(expected, [change(x, 4 + at) for at, x in enumerate(expected)]), ("value",))
    assert said in found and bool(said) == bool(found)


def test_one_number_is_no_pattern():
    assert pattern(seen([0.3, 0.4], [0.6, 0.8]), ("value",)) == ""  # two numbers
    assert pattern(seen([0.3, 0.4, 0.1, 0.7], [0.6, 0.8, 0.2, 0.7]), ("value",)) == ""  # right in between
    assert "twice" in pattern(seen([0.3, 0.4, 0.1, 0.7], [0.6, 0.8, 0.2, 1.4]), ("value",))


def test_where_a_tensor_is_wrong_tells_as_much_as_how():
    right = torch.arange(9.0).reshape(3, 3) + 2
    assert len(wrong_numbers({"value": right}, {"value": right.clone().fill_diagonal_(0)}, (0, 0))) == 9
    assert wrong_numbers({"value": right}, {"value": torch.zeros(3, 3)}, (0, 0)) == [0.0] * 9
