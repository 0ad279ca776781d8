"""Runs that are kept: an experiment has a key and a folder. It is trained once, resumed if interrupted, read back."""

import copy
import dataclasses
import hashlib
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import timm
import torch

from sslcourse.data.imageset import ImageSet
from sslcourse.data.objects.load import VERSION
from sslcourse.evaluation.features import evaluating
from sslcourse.files import write_atomically
from sslcourse.methods.method import Method
from sslcourse.settings import lasting
from sslcourse.training import distributed
from sslcourse.training.checkpoint import SettingsChanged, load_checkpoint, refuse_changes
from sslcourse.training.fit import fit, runtime_for
from sslcourse.training.folder import alone_in, read_summary, tensorboard
from sslcourse.training.images import RunImages, figures_of, knn_of, load_images
from sslcourse.training.recipes import Recipe, build_method
from sslcourse.training.runtime import device_name, make_runtime, pick_device, pick_precision
from sslcourse.training.state import MAY_CHANGE, TrainingState, describe_run, fingerprint, say


@dataclass(frozen=True)
class Experiment:
    """A recipe, and everything else that decides the result of its run. The seed is `recipe.fit.seed`.

    Functions say what a recipe cannot: `build(recipe)` makes the untrained method, `load()` the images,
    `evaluate(method, images)` gives figures every `evaluate_every` steps and at the end (default: kNN), and
    `figures(method, images)` those measured before the first step and after the last. With any of them, `variant` must
    name what is different, because it is part of the key: a word for the arm, a hash of the loss's source,
    `images.fingerprint()`. For `run_all`, define them in a module, not in a notebook.
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
            functions = "build, load, evaluate or figures"
            raise ValueError(f"name in `variant` what {functions} do differently: it is part of the key")

    @property
    def key(self) -> str:
        """16 hex digits for the recipe and variant, without the settings that do not change the result.

        The version of the embedded objects is part of it, so that runs on older pictures are not mixed with new ones.
        A setting that is added to a dataclass must be `later(default)`, or every kept run is lost.
        """
        tree = lasting(self.recipe)
        for name in MAY_CHANGE:
            tree["fit"].pop(name)
        drawn = VERSION if self.recipe.data.name == "objects" else None
        text = json.dumps({"recipe": tree, "variant": self.variant, "drawn": drawn}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The name of the run's folder: words for a reader, and the key."""
        recipe = self.recipe
        words = (recipe.kind, Path(recipe.data.name.removeprefix("folder:")).stem, recipe.scale, self.variant)
        plain = [re.sub(r"[^\w.]+", "_", word)[:30] for word in words if word]
        return "-".join([*plain, f"seed{recipe.fit.seed}", self.key])

    def images(self, *, download: bool = False, progress: bool = False) -> RunImages:
        """Load or draw the images of the run; in a process group the first process fetches them for all."""
        if self.load is not None:
            return self.load()
        with distributed.first_goes_first():
            return load_images(self.recipe.data, download=download, progress=progress)


@dataclass
class Trained:
    """A trained method, in training mode, with the rows of its log and the figures of its summary."""

    method: Method
    rows: list[dict]
    summary: dict
    load: Callable[[], RunImages] = field(repr=False)

    @cached_property
    def images(self) -> RunImages:
        """The images of the run; a run that was read back loads them on first use."""
        return self.load()


def run(experiment: Experiment, root: str | os.PathLike, **options: Any) -> Trained:
    """Train, resume or read back an experiment in its own folder under `root`; options and errors as in `train_in`."""
    return train_in(Path(root) / experiment.name, experiment, **options)


def train_recipe(recipe: Recipe, out: str | os.PathLike, *, images: RunImages | None = None, **options: Any) -> Trained:
    """Train a recipe in the folder `out`, on its own images or on `images`; options and errors as in `train_in`."""
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
    """Train an experiment in the folder `out`; an interrupted run is resumed, a finished one read back.

    The folder then holds `log.jsonl`, checkpoints, `summary.json`, and TensorBoard's files if that is installed. Only
    one process at a time trains in a folder; with `wait` others wait for it.
    Before any image is loaded, raises ValueError for settings that do not fit each other or this machine,
    SettingsChanged if `out` holds a run with other settings, FolderInUse, and OSError if `out` cannot be written. Later
    raises NonFiniteLoss, and whatever loading the images raises.
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
        precision = runtime_for(recipe.fit, device, state).precision
        if progress:
            say(f"{recipe.kind} trains on {device.type} ({device_name(device)}) in {precision}")
        if experiment.build is build_method and distributed.world_size() == 1:
            rehearse(method, recipe)
        images = experiment.images(download=download, progress=progress)
        if not images.labelled:
            say("The images have no labels: kNN and the linear probe are left out.")
        first = distributed.is_first()
        untrained = experiment.figures(method.to(device), images) if first else {}
        with tensorboard(out / "tensorboard") as add_to_board:

            def log(row: dict) -> None:
                add_to_board(row)
                if on_log is not None:
                    on_log(row)

            def evaluate(method: Method) -> dict[str, float]:
                return experiment.evaluate(method, images)

            rows = fit(method, images.train, recipe.fit, out=out, evaluate=evaluate, on_log=log, progress=progress)
        if first:
            summary = summarise(experiment, method, rows, images, untrained) | continued(summary, recipe.fit.steps)
            write_atomically(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    return Trained(method, rows, summary, lambda: images)


def rehearse(method: Method, recipe: Recipe) -> None:
    """Take one step on device meta, which computes nothing, so that a method refuses settings before images load."""
    count = recipe.data.count if recipe.data.name == "objects" else None
    shape = (count or recipe.fit.batch_size, 3, recipe.data.size, recipe.data.size)
    blank = torch.empty(shape, dtype=torch.uint8, device="meta")
    images = ImageSet(blank, torch.zeros(len(blank), dtype=torch.int64), (), "blank")
    method = copy.deepcopy(method)
    TrainingState(method, images, recipe.fit, make_runtime("meta", "fp32")).step_once()
    with evaluating(method):
        method.representation.features(blank[:1].float())


def is_finished(experiment: Experiment, summary: dict, state: dict | None) -> bool:
    """Whether a folder's summary and last checkpoint are those of the experiment's finished run."""
    return state is not None and summary.get("key") == experiment.key and state["step"] == experiment.recipe.fit.steps


def same_images(experiment: Experiment, state: dict, out: Path, download: bool) -> RunImages:
    """The images of a run that was read back; raises SettingsChanged if they have changed since it was trained."""
    images = experiment.images(download=download)
    if (now := fingerprint(images.train)) != (there := state["description"]["images"]):
        raise SettingsChanged(f"{out} holds a run on other images: {there} there, {now} now. Choose another directory.")
    return images


def continued(before: dict, steps: int) -> dict:
    """For the summary: the lengths that a run had before it was given more steps."""
    lengths = [*before.get("continued_from", []), before.get("steps", steps)]
    return {"continued_from": lengths} if lengths[-1] < steps else {}


def versions_here() -> dict[str, str]:
    """The versions of what a run's figures depend on."""
    return {"python": platform.python_version(), "torch": torch.__version__, "timm": timm.__version__}


def summarise(experiment: Experiment, method: Method, rows: list[dict], images: RunImages, untrained: dict) -> dict:
    """The figures of a finished run for `summary.json`; `untrained` were measured before the first step."""
    recipe, last = experiment.recipe, rows[-1]
    summary = {
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
        "alarms": last.get("alarms", []),
        "alarms_on_the_way": sorted({name for row in rows for name in row.get("alarms", ())}),
        "parameters": sum(parameter.numel() for parameter in method.parameters() if parameter.requires_grad),
        "processes": distributed.world_size(),
        "precision": last["precision"],
        "threads": torch.get_num_threads(),
        "device": next(method.parameters()).device.type,
        "versions": versions_here(),
        "finished": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + " UTC",
        "recipe": dataclasses.asdict(recipe),
    }
    if curve := [(row["step"], row["knn"]) for row in rows if "knn" in row]:
        summary |= {"knn_best": max(value for _, value in curve), "knn_curve": curve}
    if images.labelled:
        summary["chance"] = 1 / len(images.bank.classes)
    summary |= {f"{name}_untrained": value for name, value in untrained.items() if isinstance(value, float)}
    return summary | experiment.figures(method, images)
