"""Drawings of plants: flower, tree."""

import math

import torch

from .drawing import LIGHT, MAIN, SECOND, THIRD, Layer, choose, drawing
from .shapes import capsule, circle, ellipse, frame, polygon, union


@drawing(
    parts=("stem", "leaves", "petals", "inner petals", "core"),
    petals=(0.0, 1.0), length=(0.4, 0.62), width=(0.45, 0.95), core=(0.13, 0.25), spin=(-0.6, 0.6),
    sway=(-0.15, 0.15), bend=(-0.35, 0.35), stem=(0.04, 0.07), leaf=(0.18, 0.34), leaf_angle=(0.05, 1.0),
    second_angle=(0.05, 1.0),
)  # fmt: skip
def flower(x, y, p):
    """The stem bends, the leaves turn; five to nine petals."""
    petals = choose(p.petals, 5, 9)
    u, v = x - p.sway, y - 0.42
    angle = torch.atan2(v, u).add_(p.spin)
    sector = 2 * math.pi / petals
    angle = angle.sub_(torch.round(angle / sector).mul_(sector))
    radius = u.mul_(u).addcmul_(v, v).sqrt_()
    u, v = radius * torch.cos(angle), radius * torch.sin(angle)
    width = 0.5 * p.length * sector * p.width
    half = 0.5 * p.length
    outer = ellipse(u - p.core - 0.7 * half, v, half, width)
    inner = ellipse(u - 0.8 * p.core - 0.35 * half, v, 0.6 * half, 0.55 * width)
    knee = p.sway + 0.3 * p.bend
    stem = union(
        capsule(x, y, p.sway, 0.4, knee, -0.3, p.stem), capsule(x, y, knee, -0.3, p.sway + p.bend, -0.95, p.stem)
    )
    u, v = frame(x, y, p.sway + 0.5 * p.bend, -0.62, p.leaf_angle)
    right = ellipse(u - p.leaf, v, p.leaf, 0.38 * p.leaf)
    u, v = frame(x, y, p.sway + 0.35 * p.bend, -0.5, math.pi - p.second_angle)
    left = ellipse(u - 0.85 * p.leaf, v, 0.85 * p.leaf, 0.34 * p.leaf)
    yield Layer("stem", SECOND, stem)
    yield Layer("leaves", SECOND, union(left, right))
    yield Layer("petals", MAIN, outer)
    yield Layer("inner petals", LIGHT, inner)
    yield Layer("core", THIRD, radius - p.core)


@drawing(
    parts=("roots", "trunk", "branches", "crown", "fruit"),
    trunk=(0.07, 0.14), trunk_height=(0.5, 0.95), lean=(-0.2, 0.2), width=(0.36, 0.75), height=(0.35, 0.7),
    lump=(0.7, 1.1), branch=(0.05, 0.3), fruit=(0.06, 0.11), fruit_at=(-1.0, 1.0),
)  # fmt: skip
def tree(x, y, p):
    """The trunk leans, the branches rise, the crown grows lumps and fruit."""
    top = p.trunk_height - 0.9
    foot, neck = 2.4 * p.trunk, 0.5 * p.trunk
    roots = polygon(x, y, [(-foot, -1.05), (foot, -1.05), (neck, -0.75), (-neck, -0.75)])
    fork = top - 0.3 * p.trunk_height
    branch = union(
        capsule(x, y, 0.6 * p.lean, fork, p.lean + p.width * 0.7, top + p.branch, neck, 0.03),
        capsule(x, y, 0.5 * p.lean, fork - 0.1, p.lean - p.width * 0.65, top + 0.6 * p.branch, neck, 0.03),
    )
    middle = top + 0.15 + 0.5 * p.height
    size = 0.5 * (p.width + p.height) * 0.62
    crown = union(
        circle(x, y, p.lean, middle + 0.55 * p.height, size * p.lump),
        circle(x, y, p.lean - 0.6 * p.width, middle + 0.05, size * 0.9),
        circle(x, y, p.lean + 0.62 * p.width, middle - 0.03, size * (1.7 - p.lump)),
        circle(x, y, p.lean + 0.1, middle, size * 1.1),
    )
    swing = p.fruit_at * 0.3
    fruit = union(
        circle(x, y, p.lean - 0.5 * p.width + swing, middle + 0.1, p.fruit),
        circle(x, y, p.lean + 0.5 * p.width, middle + 0.1 - swing, p.fruit),
        circle(x, y, p.lean + swing, middle + 0.6 * p.height, p.fruit),
        circle(x, y, p.lean + 0.1 - swing, middle - 0.2, p.fruit),
    )
    yield Layer("roots", THIRD, roots)
    yield Layer("trunk", SECOND, capsule(x, y, 0.0, -0.95, p.lean, top + 0.3, 1.35 * p.trunk, 0.6 * p.trunk))
    yield Layer("branches", SECOND, branch)
    yield Layer("crown", MAIN, crown)
    yield Layer("fruit", LIGHT, fruit)
