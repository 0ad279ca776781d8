"""The random half of augmentation: uniform numbers become draws, those of all kinds of views at once.

A host launches a kernel for each step, whatever its size. So the numbers of all views come in one call and stand in one
table with a column for each view, and each step is taken once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from sslcourse.data.draws import Augmentation, Draws
from sslcourse.kept import kept

ATTEMPTS = 10  # boxes tried before the largest centred one is taken, as torchvision's RandomResizedCrop
JITTER = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}  # by each of them nothing is changed
STEPS = (*JITTER, "order", "grayscale")
# The numbers of a kind of views, as they are drawn: under which probability they are there at all, and how many a view
# has: so many apart from each other, each with so many beside it.
NUMBERS = {
    "sides": (None, 2, ATTEMPTS),
    "corner": (None, 1, 2),
    "flip": (None, 1, 1),
    "color": ("color", 1, 1),
    "jitter": ("color", len(JITTER), 1),
    "order": ("color", 1, len(JITTER)),
    "grayscale": ("grayscale", 1, 1),
    "blur": ("blur", 1, 1),
    "sigma": ("blur", 1, 1),
    "solarize": ("solarize", 1, 1),
}
# The table has first the numbers that say whether something happens, one row each, then those that say what happens.
CHANCES, VALUES = ("flip", "color", "grayscale", "blur", "solarize"), ("sides", "corner", "jitter", "order", "sigma")
ROWS = [len(CHANCES), *(math.prod(NUMBERS[name][1:]) for name in VALUES)]
Kind = tuple[Augmentation, int]  # settings, and how many views are made with them


def draw(
    settings: Augmentation,
    count: int,
    height: int,
    width: int,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Draws:
    """Draw one view of each of `count` images of `height` x `width` pixels.

    The numbers are drawn on the generator's device (CPU without one) and then moved to `device`, so that the same CPU
    generator gives the same views on any device.

    >>> draw(Augmentation(size=8), 4, 16, 16, torch.Generator().manual_seed(0)).boxes.shape
    torch.Size([4, 4])
    """
    (draws,), steps = draw_groups([[(settings, count)]], height, width, generator, device)
    return replace(draws, **steps)


def draw_groups(
    groups: Sequence[Sequence[Kind]],
    height: int,
    width: int,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> tuple[list[Draws], dict[str, Tensor]]:
    """What `draw` gives for one kind of views after the other, but for colours; those of a group are joined.

    The kinds of a group have one size and one radius of the blur. Apart from that, by name, what `color.color_maps`
    takes for the views of all groups; a step that no kind has is left out.
    """
    source = generator.device if generator is not None else torch.device("cpu")
    kinds = [kind for group in groups for kind in group]
    plan = _plan(tuple(kinds), height, width, source)
    uniform = torch.rand(plan.count, generator=generator, device=source)
    table = uniform[plan.places].mul_(plan.span).add_(plan.low)
    chances, sides, corner, jitter, order, sigma = table.split(ROWS)
    flips, colored, grayscale, blurred, solarize = (chances < 0).unbind()

    drawn = {"boxes": _boxes(sides, corner, plan, height, width), "flips": flips}
    if _any(kinds, "color"):
        drawn |= zip(JITTER, torch.where(colored, jitter, plan.unchanged).unbind(), strict=True)
        drawn["order"] = order.argsort(dim=0).T
    if _any(kinds, "grayscale"):
        drawn["grayscale"] = grayscale
    if _any(kinds, "blur"):
        drawn["sigma"] = sigma[0] * blurred
    if _any(kinds, "solarize"):
        drawn["solarize"] = solarize
    whole = Draws(0, **drawn)
    whole = whole if device is None else whole.to(device)
    steps = {name: value for name in STEPS if (value := getattr(whole, name)) is not None}
    return list(_apart(whole, groups)), steps


def _any(kinds: Sequence[Kind], chance: str) -> bool:
    return any(getattr(settings, chance) > 0 for settings, _ in kinds)


def _apart(whole: Draws, groups: Sequence[Sequence[Kind]]) -> Iterator[Draws]:
    """The draws of each group without colours; None in place of what none of its kinds does."""
    counts = [sum(count for _, count in group) for group in groups]
    names = {"boxes": None, "flips": None, "sigma": "blur", "solarize": "solarize"}
    found = {name: value for name in names if (value := getattr(whole, name)) is not None}
    parts = {name: [value] if len(groups) == 1 else value.split(counts) for name, value in found.items()}
    for index, group in enumerate(groups):
        values = {name: each[index] for name, each in parts.items() if not names[name] or _any(group, names[name])}
        yield Draws(group[0][0].size, radius=group[0][0].blur_radius, **values)


def _boxes(sides: Tensor, corner: Tensor, plan: "_Plan", height: int, width: int) -> Tensor:
    """Boxes int64 `B,4`: area and log ratio uniform, tried ATTEMPTS times at once, the first that fits is taken."""
    area, ratio = sides.view(2, ATTEMPTS, -1).unbind()
    area, ratio = height * width * area, ratio.exp_()
    sides = torch.stack([area / ratio, area * ratio]).sqrt_().round_()  # 2,attempts,B: height and width
    fits = ((sides >= 1) & (sides <= plan.whole[:, :, None])).all(0)
    first = fits.int().argmax(dim=0, keepdim=True)
    sides = sides.gather(1, first.expand(2, 1, -1)).squeeze(1)  # 2,B
    fits = fits.any(0)
    sides = torch.where(fits, sides, plan.largest)  # none fits: a very long image
    spare = plan.whole - sides
    corner = (corner * (spare + 1)).floor_().minimum(spare)
    corner = torch.where(fits, corner, spare.div(2, rounding_mode="floor"))
    return torch.cat([corner, sides]).T.long()


class _Plan(NamedTuple):
    """How `count` uniform numbers become a table, whatever they are: N rows, and a column for each of the B views.

    `places` int64 `N,B`: which number stands where; `span`, `low` `N,B`: by what it is multiplied, and what is added.
    `whole` `2,1`: height and width of the image; `largest` `2,B`: of the largest box in it whose ratio is allowed;
    `unchanged` `4,1`: the jitter that changes nothing.
    """

    count: int
    places: Tensor
    span: Tensor
    low: Tensor
    whole: Tensor
    largest: Tensor
    unchanged: Tensor


@kept
def _plan(kinds: tuple[Kind, ...], height: int, width: int, device: torch.device) -> _Plan:
    count, places, ranges, boxes = 0, [], [], []
    for settings, views in kinds:
        rows = {}
        for name, (chance, apart, beside) in NUMBERS.items():
            here = torch.zeros(apart, views, beside, dtype=torch.int64)  # any number, where none decides anything
            if chance is None or getattr(settings, chance) > 0:
                here += torch.arange(count, count + here.numel()).view(here.shape)
                count += here.numel()
            rows[name] = here.transpose(1, 2).flatten(0, 1)
        places.append(torch.cat([rows[name] for name in (*CHANCES, *VALUES)]))
        ranges.append(torch.tensor(_ranges(settings)).T[:, :, None].expand(-1, -1, views))
        boxes.append(torch.tensor(_largest_box(settings, height, width))[:, None].expand(-1, views))
    low, span = torch.cat(ranges, dim=2).to(device)
    constants = torch.tensor([[height], [width], *([value] for value in JITTER.values())], dtype=torch.float32)
    whole, unchanged = constants.to(device).split([2, len(JITTER)])
    places, largest = (torch.cat(each, dim=1).to(device) for each in (places, boxes))
    return _Plan(count, places, span, low, whole, largest, unchanged)


def _ranges(settings: Augmentation) -> list[tuple[float, float]]:
    """The lowest value and the span of each row of the table; a chance is taken where its row is below 0."""
    ranges = [(-getattr(settings, name), 1.0) for name in CHANCES]
    for low, high in (settings.scale, (math.log(ratio) for ratio in settings.ratio)):
        ranges += [(low, high - low)] * ATTEMPTS
    ranges += [(0.0, 1.0)] * 2
    for name, unchanged in JITTER.items():
        low, high = unchanged - getattr(settings, name), unchanged + getattr(settings, name)
        ranges.append((low, high - low))
    # Without jitter the steps stay in order.
    ranges += [(0.0, 1.0) if settings.color > 0 else (float(place), 0.0) for place in range(len(JITTER))]
    low, high = settings.blur_sigma
    return [*ranges, (low, high - low)]


def _largest_box(settings: Augmentation, height: int, width: int) -> tuple[float, float]:
    """Height and width of the largest box whose ratio the settings allow."""
    ratio = min(max(width / height, settings.ratio[0]), settings.ratio[1])
    return float(max(1, round(min(height, width / ratio)))), float(max(1, round(min(width, height * ratio))))
