"""The charts of Lab 1: curves while a network trains, and arms side by side, each over the range expected of it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    plot_alignment_uniformity,
    plot_bars,
    plot_curves,
    plot_histograms,
    plot_spectra,
)
from sslcourse.notebook.bands import Bands, final_range

COLOURS = {"untrained": GREY, "baseline": BLUE, "no_negatives": ORANGE, "no_colour": GREEN}
# Label of the axis -> (meter in the rows -> name of its curve, limits of the axis).
PANELS = {
    "loss": ({"loss": "loss"}, None),
    "contrastive accuracy": ({"contrastive_accuracy": "contrastive accuracy"}, (0, 1.02)),
    "cosine of pairs": ({"positive_cosine": "positive pairs", "negative_cosine": "negative pairs"}, (-0.35, 1.05)),
    "effective rank of the features": ({"effective_rank": "effective rank"}, None),
}
SIZE = (4.4, 2.5)  # two fit side by side into a notebook's output


def training_curves(rows: list[dict], steps: int, bands: Bands, arm: str) -> list[Figure]:
    """Loss, contrastive accuracy, cosines and effective rank against the step; what three seeds gave is shaded."""
    found = bands.get("arms", {}).get(arm)
    figures = []
    for title, (meters, limits) in PANELS.items():
        curves = {label: ([row["step"] for row in rows], [row[name] for row in rows]) for name, label in meters.items()}
        known = {name: found["curves"][name] for name in meters if found and name in found["curves"]}
        look = {"y_label": title, "x_limits": (0, steps), "y_limits": limits, "size": SIZE}
        look["bands"] = {meters[name]: (found["steps"], band["low"], band["high"]) for name, band in known.items()}
        if len(meters) == 1:
            look["colours"] = dict.fromkeys(curves, COLOURS[arm])
        figures.append(plot_curves(curves, small_print="shaded: the range of three seeds" if known else "", **look))
    return figures


def geometry(points: dict[str, tuple[str, float, float]], cosines: dict[str, Tensor], rows: list[dict]) -> list[Figure]:
    """Histograms of the cosines of two networks, and the plane of alignment and uniformity.

    `points` maps a network's key to (label, alignment, uniformity), `cosines` to the cosines `2N,2N` of all views.
    """
    paths = {label: [(alignment, uniformity)] for label, alignment, uniformity in points.values()}
    paths[points["baseline"][0]][:0] = [(row["alignment"], row["uniformity"]) for row in rows]
    colours = {points[key][0]: COLOURS[key] for key in points}
    figures = [cosine_histogram(points[key][0], cosines[key]) for key in points]
    return [*figures, plot_alignment_uniformity(paths, colours=colours, title="both at once", size=SIZE)]


def collapse(
    values: dict[str, tuple[str, float, float]], spectra: dict[str, list[float]], bands: Bands, chance: float
) -> list[Figure]:
    """Spectrum, effective rank and kNN accuracy; `values` maps an arm to (label, effective rank, kNN accuracy)."""
    named, colours = {values[key][0]: spectra[key] for key in values}, {values[key][0]: COLOURS[key] for key in values}
    return [
        plot_spectra(named, colours=colours, title="singular values of the features", size=SIZE),
        arm_bars(
            "effective rank of the features", {k: (v[0], v[1]) for k, v in values.items()}, bands, "effective_rank"
        ),
        arm_bars("kNN accuracy", {k: (v[0], v[2]) for k, v in values.items()}, bands, "knn", chance),
    ]


def shortcut(values: dict[str, tuple[str, float, float]], bands: Bands, chance: float) -> list[Figure]:
    """Contrastive accuracy beside kNN accuracy; `values` maps an arm to (label, the one, the other)."""
    task, features = ({key: (value[0], value[place]) for key, value in values.items()} for place in (1, 2))
    return [
        arm_bars("contrastive accuracy: the task", task, bands, "contrastive_accuracy"),
        arm_bars("kNN accuracy: the features", features, bands, "knn", chance),
    ]


def arm_bars(
    title: str, values: dict[str, tuple[str, float]], bands: Bands, name: str, chance: float | None = None
) -> Figure:
    """One bar an arm over the range of three seeds; `values` maps an arm's key to (its label, its number)."""
    return plot_bars(
        dict(values.values()),
        ranges={label: final_range(bands, key, name) for key, (label, _) in values.items()},
        colours={label: COLOURS[key] for key, (label, _) in values.items()},
        levels={"chance": chance} if chance is not None else {},
        x_label=title,
        small_print="bars: this run   black lines: the range of three seeds" if bands else "",
        size=SIZE,
    )


def cosine_histogram(title: str, cosines: Tensor) -> Figure:
    """How the cosines of positive and of negative pairs are distributed; `cosines` `2N,2N` of all views."""
    count = len(cosines) // 2
    matrix = cosines.detach().cpu().numpy()
    row = np.arange(2 * count)
    partner = np.roll(row, count)
    negative = (row[:, None] != row) & (partner[:, None] != row)
    pairs = {"positive pairs": matrix[row, partner], "negative pairs": matrix[negative]}
    return plot_histograms(pairs, limits=(-1, 1), title=title, x_label="cosine similarity", size=SIZE)
