"""Backgrounds in three families, each made of two standardised fields: a tone and a tint.

Every style gives two fields of mean 0 and variance 1 per picture, so the families have the same contrast. What is left
to choose (how much the cells of a style differ, how light falls across them) makes their mean entropy equal.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from .hashing import uniform
from .shapes import union

LEAVES = 48
CLUTTER_AT_ONCE = 1 << 14  # pixels; each has LEAVES numbers, which should stay in a processor's cache


def plane(size: int, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Pixel centres: x to the right and y upwards, float32 `1,size*size` each, in (-1, 1)."""
    step = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * (2.0 / size) - 1.0
    return step.repeat(size)[None], (-step).repeat_interleave(size)[None]


def fields(style: int, keys: Tensor, size: int) -> Tensor:
    """Tone and tint of one style for each key: float32 `B,2,size*size`, mean 0 and variance 1 over each picture."""
    family = STYLES[STYLE_NAMES[style]]
    draw = DRAW[family][STYLE_NAMES[style]]
    at_once = max(1, CLUTTER_AT_ONCE // size**2 if family == "clutter" else len(keys))
    values = torch.cat([draw(part, size) for part in keys.split(at_once)])  # B,2,N
    values = values - values.mean(dim=2, keepdim=True)
    return values.mul_(values.square().mean(dim=2, keepdim=True).add_(1e-6).rsqrt_())


# --- regular ---------------------------------------------------------------------------------------------------------


def lattice(keys: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A turned, scaled, shifted grid: coordinates u, v `B,N` (one unit a cell), a pixel's size in cells, a slope."""
    x, y = plane(size, keys.device)
    number = uniform(keys, "lattice", 6)[:, :, None].unbind(1)  # six of B,1
    frequency = 2.2 * 2.0 ** (1.3 * number[0])
    angle = math.pi * number[1]
    c, s = torch.cos(angle) * frequency, torch.sin(angle) * frequency
    u = (x * c).addcmul_(y, s).add_(4 * number[2])
    v = (y * c).addcmul_(x, s, value=-1).add_(4 * number[3])
    light = 2 * math.pi * number[4]
    slope = (x * torch.cos(light)).addcmul_(y, torch.sin(light))
    return u, v, frequency * (2.0 / size), slope


def table(keys: Tensor, name: str, cells: Tensor) -> Tensor:
    """A number in [0, 1) for each cell: `cells` holds whole numbers as floats, `B,N`."""
    return uniform(keys, name, 64).gather(1, cells.to(torch.int64).remainder_(64))


def square_wave(u: Tensor, pixel: Tensor) -> Tensor:
    """+1 on cells centred at even whole numbers, -1 on odd ones, antialiased."""
    return (u * 0.5 - torch.round(u * 0.5)).abs_().mul_(-2).add_(0.5).div_(pixel).clamp_(-1, 1)


def draw_stripes(keys: Tensor, size: int) -> Tensor:
    u, _v, pixel, slope = lattice(keys, size)
    wave, cell = square_wave(u, pixel), torch.round(u)
    tone = wave * table(keys, "stripe tone", cell).mul_(1.3).add_(0.25)
    return torch.stack((tone.add_(slope, alpha=0.5), wave * table(keys, "stripe tint", cell).sub_(0.3)), dim=1)


def draw_checks(keys: Tensor, size: int) -> Tensor:
    u, v, pixel, slope = lattice(keys, size)
    wave = square_wave(u, pixel).mul_(square_wave(v, pixel))
    cell = torch.round(u).mul_(7).add_(torch.round(v))
    tone = wave * table(keys, "check tone", cell).mul_(1.3).add_(0.25)
    return torch.stack((tone.add_(slope, alpha=0.5), wave * table(keys, "check tint", cell).sub_(0.3)), dim=1)


def draw_bricks(keys: Tensor, size: int) -> Tensor:
    u, v, pixel, slope = lattice(keys, size)
    row = torch.round(v)
    u = u * 0.5 + 0.5 * torch.remainder(row, 2.0)
    column = torch.round(u)
    inside = torch.minimum((v - row).abs_().mul_(-1), (u - column).abs_().mul_(-2).add_(0.5)).add_(0.5 - 0.07)
    inside = inside.div_(pixel).clamp_(0, 1)
    cell = row * 5 + column
    tone = inside * table(keys, "brick tone", cell).mul_(1.4).add_(0.4)
    return torch.stack((tone.add_(slope, alpha=0.5), inside * table(keys, "brick tint", cell)), dim=1)


def draw_dots(keys: Tensor, size: int) -> Tensor:
    u, v, pixel, slope = lattice(keys, size)
    row, column = torch.round(v), torch.round(u)
    radius = 0.27 + 0.15 * uniform(keys, "dot radius", 1)
    u, v = u - column, v - row
    inside = u.mul_(u).addcmul_(v, v).sqrt_().sub_(radius).div_(pixel).mul_(-1).add_(0.5).clamp_(0, 1)
    cell = row * 9 + column
    tone = inside * table(keys, "dot tone", cell).mul_(1.5).add_(0.5)
    return torch.stack((tone.add_(slope, alpha=0.6), inside * table(keys, "dot tint", cell).add_(0.2)), dim=1)


def draw_weave(keys: Tensor, size: int) -> Tensor:
    u, v, pixel, slope = lattice(keys, size)
    row, column = torch.round(v), torch.round(u)
    over = square_wave(u, pixel).mul_(square_wave(v, pixel)).mul_(0.5).add_(0.5)
    across = (v - row).square_().mul_(-4).add_(table(keys, "weft tone", row))
    along = (u - column).square_().mul_(-4).add_(table(keys, "warp tone", column)).sub_(0.3)
    tint = torch.lerp(table(keys, "warp tint", column), table(keys, "weft tint", row) + 0.4, over)
    return torch.stack((torch.lerp(along, across, over).add_(slope, alpha=0.2), tint), dim=1)


# --- natural ---------------------------------------------------------------------------------------------------------


def spline_matrix(size: int, cells: int, device: torch.device | str) -> Tensor:
    """`size, cells + 3` weights of a cubic B-spline with `cells` cells across the picture."""
    position = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * (cells / size)
    cell = position.floor()
    t = (position - cell)[:, None]
    cubics = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    weights = torch.cat(cubics, dim=1) / 6.0
    matrix = torch.zeros(size, cells + 3, device=device)
    return matrix.scatter_(1, cell.to(torch.int64)[:, None] + torch.arange(4, device=device), weights)


def octaves(keys: Tensor, name: str, size: int, count: int) -> Tensor:
    """`B,count,size,size` of 1/f noise: octaves of smooth noise, each of 0.6 times the amplitude of the one before."""
    total: Tensor | None = None
    cells, amplitude = 2, 1.0
    while cells <= 32:
        matrix = spline_matrix(size, cells, keys.device)
        grid = uniform(keys, f"{name} {cells}", count * (cells + 3) ** 2).view(-1, count, cells + 3, cells + 3)
        octave = (matrix @ grid.sub_(0.5)) @ (matrix.T * amplitude)
        total = octave if total is None else total.add_(octave)
        cells, amplitude = cells * 2, amplitude * 0.6
    return total


def draw_noise(keys: Tensor, size: int) -> Tensor:
    return octaves(keys, "noise", size, 2).flatten(2)


def draw_gradient(keys: Tensor, size: int) -> Tensor:
    x, y = plane(size, keys.device)
    number = uniform(keys, "gradient", 6)[:, :, None].unbind(1)
    x, y = x - (2.4 * number[0] - 1.2), y - (2.4 * number[1] - 1.2)
    radial = (x * x).addcmul_(y, y).sqrt_()
    linear = (x * torch.cos(6.28 * number[2])).addcmul_(y, torch.sin(6.28 * number[2]))
    noise = octaves(keys, "haze", size, 2).flatten(2)
    tone = torch.lerp(radial, linear, number[3]).add_(noise[:, 0], alpha=1.0)
    return torch.stack((tone, noise[:, 1] + 0.5 * linear), dim=1)


def draw_horizon(keys: Tensor, size: int) -> Tensor:
    _x, y = plane(size, keys.device)
    number = uniform(keys, "horizon", 4)[:, :, None].unbind(1)
    noise = octaves(keys, "land", size, 3)
    hills = noise[:, 2, size // 2].repeat(1, size)  # one row of noise is the skyline
    level = 1.2 * number[0] - 0.6
    below = (level + 0.7 * hills - y).mul_(0.5 * size).add_(0.5).clamp_(0, 1)
    sky, land = noise[:, 0].flatten(1), noise[:, 1].flatten(1)
    tone = torch.lerp(sky * 0.7 + 0.35 * y, land * 1.6 - 0.5 - 0.4 * y, below)
    return torch.stack((tone, below - 0.5 + 0.8 * land), dim=1)


# --- clutter ---------------------------------------------------------------------------------------------------------


def leaf_places(keys: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centres, radii (many small, few large, the last ones large to fill the plane) and angles: `B,K` each."""
    number = uniform(keys, "leaves", 4 * LEAVES).view(-1, 4, LEAVES)
    small, large = 0.13, 0.6
    radius = 1.0 / (1 / large**2 + number[:, 2] * (1 / small**2 - 1 / large**2)).sqrt()  # density of radius ~ r^-3
    behind = torch.arange(LEAVES, device=keys.device) >= LEAVES - 12
    radius = torch.where(behind, 0.5 + 0.3 * number[:, 2], radius)
    return 2.3 * number[:, 0] - 1.15, 2.3 * number[:, 1] - 1.15, radius, 2 * math.pi * number[:, 3]


def pile(keys: Tensor, cover: Tensor, size: int) -> Tensor:
    """Tone and tint `B,2,N` of leaves lying on each other, the first on top; `cover` is their opacity `B,K,N`.

    Each leaf is tilted in the light: flat ones would have few grey values, and less entropy than the other families.
    """
    seen = torch.ones_like(cover[:, 0])
    for leaf in cover.unbind(1):  # opacity -> share of the pixel in which the leaf is the topmost
        leaf.mul_(seen)
        seen.sub_(leaf)
    cx, cy, radius, _ = leaf_places(keys)
    number = uniform(keys, "leaf tones", 4 * LEAVES).view(-1, 4, LEAVES)
    slope_x, slope_y = (0.8 * (number[:, row] - 0.5) / radius.clamp(min=0.25) for row in (2, 3))
    level = number[:, 0] - slope_x * cx - slope_y * cy
    tone, tint, across, up = torch.bmm(torch.stack((level, number[:, 1], slope_x, slope_y), dim=1), cover).unbind(1)
    x, y = plane(size, keys.device)
    return torch.stack((tone + across.mul_(x) + up.mul_(y), tint), dim=1)


def draw_ellipses(keys: Tensor, size: int, shortest: float) -> Tensor:
    """Elliptic leaves: each covers where a quadratic in (x, y) is positive, so all at once are one matrix product."""
    x, y = plane(size, keys.device)
    cx, cy, radius, angle = leaf_places(keys)
    ratio = shortest + (1 - shortest) * uniform(keys, "leaf ratio", LEAVES)
    a, b = radius / ratio.sqrt(), radius * ratio.sqrt()
    c, s = torch.cos(angle), torch.sin(angle)
    xx, yy = (c / a) ** 2 + (s / b) ** 2, (s / a) ** 2 + (c / b) ** 2
    xy = 2 * c * s * (1 / a**2 - 1 / b**2)
    sharpness = 0.25 * b * size  # half the distance over which the quadratic passes 0, in pixels
    constant = 1 - xx * cx**2 - yy * cy**2 - xy * cx * cy
    rows = (-xx, -yy, -xy, 2 * xx * cx + xy * cy, 2 * yy * cy + xy * cx, constant)
    coefficients = torch.stack(rows, dim=2) * sharpness[:, :, None]
    coefficients[:, :, 5] += 0.5
    basis = torch.cat((x * x, y * y, x * y, x, y, torch.ones_like(x)))  # 6,N
    return pile(keys, (coefficients @ basis).clamp_(0, 1), size)


def draw_shards(keys: Tensor, size: int) -> Tensor:
    """Triangles: the least of three linear functions."""
    x, y = plane(size, keys.device)
    cx, cy, radius, angle = leaf_places(keys)
    basis = torch.cat((x, y, torch.ones_like(x)))  # 3,N
    skew = 0.5 * uniform(keys, "shard skew", 3 * LEAVES).view(-1, 3, LEAVES)
    edges = []
    for side in range(3):
        direction = angle + side * (2 * math.pi / 3) + skew[:, side]
        nx, ny = torch.cos(direction), torch.sin(direction)
        offset = nx * cx + ny * cy + 0.75 * radius
        edges.append(torch.stack((-nx, -ny, offset), dim=2) * (0.5 * size) @ basis)
    return pile(keys, union(*edges).add_(0.5).clamp_(0, 1), size)


DRAW: dict[str, dict[str, Callable[[Tensor, int], Tensor]]] = {
    "regular": {
        "stripes": draw_stripes, "checks": draw_checks, "bricks": draw_bricks, "dots": draw_dots, "weave": draw_weave,
    },
    "natural": {"noise": draw_noise, "gradient": draw_gradient, "horizon": draw_horizon},
    "clutter": {
        "discs": partial(draw_ellipses, shortest=0.8), "leaves": partial(draw_ellipses, shortest=0.25),
        "shards": draw_shards,
    },
}  # fmt: skip
FAMILIES = tuple(DRAW)
STYLES = {style: family for family, styles in DRAW.items() for style in styles}  # the family of each style
STYLE_NAMES = tuple(STYLES)
STYLES_OF = {family: [STYLE_NAMES.index(style) for style in styles] for family, styles in DRAW.items()}
