"""Lab 4, distillation at two levels: on which cases answers are tried, and how they are observed (no answers here)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sslcourse.exercises.inputs import draw_cotangent, integer, integers, normal, shuffled, uniform
from sslcourse.exercises.observe import calls, observe_call, observe_gradient
from sslcourse.exercises.task import Case, Task, Tree

F64, F32 = torch.float64, torch.float32
FAR = 300.0  # between the rows of a case: exp of it overflows in float32, and exp of minus it vanishes


def levels(generator: torch.Generator, far: float, *shape: int) -> Tensor:
    """A level for each row, `*shape,1`, evenly from -far to far: no row's exponentials can be taken with another's.

    What is the same for all prototypes of a row falls out of its softmax.
    """
    spread = torch.linspace(-far, far, torch.Size(shape).numel(), dtype=F64)
    return spread[shuffled(generator, len(spread))].view(*shape, 1)


def draw_logits(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Teacher logits of n rows, or of `views` times n, over K prototypes, a centre, and a temperature.

    `whole`: small whole numbers. `far`: rows lie so far above and below the centre that exp overflows and vanishes.
    """
    n, k = int(case.sizes["n"]), int(case.sizes["k"])
    shape = (int(case.sizes["views"]), n, k) if "views" in case.sizes else (n, k)
    if case.sizes.get("whole"):
        logits = torch.tensor(integers(generator, -3, 3, n * k)).view(shape).to(F64)
        center = torch.tensor(integers(generator, -3, 3, k)).to(F64)
        temperature = 0.5 * integer(generator, 3, 5)
    else:
        temperature = integer(generator, 3, 9) / 100
        center = uniform(generator, -0.5, 0.5, k)
        logits = center + 2 * temperature * normal(generator, *shape)
        logits = logits + levels(generator, case.sizes.get("far", 0.0), *shape[:-1])
    return {"logits": logits.to(case.dtype), "center": center.to(case.dtype), "temperature": temperature}


def draw_scores(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Logits of n rows over K prototypes, of which some are much liked; `gap`: one that is far from every row."""
    n, k = int(case.sizes["n"]), int(case.sizes["k"])
    temperature = case.sizes.get("temperature") or integer(generator, 3, 9) / 10
    liked = uniform(generator, -0.5, 0.5, k)
    liked[shuffled(generator, k)[0]] -= case.sizes.get("gap", 0.0)
    scatter = case.sizes.get("scatter", 1.0) * normal(generator, n, k)
    iterations = int(case.sizes.get("iterations", 0)) or integer(generator, 2, 4)
    return {"logits": (liked + scatter).to(case.dtype), "temperature": temperature, "iterations": iterations}


def observe_shares(answer: Callable, inputs: dict[str, Any]) -> Tree:
    """The result, and its sums over the prototypes and over the rows.

    A result without such sums stands for them itself, so that it is told to be of the wrong type or shape.
    """
    observed = observe_call(answer, inputs, ("logits", "temperature", "iterations"))
    if "failure" in observed:
        return observed
    value = observed["value"]
    has_sums = type(value) is Tensor and value.shape == inputs["logits"].shape and value.is_floating_point()
    over_prototypes, over_rows = (value.sum(1), value.sum(0)) if has_sums else (value, value)
    return observed | {"sums over the prototypes": over_prototypes, "sums over the rows": over_rows}


def draw_student(generator: torch.Generator, case: Case, *shape: int) -> Tensor:
    """Student logits of a shape, the prototypes last; what `spread` and `whole` do is said where cases are drawn."""
    student = normal(generator, *shape)
    if "spread" in case.sizes:
        student = case.sizes["spread"] * student + levels(generator, FAR, *shape[:-1])
    if case.sizes.get("whole"):
        student = torch.tensor(integers(generator, -2, 2, student.numel())).view(shape).to(F64)
    return student


def draw_crops(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Student logits of S crops, teacher probabilities of the first T of them, a cotangent.

    `whole`: the logits are small whole numbers. `spread`: they are so many times their usual size, and rows lie far
    apart. `own`: every crop finds one prototype very unlikely (by so much) that the teacher sees in this crop alone, so
    that a crop's own view would outweigh everything.
    """
    s, t, n, k = (int(case.sizes[name]) for name in ("s", "t", "n", "k"))
    student = draw_student(generator, case, s, n, k)
    teacher = (1.5 * normal(generator, t, n, k)).softmax(-1)
    if "own" in case.sizes:
        for view, place in enumerate(shuffled(generator, k)[:t].tolist()):
            others = [other for other in range(t) if other != view]
            teacher[others, :, place] = 0.0
            student[view, :, place] = -case.sizes["own"]
        teacher = teacher / teacher.sum(-1, keepdim=True)
    cotangent = draw_cotangent(generator)
    inputs = {"student": student, "teacher": teacher, "cotangent": cotangent}
    return {name: value.to(case.dtype) for name, value in inputs.items()}


def draw_patches(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Student logits and teacher probabilities of N patches of n images, a mask, a cotangent.

    Images have different numbers of masked patches; the last has none where the case says `bare`. `spread`: logits are
    so many times their usual size, and rows lie far apart. `far`: at places that are not masked the student is wrong by
    so much.
    """
    n, patches, k = (int(case.sizes[name]) for name in ("n", "patches", "k"))
    student = draw_student(generator, case, n, patches, k)
    teacher = (1.5 * normal(generator, n, patches, k)).softmax(-1)
    masked = shuffled(generator, patches - 2)[:n]  # so many more than one
    if case.sizes.get("bare"):
        masked[-1] = -1
    mask = torch.stack(
        [
            torch.zeros(patches, dtype=torch.bool).index_fill(0, shuffled(generator, patches)[: m + 1], True)
            for m in masked.tolist()
        ]
    )
    if "far" in case.sizes:
        student[~mask] -= case.sizes["far"] * (teacher[~mask] > 1 / k)
    cotangent = draw_cotangent(generator)
    numbers = {"student": student, "teacher": teacher, "cotangent": cotangent}
    return {name: value.to(case.dtype) for name, value in numbers.items()} | {"mask": mask}


def draw_maps(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Predicted and true maps of n images, h by w; classes are common and rare.

    `absent`: so many classes are in neither map. `invented`: the last class is predicted at one pixel and true nowhere.
    `missed`: it is true at some pixels and predicted nowhere. So neither map alone says how many classes there are.
    """
    n, h, w, classes = (int(case.sizes[name]) for name in ("n", "h", "w", "classes"))
    order = shuffled(generator, classes)
    if case.sizes.get("invented") or case.sizes.get("missed"):  # the first in order is invented, the last missed
        others = order[order != classes - 1]
        last = torch.tensor([classes - 1])
        order = torch.cat([last, others] if case.sizes.get("invented") else [others, last])
    known = order[: classes - int(case.sizes.get("absent", 0))]
    usual = known[int(case.sizes.get("invented", 0)) :]
    shape = (n, h, w)
    skewed = (len(usual) * torch.rand(shape, generator=generator, dtype=F64) ** 2).long()  # low numbers are common
    true = usual[skewed]
    swap = torch.rand(shape, generator=generator) < 0.4
    predicted = torch.where(swap, usual[torch.randint(0, len(usual), shape, generator=generator)], true)
    places = shuffled(generator, n * h * w)
    rest = places[len(usual) :]
    for maps in (true, predicted):  # a class that one of them lacks is lacking on purpose
        maps.view(-1)[places[: len(usual)]] = usual
    predicted.view(-1)[rest[0]] = known[0]
    if case.sizes.get("missed"):
        true.view(-1)[rest[:3]] = known[-1]
        predicted[predicted == known[-1]] = usual[0]
    return {"predicted": predicted, "true": true, "classes": classes}


CENTER = Task(
    "two_levels.center",
    "center_and_sharpen",
    "Targets: centred and sharpened",
    (
        Case("whole numbers, a high temperature", 0.5, {"n": 2, "k": 3, "whole": 1}),
        Case("two crops of every picture", 0.5, {"views": 2, "n": 4, "k": 5}),
        Case("rows far above and far below the centre, in float32", 1.0, {"n": 5, "k": 6, "far": 9.0}, F32),
    ),
    draw_logits,
    calls("logits", "center", "temperature"),
)
SINKHORN = Task(
    "two_levels.sinkhorn",
    "sinkhorn",
    "Targets: balanced by Sinkhorn",
    (
        Case("one iteration", 0.5, {"n": 4, "k": 3, "iterations": 1}),
        Case("a few iterations", 1.0, {"n": 7, "k": 4}),
        Case("many: sums over rows and over prototypes", 0.5, {"n": 6, "k": 4, "iterations": 60, "temperature": 0.7}),
        Case(
            "temperature 0.01 in float32, a prototype far from all",
            1.0,
            {"n": 8, "k": 5, "temperature": 0.01, "gap": 1.9, "scatter": 0.05},
            F32,
        ),
    ),
    draw_scores,
    observe_shares,
)
CLS = Task(
    "two_levels.cls",
    "cls_loss",
    "The whole: every crop but one's own",
    (
        Case("two crops of whole numbers", 0.5, {"s": 2, "t": 2, "n": 2, "k": 3, "whole": 1}),
        Case("two global crops and three local ones", 1.0, {"s": 5, "t": 2, "n": 3, "k": 4}),
        Case("a student that is very sure, in float32", 0.5, {"s": 4, "t": 3, "n": 4, "k": 6, "spread": 40}, F32),
        Case("a crop's own view is far off, in float32", 1.0, {"s": 4, "t": 2, "n": 3, "k": 5, "own": 3e6}, F32),
    ),
    draw_crops,
    partial(observe_gradient, arguments=("student", "teacher"), differentiate=("student", "teacher")),
)
PATCH = Task(
    "two_levels.patch",
    "masked_patch_loss",
    "The parts: masked places alone",
    (
        Case("whole numbers", 0.5, {"n": 2, "patches": 4, "k": 2, "whole": 1}),
        Case("unequal numbers of masked patches", 1.0, {"n": 3, "patches": 6, "k": 4}),
        Case("a picture without a masked patch", 0.5, {"n": 4, "patches": 7, "k": 3, "bare": 1}),
        Case(
            "a student that is very sure, and far off where it sees, in float32",
            1.0,
            {"n": 3, "patches": 6, "k": 5, "spread": 40, "far": 3e6},
            F32,
        ),
    ),
    draw_patches,
    partial(observe_gradient, arguments=("student", "teacher", "mask"), differentiate=("student", "teacher")),
)
IOU = Task(
    "two_levels.iou",
    "mean_iou",
    "Mean intersection over union",
    (
        Case("one small map", 0.5, {"n": 1, "h": 3, "w": 4, "classes": 2}, draws=4),
        Case(
            "several maps, a class that is true only", 0.5, {"n": 4, "h": 5, "w": 6, "classes": 4, "missed": 1}, draws=4
        ),
        Case("a class that is predicted only", 0.5, {"n": 3, "h": 4, "w": 6, "classes": 4, "invented": 1}, draws=4),
        Case("classes that are in neither map", 0.5, {"n": 3, "h": 6, "w": 5, "classes": 6, "absent": 2}, draws=4),
    ),
    draw_maps,
    calls("predicted", "true", "classes"),
)

TASKS: dict[str, Task] = {task.id: task for task in (CENTER, SINKHORN, CLS, PATCH, IOU)}
