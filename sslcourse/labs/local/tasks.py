"""Lab 3, local and global crops: on which cases answers are tried, and how they are observed (no answers here)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sslcourse.exercises.inputs import NICE_ROWS, draw_cotangent, integer, integers, normal, shuffled, signs, uniform
from sslcourse.exercises.observe import calls, observe_call, observe_gradient
from sslcourse.exercises.task import Case, Task, Tree

F64, F32 = torch.float64, torch.float32

# Cosines of right-angled triangles with whole sides: their sines can be written down, too.
NICE_COSINES = (3 / 5, 4 / 5, 5 / 13, 12 / 13, 8 / 17, 15 / 17, 7 / 25, 24 / 25, 0.0, 1.0)


def draw_boxes(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Boxes int64 `n,4` (top, left, height, width), and others that overlap them, miss them, or lie inside of them.

    A case says how many of each there are; where they miss each other, it is beside, above and at a corner in turn.
    """
    rows = [(_overlapping(generator), _overlapping(generator)) for _ in range(int(case.sizes.get("overlap", 0)))]
    for number in range(int(case.sizes.get("apart", 0))):
        one = _overlapping(generator)
        rows.append((one, _apart(generator, one, 1 + number % 3)))
    rows += [_inside(generator, number % 2 == 0) for number in range(int(case.sizes.get("inside", 0)))]
    first, second = zip(*(rows[at] for at in shuffled(generator, len(rows)).tolist()))
    return {"a": torch.tensor(first), "b": torch.tensor(second)}


def _overlapping(generator: torch.Generator) -> list[int]:
    """A box around row 6 and column 6; two of them share some pixels, and are seldom of one size."""
    before, behind = integers(generator, 1, 6, 2), integers(generator, 1, 6, 2)
    return [*(6 - one for one in before), *(one + other for one, other in zip(before, behind))]


def _apart(generator: torch.Generator, box: list[int], axes: int) -> list[int]:
    """A box with a gap to another one: along the rows (1), along the columns (2), or along both (3)."""
    other = _overlapping(generator)
    for axis in (0, 1):
        if axes & (1 << axis):
            gap = integer(generator, 1, 3)
            other[axis] = box[axis] + box[axis + 2] + gap
    return other


def _inside(generator: torch.Generator, turned: bool) -> tuple[list[int], list[int]]:
    """A box and one inside of it."""
    (top, left), (tall, wide) = integers(generator, 0, 5, 2), integers(generator, 4, 9, 2)
    height, width = integer(generator, 1, tall - 1), integer(generator, 1, wide - 1)
    at = [top + integer(generator, 0, tall - height), left + integer(generator, 0, wide - width)]
    outer, inner = [top, left, tall, wide], [*at, height, width]
    return (inner, outer) if turned else (outer, inner)


def draw_numbers(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """How many global and local crops there are, within the bounds of the case."""
    return {
        f"{name}_crops": integer(generator, int(case.sizes[f"{name}_low"]), int(case.sizes[f"{name}_high"]))
        for name in ("global", "local")
    }


def observe_pairs(answer: Callable, inputs: dict[str, Any]) -> Tree:
    """The two lists of pairs that a call returns; the order of a list does not count, nor that within a local pair."""
    observed = observe_call(answer, inputs, ("global_crops", "local_crops"))
    value = observed.get("value")
    if type(value) is list and len(value) == 2:
        attracted, apart = value
        observed["value"] = [_in_order(attracted, sorted_pairs=False), _in_order(apart, sorted_pairs=True)]
    return observed


def _in_order(found: Tree, sorted_pairs: bool) -> Tree:
    """Pairs of whole numbers in one order; anything else as it is."""
    if type(found) is not list or not all(type(pair) is list for pair in found):
        return found
    if not all(type(number) is int for pair in found for number in pair):
        return found
    return sorted(sorted(pair) if sorted_pairs else pair for pair in found)


def draw_embeddings(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Embeddings of local crops `L,n,d` and of global ones `G,n,d`, those of a picture alike, and a temperature."""
    n, d = int(case.sizes["n"]), int(case.sizes["d"])
    shared = normal(generator, n, d)
    student, teacher = (
        uniform(generator, 0.5, 2.5, count, n, 1) * (shared + normal(generator, count, n, d))
        for count in (int(case.sizes["locals"]), int(case.sizes["globals"]))
    )
    temperature = integer(generator, 1, 5) / 10
    inputs = {"student": student.to(case.dtype), "teacher": teacher.to(case.dtype), "temperature": temperature}
    return inputs | {"cotangent": draw_cotangent(generator).to(case.dtype)}


def draw_locals(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Embeddings of local crops `L,n,d`; rows of NICE_ROWS when the case says `whole`."""
    count, n = int(case.sizes["locals"]), int(case.sizes["n"])
    if case.sizes.get("whole"):
        rows = torch.tensor(NICE_ROWS)[shuffled(generator, len(NICE_ROWS))[: count * n]]
        crops: Tensor = rows.view(count, n, 2)
    else:
        d = int(case.sizes["d"])
        shared = normal(generator, n, d)
        crops = uniform(generator, 0.5, 2.5, count, n, 1) * (shared + normal(generator, count, n, d))
    return {"crops": crops.to(case.dtype), "cotangent": draw_cotangent(generator).to(case.dtype)}


def draw_cosines(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Two lists of n cosines; of NICE_COSINES, some of them negative, when the case says `whole`.

    Where they may be negative, the angles of half of the pairs sum to at most 180 degrees, those of the others to more.
    """
    n = int(case.sizes["n"])
    if case.sizes.get("whole"):
        known = torch.tensor(NICE_COSINES, dtype=torch.float64)
        first, second = (known[shuffled(generator, len(known))[:n]] * signs(generator, n) for _ in range(2))
    else:
        first, second = (uniform(generator, float(case.sizes["low"]), 0.95, n) for _ in range(2))
    if case.sizes.get("low", -1.0) < 0:
        wanted = torch.where(torch.arange(n) < (n + 1) // 2, 1.0, -1.0).to(F64)
        turned = torch.where((first + second) * wanted < 0, -1.0, 1.0).to(F64)
        first, second = first * turned, second * turned
    return {"first": first.to(case.dtype), "second": second.to(case.dtype)}


OVERLAP = Task(
    "local.overlap",
    "crop_overlap",
    "How much of one crop another shows",
    (
        Case("crops that share some pixels", 0.5, {"overlap": 3}),
        Case("crops with a gap between them", 1.0, {"apart": 6, "overlap": 2}),
        Case("one crop inside the other", 0.5, {"inside": 4, "overlap": 1}),
    ),
    draw_boxes,
    calls("a", "b"),
)
PAIRS = Task(
    "local.pairs",
    "pairs",
    "Who is drawn to whom, and who is kept apart",
    (
        Case(
            "two global crops",
            1.0,
            {"global_low": 2, "global_high": 2, "local_low": 2, "local_high": 12},
            draws=5,
        ),
        Case(
            "more global crops",
            0.5,
            {"global_low": 3, "global_high": 6, "local_low": 2, "local_high": 8},
            draws=4,
        ),
        Case(
            "at most one local crop",
            0.5,
            {"global_low": 1, "global_high": 6, "local_low": 0, "local_high": 1},
            draws=5,
        ),
    ),
    draw_numbers,
    observe_pairs,
)
LOCAL_TO_GLOBAL = Task(
    "local.local_to_global",
    "local_to_global",
    "Each part finds its whole",
    (
        Case("one local and one global crop", 1.0, {"locals": 1, "globals": 1, "n": 3, "d": 4}),
        Case("three local and two global crops", 1.0, {"locals": 3, "globals": 2, "n": 5, "d": 4}),
        Case("two local and four global crops, in float32", 1.0, {"locals": 2, "globals": 4, "n": 4, "d": 6}, F32),
    ),
    draw_embeddings,
    partial(observe_gradient, arguments=("student", "teacher", "temperature"), differentiate=("student", "teacher")),
)
BOUND = Task(
    "local.bound",
    "cosine_bound",
    "How far apart two parts can be",
    (
        Case("cosines of triangles with whole sides", 1.0, {"n": 6, "whole": 1}),
        Case("positive cosines", 0.5, {"n": 8, "low": 0.05}),
        Case("cosines of either sign, in float32", 0.5, {"n": 9, "low": -0.95}, F32),
    ),
    draw_cosines,
    calls("first", "second"),
)
REPULSION = Task(
    "local.repulsion",
    "repulsion",
    "What pushes two parts apart",
    (
        Case("two local crops, in whole numbers", 1.0, {"locals": 2, "n": 3, "whole": 1}),
        Case("four local crops of different lengths", 1.0, {"locals": 4, "n": 3, "d": 5}),
        Case("three local crops, in float32", 1.0, {"locals": 3, "n": 6, "d": 4}, F32),
    ),
    draw_locals,
    partial(observe_gradient, arguments=("crops",), differentiate=("crops",)),
)

TASKS: dict[str, Task] = {task.id: task for task in (OVERLAP, PAIRS, LOCAL_TO_GLOBAL, BOUND, REPULSION)}
