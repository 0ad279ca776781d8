"""Lab 7, putting it together: on which cases answers are tried, and how they are observed (no answers here)."""

from collections.abc import Callable
from typing import Any

import torch

from sslcourse.exercises.inputs import draw_cotangent, integer, integers, normal, shuffled, signs, uniform
from sslcourse.exercises.observe import calls, observe_call, observe_gradient
from sslcourse.exercises.task import Case, Task, Tree

F64, F32 = torch.float64, torch.float32
PARTS = ("patches", "removal", "pixels")
NAN = float("nan")


def draw_terms(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """The terms of a loss before they are added, which patches go, and what is switched on.

    `patches`, `removal` and `pixels` are 1 or 0, or drawn by lot. `one_off`: of patches and pixels one alone is on.
    A part that is off holds NaN, and so does the loss of a patch that the student does not have.
    """
    b, n, k = (int(case.sizes[name]) for name in "bnk")
    switches = {name: bool(case.sizes.get(name, integer(generator, 0, 1))) for name in PARTS}
    if case.sizes.get("one_off"):
        switches["pixels"] = not switches["patches"]
    removed = torch.zeros(b, n, dtype=torch.bool)
    for row in removed:
        row[shuffled(generator, n)[:k]] = True
    if case.sizes.get("whole"):
        each = (shuffled(generator, 40)[: 2 * b * n] + 1).double().reshape(2, b, n)
        cls_loss, weights = torch.tensor(float(integer(generator, 1, 9))), [0.5, 0.25]
    else:
        each = uniform(generator, 0.2, 5, 2, b, n)
        cls_loss, weights = uniform(generator, 1, 5), [(at + integer(generator, 5, 30)) / 80 for at in (0, 35)]
    patch_losses, pixel_errors = each.to(case.dtype)
    patch_losses[removed & torch.tensor(switches["removal"])] = NAN
    patch_losses[torch.full_like(removed, not switches["patches"])] = NAN
    pixel_errors[torch.full_like(removed, not switches["pixels"])] = NAN
    return {
        "cls_loss": cls_loss.to(case.dtype),
        "patch_losses": patch_losses.contiguous(),
        "pixel_errors": pixel_errors.contiguous(),
        "removed": removed,
        "switches": switches,
        "weights": dict(zip(("patches", "pixels"), weights)),
        "cotangent": draw_cotangent(generator).to(case.dtype),
    }


def observe_loss(answer: Callable, inputs: dict[str, Any]) -> Tree:
    """The loss and its gradients; of a part that is switched off none is as good as one of zeros."""
    arguments = ("cls_loss", "patch_losses", "pixel_errors", "removed", "switches", "weights")
    observed = observe_gradient(answer, inputs, arguments, arguments[:3])
    gradient = observed.get("gradient")
    if type(gradient) is dict and "failure" not in gradient:
        for name, term in (("patches", "patch_losses"), ("pixels", "pixel_errors")):
            if not inputs["switches"][name] and gradient[term] is None:
                gradient[term] = torch.zeros_like(inputs[term])
    return observed


def draw_runs(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """A figure of two arms for each of n seeds, which differ more than the arms do, and Student's t.

    `missing`: so many runs of each arm are NaN, of other seeds for either.
    """
    n, missing = int(case.sizes["n"]), int(case.sizes.get("missing", 0))
    if case.sizes.get("whole"):
        a = torch.tensor(integers(generator, 5, 9, n)).double()
        b = a - 2 * (shuffled(generator, 6)[:n] - 1)
    else:
        seeds = uniform(generator, 0.4, 0.8, n)
        gain = uniform(generator, 0.02, 0.05, 1) * signs(generator, 1)
        a, b = seeds + gain + 0.03 * normal(generator, n), seeds.clone()
    places = shuffled(generator, n)
    a[places[:missing]], b[places[missing : 2 * missing]] = NAN, NAN
    return {"a": a.to(case.dtype), "b": b.to(case.dtype), "t": integer(generator, 220, 450) / 100}


def draw_differences(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Differences of n pairs, of either sign. Their sums are exact in any order, but for `tenths`: those are equal but
    for rounding, and many. `cancel`: one in three adds up to 0."""
    n = int(case.sizes["n"])
    if case.sizes.get("tenths"):
        sizes = torch.tensor(integers(generator, 1, 9, n)).double() / 10
    else:
        sizes = (shuffled(generator, 40)[:n] + 1).double() / case.sizes.get("parts", 1)
    turned = signs(generator, n)
    if case.sizes.get("tenths"):
        turned = torch.ones(n, dtype=F64)
        turned[shuffled(generator, n)[: n // 3]] = -1
    found = sizes * turned
    if case.sizes.get("cancel") and not integer(generator, 0, 2):
        found[0] -= found.sum()
    return {"differences": found.to(case.dtype)}


def draw_intervals(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Intervals and the smallest effect that counts for each, in 64ths, so that their middles are exact.

    The digits of `kinds` say which of KINDS they are. Both inputs hold one of each for every digit, asked for in turn.
    """
    kinds = [int(digit) for digit in str(int(case.sizes["kinds"]))]
    rows = []
    for at in shuffled(generator, len(kinds)).tolist():
        least = integer(generator, 4, 12)
        rows.append((*KINDS[kinds[at]](generator, least), least))
    low, high, least = torch.tensor(rows, dtype=F64).T / 64
    intervals = torch.stack([low, high], 1).contiguous().to(case.dtype)
    return {"interval": intervals, "smallest_effect": least.contiguous().to(case.dtype)}


def observe_verdicts(answer: Callable, inputs: dict[str, Any]) -> Tree:
    """What is said of each interval, under the interval in words; the first call that fails is all that is seen."""
    seen: dict[str, Any] = {"value": {}, "after": {}, "changed": []}
    for interval, least in zip(inputs["interval"], inputs["smallest_effect"].tolist()):
        one = {"interval": interval.clone(), "smallest_effect": least}
        observed = observe_call(answer, one, ("interval", "smallest_effect"))
        if "failure" in observed:
            return observed
        name = "{:.4g} to {:.4g}, counts from {:.4g}".format(*interval.tolist(), least)
        seen["value"][name] = observed["value"]
        seen["after"][name] = observed["after"]["interval"]
        seen["changed"] += observed["changed"]
    return seen


def _counts(generator: torch.Generator, least: int) -> tuple[int, int]:
    """The middle beyond the smallest effect, the low end between 0 and it, or beyond it as well."""
    low = integer(generator, 1, least - 1) if integer(generator, 0, 2) else least + integer(generator, 1, 9)
    return low, max(2 * least - low, low) + 2 * integer(generator, 1, 9)


def _small(generator: torch.Generator, least: int) -> tuple[int, int]:
    """Above 0, and below the smallest effect."""
    low = integer(generator, 1, least - 2)
    return low, integer(generator, low + 1, least - 1)


def _nothing(generator: torch.Generator, least: int) -> tuple[int, int]:
    """Around 0, or below it."""
    low = -integer(generator, 1, 20)
    return low, integer(generator, max(low + 1, -9), least - 1)


def _wide(generator: torch.Generator, least: int) -> tuple[int, int]:
    """Both 0 and the smallest effect are inside; the middle lies beyond it, or not."""
    low = -integer(generator, 1, 20)
    return low, integer(generator, least + 1, 2 * least - low + 30)


def _hardly(generator: torch.Generator, least: int) -> tuple[int, int]:
    """Above 0; the smallest effect inside, and beyond the middle."""
    low = integer(generator, 1, least - 2)
    return low, integer(generator, least + 1, 2 * least - low - 1)


KINDS: tuple[Callable[[torch.Generator, int], tuple[float, float]], ...] = (
    lambda generator, least: (NAN, NAN),
    _counts,
    _small,
    _nothing,
    _wide,
    _hardly,
    lambda generator, least: (0, 2 * least + integer(generator, 1, 30)),
    lambda generator, least: (-integer(generator, 1, 20), least),
    lambda generator, least: ((gap := integer(generator, 1, least - 1)) and least - gap, least + gap),
    lambda generator, least: ((high := -least - integer(generator, 0, 9)) - integer(generator, 1, 9), high),
)


def draw_table(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """A figure for every combination of k parts, `2,...,2`."""
    k = int(case.sizes["k"])
    if case.sizes.get("whole"):
        table = (shuffled(generator, 30)[: 2**k] + 1).double()
    else:
        table = uniform(generator, 0.2, 0.8, 2**k)
    return {"table": table.reshape([2] * k).to(case.dtype)}


LOSS = Task(
    "together.loss",
    "combined_loss",
    "One loss of three parts",
    (
        Case(
            "all three on, one picture of six patches, whole numbers",
            0.5,
            {"b": 1, "n": 6, "k": 2, "patches": 1, "removal": 1, "pixels": 1, "whole": 1},
            draws=3,
        ),
        Case(
            "nothing removed, patches distilled and pixels painted",
            1.0,
            {"b": 3, "n": 5, "k": 2, "patches": 1, "removal": 0, "pixels": 1},
            draws=4,  # a number each: as many as tell one mistake from another
        ),
        Case("patches or pixels off, which then hold NaN", 1.0, {"b": 2, "n": 6, "k": 4, "one_off": 1}, draws=4),
        Case("all three on, in float32", 0.5, {"b": 4, "n": 9, "k": 4, "patches": 1, "removal": 1, "pixels": 1}, F32),
    ),
    draw_terms,
    observe_loss,
)
INTERVAL = Task(
    "together.interval",
    "paired_interval",
    "What pairs of runs leave open",
    (
        Case("four pairs of whole numbers", 0.5, {"n": 4, "whole": 1}, draws=3),
        Case("six pairs whose seeds differ more than the arms", 1.0, {"n": 6}),
        Case("runs that are missing", 1.0, {"n": 9, "missing": 2}),
        Case("eight pairs, in float32", 0.5, {"n": 8}, F32),
    ),
    draw_runs,
    calls("a", "b", "t"),
)
FLIPS = Task(
    "together.flips",
    "sign_flip_p",
    "Could it be chance?",
    (
        Case("four whole numbers, which may add up to 0", 0.5, {"n": 4, "cancel": 1}, draws=12),
        Case("six differences, of either sign", 1.0, {"n": 6, "parts": 64}, draws=4),
        Case("tenths, whose sums are equal but for rounding", 1.0, {"n": 9, "tenths": 1}, draws=10),
        Case("seven differences, in float32", 0.5, {"n": 7, "parts": 256}, F32, draws=4),
    ),
    draw_differences,
    calls("differences"),
)
VERDICT = Task(
    "together.verdict",
    "verdict",
    "What may be said",
    (
        Case("an effect that counts, one too small, none, and one the other way", 0.5, {"kinds": 11239}),
        Case("intervals too wide to tell", 0.5, {"kinds": 14455}),
        Case("ends and middles exactly on a border", 0.5, {"kinds": 667788}),
        Case("single pairs, whose ends are NaN", 0.25, {"kinds": 10002}),
        Case("some of each, in float32", 0.25, {"kinds": 1245679}, F32),
    ),
    draw_intervals,
    observe_verdicts,
)
FACTORIAL = Task(
    "together.factorial",
    "factorial_effects",
    "What every part is worth",
    (
        Case("two parts, whole numbers", 0.5, {"k": 2, "whole": 1}, draws=3),
        Case("three parts", 1.5, {"k": 3}),
        Case("four parts", 0.5, {"k": 4}),
        Case("three parts, in float32", 0.5, {"k": 3}, F32),
    ),
    draw_table,
    calls("table"),
)

TASKS: dict[str, Task] = {task.id: task for task in (LOSS, INTERVAL, FLIPS, VERDICT, FACTORIAL)}
