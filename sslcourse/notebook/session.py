"""One reader's work on a lab: its pictures, its untrained network, and the trained arms, kept between sessions."""

import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from sslcourse.data.datasets import load
from sslcourse.data.imageset import ImageSet
from sslcourse.methods import Method
from sslcourse.notebook import charts, state
from sslcourse.notebook.card import show_card
from sslcourse.notebook.findings import load_bands
from sslcourse.notebook.live import LivePanel
from sslcourse.notebook.scales import scale
from sslcourse.notebook.source import digest_of
from sslcourse.notebook.stopping import Stopped, checked_loss
from sslcourse.training.experiment import Experiment, run
from sslcourse.training.fit import NonFiniteLoss
from sslcourse.training.folder import FolderInUse
from sslcourse.training.images import RunImages, few, knn_of, load_images
from sslcourse.training.pretrained import load_course_method
from sslcourse.training.recipes import Recipe, build_method, with_changes
from sslcourse.training.runtime import pick_device

UNTRAINED, CHALLENGE = "untrained", "challenge"


@dataclass(frozen=True)
class TrainedArm:
    """A network, its numbers while it trained (`rows`), before the first step, and at the end."""

    title: str
    method: Method
    rows: list[dict[str, float]]
    before: dict[str, float]
    final: dict[str, float]


class LabSession:
    """The pictures and the trained arms of one lab. The lab says what its arms are and what is measured of them:

    - `recipes(scale) -> {arm: Recipe}`; `titles`, the names of the arms and of "untrained" in the figures, and
      `colours` by title;
    - `measure(method, arm)`, numbers on the way, and `panels`, which of them are drawn (see `charts.Panels`);
    - `handmade`, the arms that are made of the reader's functions, and `course_functions()`, which stand in for them;
    - `seen_size(arm)`, the side at which a network sees pictures when kNN and the like judge it; None: as they are;
    - `lessons.md`, what a finding means (see `exercises.written`).

    `images` is a data set's name or `folder:PATH`. Nothing is loaded or drawn before an experiment asks for it, and the
    scale is what `start` said last. An arm is trained once for each loss, and kept beside the notebook.
    """

    name: str
    titles: dict[str, str]
    colours: dict[str, str]
    panels: charts.Panels
    handmade: Collection[str] = ()
    pictures_count = 256  # held-out pictures to look at

    def __init__(self, images: str = "objects", seed: int = 0):
        self.data, self.seed = images, seed
        self._images: dict[str, RunImages] = {}
        self._pictures: dict[str, ImageSet] = {}
        self._trained: dict[str, TrainedArm] = {}
        self._untrained: dict[str, TrainedArm] = {}
        self._course: dict[str, Method] = {}
        self._losses: dict[str, Any] = {}  # a loss of the reader's, or whatever else `train` was given
        self.changes: dict[str, Any] = {}  # of the challenge

    @staticmethod
    def recipes(scale: str) -> dict[str, Recipe]:
        raise NotImplementedError

    def build(self, recipe: Recipe, own: Any) -> Method:
        """An arm's untrained network, with the loss, or whatever else `train` was given of the reader's own."""
        method = build_method(recipe)
        if own is not None:
            method.loss = checked_loss(own)
        return method

    @staticmethod
    def course_functions() -> Any:
        return None

    def measure(self, method: Method, arm: str) -> dict[str, float]:
        raise NotImplementedError

    def seen_size(self, arm: str = "baseline") -> int | None:
        return None

    def recipe(self, arm: str = "baseline") -> Recipe:
        """The recipe of an arm at the present scale, on this session's images. Raises ValueError for an unknown arm."""
        known = self.recipes(scale())
        if arm not in known:
            raise ValueError(f"arm must be one of {', '.join(known)}; got {arm!r}")
        recipe = with_changes(known[arm], self.changes) if arm == CHALLENGE else known[arm]
        loop = replace(recipe.fit, seed=self.seed)
        if self.data != "objects":  # as many as there are
            loop = replace(loop, batch_size=min(loop.batch_size, len(self.images.train)))
        return replace(recipe, fit=loop, data=replace(recipe.data, name=self.data))

    @property
    def images(self) -> RunImages:
        """The pictures to train on, and those to measure kNN with."""
        if scale() not in self._images:
            settings = replace(next(iter(self.recipes(scale()).values())).data, name=self.data)
            self._images[scale()] = loaded(lambda: load_images(settings))
        return self._images[scale()]

    @property
    def pictures(self) -> ImageSet:
        """Some held-out pictures to look at; drawing them takes a moment, not as long as `images`.

        Of photographs that are too few to hold some out, all: they can be looked at, though nothing is judged on them.
        """
        if scale() not in self._pictures:
            size = next(iter(self.recipes(scale()).values())).data.size
            if self.data == "objects":
                found = load("objects", "val", size=size, count=self.pictures_count)
            else:
                try:
                    found = few(self.images.held_out, self.pictures_count)  # of every class
                except Stopped:
                    found = few(loaded(lambda: load(self.data, "train", size=size)), self.pictures_count)
            self._pictures[scale()] = found
        return self._pictures[scale()]

    @property
    def bands(self) -> dict:
        """What is ordinary at the present scale; known for the objects only, on which the seeds were run."""
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
            method = self.build(recipe, None).to(pick_device(recipe.fit.device))
            measured = self.measure(method, arm)
            self._untrained[key] = TrainedArm(UNTRAINED, method, [{"step": 0, **measured}], measured, measured)
        return self._untrained[key]

    def arm(self, arm: str) -> TrainedArm:
        """A trained arm, from this session or an earlier one, or trained now; with the loss that was last given.

        "untrained" is the network before its first step.
        """
        return self.untrained() if arm == UNTRAINED else self.train(arm, self._losses.get(arm))

    def train(self, arm: str, loss: Any = None, *, again: bool = False) -> TrainedArm:
        """Train an arm, with a loss of one's own or the course's, and show it live; `again` forgets what is kept.

        Where a handmade arm gets nothing of the reader's, it is made of the course's functions: what an earlier stage
        trained with them and what a later one asks for after a restart are then one experiment. Raises Stopped when the
        loss is no loss or stops being a number, or when the run is interrupted.
        """
        if loss is None and arm in self.handmade:
            loss = self.course_functions()
        experiment = self._experiment(arm, loss)
        folder = runs_folder() / experiment.name
        if again:
            self._trained.pop(experiment.key, None)
            shutil.rmtree(folder, ignore_errors=True)
        self._losses[arm] = loss
        if experiment.key not in self._trained:
            self._trained[experiment.key] = self._run(experiment, arm, folder)
        return self._trained[experiment.key]

    def course(self, name: str) -> Any:
        """One of the methods that the course trained for longer, by the name of its checkpoint."""
        if name not in self._course:
            self._course[name] = load_course_method(name).method.to(pick_device())
        return self._course[name]

    def _experiment(self, arm: str, loss: Any) -> Experiment:
        recipe = self.recipe(arm)

        return Experiment(
            recipe,
            variant=self.name + (f"_{digest_of(loss)}" if loss is not None else ""),
            build=lambda recipe: self.build(recipe, loss),
            load=lambda: self.images,
            evaluate=lambda method, images: self.measure(method, arm),
            figures=lambda method, images: self.measure(method, arm) | knn_of(method, images, self.seen_size(arm)),
        )

    def live_panel(self, title: str, steps: int, draw: Callable[[list[dict]], list[Figure]]) -> LivePanel:
        """Where an arm's progress and pictures are shown: a place of its own for each."""
        return LivePanel(title, steps, draw)

    def live_figures(self, rows: list[dict], steps: int, arm: str) -> list[Figure]:
        """The picture that is redrawn while an arm trains."""
        expected = self.bands.get("arms", {}).get(arm)
        return charts.training_curves(rows, steps, self.panels, expected, self.colours[self.titles[arm]])

    def _run(self, experiment: Experiment, arm: str, folder: Path) -> TrainedArm:
        title, steps = self.titles[arm], experiment.recipe.fit.steps
        rows = [*self.untrained(arm).rows, *_rows_in(folder)]
        if len(rows) > 1 and rows[-1]["step"] < steps:
            show_card(f"{title}: going on from step {rows[-1]['step']}", kind="wait")
        panel = self.live_panel(title, steps, lambda rows: self.live_figures(rows, steps, arm))

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
        except FolderInUse as problem:
            raise Stopped(f"{title}: {problem}") from None
        except (Stopped, NonFiniteLoss) as problem:
            self._losses[arm] = None  # no loss: later stages take the course's
            raise Stopped(f"{title}: {problem}") from None
        rows = [*self.untrained(arm).rows, *trained.rows]
        panel.update(steps, rows, last=True)
        names = [name for name in trained.summary if f"{name}_untrained" in trained.summary]
        before, final = ({name: trained.summary[name + end] for name in names} for end in ("_untrained", ""))
        return TrainedArm(title, trained.method, rows, before, final)


def loaded(read: Callable[[], Any]) -> Any:
    """What `read` returns; raises Stopped, with the reason, where there are no such pictures."""
    try:
        return read()
    except (OSError, ValueError) as problem:  # they name a file or a setting
        raise Stopped(str(problem)) from None


def runs_folder() -> Path:
    """Where trained arms are kept: beside the progress file."""
    return state.place()[0].parent / "sslcourse_runs"


def _rows_in(folder: Path) -> list[dict]:
    """What an earlier session logged."""
    try:
        return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []
