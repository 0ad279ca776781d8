"""The charts of Lab 1: curves while a network trains, and arms side by side, each over the range expected of it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
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
from sslcourse.figures.style import PINK, SKY
from sslcourse.labs.contrastive.arms import TITLES
from sslcourse.notebook.bands import Bands, final_range

COLOURS = {
    "untrained": GREY, "baseline": BLUE, "no_negatives": ORANGE, "no_colour": GREEN, "mystery": PINK, "challenge": SKY
}  # fmt: skip
LABELS = {"untrained": "untrained", **TITLES}
# Label of the axis -> (meter in the rows -> name of its curve, limits of the axis).
PANELS: dict[str, tuple[dict[str, str], tuple[float, float] | None]] = {
    "loss on held-out pictures": ({"probe_loss": "loss"}, None),
    "contrastive accuracy": ({"contrastive_accuracy": "contrastive accuracy"}, (0, 1.02)),
    "cosine of pairs": ({"positive_cosine": "positive pairs", "negative_cosine": "negative pairs"}, (-0.35, 1.05)),
    "effective rank": ({"effective_rank": "effective rank"}, None),
}
SIZE = (4.4, 2.5)  # two fit side by side into a notebook's output


def training_curves(rows: list[dict], steps: int, bands: Bands, arm: str) -> list[Figure]:
    """Loss, contrastive accuracy, cosines and effective rank against the step; where 95 % of new runs lie is shaded."""
    expected = bands.get("arms", {}).get(arm)
    figures = []
    for title, (meters, limits) in PANELS.items():
        spans = {label: expected["curves"][name] for name, label in meters.items()} if expected else {}
        figure = plot_curves(
            {label: ([row["step"] for row in rows], [row[name] for row in rows]) for name, label in meters.items()},
            bands={label: (expected["steps"], span["low"], span["high"]) for label, span in spans.items()},
            colours=dict.fromkeys(meters.values(), COLOURS[arm]) if len(meters) == 1 else None,
            y_label=title,
            x_limits=(0, steps),
            y_limits=limits,
            small_print="shaded: 95 % of new runs lie here" if spans else "",
            size=SIZE,
        )
        figures.append(figure)
    return figures


def geometry(points: dict[str, tuple[float, float]], cosines: dict[str, Tensor], rows: list[dict]) -> list[Figure]:
    """Histograms of the cosines of two networks, and the plane of alignment and uniformity.

    `points` maps a network to (alignment, uniformity), `cosines` to the cosines `2N,2N` of all views; `rows` are those
    of the baseline's training.
    """
    paths = {LABELS[key]: [point] for key, point in points.items()}
    paths[LABELS["baseline"]][:0] = [(row["alignment"], row["uniformity"]) for row in rows]
    figures = [cosine_histogram(LABELS[key], cosines[key]) for key in points]
    return [*figures, plot_alignment_uniformity(paths, colours=_colours(points), title="both at once", size=SIZE)]


def cosine_histogram(title: str, cosines: Tensor) -> Figure:
    """How the cosines of positive and of negative pairs are distributed; `cosines` `2N,2N` of all views."""
    views = torch.arange(len(cosines))
    partner = views.roll(len(cosines) // 2)
    negative = torch.ones_like(cosines, dtype=torch.bool)
    negative[views, views] = negative[views, partner] = False
    pairs = {"positive pairs": cosines[views, partner], "negative pairs": cosines[negative]}
    return plot_histograms(pairs, limits=(-1, 1), title=title, x_label="cosine similarity", size=SIZE)


def collapse(
    ranks: dict[str, float],
    accuracy: dict[str, float],
    spectra: dict[str, list[float]],
    bands: Bands,
    chance: float | None,
) -> list[Figure]:
    """Spectrum, effective rank and, where there are labels, kNN accuracy; each dict maps an arm to its own."""
    named = {LABELS[key]: values for key, values in spectra.items()}
    title = "singular values of the features"
    figures = [
        plot_spectra(named, colours=_colours(spectra), title=title, size=SIZE),
        arm_bars("effective rank of the features", ranks, bands, "effective_rank"),
    ]
    return [*figures, *([arm_bars("kNN accuracy", accuracy, bands, "knn", chance)] if accuracy else [])]


def shortcut(task: dict[str, float], accuracy: dict[str, float], bands: Bands, chance: float | None) -> list[Figure]:
    """Contrastive accuracy beside, where there are labels, kNN accuracy; each dict maps an arm to its own."""
    figures = [arm_bars("contrastive accuracy: the task", task, bands, "contrastive_accuracy")]
    return [*figures, *([arm_bars("kNN accuracy: the features", accuracy, bands, "knn", chance)] if accuracy else [])]


def arm_bars(title: str, values: dict[str, float], bands: Bands, name: str, chance: float | None = None) -> Figure:
    """One bar an arm over its ordinary range."""
    return plot_bars(
        {LABELS[key]: value for key, value in values.items()},
        ranges={LABELS[key]: final_range(bands, key, name) for key in values},
        colours=_colours(values),
        levels={"chance": chance} if chance is not None else {},
        x_label=title,
        small_print="bars: this run   black lines: 95 % of new runs lie here" if bands else "",
        size=SIZE,
    )


def _colours(arms: Iterable[str]) -> dict[str, str]:
    return {LABELS[key]: COLOURS[key] for key in arms}
