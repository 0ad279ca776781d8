"""A picture to play with: the recorded runs of the grid, by the switches that were set."""

import ipywidgets
from matplotlib.figure import Figure

from sslcourse.figures import plot_curves
from sslcourse.labs.byol.arms import COLOURS, GRID, TITLES
from sslcourse.labs.byol.session import METERS
from sslcourse.notebook.session import TrainedArm
from sslcourse.notebook.widgets import Explorer, slider

SHOWN = ("channel_std", "negative_cosine")


class CollapseMonitor(Explorer):
    """Switches for predictor, stop-gradient and moving average; the curves of that run over those of all others.

    `runs` holds the trained arms of the grid, all measured at the same steps; `healthy` is the spread of vectors that
    point everywhere.
    """

    def __init__(self, runs: dict[str, TrainedArm], healthy: float):
        if set(runs) != set(GRID):
            raise ValueError(f"give a run for each of {', '.join(GRID)}; got {', '.join(runs)}")
        self.runs, self.healthy = runs, healthy
        steps = [row["step"] for row in runs["baseline"].rows]
        names = ("predictor", "stop-gradient", "moving average")
        switches = {name: ipywidgets.Checkbox(value=True, description=name) for name in names}
        every = steps[1] - steps[0]
        super().__init__({**switches, "step": slider(steps[-1], "step", 0, steps[-1], step=every)})

    def arm(self) -> tuple[str, str]:
        """The run that the switches name, and what has to be said of it."""
        predictor, stop, ema = (self.value(name) for name in ("predictor", "stop-gradient", "moving average"))
        said = ""
        if ema and not stop:
            ema, said = False, " A target network never gets a gradient: without the stop, there is no moving average."
        return next(arm for arm, switches in GRID.items() if switches == (predictor, stop, ema)), said

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """Two meters up to the chosen step, and what they say there."""
        chosen, said = self.arm()
        rows = [row for row in self.runs[chosen].rows if row["step"] <= self.value("step")]
        last, start = rows[-1], self.runs[chosen].rows[0]
        end = self.runs[chosen].rows[-1]["step"]
        figures = [
            plot_curves(
                {TITLES[chosen]: ([row["step"] for row in rows], [row[name] for row in rows])},
                levels={"spread evenly": self.healthy} if name == "channel_std" else {"all alike": 1.0},
                colours=COLOURS,
                y_label=METERS[name],
                x_limits=(0, end),
                y_limits=(0, 1.1 * self.healthy) if name == "channel_std" else (-0.1, 1.08),
                size=(4.4, 2.8),
            )
            for name in SHOWN
        ]
        words = (
            f"<p><b>{TITLES[chosen]}</b>, step {last['step']}: spread <b>{last['channel_std']:.3f}</b> (at first "
            f"{start['channel_std']:.3f}, spread evenly {self.healthy:.3f}); cosine of positive pairs "
            f"<b>{last['positive_cosine']:.2f}</b>, of negative ones <b>{last['negative_cosine']:.2f}</b>; "
            f"{last['projection_rank']:.0f} directions in use.{said}</p>"
        )
        return figures, words
