"""Charts of arms: curves while one trains, and several side by side, each over the range expected of it."""

from __future__ import annotations

from matplotlib.figure import Figure

from sslcourse.figures import plot_bars, plot_curves
from sslcourse.notebook.findings import Bands, final_range

SIZE = (4.4, 2.5)  # two fit side by side into a notebook's output
# Label of the axis -> (meter in the rows -> name of its curve, limits of the axis).
Panels = dict[str, tuple[dict[str, str], tuple[float, float] | None]]


def training_curves(rows: list[dict], steps: int, panels: Panels, expected: dict | None, colour: str) -> list[Figure]:
    """One chart a panel against the step; where `expected`, an arm's entry in the bands, is known, it is shaded."""
    figures = []
    for title, (meters, limits) in panels.items():
        spans = {label: expected["curves"][name] for name, label in meters.items()} if expected else {}
        figure = plot_curves(
            {label: ([row["step"] for row in rows], [row[name] for row in rows]) for name, label in meters.items()},
            bands={label: (expected["steps"], span["low"], span["high"]) for label, span in spans.items()},
            colours=dict.fromkeys(meters.values(), colour) if len(meters) == 1 else None,
            y_label=title,
            x_limits=(0, steps),
            y_limits=limits,
            small_print="shaded: 95 % of new runs lie here" if spans else "",
            size=SIZE,
        )
        figures.append(figure)
    return figures


def arm_bars(
    title: str,
    values: dict[str, float],
    name: str,
    bands: Bands,
    titles: dict[str, str],
    colours: dict[str, str],
    chance: float | None = None,
) -> Figure:
    """One bar an arm, its number `name` at the end, over the range in which that is expected."""
    return plot_bars(
        {titles[arm]: value for arm, value in values.items()},
        ranges={titles[arm]: final_range(bands, arm, name) for arm in values},
        colours=colours,
        levels={"chance": chance} if chance is not None else {},
        x_label=title,
        small_print="bars: this run   black lines: 95 % of new runs lie here" if bands else "",
        size=SIZE,
    )
