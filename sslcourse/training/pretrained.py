"""The course checkpoints: each method, trained by its cpu recipe and small enough to ship with the package.

A checkpoint is a file of weights in half precision, `NAME.safetensors`, and a card, `NAME.json`, that says how it was
made and holds its curve and its figures, measured on the rounded weights. `benchmarks/checkpoints.py` makes them.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import load as read_tensors
from torch import Tensor, nn

import sslcourse
from sslcourse.methods.method import Method
from sslcourse.settings import nearest
from sslcourse.training.recipes import Recipe, build_method, find_recipe, with_changes

FOLDER = Path(sslcourse.__file__).parent / "checkpoints"


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


def recipe_of(card: dict[str, Any]) -> Recipe:
    """The recipe on a card; settings that are newer than the card have their defaults."""
    changes = dict(line.split("=", 1) for line in card["settings"])
    return with_changes(find_recipe(card["method"], card["data"], card["scale"]), changes)


def fill(method: Method, weights: dict[str, Tensor]) -> None:
    """Load the weights of a checkpoint, and copy them into the half (student or teacher) that was left out."""
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
