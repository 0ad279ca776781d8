"""Arms that are compared: trained one after the other, in one live picture with a curve for each."""

from collections.abc import Callable, Iterable

from matplotlib.figure import Figure

from sslcourse.figures import plot_curves, show
from sslcourse.notebook.live import LivePanel
from sslcourse.notebook.session import LabSession, TrainedArm


class BesideSession(LabSession):
    """A session that trains arms beside each other; `meters` maps what is measured to the label of its axis."""

    meters: dict[str, str] = {}

    def __init__(self, images: str = "objects", seed: int = 0):
        super().__init__(images, seed)
        self._beside: tuple[str, ...] = ()  # arms whose curves share one picture, the meters in it, and its place
        self._shown: tuple[str, ...] = ()
        self._panel: LivePanel | None = None

    def train_beside(self, names: Iterable[str], meters: tuple[str, ...]) -> dict[str, TrainedArm]:
        """Train arms one after the other, in one live picture with a curve for each."""
        self._beside, self._shown, self._panel = tuple(names), meters, None
        try:
            runs = {arm: self.arm(arm) for arm in self._beside}
        finally:
            self._beside = ()
        if self._panel is None:  # all were there
            show(*self.curves_of({arm: run.rows for arm, run in runs.items()}, meters))
        return runs

    def live_panel(self, title: str, steps: int, draw: Callable) -> LivePanel:
        """One place for all arms that are compared."""
        if not self._beside:
            return super().live_panel(title, steps, draw)
        if self._panel is None:
            self._panel = super().live_panel(title, steps, draw)
        self._panel.begin(title, steps, draw)
        return self._panel

    def live_figures(self, rows: list[dict], steps: int, arm: str) -> list[Figure]:
        """The arm's own curves; with those of others where they are compared."""
        if arm not in self._beside:
            return super().live_figures(rows, steps, arm)
        keys = {other: self._experiment(other, self._losses.get(other)).key for other in self._beside}
        known = {other: self._trained[key].rows for other, key in keys.items() if key in self._trained}
        return self.curves_of(known | {arm: rows}, self._shown)

    def curves_of(self, rows: dict[str, list[dict]], meters: tuple[str, ...]) -> list[Figure]:
        """One chart a meter, one curve an arm."""
        return [
            plot_curves(
                {
                    self.titles[arm]: ([row["step"] for row in one], [row[name] for row in one])
                    for arm, one in rows.items()
                },
                colours=self.colours,
                y_label=self.meters[name],
                x_limits=(0, max(row["step"] for one in rows.values() for row in one)),
                size=(4.4, 3.2),
            )
            for name in meters
        ]
