"""Lab 2's experiments, one call a stage. Each shows, measures, says what is ordinary, and whether a prediction held.

Here are the stages that train; `looking.py` has the others, `notebook/experiments.py` what every lab can do.
"""

from collections.abc import Callable

from sslcourse.figures import show
from sslcourse.labs.byol.arms import GRID, SMALL_BATCH
from sslcourse.labs.byol.looking import Looking
from sslcourse.labs.byol.method import Own, simsiam_in_disguise
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import direction
from sslcourse.notebook.scales import scale
from sslcourse.notebook.session import UNTRAINED, TrainedArm
from sslcourse.notebook.stopping import in_a_card
from sslcourse.notebook.table import show_numbers

ENDS = ("knn", "channel_std", "positive_cosine", "negative_cosine", "projection_rank")
CLEARLY = 0.03  # of kNN accuracy: three standard errors of the difference of two on 1,000 pictures


class ByolLab(Looking):
    """What Lab 2's cells call, a stage at a time; `images` is a data set's name or `folder:PATH`."""

    @in_a_card
    def train_baseline(
        self,
        symmetrised: Callable,
        update_ema: Callable,
        momentum_at: Callable,
        force: bool = False,
        again: bool = False,
    ) -> None:
        """Stage 3: train BYOL with the student's functions, and measure its projections and features."""
        own = Own(
            mine_or_reference("byol.symmetrised", symmetrised, force),
            mine_or_reference("byol.teacher", update_ema, force),
            mine_or_reference("byol.momentum", momentum_at, force),
        )
        run = self.train("baseline", own, again=again)
        self.show_final_of(("baseline",))
        before, after = run.before["channel_std"], run.final["channel_std"]
        text = (
            f"spread {before:.3f} before, {after:.3f} after{self.ordinary('baseline', 'channel_std')}; evenly spread "
        )
        text += f"vectors have {self.healthy:.3f}"
        self.found("byol.spread", text, direction(before, after, step=0.2 * before))

    @in_a_card
    def grid(self) -> None:
        """Stage 4: train with each of predictor, stop-gradient and moving average taken away, and watch."""
        runs = self.train_beside(GRID, ("channel_std", "negative_cosine"))
        table = []
        for arm, run in runs.items():
            switches = ["yes" if on else "–" for on in GRID[arm]]
            ends = [run.final.get(name) for name in ("negative_cosine", "projection_rank", "knn")]
            table.append([self.titles[arm], *switches, f"{run.final['channel_std']:.3f}", *ends])
        headings = ["predictor", "stop-gradient", "moving average", "spread", "cosine, negative", "rank", "kNN"]
        show_numbers("The grid, at the end of training", headings, table)
        for arm in ("no_ema", "no_predictor", "no_stop"):
            run = runs[arm]
            text = f"{self.titles[arm]}: spread {run.final['channel_std']:.3f} at the end"
            text += f"{self.ordinary(arm, 'channel_std')}, at first "
            text += f"{run.before['channel_std']:.3f}; negative cosine {run.final['negative_cosine']:.2f}"
            self.found(f"byol.{arm}", text, "a" if self.has_collapsed(run) else "b")

    @in_a_card
    def explore_collapse(self):
        """The switches of the grid over its recorded runs."""
        from sslcourse.labs.byol.widgets import CollapseMonitor

        return CollapseMonitor({arm: self.arm(arm) for arm in GRID}, self.healthy)

    @in_a_card
    def mystery(self) -> None:
        """Stage 5: train a network with one mistake for a quarter of the steps; its meters beside the sound one's."""
        rows, sound = self.train("mystery", simsiam_in_disguise).rows, self.arm("baseline").rows
        steps = [rows[0], rows[1], rows[-1]] if len(rows) > 2 else rows
        names = ("probe_loss", "channel_std", "positive_cosine", "negative_cosine", "teacher_distance")
        for title, found in ((self.titles["mystery"], rows), ("BYOL, sound", sound)):
            shown = [row_at(found, at["step"]) for at in steps]
            headings = [f"step {row['step']}" for row in shown]
            show_numbers(title, headings, [[name, *(row[name] for row in shown)] for name in names])

    @in_a_card
    def solve_mystery(self) -> None:
        """Say which mistake it was, and by which meter it shows."""
        run = self.train("mystery", simsiam_in_disguise)
        apart = max(row["teacher_distance"] for row in run.rows)
        sound = max(row["teacher_distance"] for row in self.arm("baseline").rows)
        text = f"teacher and student are never further apart than {apart:.4f}; in the sound run, up to {sound:.4f}"
        self.found("byol.mystery", text, "a")

    @in_a_card
    def batch_sizes(self) -> None:
        """Stage 6: both methods with a small batch and the usual one, at an equal number of updates."""
        large, small = self.recipe().fit.batch_size, SMALL_BATCH[scale()]
        arms = {"BYOL": ("baseline", "small"), "SimCLR": ("simclr", "simclr_small")}
        lost, text = self.drops(f"batch {large}", f"batch {small}", arms)
        if lost:
            falls = lost["BYOL"] > CLEARLY, lost["SimCLR"] > CLEARLY
            answers = {(False, True): "a", (True, True): "b", (True, False): "c"}
            self.found("byol.batch", text, answers.get(falls, "d"))

    @in_a_card
    def transformations(self) -> None:
        """Stage 7: both methods with and without the colour transformations."""
        arms = {"BYOL": ("baseline", "no_colour"), "SimCLR": ("simclr", "simclr_no_colour")}
        lost, text = self.drops("with colour transformations", "without", arms)
        if lost:
            self.found("byol.colour", text, direction(lost["BYOL"], lost["SimCLR"], CLEARLY))

    def drops(self, before: str, after: str, arms: dict[str, tuple[str, str]]) -> tuple[dict[str, float], str]:
        """What a change costs two methods in kNN accuracy, by method and in words; nothing without labels."""
        every = [arm for pair in arms.values() for arm in pair]
        self.train_beside(every, ("contrastive_accuracy", "projection_rank"))
        meters = ("knn", "contrastive_accuracy", "projection_rank")
        for method, pair in arms.items():
            self.show_final(meters, pair, [f"{method}, {before}", f"{method}, {after}"])
        accuracy = self.accuracies(every)
        if not accuracy:
            return {}, ""
        show(self.bars("kNN accuracy", accuracy, "knn", self.chance))
        pairs = {method: (accuracy[first], accuracy[second]) for method, (first, second) in arms.items()}
        text = ", ".join(f"{method} from {first:.2f} to {second:.2f}" for method, (first, second) in pairs.items())
        text = f"kNN accuracy of {text}; untrained {self.arm('baseline').before['knn']:.2f}"
        return {method: first - second for method, (first, second) in pairs.items()}, text

    def show_final_of(self, arms: tuple[str, ...]) -> None:
        """The numbers before training and at the end."""
        self.show_final(ENDS, (UNTRAINED, *arms))

    def has_collapsed(self, run: TrainedArm) -> bool:
        """Whether the projections are nearly one point: their spread is less than a fifth of an even one."""
        return run.final["channel_std"] < 0.2 * self.healthy

    @property
    def healthy(self) -> float:
        """The channel standard deviation of vectors that point everywhere alike."""
        return self.recipe().method.out_dim ** -0.5


def row_at(rows: list[dict], step: float) -> dict:
    """The row of a log that is nearest to a step."""
    return min(rows, key=lambda row: abs(row["step"] - step))
