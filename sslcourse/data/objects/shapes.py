"""Signed distances to simple shapes: negative inside, in the units of the coordinates.

`x` and `y` (or `u` and `v` in a turned frame) are `B,N`; every other argument is a number or `B,1`. Outside the corners
of `box` and `polygon` the value is a lower bound of the distance; it is exact where it matters, at the outline and
inside. After Inigo Quilez, "2D distance functions". Few passes over memory: their speed is the renderer's.
"""

import functools

import torch
from torch import Tensor

Number = float | Tensor


def frame(x: Tensor, y: Tensor, center_x: Number, center_y: Number, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates in a frame at (center_x, center_y) turned by `angle` (radians, counter-clockwise)."""
    c, s = torch.cos(angle), torch.sin(angle)
    u = (x * c).addcmul_(y, s).sub_(center_x * c + center_y * s)
    v = (y * c).addcmul_(x, s, value=-1).sub_(center_y * c - center_x * s)
    return u, v


def circle(x: Tensor, y: Tensor, center_x: Number, center_y: Number, radius: Number) -> Tensor:
    """Distance to a disc.

    >>> circle(torch.tensor([[3.0]]), torch.tensor([[4.0]]), 0.0, 0.0, 1.0).item()
    4.0
    """
    dx, dy = x - center_x, y - center_y
    return dx.mul_(dx).addcmul_(dy, dy).sqrt_().sub_(radius)


def ring(x: Tensor, y: Tensor, center_x: Number, center_y: Number, radius: Number, half_width: Number) -> Tensor:
    """Distance to a circle drawn with a pen of the given half width."""
    return circle(x, y, center_x, center_y, radius).abs_().sub_(half_width)


def ellipse(u: Tensor, v: Tensor, a: Number, b: Number) -> Tensor:
    """First-order distance to an ellipse with half axes `a` (along u) and `b`."""
    p, q = u / a, v / b
    length = (p * p).addcmul_(q, q).add_(1e-8).sqrt_()
    p, q = p.div_(a), q.div_(b)
    slope = p.mul_(p).addcmul_(q, q).add_(1e-8 / (a * b)).sqrt_()  # at the centre both vanish: their ratio must not
    return (length - 1).mul_(length).div_(slope)


def capsule(
    x: Tensor, y: Tensor, x0: Number, y0: Number, x1: Number, y1: Number, radius0: Number, radius1: Number | None = None
) -> Tensor:
    """Distance to a stroke from (x0, y0) to (x1, y1), its half width going from `radius0` to `radius1`."""
    ex, ey = x1 - x0, y1 - y0
    norm = 1.0 / (ex * ex + ey * ey + 1e-9)
    px, py = x - x0, y - y0
    along = (px * (ex * norm)).add_(py * (ey * norm)).clamp_(0, 1)
    px, py = px.sub_(along * ex), py.sub_(along * ey)
    distance = px.mul_(px).addcmul_(py, py).sqrt_().sub_(radius0)
    return distance if radius1 is None else distance.sub_(along.mul_(radius1 - radius0))


def box(u: Tensor, v: Tensor, half_width: Number, half_height: Number) -> Tensor:
    """Distance to a box centred on the origin."""
    return torch.maximum(u.abs().sub_(half_width), v.abs().sub_(half_height))


def round_box(u: Tensor, v: Tensor, half_width: Number, half_height: Number, radius: Number) -> Tensor:
    """Exact distance to a box with rounded corners."""
    qu, qv = u.abs().sub_(half_width - radius), v.abs().sub_(half_height - radius)
    inside = torch.maximum(qu, qv).clamp_(max=0)
    qu, qv = qu.clamp_(min=0), qv.clamp_(min=0)
    return qu.mul_(qu).addcmul_(qv, qv).sqrt_().add_(inside).sub_(radius)


def line(x: Tensor, y: Tensor, x0: Number, y0: Number, x1: Number, y1: Number) -> Tensor:
    """Signed distance to the line through two points: negative on the left of the way from the first to the second."""
    ex, ey = x1 - x0, y1 - y0
    norm = (ex * ex + ey * ey) ** -0.5
    nx, ny = ey * norm, -ex * norm
    return (x * nx).add_(y * ny).sub_(x0 * nx + y0 * ny)


def polygon(x: Tensor, y: Tensor, corners: list[tuple[Number, Number]]) -> Tensor:
    """Distance to a convex polygon whose corners are given counter-clockwise (y upwards)."""
    return common(*(line(x, y, *a, *b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)))


def union(first: Tensor, *others: Tensor) -> Tensor:
    """What lies in any of the shapes."""
    return functools.reduce(torch.minimum, others, first)


def common(first: Tensor, *others: Tensor) -> Tensor:
    """What lies in all of the shapes."""
    return functools.reduce(torch.maximum, others, first)
