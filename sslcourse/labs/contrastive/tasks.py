"""Lab 1, contrastive learning: what is asked, on which cases, and how answers are observed (no answers here).

Embeddings of two views are z1 and z2, each [n, d]: row i of both comes from image i. Where 2n views stand in one list,
the n of the first view come first: view i and view i + n are a positive pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from sslcourse.exercises.observe import observe_call, observe_gradient
from sslcourse.exercises.task import Case, Task

F64, F32 = torch.float64, torch.float32

# Short vectors whose lengths are whole numbers, so that cosines can be written down: 0, 0.6, 0.8, 0.96, 0.28 ...
NICE_ROWS = ((3, 4), (4, 3), (-3, 4), (4, -3), (1, 0), (0, 2), (-2, 0), (0, -1), (6, 8), (-4, -3))
# Marks of a ruler on which all distances are different, so that no mark has two nearest neighbours; two by two they are
# the views of four images, and the last number is the view with the longest embedding. Of many such arrangements,
# these keep the usual ways of counting wrong apart.
RANKED = (
    ((0, 32, 1, 4, 9, 22, 15, 34), 1),
    ((0, 32, 1, 4, 9, 22, 15, 34), 9),
    ((0, 1, 4, 15, 9, 34, 22, 32), 4),
    ((0, 1, 4, 15, 9, 34, 22, 32), 22),
    ((0, 1, 4, 9, 15, 34, 22, 32), 15),
    ((0, 22, 1, 4, 9, 15, 32, 34), 4),
    ((0, 22, 1, 4, 9, 15, 32, 34), 15),
)


def _integers(generator: torch.Generator, low: int, high: int, count: int = 1) -> list[int]:
    """`count` whole numbers from low to high, both included."""
    return torch.randint(low, high + 1, (count,), generator=generator).tolist()


def _normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator, dtype=F64)


def _shuffle(generator: torch.Generator, count: int) -> torch.Tensor:
    return torch.randperm(count, generator=generator)


def draw_images(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Images, boxes of one size inside them, and flips of which at least one is set and one is not."""
    batch, channels, height, width, crop_height, crop_width = (
        int(case.sizes[key]) for key in ("b", "c", "H", "W", "h", "w")
    )
    count = batch * channels * height * width
    if case.sizes.get("count_up"):
        images = torch.arange(count, dtype=F64).reshape(batch, channels, height, width)
    else:
        images = torch.rand(batch, channels, height, width, generator=generator, dtype=F64)
    room = min(height - crop_height, width - crop_width)
    tops = _shuffle(generator, room + 1)[torch.arange(batch) % (room + 1)].tolist()
    lefts = [
        left if left != top else (left + 1) % (room + 1)
        for top, left in zip(tops, _integers(generator, 0, room, batch))
    ]
    boxes = torch.tensor([[top, left, crop_height, crop_width] for top, left in zip(tops, lefts)])
    flips = torch.tensor(_integers(generator, 0, 1, batch)).bool()
    first, second = _shuffle(generator, batch)[:2].tolist()
    flips[first], flips[second] = True, False
    return {"images": images.to(case.dtype), "boxes": boxes, "flips": flips}


def draw_count(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """A number of images."""
    return {"n": _integers(generator, int(case.sizes["low"]), int(case.sizes["high"]))[0]}


def draw_embeddings(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Two views' embeddings, related as views are; four different NICE_ROWS when the case says `nice`."""
    n = int(case.sizes["n"])
    if case.sizes.get("nice"):
        rows = torch.tensor(NICE_ROWS, dtype=case.dtype)[_shuffle(generator, len(NICE_ROWS))[: 2 * n]]
        return {"z1": rows[:n].clone(), "z2": rows[n:].clone()}
    d = int(case.sizes["d"])
    lengths = 0.5 + 2 * torch.rand(2, n, 1, generator=generator, dtype=F64)
    shared = _normal(generator, n, d)
    z1, z2 = (length * (shared + 0.7 * _normal(generator, n, d)) for length in lengths)
    return {"z1": z1.to(case.dtype), "z2": z2.to(case.dtype)}


def draw_nt_xent(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Embeddings, a temperature and a cotangent; with `extreme`, pairs that nearly coincide and one opposite."""
    inputs = draw_embeddings(generator, case)
    if case.sizes.get("extreme"):
        z1 = inputs["z1"]
        inputs["z2"] = 1.5 * z1 + 0.02 * _normal(generator, *z1.shape).to(z1.dtype)
        inputs["z2"][_integers(generator, 0, len(z1) - 1)[0]] *= -1
    inputs["temperature"] = float(case.sizes.get("temperature", 0)) or _integers(generator, 10, 60)[0] / 100
    sign = 1 - 2 * _integers(generator, 0, 1)[0]
    inputs["cotangent"] = torch.tensor(sign * _integers(generator, 3, 9)[0] / 2, dtype=case.dtype)
    return inputs


def draw_features(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Features that do not have mean zero; with `zero_columns`, some columns (so some singular values) are zero."""
    if case.sizes.get("nice"):
        # The columns are orthogonal, of lengths 5 and b: the singular values can be read off.
        b = (15, 20, 45)[_integers(generator, 0, 2)[0]]
        features = torch.tensor([[3, 0], [4, 0], [0, b]], dtype=F64)
        signs = torch.tensor([1 - 2 * sign for sign in _integers(generator, 0, 1, 3)])
        features = (features * signs[:, None])[_shuffle(generator, 3)][:, _shuffle(generator, 2)] + 0.0
        return {"features": features.to(case.dtype)}
    n, d = int(case.sizes["n"]), int(case.sizes["d"])
    scales = 0.3 + 2 * torch.rand(d, generator=generator, dtype=F64)
    features = (_normal(generator, n, d) + 0.8) * scales * (0.5 + torch.rand(n, 1, generator=generator, dtype=F64))
    features[:, _shuffle(generator, d)[: int(case.sizes.get("zero_columns", 0))]] = 0
    return {"features": features.to(case.dtype)}


def draw_ranked(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Embeddings in which every comparison of similarities is decided by a wide margin, or is an exact tie (`ties`)."""
    n = int(case.sizes["n"])
    if case.sizes.get("nice"):
        views = torch.tensor([[[2, 0], [0, 7]], [[3, 1], [-1, 0]]], dtype=F64)
        signs = torch.tensor([1 - 2 * sign for sign in _integers(generator, 0, 1, 2)])
        views = (views * signs)[:, :, _shuffle(generator, 2)] + 0.0  # + 0.0 makes -0 a plain 0
    elif case.sizes.get("ties"):
        # All images but the last share one direction; every row has one entry other than zero, so ties are exact.
        d = int(case.sizes["d"])
        axes = _shuffle(generator, d)[[0] * (n - 1) + [1]]
        rows = torch.zeros(n, d, dtype=F64)
        rows[torch.arange(n), axes] = 2 * (1 - 2 * torch.tensor(_integers(generator, 0, 1, d), dtype=F64))[axes]
        views = torch.stack([rows, rows])
    else:
        arrangement, longest = RANKED[_integers(generator, 0, len(RANKED) - 1)[0]]
        marks = torch.tensor(arrangement, dtype=F64)
        angles = marks * math.pi / 40  # below pi, where the cosine falls with the angle
        plane, _ = torch.linalg.qr(_normal(generator, int(case.sizes["d"]), 2))
        lengths = torch.where(marks == longest, 6.0, 1.0) * (0.5 + _integers(generator, 0, 9)[0] / 6)
        rows = lengths[:, None] * torch.stack([angles.cos(), angles.sin()], dim=1) @ plane.T
        views = rows.reshape(n, 2, -1).transpose(0, 1)
    views = views[_shuffle(generator, 2)][:, _shuffle(generator, n)]
    z1, z2 = views.to(case.dtype)
    return {"z1": z1.contiguous(), "z2": z2.contiguous()}


VIEWS_TEXT = """
Cut one box out of every image and mirror the chosen ones left to right.

images: [B, C, H, W]
boxes:  [B, 4], whole numbers: top, left, height, width of the box in each image; height and width are the same for all
flips:  [B], bool: where True, the crop is mirrored left to right (after the crop)
returns [B, C, height, width], of the dtype of `images`; `images` itself stays as it was

>>> images = torch.arange(6.).reshape(1, 1, 2, 3)    # 0 1 2
>>> crop_and_flip(images, torch.tensor([[0, 1, 2, 2]]), torch.tensor([True]))
tensor([[[[2., 1.],
          [5., 4.]]]])
"""

POSITIVES_TEXT = """
For 2n views in one list (the n first views, then the n second views of the same images in the same order), give the
position of each view's positive: the other view of its own image.

n: number of images, an int
returns [2n], dtype int64

>>> positive_index(2)
tensor([2, 3, 0, 1])
"""

SIMILARITY_TEXT = """
The cosine similarity of every view with every view, z being z1 on top of z2: entry (i, j) = z_i . z_j / (|z_i| |z_j|).

z1, z2: [n, d], embeddings of the two views, of any length but zero
returns [2n, 2n], of the dtype of `z1`; the diagonal stays in

>>> cosine_similarity_matrix(torch.tensor([[2., 0.]]), torch.tensor([[0., 3.]]))
tensor([[1., 0.],
        [0., 1.]])
"""

NT_XENT_TEXT = """
The NT-Xent loss (Chen et al. 2020, equation 1), averaged over all 2n views. For view i with its positive p(i), and s
the cosine similarity of the 2n views:

    loss_i = -log( exp(s[i, p(i)] / temperature) / sum over k != i of exp(s[i, k] / temperature) )

The sum holds the positive and the 2n - 2 negatives, not the view itself.

z1, z2: [n, d], embeddings of the two views, not normalised; temperature: a float above zero
returns a tensor without dimensions, of the dtype of `z1`, through which gradients flow to z1 and z2;
it must stay finite at temperature 0.01 in float32

>>> same = torch.ones(2, 3)                    # four equal embeddings: the positive is one of three, the loss is ln 3
>>> nt_xent(same, same, 0.5)
tensor(1.0986)
"""

GEOMETRY_TEXT = """
Alignment and uniformity (Wang & Isola 2020), on embeddings scaled to length 1.

    alignment  = mean of |x - y|^2 over the n positive pairs: x row i of z1, y row i of z2
    uniformity = log of the mean of exp(-2 |u - v|^2) over all pairs u, v of different points among the 2n points
                 of both views (each pair counted once: i < j; positive pairs included)

Wang & Isola take the uniformity of each view by itself and average; here it is taken over all points together.

z1, z2: [n, d], not normalised
returns (alignment, uniformity), two Python floats; smaller is better for both

>>> alignment_uniformity(torch.tensor([[2., 0.]]), torch.tensor([[-1., 0.]]))     # opposite points: |x - y|^2 = 4
(4.0, -8.0)
"""

COLLAPSE_TEXT = """
The effective rank (RankMe, Garrido et al. 2023): how many dimensions the features really use.

    p_k = sigma_k / (sum of all sigma),  sigma_k the singular values of `features` as they are (no centring)
    effective rank = exp( -sum over k of p_k ln p_k ),  with 0 ln 0 = 0

features: [n, d], not all zero; some singular values may be zero
returns a Python float between 1 and min(n, d)

>>> round(effective_rank(torch.eye(3)), 4)                # three equal singular values
3.0
>>> round(effective_rank(torch.ones(5, 3)), 3)            # complete collapse: one direction
1.0
"""

SHORTCUT_TEXT = """
The contrastive accuracy: the share of the 2n views whose positive is strictly more similar (by cosine) to them than
every other of the 2n - 1 views. A tie counts as wrong: a collapsed encoder, to which all views look the same, has
found nothing.

z1, z2: [n, d], not normalised
returns a Python float between 0 and 1

>>> z = torch.eye(2)
>>> contrastive_accuracy(z, z)
1.0
>>> contrastive_accuracy(torch.ones(2, 2), torch.ones(2, 2))
0.0
"""


def _task(
    name: str, signature: str, title: str, text: str, cases: list[Case], draw: Callable, observe: Callable
) -> Task:
    function = signature.split("(")[0]
    return Task(f"contrastive.{name}", function, title, tuple(cases), draw, observe, signature, text.strip())


def _calls(*arguments: str) -> Callable:
    return partial(observe_call, arguments=arguments)


TASKS: dict[str, Task] = {
    task.id: task
    for task in (
        _task(
            "views",
            "crop_and_flip(images, boxes, flips)",
            "Two views of an image: crop and flip",
            VIEWS_TEXT,
            [
                Case("by hand", 0.5, {"b": 2, "c": 1, "H": 4, "W": 5, "h": 2, "w": 3, "count_up": 1}),
                Case("random", 1.0, {"b": 5, "c": 3, "H": 9, "W": 11, "h": 4, "w": 5}),
                Case("float32", 0.5, {"b": 4, "c": 2, "H": 8, "W": 7, "h": 5, "w": 3}, F32),
            ],
            draw_images,
            _calls("images", "boxes", "flips"),
        ),
        _task(
            "positives",
            "positive_index(n)",
            "Who is whose positive",
            POSITIVES_TEXT,
            [Case("by hand", 0.5, {"low": 2, "high": 4}), Case("more images", 0.5, {"low": 5, "high": 12})],
            draw_count,
            _calls("n"),
        ),
        _task(
            "similarity",
            "cosine_similarity_matrix(z1, z2)",
            "The similarity of all views",
            SIMILARITY_TEXT,
            [
                Case("by hand", 0.5, {"n": 2, "nice": 1}),
                Case("random", 1.0, {"n": 4, "d": 6}),
                Case("float32", 0.5, {"n": 5, "d": 3}, F32),
            ],
            draw_embeddings,
            _calls("z1", "z2"),
        ),
        _task(
            "nt_xent",
            "nt_xent(z1, z2, temperature)",
            "The NT-Xent loss",
            NT_XENT_TEXT,
            [
                Case("by hand", 1.0, {"n": 2, "nice": 1, "temperature": 0.5}),
                Case("random", 1.0, {"n": 5, "d": 6}),
                Case("float32", 1.0, {"n": 6, "d": 8}, F32),
                Case("temperature 0.01", 1.0, {"n": 4, "d": 8, "temperature": 0.01, "extreme": 1}, F32),
            ],
            draw_nt_xent,
            partial(observe_gradient, arguments=("z1", "z2", "temperature"), differentiate=("z1", "z2")),
        ),
        _task(
            "geometry",
            "alignment_uniformity(z1, z2)",
            "Alignment and uniformity",
            GEOMETRY_TEXT,
            [
                Case("by hand", 0.5, {"n": 2, "nice": 1}),
                Case("random", 1.0, {"n": 5, "d": 4}),
                Case("float32", 0.5, {"n": 4, "d": 6}, F32),
            ],
            draw_embeddings,
            _calls("z1", "z2"),
        ),
        _task(
            "collapse",
            "effective_rank(features)",
            "Effective rank: a meter of collapse",
            COLLAPSE_TEXT,
            [
                Case("by hand", 0.5, {"nice": 1}),
                Case("random", 0.5, {"n": 8, "d": 5}),
                Case("zero singular values", 0.5, {"n": 6, "d": 5, "zero_columns": 2}),
                Case("float32", 0.5, {"n": 9, "d": 4}, F32),
            ],
            draw_features,
            _calls("features"),
        ),
        _task(
            "shortcut",
            "contrastive_accuracy(z1, z2)",
            "Contrastive accuracy: does it find the positive?",
            SHORTCUT_TEXT,
            [
                Case("by hand", 0.25, {"n": 2, "nice": 1}),
                Case("random", 0.25, {"n": 4, "d": 5}),
                Case("ties", 0.25, {"n": 3, "d": 4, "ties": 1}),
                Case("float32", 0.25, {"n": 4, "d": 8}, F32),
            ],
            draw_ranked,
            _calls("z1", "z2"),
        ),
    )
}
