"""The course checkpoints: each method, trained by its cpu recipe and small enough to ship with the package.

A checkpoint is a file of weights in half precision, `NAME.safetensors`, and a card, `NAME.json`, that says how it was
made and holds its curve and its figures, measured on the rounded weights. `benchmarks/checkpoints.py` makes them.
"""

from __future__ import annotations

import hashlib
import json
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
LARGEST = 2_000_000  # bytes
# What a card takes over from the summary of the run.
CARRIED = "steps seconds knn_curve alarms threads processes device precision versions finished".split()


class CourseMethod(NamedTuple):
    """A trained method in eval mode, its recipe, and its card."""

    method: Method
    recipe: Recipe
    card: dict[str, Any]


def course_checkpoints(folder: str | os.PathLike = FOLDER) -> tuple[str, ...]:
    """The names of the checkpoints in `folder`.

    >>> "simclr" in course_checkpoints()
    True
    """
    return tuple(sorted(path.stem for path in Path(folder).glob("*.safetensors") if path.with_suffix(".json").exists()))


def load_course_method(name: str, folder: str | os.PathLike = FOLDER) -> CourseMethod:
    """Load a trained method by name, on the CPU, in float32 and eval mode.

    A checkpoint holds either the student or the teacher, whichever represents images; both get its weights. Raises
    ValueError for an unknown name and for a file that does not match its card.

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
        raise ValueError(f"{path} does not match its card: SHA-256 {digest[:16]}..., not {card['sha256'][:16]}...")
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

    `summary` is that of its run, `about` further entries of the card. Raises ValueError if the file would be larger
    than 2 MB, or if half precision cannot hold a weight.
    """
    contents = pack_tensors(weights_of(method))
    if len(contents) > LARGEST:
        raise ValueError(f"the checkpoint {name} would take {len(contents):,} bytes; the limit is {LARGEST:,}")
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


def recipe_of(card: dict[str, Any]) -> Recipe:
    """The recipe on a card; settings that are newer than the card have their defaults."""
    changes = dict(line.split("=", 1) for line in card["settings"])
    return with_changes(find_recipe(card["method"], card["data"], card["scale"]), changes)


def weights_of(method: Method) -> dict[str, Tensor]:
    """What a checkpoint keeps of a method: parameters in half precision; buffers, which can be tiny, as they are."""
    left_out = tuple(f"{name}." for name in halves_left_out(method))
    parameters = dict(method.named_parameters(remove_duplicate=False))
    kept = {}
    for key, value in method.state_dict().items():
        if key.startswith(left_out):
            continue
        kept[key] = (value.half() if key in parameters else value).contiguous()
        if not kept[key].isfinite().all():
            raise ValueError(f"{key} has entries that half precision cannot hold")
    return kept


def fill(method: Method, weights: dict[str, Tensor]) -> None:
    """Load what `weights_of` kept, and copy it into the half (student or teacher) that was left out."""
    left_out = halves_left_out(method)
    wanted = {key for key in method.state_dict() if not key.startswith(tuple(f"{name}." for name in left_out))}
    if stray := wanted ^ set(weights):
        raise ValueError(f"the checkpoint is of another method: {', '.join(sorted(stray)[:3])} are not in both")
    method.load_state_dict(weights, strict=False)
    for name, kept in left_out.items():
        method.get_submodule(name).load_state_dict(kept.state_dict())


def halves_left_out(method: Method) -> dict[str, nn.Module]:
    """The modules that a checkpoint leaves out, by name, each with its twin: of student and teacher one is kept."""
    names = {id(module): name for name, module in method.named_modules()}
    pairs = method.teacher_pairs()
    if any(teacher is method.representation for teacher, _ in pairs):
        return {names[id(student)]: teacher for teacher, student in pairs}
    return {names[id(teacher)]: student for teacher, student in pairs}
