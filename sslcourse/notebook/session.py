"""One reader's work on a lab: its pictures, its untrained network, and the arms that were trained, kept between sessions."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from sslcourse.data.datasets import load
from sslcourse.data.imageset import ImageSet
from sslcourse.notebook import predictions, state
from sslcourse.notebook.bands import load_bands
from sslcourse.notebook.card import show_card
from sslcourse.notebook.live import LivePanel
from sslcourse.notebook.scales import scale
from sslcourse.notebook.source import digest_of
from sslcourse.training.experiment import Experiment, run
from sslcourse.training.fit import NonFiniteLoss
from sslcourse.training.folder import FolderInUse
from sslcourse.training.images import RunImages, load_images
from sslcourse.training.recipes import Recipe, build_method
from sslcourse.training.runtime import pick_device

UNTRAINED = "untrained"


class Stopped(Exception):
    """An experiment cannot go on, for a reason that the reader can do something about: it is shown as one sentence."""


def in_a_card(experiment: Callable) -> Callable:
    """A method of a lab that shows `Stopped` and an interrupt as one sentence instead of a traceback; it then gives None."""

    @functools.wraps(experiment)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return experiment(*arguments, **options)
        except Stopped as problem:
            show_card("Stopped", str(problem), kind="bad")
        except KeyboardInterrupt:
            show_card("Stopped", "Run the cell again to go on.", kind="wait")

    return call


@dataclass(frozen=True)
class TrainedArm:
    """A network, and what was measured of it: `rows` while it trained, and the numbers before the first step and at the end."""

    title: str
    method: nn.Module
    rows: list[dict[str, float]]
    before: dict[str, float]
    final: dict[str, float]


class LabSession:
    """What the experiments of one lab share. A lab says what its arms are and what is measured of them:

    - `recipes(scale) -> {arm: Recipe}` and `titles`, the arms' names in the figures;
    - `measure(method, arm)`, numbers on the way; `figures(method, images, arm)`, numbers before and after;
    - `draw(rows, arm) -> figures`, the live picture.

    `images` is a data set's name or `folder:PATH`. Nothing is loaded or drawn before an experiment asks for it, and the
    scale is what `start` said last. An arm is trained once for each loss, kept beside the notebook, and found there again.
    """

    name: str
    titles: dict[str, str]
    pictures_count = 256  # held-out pictures to look at

    def __init__(self, images: str = "objects", seed: int = 0):
        self.data, self.seed = images, seed
        self._images: dict[str, RunImages] = {}
        self._pictures: dict[str, ImageSet] = {}
        self._trained: dict[str, TrainedArm] = {}
        self._untrained: dict[str, TrainedArm] = {}
        self._losses: dict[str, Callable | None] = {}

    def recipes(self, scale: str) -> dict[str, Recipe]:
        raise NotImplementedError

    def measure(self, method: nn.Module, arm: str) -> dict[str, float]:
        raise NotImplementedError

    def figures(self, method: nn.Module, images: RunImages, arm: str) -> dict[str, float]:
        raise NotImplementedError

    def draw(self, rows: list[dict], arm: str) -> list[Figure]:
        raise NotImplementedError

    def recipe(self, arm: str = "baseline") -> Recipe:
        """The recipe of an arm at the present scale, on this session's images. Raises ValueError for an unknown arm."""
        known = self.recipes(scale())
        if arm not in known:
            raise ValueError(f"arm must be one of {', '.join(known)}; got {arm!r}")
        recipe = known[arm]
        loop = replace(recipe.fit, seed=self.seed)
        if self.data != "objects":  # as many as there are
            loop = replace(loop, batch_size=min(loop.batch_size, len(self.images.train)))
        return replace(recipe, fit=loop, data=replace(recipe.data, name=self.data))

    @property
    def images(self) -> RunImages:
        """The pictures to train on, and those to measure kNN with."""
        if scale() not in self._images:
            settings = replace(next(iter(self.recipes(scale()).values())).data, name=self.data)
            self._images[scale()] = _or_stop(lambda: load_images(settings))
        return self._images[scale()]

    @property
    def pictures(self) -> ImageSet:
        """Some held-out pictures to look at; drawing them takes a moment, not as long as `images`."""
        if scale() not in self._pictures:
            size = next(iter(self.recipes(scale()).values())).data.size
            if self.data == "objects":
                found = load("objects", "val", size=size, count=self.pictures_count)
            else:
                found = self.images.held_out
                found = found.subset(torch.arange(min(len(found), self.pictures_count)))
            self._pictures[scale()] = found
        return self._pictures[scale()]

    @property
    def bands(self) -> dict:
        """What is ordinary at the present scale; the seeds were run on the objects, so beside other pictures there is none."""
        return load_bands(scale(), self.name) if self.data == "objects" else {}

    @property
    def chance(self) -> float | None:
        """The accuracy of a guess; None for pictures without labels."""
        return 1 / len(self.pictures.classes) if self.pictures.classes else None

    def untrained(self, arm: str = "baseline") -> TrainedArm:
        """The network before its first step, measured as while it trains; all arms start from the same weights."""
        recipe = self.recipe(arm)
        key = f"{scale()} {arm}"
        if key not in self._untrained:
            method = build_method(recipe).to(pick_device(recipe.fit.device))
            measured = self.measure(method, arm)
            self._untrained[key] = TrainedArm(UNTRAINED, method, [{"step": 0, **measured}], measured, measured)
        return self._untrained[key]

    def arm(self, arm: str) -> TrainedArm:
        """A trained arm: from this session, from an earlier one, or trained now, with the loss that was last given."""
        return self.train(arm, self._losses.get(arm))

    def train(self, arm: str, loss: Callable | None = None, *, again: bool = False) -> TrainedArm:
        """Train an arm, with a loss of one's own or the course's, and show it as it happens; `again` forgets the kept run.

        Raises Stopped when the loss is no loss or stops being a number, or when the run is interrupted.
        """
        experiment = self._experiment(arm, loss)
        folder = runs_folder() / experiment.name
        if again:
            self._trained.pop(experiment.key, None)
            shutil.rmtree(folder, ignore_errors=True)
        self._losses[arm] = loss
        if experiment.key not in self._trained:
            self._trained[experiment.key] = self._run(experiment, arm, folder)
        return self._trained[experiment.key]

    def _experiment(self, arm: str, loss: Callable | None) -> Experiment:
        recipe = self.recipe(arm)

        def build(recipe: Recipe) -> nn.Module:
            method = build_method(recipe)
            if loss is not None:
                method.loss = checked_loss(loss)
            return method

        return Experiment(
            recipe,
            variant=self.name + (f"_{digest_of(loss)}" if loss is not None else ""),
            build=build,
            load=lambda: self.images,
            evaluate=lambda method, images: self.measure(method, arm),
            figures=lambda method, images: self.figures(method, images, arm),
        )

    def _run(self, experiment: Experiment, arm: str, folder: Path) -> TrainedArm:
        title, steps = self.titles[arm], experiment.recipe.fit.steps
        rows = [*self.untrained(arm).rows, *_rows_in(folder)]
        if len(rows) > 1 and rows[-1]["step"] < steps:
            show_card(f"{title}: going on from step {rows[-1]['step']}", kind="wait")
        panel = LivePanel(title, steps, lambda rows: self.draw(rows, arm))

        def on_log(row: dict) -> None:
            rows[:] = [*(one for one in rows if one["step"] < row["step"]), row]
            panel.update(row["step"], rows)

        try:
            trained = run(experiment, runs_folder(), on_log=on_log, progress=False)
        except KeyboardInterrupt:
            done = rows[-1]["step"]
            raise Stopped(
                f"{title} was interrupted near step {done} of {steps}. Run the cell again to go on."
            ) from None
        except (NonFiniteLoss, FolderInUse) as problem:
            raise Stopped(f"{title}: {problem}") from None
        rows = [*self.untrained(arm).rows, *trained.rows]
        panel.update(steps, rows, last=True)
        names = [name for name in trained.summary if f"{name}_untrained" in trained.summary]
        before, final = ({name: trained.summary[name + end] for name in names} for end in ("_untrained", ""))
        return TrainedArm(title, trained.method, rows, before, final)

    def found(self, identifier: str, text: str, answer: str | None) -> None:
        """Say what an experiment found and whether the prediction held; on pictures of the reader's own, say on which."""
        where = "" if self.data == "objects" else f"On {self.pictures.name}: "
        predictions.measured(identifier, where + text, answer)


def checked_loss(loss: Callable) -> Callable:
    """`loss` as training calls it: an error in it, or a value that is no loss, stops the run with one sentence."""

    @functools.wraps(loss)
    def checked(*arguments: Any) -> Tensor:
        try:
            value = loss(*arguments)
        except Exception as error:  # noqa: BLE001 (whatever a student's function may raise)
            raise Stopped(f"Your loss raised {type(error).__name__}: {error}") from error
        if not isinstance(value, Tensor):
            raise Stopped(f"Your loss returns {type(value).__name__}; training needs a tensor without dimensions.")
        if value.ndim:
            raise Stopped(f"Your loss has shape {tuple(value.shape)}; it must have none: take the mean over the views.")
        if any(getattr(one, "requires_grad", False) for one in arguments) and not value.requires_grad:
            raise Stopped(
                "Your loss has no gradient: something in it leaves PyTorch, such as `.item()` or `.detach()`."
            )
        return value

    return checked


def runs_folder() -> Path:
    """Where trained arms are kept: beside the progress file."""
    return state.place()[0].parent / "sslcourse_runs"


def _rows_in(folder: Path) -> list[dict]:
    """What an earlier session logged."""
    try:
        return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []


def _or_stop(action: Callable[[], RunImages]) -> RunImages:
    """What `action` gives; an error that names a file or a setting is one sentence for the reader."""
    try:
        return action()
    except (OSError, ValueError) as problem:
        raise Stopped(str(problem)) from None
