"""Lab 6, reconstructing pixels: on which cases answers are tried, and how they are observed (no answers here)."""

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sslcourse.exercises.inputs import draw_cotangent, integer, integers, normal, shuffled, signs, uniform
from sslcourse.exercises.observe import calls, observe_gradient
from sslcourse.exercises.task import Case, Task

F64, F32 = torch.float64, torch.float32


def draw_order(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Kept tokens, a mask token, an order of the places for each picture, and a cotangent.

    Somewhere the order puts a kept token where its inverse does not, and the kept places do not ascend.
    """
    b, n, k, d = (int(case.sizes[key]) for key in "bnkd")
    while True:
        order = torch.stack([shuffled(generator, n) for _ in range(b)])  # B,N
        slots, kept = order.clamp(max=k), order[:, :k]
        turned = (slots != order.argsort(1).clamp(max=k)).any(1)
        if turned.all() and (kept.diff(dim=1) < 0).any(1).all():
            break
    if case.sizes.get("whole"):
        tokens, mask_token = (shuffled(generator, 9)[: b * k * d] + 1).reshape(b, k, d), torch.tensor([-1] * d)
    else:
        tokens, mask_token = normal(generator, b, k, d), normal(generator, d)
    cotangent = uniform(generator, 0.5, 2, b, n, d) * signs(generator, b * n * d).reshape(b, n, d)
    found = {"kept": tokens, "mask_token": mask_token, "cotangent": cotangent}
    return {name: tensor.to(case.dtype) for name, tensor in found.items()} | {"indices": order}


def draw_patches(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Patches of different brightness and contrast; `flat`: one of each picture is of one colour, another nearly so."""
    b, n, p = (int(case.sizes[key]) for key in "bnp")
    if case.sizes.get("whole"):
        patches = torch.tensor(integers(generator, 0, 9, b * n * p)).double().reshape(b, n, p)
        patches[..., 0] = 12  # no patch is of one colour
    else:
        contrast = uniform(generator, 0.5, 2, b, n, 1)
        patches = uniform(generator, -2, 2, b, n, 1) + contrast * normal(generator, b, n, p)
    if case.sizes.get("flat"):
        places = torch.stack([shuffled(generator, n)[:2] for _ in range(b)])
        patches[torch.arange(b), places[:, 0]] = integer(generator, 1, 7) / 10
        patches[torch.arange(b), places[:, 1]] = 0.5 + 1e-3 * normal(generator, b, p)
    return {"patches": patches.to(case.dtype)}


def draw_prediction(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Predicted and true patches, the numbers of those that were kept, ascending, and a cotangent."""
    b, n, p, k = (int(case.sizes[key]) for key in "bnpk")
    kept = torch.stack([shuffled(generator, n)[:k].sort().values for _ in range(b)])
    if case.sizes.get("whole"):
        target = torch.tensor(integers(generator, -3, 3, b * n * p)).reshape(b, n, p)
        predicted = target + (shuffled(generator, 2 * b * n * p)[: b * n * p] + 1).reshape(b, n, p)
    else:
        target = normal(generator, b, n, p)
        predicted = 0.5 * target + uniform(generator, 0.3, 1.5, b, n, 1) * normal(generator, b, n, p)
    cotangent = draw_cotangent(generator)
    found = {"predicted": predicted, "target": target, "cotangent": cotangent}
    return {name: tensor.to(case.dtype) for name, tensor in found.items()} | {"kept": kept}


def draw_pictures(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Pictures, a positive number for each patch of their grid, a count, and what takes the place of hidden patches.

    Few patches have most of the sum, as attention has, so that a count and a share of the sum are different things.
    """
    b, c, height, width = (int(case.sizes[key]) for key in ("b", "c", "H", "W"))
    rows, columns, count = (int(case.sizes[key]) for key in ("rows", "columns", "count"))
    images = uniform(generator, 0.05, 1, b, c, height, width)
    if case.sizes.get("whole"):
        images = (shuffled(generator, 90)[: images.numel()] + 10).reshape(images.shape).double()
    patches = rows * columns
    while True:
        scores = 4.0 ** (shuffled(generator, patches).double() + uniform(generator, 0, 0.5, b, patches))
        scores = torch.stack([row[shuffled(generator, patches)] for row in scores])
        scores = scores / scores.sum(1, keepdim=True) * 2.0 ** -torch.arange(b).double()[:, None]
        top = torch.zeros(b, patches).scatter(1, scores.topk(count).indices, 1.0).reshape(b, rows, columns)
        if (top.mT.reshape(b, -1) != top.flatten(1)).any():  # not the same with rows and columns exchanged
            break
    fills = {
        "mean": lambda: images.mean((0, 2, 3), keepdim=True) if b > 1 else torch.full((1, 1, 1, 1), 5.0).double(),
        "noise": lambda: uniform(generator, 0, 1, *images.shape),
        "other": lambda: images.roll(1, 0),
    }
    fill: Tensor = fills[("mean", "noise", "other")[int(case.sizes["fill"])]]()
    found = {"images": images, "scores": scores.reshape(b, rows, columns), "fill": fill}
    return {name: tensor.to(case.dtype).contiguous() for name, tensor in found.items()} | {"count": count}


def draw_reconstruction(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Pictures and reconstructions in [0, 1] whose errors differ from picture to picture and channel to channel."""
    shape = [int(case.sizes[key]) for key in ("b", "c", "H", "W")]
    true = uniform(generator, 0.3, 0.7, *shape)
    if case.sizes.get("whole"):
        true = torch.tensor(integers(generator, 3, 7, math.prod(shape))).double().reshape(shape) / 10
    spread = 10 ** uniform(generator, -1.7, -0.5, *shape[:2], 1, 1)
    predicted = true + spread * uniform(generator, 0.3, 1, *shape) * signs(generator, math.prod(shape)).reshape(shape)
    return {"predicted": predicted.clamp(0, 1).to(case.dtype), "true": true.to(case.dtype)}


RESTORE = Task(
    "pixels.restore",
    "restore_order",
    "Back in order",
    (
        Case("one picture of five places, whole numbers", 0.5, {"b": 1, "n": 5, "k": 2, "d": 2, "whole": 1}, draws=3),
        Case("five pictures, each in an order of its own", 1.5, {"b": 5, "n": 9, "k": 4, "d": 6}),
        Case("more kept than removed, in float32", 1.0, {"b": 4, "n": 7, "k": 5, "d": 3}, F32),
    ),
    draw_order,
    partial(observe_gradient, arguments=("kept", "mask_token", "indices"), differentiate=("kept", "mask_token")),
)
TARGETS = Task(
    "pixels.targets",
    "normalised_targets",
    "What is to be painted",
    (
        Case("two patches of whole numbers", 0.5, {"b": 1, "n": 2, "p": 6, "whole": 1}, draws=3),
        Case("patches of different brightness and contrast, in float32", 1.0, {"b": 3, "n": 4, "p": 12}, F32),
        Case("with patches of one colour, and nearly so", 0.5, {"b": 2, "n": 5, "p": 12, "flat": 1}),
    ),
    draw_patches,
    calls("patches"),
)
LOSS = Task(
    "pixels.loss",
    "removed_only",
    "A loss on what was removed",
    (
        Case(
            "two pictures of three patches, whole numbers", 0.5, {"b": 2, "n": 3, "p": 2, "k": 1, "whole": 1}, draws=3
        ),
        Case("three pictures with different patches kept", 1.5, {"b": 3, "n": 8, "p": 5, "k": 3}),
        Case("most patches kept, in float32", 1.0, {"b": 4, "n": 7, "p": 6, "k": 5}, F32),
    ),
    draw_prediction,
    partial(observe_gradient, arguments=("predicted", "target", "kept"), differentiate=("predicted",)),
)
PSNR = Task(
    "pixels.psnr",
    "psnr",
    "How good is a painting, in decibels",
    (
        Case("two grey pictures of 2 x 2 pixels", 0.5, {"b": 2, "c": 1, "H": 2, "W": 2, "whole": 1}),
        Case("pictures with errors of different size", 1.0, {"b": 4, "c": 3, "H": 4, "W": 6}),
        Case("the same in float32", 0.5, {"b": 3, "c": 3, "H": 5, "W": 5}, F32),
    ),
    draw_reconstruction,
    calls("predicted", "true"),
)
DROP = Task(
    "pixels.drop",
    "drop_patches",
    "Hide as many patches in every picture",
    (
        Case(
            "one grey picture of 4 x 4 whole numbers",
            0.5,
            {"b": 1, "c": 1, "H": 4, "W": 4, "rows": 2, "columns": 2, "count": 1, "fill": 0, "whole": 1},
            draws=4,
        ),
        Case(
            "the mean colour in three pictures",
            1.0,
            {"b": 3, "c": 3, "H": 12, "W": 12, "rows": 4, "columns": 4, "count": 5, "fill": 0},
        ),
        Case(
            "noise, in pictures wider than tall",
            0.5,
            {"b": 2, "c": 3, "H": 6, "W": 12, "rows": 2, "columns": 6, "count": 4, "fill": 1},
        ),
        Case(
            "patches of another picture, in float32",
            1.0,
            {"b": 4, "c": 3, "H": 8, "W": 8, "rows": 4, "columns": 4, "count": 7, "fill": 2},
            F32,
        ),
    ),
    draw_pictures,
    calls("images", "scores", "count", "fill"),
)

TASKS: dict[str, Task] = {task.id: task for task in (RESTORE, TARGETS, LOSS, PSNR, DROP)}
