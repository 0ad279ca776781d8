"""The course checkpoints: every method trained beforehand by its cpu recipe, small enough to come with the package.

Each is a file of weights in half precision, `NAME.safetensors`, and a card, `NAME.json`: how it was made, its curve, and
its figures, which were measured on what the file holds. `benchmarks/checkpoints.py` makes them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import load as read_tensors
from safetensors.torch import save as pack_tensors
from torch import Tensor, nn

import sslcourse
from sslcourse.files import write_atomically
from sslcourse.methods.method import Method
from sslcourse.settings import nearest, setting_lines
from sslcourse.training.images import RunImages
from sslcourse.training.recipes import FIXED, Recipe, build_method, find_recipe, with_changes
from sslcourse.training.scores import figures_of

FOLDER = Path(sslcourse.__file__).parent / "checkpoints"
LARGEST = 2_000_000  # bytes a file


class CourseMethod(NamedTuple):
    """A trained method, in eval mode, the recipe that it was trained by, and its card."""

    method: Method
    recipe: Recipe
    card: dict[str, Any]


def course_checkpoints(folder: str | os.PathLike = FOLDER) -> tuple[str, ...]:
    """The names of the checkpoints that there are.

    >>> "simclr" in course_checkpoints()
    True
    """
    return tuple(sorted(path.stem for path in Path(folder).glob("*.safetensors") if path.with_suffix(".json").exists()))


def load_course_method(name: str, folder: str | os.PathLike = FOLDER) -> CourseMethod:
    """The trained method of this name, on the CPU, in float32 and eval mode, with its card.

    Of a student and its teacher only the one that represents images is kept; both get its weights. Raises ValueError for
    another name and for a file that is not the one its card was written for.

    >>> import torch
    >>> trained = load_course_method("simclr")
    >>> trained.method.representation.features(torch.rand(2, 3, 64, 64)).shape, trained.card["method"]
    (torch.Size([2, 96]), 'simclr')
    """
    nearest("course checkpoint", name, course_checkpoints(folder))
    path = Path(folder) / f"{name}.safetensors"
    card = json.loads(path.with_suffix(".json").read_text())
    contents = path.read_bytes()
    if (digest := hashlib.sha256(contents).hexdigest()) != card["sha256"]:
        raise ValueError(f"{path} is not the file of its card: SHA-256 {digest[:16]}..., not {card['sha256'][:16]}...")
    recipe = recipe_of(card)
    method = build_method(recipe)
    fill(method, read_tensors(contents))
    return CourseMethod(method.eval(), recipe, card)


def save_course_method(
    name: str,
    method: Method,
    recipe: Recipe,
    summary: dict[str, Any],
    images: RunImages,
    *,
    about: dict[str, Any],
    folder: str | os.PathLike = FOLDER,
) -> Path:
    """Write a trained method and its card as the checkpoint `name`; returns the path of the weights.

    `summary` is the run's (see `train_recipe`), `about` joins the card. Raises ValueError when the file would be larger than
    2 MB, or would hold a number that half precision does not.
    """
    contents = pack_tensors(weights_of(method))
    if len(contents) > LARGEST:
        raise ValueError(f"the checkpoint {name} would take {len(contents):,} bytes, and at most {LARGEST:,} may be")
    rounded = build_method(recipe)
    fill(rounded, read_tensors(contents))
    card = about | {
        "name": name,
        "method": recipe.kind,
        "data": recipe.data.name,
        "scale": recipe.scale,
        "seed": recipe.fit.seed,
        "figures": figures_of(rounded.eval(), images),
        "figures_untrained": figures_of(build_method(recipe).eval(), images),
        **{key: summary[key] for key in CARRIED if key in summary},
        "settings": setting_lines(recipe, fixed=FIXED),
        "bytes": len(contents),
        "sha256": hashlib.sha256(contents).hexdigest(),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    write_atomically(path, contents)
    write_atomically(path.with_suffix(".json"), (json.dumps(card, indent=1) + "\n").encode())
    return path


CARRIED = (
    "steps",
    "seconds",
    "knn_curve",
    "alarms",
    "threads",
    "processes",
    "device",
    "precision",
    "versions",
    "finished",
)


def recipe_of(card: dict[str, Any]) -> Recipe:
    """The recipe that a card names, setting by setting; settings that are younger than it have their defaults."""
    changes = dict(line.split("=", 1) for line in card["settings"])
    return with_changes(find_recipe(card["method"], card["data"], card["scale"]), changes)


def weights_of(method: Method) -> dict[str, Tensor]:
    """What a checkpoint keeps of a method: parameters in half precision; buffers, which can be tiny, as they are."""
    left_out = [f"{name}." for name in halves_left_out(method)]
    parameters = dict(method.named_parameters(remove_duplicate=False))
    kept = {}
    for key, value in method.state_dict().items():
        if key.startswith(tuple(left_out)):
            continue
        kept[key] = value.half().contiguous() if key in parameters else value.contiguous()
        if not math.isfinite(kept[key].double().abs().amax()):
            raise ValueError(f"{key} has entries that half precision does not hold")
    return kept


def fill(method: Method, weights: dict[str, Tensor]) -> None:
    """Load what `weights_of` kept; the half of a student and teacher that was left out gets the other's."""
    method.load_state_dict(weights, strict=False)
    missing = set(method.state_dict()) - set(weights)
    missing = {key for key in missing if not key.startswith(tuple(f"{name}." for name in halves_left_out(method)))}
    if stray := missing | set(weights) - set(method.state_dict()):
        raise ValueError(f"the checkpoint is of another method: {', '.join(sorted(stray)[:3])} are not in both")
    for left_out, kept in halves(method):
        left_out.load_state_dict(kept.state_dict())


def halves(method: Method) -> list[tuple[nn.Module, nn.Module]]:
    """Pairs (left out, kept) of student and teacher: the side that represents images is kept."""
    pairs = method.teacher_pairs()
    teacher_stays = any(teacher is method.representation for teacher, _ in pairs)
    return [(student, teacher) if teacher_stays else (teacher, student) for teacher, student in pairs]


def halves_left_out(method: Method) -> list[str]:
    """The names of the modules that a checkpoint leaves out."""
    names = {id(module): name for name, module in method.named_modules()}
    return [names[id(left_out)] for left_out, _ in halves(method)]
