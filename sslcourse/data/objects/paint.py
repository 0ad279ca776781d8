"""From factors to colours: palettes, one object's layers flattened and shaded, its shadow."""

import math
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .backgrounds import plane
from .drawing import Drawing, Layer
from .shapes import frame, union

BEVEL = 0.12  # how far the rounding of a part reaches inwards, in the drawing's units
COARSE = 20  # side of the grid on which an object's box is found


class Painted(NamedTuple):
    """One object on the picture's grid.

    Premultiplied colour `B,3,N`, opacity `B,N`, light on the relief `B,N`, part numbers uint8 `B,N`, signed distance
    `B,N` in half sides of the picture.
    """

    color: Tensor
    alpha: Tensor
    shade: Tensor
    parts: Tensor
    distance: Tensor


def hsl(hue: Tensor, saturation: Tensor, lightness: Tensor) -> Tensor:
    """RGB in [0, 1] on a new last axis, from three tensors in [0, 1].

    >>> hsl(torch.tensor(0.0), torch.tensor(1.0), torch.tensor(0.5)).tolist()
    [1.0, 0.0, 0.0]
    """
    amplitude = saturation * torch.minimum(lightness, 1 - lightness)
    channels = []
    for offset in (0, 8, 4):
        k = (offset + 12 * hue) % 12
        channels.append(lightness - amplitude * torch.minimum(k - 3, 9 - k).clamp(-1, 1))
    return torch.stack(channels, dim=-1)


def palette(hue: Tensor, saturation: Tensor, lightness: Tensor, numbers: Tensor, richest: float = 1.0) -> Tensor:
    """`B,5,3`: the colours of MAIN, SECOND, THIRD, LIGHT, DARK, from a main colour and uniform `numbers` `B,8`.

    No colour is more saturated than `richest`.
    """
    n = numbers.unbind(1)
    away = torch.where(lightness > 0.5, -1.0, 1.0)
    colors = (
        hsl(hue, saturation, lightness),
        hsl((hue + 0.12 + 0.76 * n[0]) % 1, richest * (0.3 + 0.7 * n[1]), lightness + away * (0.16 + 0.2 * n[2])),
        hsl((hue + n[3]) % 1, richest * (0.3 + 0.7 * n[4]), lightness - away * 0.12 * n[5] + away * 0.28 * (1 - n[5])),
        hsl(n[6], 0.5 * richest * n[1], 0.86 + 0.1 * n[7]),
        hsl(n[7], 0.6 * richest * n[4], 0.08 + 0.1 * n[6]),
    )
    return torch.stack(colors, dim=1).clamp_(0.03, 0.97)


def box_of(
    drawing: Drawing, shape: SimpleNamespace, c: Tensor, s: Tensor, mirror: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Left, right, bottom, top (`B,1`, the drawing's units) of the turned and mirrored object.

    A point at signed distance d from a shape proves that the shape reaches at least -d beyond the point in every
    direction; the greatest such bound over a coarse grid is the box. Unlike a box of pixels it is continuous in
    every parameter, so rounding on another platform cannot make it jump.
    """
    x, y = plane(COARSE, c.device)
    x, y = 1.3 * x.expand(len(c), -1), 1.3 * y.expand(len(c), -1)
    distance = union(*(layer.distance for layer in drawing.draw(x, y, shape)))
    slack = torch.where(distance > 0, 2.0 * distance, distance)
    across, up = mirror * x * c - y * s, mirror * x * s + y * c
    right, left = (across - slack).amax(1, keepdim=True), -(-across - slack).amax(1, keepdim=True)
    top, bottom = (up - slack).amax(1, keepdim=True), -(-up - slack).amax(1, keepdim=True)
    return left, right, bottom, top


def paint(
    drawing: Drawing, shape: SimpleNamespace, colors: Tensor, rotation: Tensor, flip: Tensor, extent: Tensor,
    center: Tensor, light: Tensor, size: int,
    room: tuple[Tensor, Tensor] | None = None,
) -> Painted:  # fmt: skip
    """Draw one object a picture.

    `extent` `B` is its longest side in sides of the picture, `center` `B,2` in [-1, 1] its place in `room` (centre
    `B,2` and half side `B,1`, in half sides of the picture; None is the whole picture).
    """
    angle = rotation[:, None] * (math.pi / 180)
    c, s = torch.cos(angle), torch.sin(angle)
    mirror = torch.where(flip, -1.0, 1.0)[:, None]
    left, right, bottom, top = box_of(drawing, shape, c, s, mirror)
    width, height = right - left, top - bottom
    scale = 2 * extent[:, None] / torch.maximum(width, height)
    middle_x, middle_y, half = (0.0, 0.0, 1.0) if room is None else (room[0][:, :1], room[0][:, 1:], room[1])
    place_x = middle_x + center[:, :1] * (half - 0.5 * scale * width).clamp(min=0) - 0.5 * scale * (left + right)
    place_y = middle_y + center[:, 1:] * (half - 0.5 * scale * height).clamp(min=0) - 0.5 * scale * (bottom + top)
    x, y = plane(size, c.device)
    u, v = frame(x, y, place_x, place_y, angle)
    layers = list(drawing.draw(u.mul_(mirror / scale), v.mul_(1 / scale), shape))
    return flatten(layers, drawing, colors, scale, light, size)


def flatten(layers: list[Layer], drawing: Drawing, colors: Tensor, scale: Tensor, light: Tensor, size: int) -> Painted:
    """Lay the layers over each other (back to front) and light their relief."""
    sharpness = scale * (0.5 * size)  # pixels in one of the drawing's units
    distance = union(*(layer.distance for layer in layers))
    parts = torch.zeros_like(distance, dtype=torch.uint8)
    for layer in layers:
        parts.masked_fill_(layer.distance < 0, 1 + drawing.parts.index(layer.part))
    seen, weights, height = None, [], None
    for layer in reversed(layers):
        weight = (layer.distance * -sharpness).add_(0.5).clamp_(0, 1)
        rise = (layer.distance * (-1 / BEVEL)).clamp_(0, 1)
        if seen is None:
            seen = 1 - weight
        else:
            weight.mul_(seen)
            seen.sub_(weight)
        weights.append(weight)
        rise.mul_(2 - rise).mul_(weight)
        height = rise if height is None else height.add_(rise)
    roles = torch.tensor([layer.role for layer in reversed(layers)], device=distance.device)
    color = torch.bmm(colors[:, roles].transpose(1, 2), torch.stack(weights, dim=1))  # B,3,N
    shade = relief(height, sharpness, light, size)
    return Painted(color.mul_(shade[:, None]), 1 - seen, shade, parts, distance.mul_(scale))


def light_direction(light: Tensor) -> tuple[Tensor, Tensor]:
    """Where the light comes from, in the picture's plane: from above, `light` 0 rather right, 1 rather left."""
    angle = math.pi * (0.15 + 0.7 * light[:, None])
    return torch.cos(angle), torch.sin(angle)


def relief(height: Tensor, sharpness: Tensor, light: Tensor, size: int) -> Tensor:
    """Brightness `B,N` of a surface of the given height (in bevels): its gradient is that of the distance field."""
    picture = height.view(-1, size, size)
    padded = F.pad(picture[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    slope = (0.35 * BEVEL * sharpness).clamp(max=3.0)
    gx = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]).flatten(1).mul_(-slope)
    gy = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]).flatten(1).mul_(slope)  # rows run downwards
    lx, ly = light_direction(light)
    facing = (gx * lx).addcmul_(gy, ly).add_(1.0)
    facing.mul_(gx.mul_(gx).addcmul_(gy, gy).add_(1.0).rsqrt_()).clamp_(min=0)  # sqrt(2) times the cosine
    gloss = facing.square().square_().square_().mul_(0.012)
    return gloss.add_(facing, alpha=0.55).add_(height.clamp(max=0.5), alpha=0.24).add_(0.32)


def shadow_of(distance: Tensor, light: Tensor, extent: Tensor, size: int) -> Tensor:
    """How much light the object takes from the background, `B,N` in [0, 1]: its distance field, shifted, made soft."""
    lx, ly = light_direction(light)
    reach = 0.14 * extent[:, None]
    shift = torch.cat((lx, -ly), dim=1) * reach
    grid = torch.stack(torch.broadcast_tensors(*plane(size, distance.device)), dim=-1).view(1, size, size, 2)
    grid = grid * grid.new_tensor([1.0, -1.0]) + shift[:, None, None]
    field = F.grid_sample(distance.view(-1, 1, size, size), grid, padding_mode="border", align_corners=False)
    soft = 0.16 * extent[:, None]
    depth = (field.flatten(1) / -soft).add_(0.5).clamp_(0, 1)
    return depth * depth * (3 - 2 * depth)
