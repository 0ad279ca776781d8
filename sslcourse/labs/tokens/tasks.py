"""Lab 0, tokens and probes: on which cases answers are tried, and how they are observed (no answers here).

Patches are numbered row by row; of one patch the pixels stand row by row, the channels of a pixel side by side.
"""

import math
from functools import partial
from typing import Any

import torch

from sslcourse.exercises.inputs import integer, integers, normal, shuffled, signs, uniform
from sslcourse.exercises.observe import calls, observe_gradient
from sslcourse.exercises.task import Case, Task

F64, F32 = torch.float64, torch.float32


def draw_images(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Images whose numbers all differ, so that each can be followed to its place."""
    shape = [int(case.sizes[key]) for key in ("b", "c", "H", "W")]
    if case.sizes.get("whole"):
        images = (shuffled(generator, 90)[: math.prod(shape)] + 10).reshape(shape)
    else:
        images = uniform(generator, 0, 1, *shape)
    return {"images": images.to(case.dtype), "patch": int(case.sizes["p"])}


def draw_patches(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """The patches of such images, and the sides of the images that they are to become."""
    b, c, height, width, p = (int(case.sizes[key]) for key in ("b", "c", "H", "W", "p"))
    numbers = draw_images(generator, case)["images"].reshape(b, height * width // p**2, p * p * c)
    return {"patches": numbers, "patch": p, "height": height, "width": width}


def draw_tokens(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Queries, keys, values and a cotangent; `steep`: scores of about 100, which exp does not survive in float32."""
    b, m, n, d, e = (int(case.sizes[key]) for key in "bmnde")
    if case.sizes.get("whole"):
        q, k, v = (
            torch.tensor(integers(generator, -3, 3, rows * width)).double().reshape(b, rows, width)
            for rows, width in ((m, d), (n, d), (n, e))
        )
        v[:, 0] += 9  # the values of two keys differ
    else:
        q, k, v = (normal(generator, b, rows, width) for rows, width in ((m, d), (n, d), (n, e)))
    if case.sizes.get("steep"):
        q = q * 100 * math.sqrt(d) / (q @ k.mT).amax((1, 2), keepdim=True)
    cotangent = uniform(generator, 0.5, 2, b, m, e) * signs(generator, b * m * e).reshape(b, m, e)
    if case.sizes.get("steep"):
        cotangent.zero_()  # the gradients of so steep a softmax are rounding errors; NaN still shows
    tensors = {"q": q, "k": k, "v": v, "cotangent": cotangent}
    return {name: tensor.to(case.dtype) for name, tensor in tensors.items()}


def draw_mask(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Masks, bool: in each patch another share of the pixels is object, and in no patch all or none."""
    b, height, width, p = (int(case.sizes[key]) for key in ("b", "H", "W", "p"))
    rows, columns = height // p, width // p
    first = uniform(generator, 0, 1, b, rows, columns, p * p).argsort(-1)  # the order in which pixels become object
    count = torch.tensor(integers(generator, 1, p * p - 1, b * rows * columns)).reshape(b, rows, columns, 1)
    mask = (first < count).unflatten(-1, (p, p)).transpose(2, 3).reshape(b, height, width)
    return {"mask": mask, "patch": p}


def draw_bank(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Features, a bank of labelled ones of very different lengths, k and the temperature.

    All three classes occur, and k is larger than their number: some neighbours share a class. `gap`: the numbers of
    the classes are 0, 1 and 3. `close`: all lie in one narrow cone, where exp(cosine / temperature) is too large for
    float32.
    """
    m, n, d, k = (int(case.sizes[key]) for key in "mndk")
    labels = torch.cat([torch.arange(3), torch.tensor(integers(generator, 0, 2, n - 3))])[shuffled(generator, n)]
    bank = normal(generator, n, d) + 0.7 * normal(generator, 3, d)[labels]
    features = normal(generator, m, d) + 0.7 * bank[shuffled(generator, n)[:m]]
    if case.sizes.get("close"):
        middle = normal(generator, 1, d) + 2
        features, bank = (middle + 0.4 * normal(generator, rows, d) for rows in (m, n))
    lengths = 10 ** uniform(generator, -0.5, 0.5, n + m, 1)
    temperature = float(case.sizes.get("temperature", 0)) or integer(generator, 20, 60) / 100
    return {
        "features": (features * lengths[n:]).to(case.dtype),
        "bank": (bank * lengths[:n]).to(case.dtype),
        "labels": labels + (labels == 2) if case.sizes.get("gap") else labels,
        "k": k,
        "temperature": temperature,
    }


def draw_two_networks(generator: torch.Generator, case: Case) -> dict[str, Any]:
    """Two networks' features of the same pictures, partly the same, whose means are not zero."""
    n, d, e = (int(case.sizes[key]) for key in "nde")
    if case.sizes.get("whole"):
        x, y = (torch.tensor(integers(generator, -4, 9, n * width)).reshape(n, width) for width in (d, e))
        x[:2, 0], y[:2, 0] = torch.tensor([20, -5]), torch.tensor([-6, 15])  # neither is constant
        return {"x": x.to(case.dtype), "y": y.to(case.dtype)}
    x = (normal(generator, n, d) + 0.8) * uniform(generator, 0.3, 2.3, d)
    y = x @ normal(generator, d, e) / math.sqrt(d) + normal(generator, n, e) + normal(generator, e)
    return {"x": x.to(case.dtype), "y": y.to(case.dtype)}


GREY = {"b": 1, "c": 1, "H": 4, "W": 4, "p": 2, "whole": 1}
WIDE = {"b": 2, "c": 3, "H": 6, "W": 12, "p": 3}
TALL = {"b": 3, "c": 2, "H": 8, "W": 6, "p": 2}

PATCHIFY = Task(
    "tokens.patchify",
    "patchify",
    "A picture as tokens",
    (
        Case("one grey image of 4 x 4 whole numbers", 0.5, GREY),
        Case("two images in colour, wider than tall", 1.0, WIDE),
        Case("images taller than wide, in float32", 0.5, TALL, F32),
    ),
    draw_images,
    calls("images", "patch"),
)
UNPATCHIFY = Task(
    "tokens.unpatchify",
    "unpatchify",
    "Tokens as a picture",
    (
        Case("four patches of 2 x 2 whole numbers", 0.25, GREY),
        Case("two images in colour, wider than tall", 0.5, WIDE),
        Case("images taller than wide, in float32", 0.25, TALL, F32),
    ),
    draw_patches,
    calls("patches", "patch", "height", "width"),
)
ATTENTION = Task(
    "tokens.attention",
    "attention",
    "Attention: one head",
    (
        Case("one query and two keys, whole numbers", 0.5, {"b": 1, "m": 1, "n": 2, "d": 4, "e": 2, "whole": 1}),
        Case("fewer queries than keys", 1.0, {"b": 2, "m": 3, "n": 5, "d": 4, "e": 6}),
        Case("as many queries as keys, in float32", 1.0, {"b": 2, "m": 4, "n": 4, "d": 6, "e": 6}, F32),
        Case("scores of 100 in float32", 0.5, {"b": 2, "m": 3, "n": 4, "d": 5, "e": 5, "steep": 1}, F32),
    ),
    draw_tokens,
    partial(observe_gradient, arguments=("q", "k", "v"), differentiate=("q", "k", "v")),
)
OBJECT_SHARE = Task(
    "tokens.object_share",
    "object_share",
    "How much of each patch is object",
    (
        Case("one mask of 4 x 4 pixels", 0.5, {"b": 1, "H": 4, "W": 4, "p": 2}, draws=6),
        Case("two masks, wider than tall", 1.0, {"b": 2, "H": 6, "W": 12, "p": 3}),
        Case("masks taller than wide, large patches", 0.5, {"b": 3, "H": 20, "W": 12, "p": 4}),
    ),
    draw_mask,
    calls("mask", "patch"),
)
KNN_VOTE = Task(
    "tokens.knn_vote",
    "knn_vote",
    "The vote of the nearest neighbours",
    (
        Case("one picture, four neighbours in a plane", 0.5, {"m": 1, "n": 6, "d": 2, "k": 4}, draws=4),
        Case("rows of different lengths, a class without pictures", 1.5, {"m": 4, "n": 12, "d": 5, "k": 5, "gap": 1}),
        Case(
            "temperature 0.01 in float32", 1.0, {"m": 4, "n": 10, "d": 6, "k": 4, "close": 1, "temperature": 0.01}, F32
        ),
    ),
    draw_bank,
    calls("features", "bank", "labels", "k", "temperature"),
)
LINEAR_CKA = Task(
    "tokens.linear_cka",
    "linear_cka",
    "How alike two networks see",
    (
        Case("three pictures, two features, whole numbers", 0.5, {"n": 3, "d": 2, "e": 2, "whole": 1}, draws=4),
        Case("networks of different widths", 1.0, {"n": 8, "d": 5, "e": 3}, draws=3),
        Case("more features than pictures, in float32", 0.5, {"n": 6, "d": 9, "e": 9}, F32, draws=3),
    ),
    draw_two_networks,
    calls("x", "y"),
)

TASKS: dict[str, Task] = {
    task.id: task for task in (PATCHIFY, UNPATCHIFY, ATTENTION, OBJECT_SHARE, KNN_VOTE, LINEAR_CKA)
}
