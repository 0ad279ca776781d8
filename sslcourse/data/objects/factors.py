"""The factors of each picture, drawn by hashing (seed, split, index)."""

import torch
from torch import Tensor

from .backgrounds import FAMILIES, STYLES_OF
from .classes import CLASSES, DRAWINGS
from .hashing import image_keys, uniform, words
from .settings import Difficulty, Variant

SHAPE_NUMBERS = max(len(drawing.parameters) for drawing in DRAWINGS)
# Steps that visit every class once, for blocks of len(CLASSES) pictures: the whole numbers prime to it.
STEPS = [step for step in range(1, len(CLASSES)) if torch.gcd(torch.tensor(step), torch.tensor(len(CLASSES))) == 1]


def draw_factors(indices: Tensor, split: str, seed: int, difficulty: Difficulty, variant: Variant) -> dict[str, Tensor]:
    """Every factor of the pictures at `indices`: name -> tensor of first dimension B.

    Whole numbers and float32 made by exact arithmetic only, so they are equal on every platform. The class is
    balanced: each block of len(CLASSES) indices holds every class once.
    """
    keys = image_keys(indices, split, seed)
    number = {name: uniform(keys, name, 1)[:, 0] for name in SCALARS}
    label = draw_labels(indices, split, seed)
    factors: dict[str, Tensor] = {"label": label, "identity": keys[:, 0] << 31 ^ keys[:, 1]}

    own_hue = uniform(keys, "hue follows class", 1)[:, 0] < variant.hue_class_correlation
    factors["hue"] = torch.where(own_hue, (label + 0.8 * number["hue"]) / len(CLASSES), number["hue"])
    low, high = difficulty.background_brightness
    factors["background_brightness"] = low + (high - low) * number["background_brightness"]
    factors["brightness"] = away_from(factors["background_brightness"], number["brightness"], difficulty.bright_objects)
    factors["background_saturation"] = difficulty.background_color * number["background_saturation"]
    factors["saturation"] = difficulty.object_color * (0.35 + 0.65 * number["saturation"])
    factors["background_hue"], factors["background_tint"] = number["background_hue"], number["background_tint"]

    own_style = uniform(keys, "background follows class", 1)[:, 0] < variant.background_class_correlation
    family = torch.where(own_style, label % len(FAMILIES), pick(number["family"], len(FAMILIES)))
    style = torch.zeros_like(family)
    for row, name in enumerate(FAMILIES):
        choices = torch.tensor(STYLES_OF[name], device=label.device)
        drawn = torch.where(own_style, label // len(FAMILIES) % len(choices), pick(number["style"], len(choices)))
        style = torch.where(family == row, choices[drawn], style)
    factors["background"], factors["style"] = family, style

    factors["light"] = number["light"]  # 0: from the right, 0.5: from above, 1: from the left
    shadow = number["shadow"]
    factors["shadow"] = difficulty.shadow[0] + (difficulty.shadow[1] - difficulty.shadow[0]) * shadow
    factors["occluder"] = uniform(keys, "occluded", 1)[:, 0] < variant.occluder_share
    factors["occluder_box"] = uniform(keys, "occluder", 5)

    labels = [label]
    for slot in range(variant.objects_per_image):
        name = "object" if slot == 0 else f"object {slot + 1}"
        if slot:
            labels.append(pick(uniform(keys, f"{name} label", 1)[:, 0], len(CLASSES)))
        draw_pose(keys, name, factors, difficulty)
    factors["labels"] = torch.stack(labels, dim=1)
    return factors


SCALARS = (
    "hue", "brightness", "saturation",
    "background_hue", "background_brightness", "background_saturation", "background_tint",
    "family", "style", "light", "shadow",
)  # fmt: skip


def draw_pose(keys: Tensor, name: str, factors: dict[str, Tensor], difficulty: Difficulty) -> None:
    """Shape, turn, mirror, size and place of one object; the first object's names have no prefix."""
    prefix = "" if name == "object" else name.replace(" ", "_") + "_"
    numbers = uniform(keys, f"{name} pose", 5)
    low, high = difficulty.size
    factors[prefix + "shape"] = uniform(keys, f"{name} shape", SHAPE_NUMBERS)
    factors[prefix + "rotation"] = (2 * numbers[:, 0] - 1) * difficulty.rotation
    factors[prefix + "flip"] = numbers[:, 1] < 0.5
    factors[prefix + "size"] = low + (high - low) * numbers[:, 2]
    factors[prefix + "position"] = 2 * numbers[:, 3:5] - 1  # -1, 1: the object's box touches a side of the picture


def draw_labels(indices: Tensor, split: str, seed: int) -> Tensor:
    """Labels int64 `B`: each block of len(CLASSES) indices is the classes in an order of its own."""
    indices = indices.to(torch.int64)
    block = words(image_keys(indices // len(CLASSES), split, seed), "class order", 2)
    step = torch.tensor(STEPS, device=indices.device)[block[:, 0] % len(STEPS)]
    return (indices % len(CLASSES) * step + block[:, 1]) % len(CLASSES)


def pick(number: Tensor, count: int) -> Tensor:
    """A whole number below `count` from one in [0, 1)."""
    return (number * count).floor().to(torch.int64).clamp_(max=count - 1)


def away_from(
    level: Tensor, number: Tensor, lighter_share: float, gap: float = 0.2, low: float = 0.15, high: float = 0.92
) -> Tensor:
    """A brightness in [low, high] at least `gap` from `level`: above it for `lighter_share` of the numbers, else below.

    Where one side has no room, all are on the other.
    """
    below, above = (level - gap - low).clamp_(min=0), (high - level - gap).clamp_(min=0)
    share = torch.where(below == 0, 1.0, torch.where(above == 0, 0.0, lighter_share))
    darker = number < 1 - share
    place = torch.where(darker, number / (1 - share).clamp(min=1e-6), (number - (1 - share)) / share.clamp(min=1e-6))
    return torch.where(darker, low + place * below, level + gap + place * above)
