"""Indices in, pictures out."""

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm.auto import tqdm

from .backgrounds import fields, plane
from .classes import DRAWINGS
from .drawing import Drawing
from .factors import draw_factors
from .hashing import image_keys, uniform
from .paint import Painted, hsl, paint, palette, shadow_of
from .settings import PLAIN, Difficulty, Variant, find_difficulty

# Of one class or style: larger temporaries cost memory, smaller ones calls (measured on two cores).
PIXELS_AT_ONCE = 1 << 20
SIZES = (32, 224)


@dataclass(frozen=True)
class Scene:
    """Rendered pictures and all that is known of them.

    Shapes: `images` uint8 `B,3,H,W`; `labels` int64 `B`; `mask` bool `B,H,W`, the visible objects; `parts` uint8
    `B,H,W`, 0 for background and 1.. for the parts in `PARTS[class]`; `instances` uint8 `B,H,W`, which object (1 is the
    labelled one). `factors` holds one tensor of first dimension B for each factor.
    """

    images: Tensor
    labels: Tensor
    mask: Tensor
    parts: Tensor
    instances: Tensor
    factors: dict[str, Tensor]


@torch.no_grad()
def render(
    indices: Tensor,
    *,
    split: str = "train",
    seed: int = 0,
    size: int = 64,
    difficulty: str | Difficulty = "default",
    variant: Variant = PLAIN,
    device: torch.device | str = "cpu",
    progress: bool = False,
) -> Scene:
    """Render the pictures at `indices` (int64 `B`) of a split, `size` pixels a side, on `device`.

    A picture depends on (seed, split, index, difficulty, variant) only, not on the rest of the batch. Raises ValueError
    for an unknown split or difficulty or a size outside 32..224.

    >>> scene = render(torch.arange(2), size=32)
    >>> tuple(scene.images.shape), scene.mask.dtype, scene.labels.dtype
    ((2, 3, 32, 32), torch.bool, torch.int64)
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"size must lie in {SIZES[0]}..{SIZES[1]} pixels; got {size}")
    indices = torch.as_tensor(indices, dtype=torch.int64).to(device)
    if indices.ndim != 1:
        raise ValueError(f"indices must be one-dimensional; got shape {tuple(indices.shape)}")
    settings = find_difficulty(difficulty)
    factors = draw_factors(indices, split, seed, settings, variant)
    keys = image_keys(indices, split, seed)
    shape = (len(indices), size, size)
    images = torch.empty(len(indices), 3, size, size, dtype=torch.uint8, device=device)
    parts = torch.empty(shape, dtype=torch.uint8, device=device)
    instances = torch.empty(shape, dtype=torch.uint8, device=device)
    block = max(1, 8 * PIXELS_AT_ONCE // size**2)
    with tqdm(total=len(indices), unit="image", desc=f"objects {split}", disable=not progress) as bar:
        for start in range(0, len(indices), block):
            rows = slice(start, start + block)
            piece = {name: value[rows] for name, value in factors.items()}
            images[rows], parts[rows], instances[rows] = render_block(keys[rows], piece, size, settings, variant)
            bar.update(len(keys[rows]))
    return Scene(images, factors["label"], instances > 0, parts, instances, factors)


def groups(values: Tensor, size: int) -> list[tuple[int, Tensor]]:
    """(value, rows) for each value, the rows in chunks that fit the cache."""
    chunk = max(1, PIXELS_AT_ONCE // size**2)
    found = []
    for value in values.unique().tolist():
        found += [(value, rows) for rows in (values == value).nonzero()[:, 0].split(chunk)]
    return found


def render_block(keys, factors, size, difficulty, variant) -> tuple[Tensor, Tensor, Tensor]:
    """Images, parts and instances of one block of pictures."""
    canvas = paint_backgrounds(keys, factors, size, difficulty, "")
    cloth = paint_backgrounds(keys, factors, size, difficulty, "cloth ") if variant.camouflage else None
    parts = torch.zeros(len(keys), size * size, dtype=torch.uint8, device=keys.device)
    instances = torch.zeros_like(parts)
    for slot in reversed(range(variant.objects_per_image)):
        for label, rows in groups(factors["labels"][:, slot], size):
            painted, extent = paint_object(DRAWINGS[label], rows, slot, keys, factors, size, difficulty, variant)
            light, dark = factors["light"][rows], factors["shadow"][rows][:, None]
            below = canvas[rows] * (1 - dark * shadow_of(painted.distance, light, extent, size))[:, None]
            color = painted.color
            if cloth is not None:
                color = cloth[rows] * (painted.shade * painted.alpha)[:, None]
            canvas[rows] = below.mul_(1 - painted.alpha[:, None]).add_(color)
            inside = painted.parts > 0
            parts[rows] = torch.where(inside, painted.parts, parts[rows])
            instances[rows] = torch.where(inside, slot + 1, instances[rows]).to(torch.uint8)
    if variant.occluder_share > 0:
        occlude(canvas, parts, instances, keys, factors, size)
    images = canvas.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
    shape = (len(keys), size, size)
    return images.view(-1, 3, size, size), parts.view(shape), instances.view(shape)


def paint_backgrounds(keys: Tensor, factors: dict[str, Tensor], size: int, difficulty: Difficulty, salt: str) -> Tensor:
    """float32 `B,3,N`. Another `salt` gives another cloth of the same style and colours."""
    canvas = torch.empty(len(keys), 3, size * size, device=keys.device)
    if salt:
        keys = torch.stack([(keys[:, 0] ^ 0x5EED5), keys[:, 1]], dim=1)
    base = hsl(factors["background_hue"], factors["background_saturation"], factors["background_brightness"])
    hue = factors["background_tint"]
    tint = hsl(hue, torch.ones_like(hue), torch.full_like(hue, 0.5))
    tint = tint - (tint @ tint.new_tensor([0.299, 0.587, 0.114]))[:, None]  # no luminance of its own
    tint = tint * (2.0 * difficulty.background_color)
    directions = torch.stack((torch.ones_like(base), tint), dim=2) * difficulty.background_contrast  # B,3,2
    for style, rows in groups(factors["style"], size):
        values = fields(style, keys[rows], size)
        canvas[rows] = torch.baddbmm(base[rows][:, :, None], directions[rows], values)
    return canvas.clamp_(0, 1)


def paint_object(
    drawing: Drawing, rows: Tensor, slot: int, keys, factors, size: int, difficulty: Difficulty, variant: Variant
) -> tuple[Painted, Tensor]:
    """The object in `slot` of the pictures at `rows`, all of one class, and its extents."""
    prefix = "" if slot == 0 else f"object_{slot + 1}_"
    pose = {name: factors[prefix + name][rows] for name in ("shape", "rotation", "flip", "size", "position")}
    numbers = uniform(keys[rows], f"palette {slot}", 10)
    if slot == 0:
        main = (factors["hue"][rows], factors["saturation"][rows])
    else:
        main = (numbers[:, 8], difficulty.object_color * numbers[:, 9])
    colors = palette(*main, factors["brightness"][rows], numbers[:, :8], difficulty.object_color)
    extent, room = pose["size"], None
    if variant.objects_per_image > 1:
        extent = extent * (0.62 if variant.objects_per_image == 2 else 0.52)
        room = room_of(slot, variant.objects_per_image, uniform(keys[rows], "layout", 1))
    shape = drawing.shape(pose["shape"], difficulty.articulation)
    light = factors["light"][rows]
    painted = paint(drawing, shape, colors, pose["rotation"], pose["flip"], extent, pose["position"], light, size, room)
    return painted, extent


def room_of(slot: int, count: int, number: Tensor) -> tuple[Tensor, Tensor]:
    """Where the object in `slot` of `count` may lie: centre `B,2` and half side `B,1`, around a turned ring."""
    angle = 6.2832 * (number + slot / count)
    reach, half = (0.5, 0.5) if count == 2 else (0.53, 0.47)
    return torch.cat((reach * torch.cos(angle), reach * torch.sin(angle)), dim=1), torch.full_like(number, half)


def occlude(
    canvas: Tensor, parts: Tensor, instances: Tensor, keys: Tensor, factors: dict[str, Tensor], size: int
) -> None:
    """Lay an ellipse of a colour of its own before the first object where the factor `occluder` is set, in place."""
    x, y = plane(size, keys.device)
    across, up, wide, tall, hue = (column[:, None] for column in factors["occluder_box"].unbind(1))
    extent = factors["size"][:, None]
    cx, cy = (factors["position"] * (1 - extent)).split(1, dim=1)
    a, b = extent * (0.22 + 0.3 * wide), extent * (0.22 + 0.3 * tall)
    p, q = (x - cx - extent * (across - 0.5)) / a, (y - cy - extent * (up - 0.5)) / b
    inside = (1 - p * p - q * q).mul_(0.25 * size * torch.minimum(a, b)).add_(0.5).clamp_(0, 1)
    inside = inside * factors["occluder"][:, None]
    color = hsl(hue, torch.full_like(hue, 0.5), factors["background_brightness"][:, None])[:, 0, :, None]  # B,3,1
    canvas.lerp_(color.expand_as(canvas), inside[:, None].expand_as(canvas))
    hidden = inside > 0.5
    parts.masked_fill_(hidden, 0)
    instances.masked_fill_(hidden, 0)
