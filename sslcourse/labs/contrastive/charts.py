"""The charts of Lab 1: curves while a network trains, and arms side by side, with the range of three seeds behind them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures import new_figure
from sslcourse.labs.contrastive.pictures import BLUE, GREEN, GREY, ORANGE
from sslcourse.notebook.bands import Bands, final_range

COLOURS = {"untrained": GREY, "baseline": BLUE, "no_negatives": ORANGE, "no_colour": GREEN}
PANELS = (
    ("loss", "loss", None),
    ("contrastive_accuracy", "contrastive accuracy", (0, 1.02)),
    ("cosines", "cosine of pairs", (-0.35, 1.05)),
    ("effective_rank", "effective rank of the features", None),
)


def training_curves(rows: list[dict], steps: int, bands: Bands, arm: str) -> Figure:
    """Loss, contrastive accuracy, cosines and effective rank against the step; what three seeds gave is shaded."""
    with new_figure(9.6, 4.6) as figure:
        axes = figure.subplots(2, 2)
        for axis, (name, title, limits) in zip(axes.flat, PANELS, strict=True):
            if name == "cosines":
                curve(axis, rows, "positive_cosine", bands, arm, BLUE, "positive pairs")
                curve(axis, rows, "negative_cosine", bands, arm, ORANGE, "negative pairs", dashed=True)
                axis.legend(loc="best")
            else:
                curve(axis, rows, name, bands, arm, COLOURS[arm])
            axis.set_title(title)
            axis.set_xlim(0, steps)
            if limits:
                axis.set_ylim(*limits)
        for axis in axes[1]:
            axis.set_xlabel("step")
        if arm in bands.get("arms", {}):
            figure.supxlabel("shaded: the range of three seeds", fontsize=8, color=GREY)
    return figure


def geometry(points: dict[str, tuple[str, float, float]], cosines: dict[str, Tensor], rows: list[dict]) -> Figure:
    """Histograms of the cosines of two networks, and the plane of alignment and uniformity.

    `points` maps a network's key to (label, alignment, uniformity), `cosines` to the cosines `2N,2N` of all views.
    """
    with new_figure(9.8, 3.0) as figure:
        axes = figure.subplots(1, 3)
        for axis, key in zip(axes, points, strict=False):
            cosine_histograms(axis, points[key][0], cosines[key])
        alignment_plane(axes[2], points, rows)
    return figure


def collapse(
    values: dict[str, tuple[str, float, float]], spectra_of: dict[str, list[float]], bands: Bands, chance: float
) -> Figure:
    """Spectrum, effective rank and kNN accuracy; `values` maps an arm to (label, effective rank, kNN accuracy)."""
    with new_figure(9.8, 3.0) as figure:
        left, middle, right = figure.subplots(1, 3)
        spectra(left, "singular values of the features", {key: (values[key][0], spectra_of[key]) for key in values})
        bars(middle, "effective rank", {k: (v[0], v[1]) for k, v in values.items()}, bands, "effective_rank")
        bars(right, "kNN accuracy", {k: (v[0], v[2]) for k, v in values.items()}, bands, "knn", chance)
        _note_range(figure, bands)
    return figure


def shortcut(values: dict[str, tuple[str, float, float]], bands: Bands, chance: float) -> Figure:
    """Contrastive accuracy beside kNN accuracy; `values` maps an arm to (label, the one, the other)."""
    with new_figure(8.0, 3.0) as figure:
        left, right = figure.subplots(1, 2)
        bars(
            left,
            "contrastive accuracy: the task",
            {k: (v[0], v[1]) for k, v in values.items()},
            bands,
            "contrastive_accuracy",
        )
        bars(right, "kNN accuracy: the features", {k: (v[0], v[2]) for k, v in values.items()}, bands, "knn", chance)
        _note_range(figure, bands)
    return figure


def curve(
    axis, rows, name, bands: Bands, arm: str, colour: str, label: str | None = None, dashed: bool = False
) -> None:
    """One run's curve over the range of three seeds."""
    found = bands.get("arms", {}).get(arm)
    if found and name in found["curves"]:
        band = found["curves"][name]
        axis.fill_between(found["steps"], band["low"], band["high"], color=colour, alpha=0.2, linewidth=0)
    axis.plot(
        [row["step"] for row in rows],
        [row[name] for row in rows],
        color=colour,
        linestyle="--" if dashed else "-",
        marker="o",
        markersize=3,
        label=label,
    )


def bars(
    axis, title: str, values: dict[str, tuple[str, float]], bands: Bands, name: str, chance: float | None = None
) -> None:
    """One bar an arm, its number above it, and the range of three seeds as a black line.

    `values` maps an arm's key to (its label, its number).
    """
    for position, (arm, (_, value)) in enumerate(values.items()):
        axis.bar(position, value, width=0.62, color=COLOURS[arm])
        found = final_range(bands, arm, name)
        top = value
        if found:
            axis.plot([position, position], found, color="black", linewidth=2.5, solid_capstyle="butt")
            top = max(value, found[1])
        axis.text(
            position, top, f" {value:.2f}" if value < 10 else f" {value:.1f}", ha="center", va="bottom", fontsize=9
        )
    axis.set_xticks(range(len(values)), [label for label, _ in values.values()])
    if chance is not None:
        axis.axhline(chance, color="black", linestyle=":", linewidth=1)
        axis.text(-0.45, chance, "chance", fontsize=8, ha="left", va="bottom")
    axis.set_title(title)
    axis.margins(y=0.15)


def cosine_histograms(axis, title: str, cosines: Tensor) -> None:
    """How the cosines of positive and of negative pairs are distributed; `cosines` `2N,2N` of all views."""
    count = len(cosines) // 2
    matrix = cosines.detach().cpu().numpy()
    positive = np.concatenate([np.diagonal(matrix, count), np.diagonal(matrix, -count)])
    other = ~(
        np.eye(2 * count, dtype=bool) | np.eye(2 * count, k=count, dtype=bool) | np.eye(2 * count, k=-count, dtype=bool)
    )
    edges = np.linspace(-1, 1, 61)
    for values, colour, label in ((positive, BLUE, "positive pairs"), (matrix[other], ORANGE, "negative pairs")):
        heights, _ = np.histogram(values, edges, density=True)
        axis.stairs(heights, edges, fill=True, color=colour, alpha=0.55, label=label)
    axis.set_title(title)
    axis.set_xlabel("cosine similarity")
    axis.set_yticks([])
    axis.set_ylim(top=1.35 * axis.get_ylim()[1])  # room for the legend
    axis.legend(loc="upper left")


def spectra(axis, title: str, values: dict[str, tuple[str, list[float]]]) -> None:
    """Singular values, each divided by the largest, on a logarithmic scale."""
    for arm, (label, spectrum) in values.items():
        numbers = np.asarray(spectrum) / max(spectrum[0], 1e-30)
        axis.semilogy(np.arange(1, len(numbers) + 1), numbers.clip(1e-7), color=COLOURS[arm], label=label)
    axis.set_title(title)
    axis.set_xlabel("singular value, largest first")
    axis.legend()


def alignment_plane(axis, points: dict[str, tuple[str, float, float]], rows: list[dict]) -> None:
    """Where the network is in the plane of uniformity and alignment; the line is its way there."""
    axis.plot(
        [row["uniformity"] for row in rows], [row["alignment"] for row in rows], color=BLUE, alpha=0.45, linewidth=1.2
    )
    for arm, (label, alignment, uniformity) in points.items():
        axis.scatter(uniformity, alignment, s=55, color=COLOURS[arm], label=label, zorder=3)
    axis.set_xlabel("uniformity (lower: more spread out)")
    axis.set_ylabel("alignment (lower: pairs closer)")
    axis.set_title("both at once")
    axis.legend()


def _note_range(figure: Figure, bands: Bands) -> None:
    if bands:
        figure.supxlabel("bars: this run   black lines: the range of three seeds", fontsize=8, color=GREY)
