"""Runs that are kept: an experiment has a key and a folder, is trained once, continued when interrupted, and read back."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import timm
import torch
from filelock import FileLock, Timeout

from sslcourse.data.imageset import ImageSet
from sslcourse.data.objects.load import VERSION
from sslcourse.evaluation.features import evaluating
from sslcourse.files import write_atomically
from sslcourse.methods.method import Method
from sslcourse.training import distributed
from sslcourse.training.board import Board
from sslcourse.training.checkpoint import SettingsChanged, load_checkpoint, refuse_changes
from sslcourse.training.fit import fit
from sslcourse.training.images import RunImages, load_images
from sslcourse.training.recipes import Recipe, build_method
from sslcourse.training.runtime import make_runtime, pick_device, pick_precision
from sslcourse.training.scores import figures_of, knn_of
from sslcourse.training.state import MAY_CHANGE, TrainingState, describe_run, fingerprint, say


class FolderInUse(OSError):
    """Another process trains in this folder at the moment."""


@dataclass(frozen=True)
class Experiment:
    """A recipe, and whatever else decides what its run gives. The seed is `recipe.fit.seed`.

    What a recipe cannot say is given as functions: `build(recipe)` makes the untrained method (another encoder, a loss of
    one's own, a method that is there already), `load()` the images, `evaluate(method, images)` what is measured on the way
    (every `evaluate_every` steps and at the end; default kNN), and `figures(method, images)` what is measured before the
    first step and after the last one. `variant` then has to name what is different, for it joins the key: a word of the arm,
    a hash of the loss's source, `images.fingerprint()`. Functions of a module, not of a notebook, also run in `run_all`.
    Raises ValueError for such functions without a `variant`.

    >>> from sslcourse.training.recipes import find_recipe
    >>> first, second = (Experiment(find_recipe("dino", scale="smoke", seed=seed)) for seed in (0, 1))
    >>> first.key == Experiment(find_recipe("dino", scale="smoke", device="cpu")).key, first.key == second.key
    (True, False)
    """

    recipe: Recipe
    variant: str = ""
    build: Callable[[Recipe], Method] = build_method
    load: Callable[[], RunImages] | None = None
    evaluate: Callable[[Method, RunImages], dict[str, float]] = knn_of
    figures: Callable[[Method, RunImages], dict[str, Any]] = figures_of

    def __post_init__(self) -> None:
        own = (self.build, self.load, self.evaluate, self.figures)
        if not self.variant and own != (build_method, None, knn_of, figures_of):
            raise ValueError(
                "say in `variant` what build, load, evaluate or figures do differently: it is part of the key"
            )

    @property
    def key(self) -> str:
        """16 hex digits that stand for the recipe and variant; what does not change the result is left out.

        The version of the embedded objects belongs to it: runs on older pictures are not mixed with runs on new ones.
        """
        tree = dataclasses.asdict(self.recipe)
        for name in MAY_CHANGE:
            tree["fit"].pop(name)
        drawn = VERSION if self.recipe.data.name == "objects" else None
        text = json.dumps({"recipe": tree, "variant": self.variant, "drawn": drawn}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The name of the run's folder: what a reader looks for, and the key."""
        recipe = self.recipe
        words = (recipe.kind, Path(recipe.data.name.removeprefix("folder:")).stem, recipe.scale, self.variant)
        plain = [re.sub(r"[^\w.]+", "_", word)[:30] for word in words if word]
        return "-".join([*plain, f"seed{recipe.fit.seed}", self.key])

    def images(self, *, download: bool = False, progress: bool = False) -> RunImages:
        """The images of the run, loaded or drawn now; in a process group the first process fetches them for all."""
        if self.load is not None:
            return self.load()
        with distributed.first_goes_first():
            return load_images(self.recipe.data, download=download, progress=progress)


@dataclass
class Trained:
    """A trained method, in training mode as `fit` leaves it, with the rows of its log and the figures of its summary."""

    method: Method
    rows: list[dict]
    summary: dict
    load: Callable[[], RunImages] = field(repr=False)

    @cached_property
    def images(self) -> RunImages:
        """The images of the run; of a run that was read back they are loaded when they are first asked for."""
        return self.load()


def run(experiment: Experiment, root: str | os.PathLike, **options: Any) -> Trained:
    """The run of an experiment, in its own folder under `root`: trained now, continued, or read back.

    `options` and errors are those of `train_in`.
    """
    return train_in(Path(root) / experiment.name, experiment, **options)


def train_recipe(recipe: Recipe, out: str | os.PathLike, *, images: RunImages | None = None, **options: Any) -> Trained:
    """Train a recipe in the folder `out`, on its own images or on those given; the same call continues a run that was stopped.

    `options` and errors are those of `train_in`.
    """
    if images is None:
        return train_in(out, Experiment(recipe), **options)
    return train_in(out, Experiment(recipe, images.fingerprint(), load=lambda: images), **options)


def train_in(
    out: str | os.PathLike,
    experiment: Experiment,
    *,
    on_log: Callable[[dict], None] | None = None,
    progress: bool = True,
    download: bool = False,
    wait: bool = False,
) -> Trained:
    """Train an experiment in the folder `out`: a finished run is read back, an interrupted one continued.

    The folder then holds `log.jsonl`, checkpoints, `summary.json` and TensorBoard's files where that is installed. Rows of
    the log at `evaluate_every` steps and the last one hold what `experiment.evaluate` gives. One process at a time trains in
    a folder; with `wait` others wait for it.
    Before any image is loaded: raises ValueError for settings that fit neither each other nor this machine, SettingsChanged
    where `out` holds a run with other settings, FolderInUse, OSError where `out` cannot be written. Later: NonFiniteLoss,
    and what loading the images raises.
    """
    out, recipe = Path(out), experiment.recipe
    device = pick_device(recipe.fit.device)
    if device.type == "meta":
        raise ValueError("device 'meta' computes nothing; choose auto, or leave it out")
    pick_precision(device, recipe.fit.precision)
    distributed.check_batch_size(recipe.fit.batch_size)
    method = experiment.build(recipe)
    out.mkdir(parents=True, exist_ok=True)
    with alone_in(out, wait):
        state = distributed.from_first(load_checkpoint(out) if distributed.is_first() else None)
        if state is not None:
            there = {name: value for name, value in state["description"].items() if name != "images"}
            refuse_changes(there, describe_run(method, recipe.fit), out, done=state["step"])
        summary = distributed.from_first(read_summary(out))
        if is_finished(experiment, summary, state):
            method.to(device).load_state_dict(state["method"])
            return Trained(method, state["history"], summary, lambda: same_images(experiment, state, out, download))
        if experiment.build is build_method and distributed.world_size() == 1:
            rehearse(method, recipe)
        images = experiment.images(download=download, progress=progress)
        if not images.labelled:
            say("The images have no labels: kNN and the linear probe are left out.")
        untrained = {}
        if distributed.is_first():
            untrained = experiment.figures(method.to(device), images)
        rows = fit_and_show(method, images, experiment, out, on_log, progress)
        if distributed.is_first():
            summary = summarise(experiment, method, rows, images, untrained) | continued(summary, recipe.fit.steps)
            write_atomically(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    return Trained(method, rows, summary, lambda: images)


def rehearse(method: Method, recipe: Recipe) -> None:
    """Take one step on device meta, which computes nothing: what a method refuses is refused before images are loaded."""
    count = recipe.data.count if recipe.data.name == "objects" else None
    shape = (count or recipe.fit.batch_size, 3, recipe.data.size, recipe.data.size)
    blank = torch.empty(shape, dtype=torch.uint8, device="meta")
    images = ImageSet(blank, torch.zeros(len(blank), dtype=torch.int64), (), "blank")
    method = copy.deepcopy(method)
    TrainingState(method, images, recipe.fit, make_runtime("meta", "fp32")).step_once()
    with evaluating(method):
        method.representation.features(blank[:1].float())


def fit_and_show(method, images: RunImages, experiment: Experiment, out: Path, on_log, progress: bool) -> list[dict]:
    """`fit`, its rows also given to TensorBoard and to `on_log`."""
    board = Board(out / "tensorboard")

    def log(row: dict) -> None:
        board.add(row)
        if on_log is not None:
            on_log(row)

    def evaluate(method: Method) -> dict[str, float]:
        return experiment.evaluate(method, images)

    try:
        settings = experiment.recipe.fit
        return fit(method, images.train, settings, out=out, evaluate=evaluate, on_log=log, progress=progress)
    finally:
        board.close()


@contextmanager
def alone_in(out: Path, wait: bool) -> Iterator[None]:
    """Hold the folder's lock, which ends with the process however it ends. Raises FolderInUse when another process has it."""
    if not distributed.is_first():
        yield
        return
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except NotImplementedError:
        print(f"{out} lies on a file system without locks: start no second run there.")
    except Timeout:
        if not wait:
            raise FolderInUse(
                f"another process is training in {out}; wait until it is done, or choose another"
            ) from None
        print(f"Waiting for another process that is training in {out}.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def read_summary(out: Path) -> dict:
    """What `summary.json` in the folder `out` says; empty where there is none, or none that can be read, which is said."""
    path = out / "summary.json"
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(summary, dict):
            raise ValueError("it holds no object")
    except FileNotFoundError:
        return {}
    except ValueError as error:
        print(f"{path} cannot be read and is made again ({error}).")
        return {}
    return summary


def is_finished(experiment: Experiment, summary: dict, state: dict | None) -> bool:
    """Whether a folder's summary and last checkpoint are those of the experiment's finished run."""
    return state is not None and summary.get("key") == experiment.key and state["step"] == experiment.recipe.fit.steps


def same_images(experiment: Experiment, state: dict, out: Path, download: bool) -> RunImages:
    """The images of a run that was read back; raises SettingsChanged when they are no longer those it was trained on."""
    images = experiment.images(download=download)
    if (now := fingerprint(images.train)) != (there := state["description"]["images"]):
        raise SettingsChanged(f"{out} holds a run on other images: {there} there, {now} now. Choose another directory.")
    return images


def continued(before: dict, steps: int) -> dict:
    """The lengths that a run was planned with before it was given more steps, for its summary."""
    lengths = [*before.get("continued_from", []), before.get("steps", steps)]
    return {"continued_from": lengths} if lengths[-1] < steps else {}


def summarise(experiment: Experiment, method: Method, rows: list[dict], images: RunImages, untrained: dict) -> dict:
    """The figures of a finished run, as `summary.json` has them; `untrained` are those measured before the first step."""
    recipe, last = experiment.recipe, rows[-1]
    curve = [(row["step"], row["knn"]) for row in rows if "knn" in row]
    by_labels = {"knn_best": max(value for _, value in curve), "knn_curve": curve} if curve else {}
    return {
        "key": experiment.key,
        "method": recipe.kind,
        "data": recipe.data.name,
        "scale": recipe.scale,
        "variant": experiment.variant,
        "seed": recipe.fit.seed,
        "steps": last["step"],
        "seconds": round(last["seconds"], 1),
        "images_per_second": round(statistics.median(row["images_per_second"] for row in rows), 1),
        "loss": last["loss"],
        **by_labels,
        **({"chance": 1 / len(images.bank.classes)} if images.labelled else {}),
        **{f"{name}_untrained": value for name, value in untrained.items() if isinstance(value, float)},
        **experiment.figures(method, images),
        "alarms": last.get("alarms", []),
        "alarms_on_the_way": sorted({name for row in rows for name in row.get("alarms", ())}),
        "parameters": sum(parameter.numel() for parameter in method.parameters() if parameter.requires_grad),
        "processes": distributed.world_size(),
        "precision": last["precision"],
        "threads": torch.get_num_threads(),
        "device": next(method.parameters()).device.type,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "timm": timm.__version__},
        "finished": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + " UTC",
        "recipe": dataclasses.asdict(recipe),
    }
