"""Lab 1, contrastive learning: on which cases answers are tried, and how they are observed (no answers here).

Embeddings of two views are z1 and z2, each [n, d]: row i of both comes from image i. Where 2n views stand in one list,
the n of the first view come first: view i and view i + n are a positive pair.
"""

import math
from functools import partial
from typing import Any

import torch

from sslcourse.exercises.inputs import (
    draw_cotangent,
    integer,
    integers,
    nice_pairs,
    normal,
    related_pairs,
    shuffled,
    signs,
    uniform,
)
from sslcourse.exercises.observe import calls, observe_gradient
from sslcourse.exercises.task import Case, Task

F64, F32 = torch.float64, torch.float32

# Golomb rulers: no two pairs of marks have the same distance, so no view has two nearest neighbours.
RULERS = {6: (0, 1, 4, 10, 12, 17), 12: (0, 2, 6, 24, 29, 40, 43, 55, 68, 75, 76, 85)}


def draw_images(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Images, boxes of one size inside them, and flips of which at least one is set and one is not."""
    batch, channels, height, width, *crop = (int(case.sizes[key]) for key in ("b", "c", "H", "W", "h", "w"))
    images = uniform(generator, 0, 1, batch, channels, height, width)
    if case.sizes.get("whole"):
        images = (100 * images).floor()
    room = min(height, width) - max(crop)  # a box with any two numbers exchanged lies inside, too
    tops = shuffled(generator, room + 1)[torch.arange(batch) % (room + 1)].tolist()
    lefts = integers(generator, 0, room, batch)
    lefts = [left if left != top else (left + 1) % (room + 1) for top, left in zip(tops, lefts)]
    flips = torch.tensor(integers(generator, 0, 1, batch)).bool()
    first, second = shuffled(generator, batch)[:2].tolist()
    flips[first], flips[second] = True, False
    boxes = torch.tensor([[top, left, *crop] for top, left in zip(tops, lefts)])
    return {"images": images.to(case.dtype), "boxes": boxes, "flips": flips}


def draw_count(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """A number of images."""
    return {"n": integer(generator, int(case.sizes["low"]), int(case.sizes["high"]))}


def draw_embeddings(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Two views' embeddings, related as views are; four different NICE_ROWS when the case says `whole`."""
    n, d = int(case.sizes["n"]), int(case.sizes.get("d", 2))
    pairs = nice_pairs(generator, n) if case.sizes.get("whole") else related_pairs(generator, n, d)
    z1, z2 = pairs.to(case.dtype)
    return {"z1": z1, "z2": z2}


def draw_nt_xent(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Embeddings, a temperature and a cotangent; `extreme`: views nearly coincide, and one is opposite to the rest."""
    inputs = draw_embeddings(generator, case)
    if case.sizes.get("extreme"):
        z1 = normal(generator, *inputs["z1"].shape) + 2
        z2 = 1.5 * z1 + 0.02 * normal(generator, *z1.shape)
        z1[integer(generator, 0, len(z1) - 1)] *= -1
        inputs |= {"z1": z1.to(case.dtype), "z2": z2.to(case.dtype)}
    inputs["temperature"] = float(case.sizes.get("temperature", 0)) or integer(generator, 25, 75) / 100
    inputs["cotangent"] = draw_cotangent(generator).to(case.dtype)
    return inputs


def draw_features(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Features whose mean is not zero; `whole`: the singular values are 5 and b; `zeros`: some are 0 exactly."""
    n, d = int(case.sizes["n"]), int(case.sizes["d"])
    if case.sizes.get("whole"):
        b = integer(generator, 6, 60)
        rows = torch.tensor([[3, 0], [4, 0], [0, b]], dtype=F64) * signs(generator, 3)[:, None]
        features = rows[shuffled(generator, 3)][:, shuffled(generator, 2)] + 0.0  # + 0.0 makes -0 a plain 0
    elif case.sizes.get("zeros"):  # one entry other than zero in some rows and columns
        rank = integer(generator, 2, min(n, d) - 1)
        features = torch.zeros(n, d, dtype=F64)
        features[shuffled(generator, n)[:rank], shuffled(generator, d)[:rank]] = uniform(generator, 0.5, 5, rank)
    else:
        features = (
            (normal(generator, n, d) + 0.8) * uniform(generator, 0.3, 2.3, d) * uniform(generator, 0.5, 1.5, n, 1)
        )
    return {"features": features.to(case.dtype)}


def draw_ranked(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Embeddings in which every comparison of similarities is decided by a wide margin, or is an exact tie."""
    if case.sizes.get("ties"):
        views = _tied(generator, integer(generator, 7, 9))
    elif case.sizes.get("negative"):
        views = _far_apart(generator, int(case.sizes["n"]))
    else:
        views = _on_a_ruler(generator, int(case.sizes["n"]), int(case.sizes["d"]))
    z1, z2 = views[shuffled(generator, 2)][:, shuffled(generator, views.shape[1])].to(case.dtype)
    return {"z1": z1.contiguous(), "z2": z2.contiguous()}


def _on_a_ruler(generator: torch.Generator, n: int, d: int) -> torch.Tensor:
    """Views in a plane of d dimensions; their angles are the marks of a ruler, neighbours are pairs, some exchanged."""
    marks = torch.tensor(RULERS[2 * n], dtype=F64)
    for _ in range(integer(generator, 0, n)):
        swapped = shuffled(generator, 2 * n)[:2]
        marks[swapped] = marks[swapped.flip(0)]
    angles = marks * math.pi / (marks.max() + 5)  # below pi, where the cosine falls with the angle
    plane, _ = torch.linalg.qr(normal(generator, d, 2))
    lengths = 10 ** uniform(generator, -1, 1, 2 * n, 1)
    rows = lengths * torch.stack([angles.cos(), angles.sin()], dim=1) @ plane.T
    return rows.reshape(n, 2, d).transpose(0, 1)


def _tied(generator: torch.Generator, n: int) -> torch.Tensor:
    """Images alone in their direction, some that share one, some with opposite views; all cosines are -1, 0 or 1
    exactly."""
    alone, opposite = integer(generator, 1, n - 4), integer(generator, 1, 2)
    directions = torch.ones(1, 1, dtype=F64)
    for _ in range(4):  # Hadamard's matrix: 16 orthogonal rows of 1 and -1, of length 4
        directions = torch.kron(directions, torch.tensor([[1, 1], [1, -1]], dtype=F64))
    directions = directions[shuffled(generator, 16)]
    views = directions[torch.arange(n).clamp(max=alone)].expand(2, n, 16)
    views = views * 2.0 ** torch.tensor(integers(generator, -2, 2, n))[:, None]
    views[1, n - opposite :] *= -1
    return views


def _far_apart(generator: torch.Generator, n: int) -> torch.Tensor:
    """Views whose cosines are all below zero: about -0.1, in steps that float32 tells apart; some pairs are closer."""
    first, second = torch.triu_indices(2 * n, 2 * n, offset=1)
    cosines = torch.eye(2 * n, dtype=F64)
    cosines[first, second] = -0.1 + 2e-6 * shuffled(generator, len(first)).to(F64)
    cosines.diagonal(n)[: integer(generator, 1, n - 1)] += uniform(generator, 0.03, 0.08, 1)
    rows = torch.linalg.cholesky(cosines, upper=True).T  # row i . row k = cosines[i, k]
    return rows.reshape(2, n, 2 * n) * uniform(generator, 0.5, 2, 2, n, 1)


VIEWS = Task(
    "contrastive.views",
    "crop_and_flip",
    "Two views of an image: crop and flip",
    (
        Case("two small images of whole numbers", 0.5, {"b": 2, "c": 2, "H": 5, "W": 6, "h": 2, "w": 3, "whole": 1}),
        Case("five images in colour", 1.0, {"b": 5, "c": 3, "H": 9, "W": 10, "h": 4, "w": 5}),
        Case("crops taller than wide, in float32", 0.5, {"b": 4, "c": 2, "H": 8, "W": 8, "h": 5, "w": 3}, F32),
    ),
    draw_images,
    calls("images", "boxes", "flips"),
)
POSITIVES = Task(
    "contrastive.positives",
    "positive_index",
    "Who is whose positive",
    (
        Case("two to five images", 0.5, {"low": 2, "high": 5}, draws=8),
        Case("six to forty images", 0.5, {"low": 6, "high": 40}, draws=4),
    ),
    draw_count,
    calls("n"),
)
SIMILARITY = Task(
    "contrastive.similarity",
    "cosine_similarity_matrix",
    "The similarity of all views",
    (
        Case("two images, whole numbers", 0.5, {"n": 2, "whole": 1}),
        Case("rows of different lengths", 1.0, {"n": 4, "d": 6}),
        Case("more images than dimensions, in float32", 0.5, {"n": 5, "d": 3}, F32),
    ),
    draw_embeddings,
    calls("z1", "z2"),
)
NT_XENT = Task(
    "contrastive.nt_xent",
    "nt_xent",
    "The NT-Xent loss",
    (
        Case("two images, whole numbers, temperature 0.5", 1.0, {"n": 2, "whole": 1, "temperature": 0.5}),
        Case("five images, any temperature", 1.0, {"n": 5, "d": 6}),
        Case("six images in float32", 1.0, {"n": 6, "d": 8}, F32),
        Case("temperature 0.01 in float32", 1.0, {"n": 4, "d": 8, "temperature": 0.01, "extreme": 1}, F32),
    ),
    draw_nt_xent,
    partial(observe_gradient, arguments=("z1", "z2", "temperature"), differentiate=("z1", "z2")),
)
GEOMETRY = Task(
    "contrastive.geometry",
    "alignment_uniformity",
    "Alignment and uniformity",
    (
        Case("two images, whole numbers", 0.5, {"n": 2, "whole": 1}, draws=3),
        Case("rows of different lengths", 1.0, {"n": 5, "d": 4}),
        Case("fewer images than dimensions, in float32", 0.5, {"n": 4, "d": 6}, F32),
    ),
    draw_embeddings,
    calls("z1", "z2"),
)
COLLAPSE = Task(
    "contrastive.collapse",
    "effective_rank",
    "Effective rank: a meter of collapse",
    (
        Case("two singular values, to be read off", 0.5, {"n": 3, "d": 2, "whole": 1}, draws=3),
        Case("features whose mean is not zero", 0.5, {"n": 8, "d": 5}, draws=4),
        Case("singular values that are zero", 0.5, {"n": 6, "d": 5, "zeros": 1}, draws=4),
        Case("nine samples in float32", 0.5, {"n": 9, "d": 4}, F32, draws=4),
    ),
    draw_features,
    calls("features"),
)
SHORTCUT = Task(
    "contrastive.shortcut",
    "contrastive_accuracy",
    "Contrastive accuracy: does it find the positive?",
    (
        Case("three images in a plane", 0.2, {"n": 3, "d": 2}, draws=8),
        Case("rows of very different lengths", 0.2, {"n": 6, "d": 5}, draws=6),
        Case("ties, which count as wrong", 0.2, {"ties": 1}, draws=10),
        Case("all similarities below zero", 0.2, {"n": 5, "negative": 1}, draws=6),
        Case("six images in float32", 0.2, {"n": 6, "d": 8}, F32, draws=6),
    ),
    draw_ranked,
    calls("z1", "z2"),
)

TASKS: dict[str, Task] = {
    task.id: task for task in (VIEWS, POSITIVES, SIMILARITY, NT_XENT, GEOMETRY, COLLAPSE, SHORTCUT)
}
