"""The curves of an arm while it trains, each over the range expected of it."""

from matplotlib.figure import Figure

from sslcourse.figures import plot_curves

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
