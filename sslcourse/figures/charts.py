"""Charts of runs: curves, spectra, alignment against uniformity, bars. Called through `sslcourse.figures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.evaluation.collapse import rank_of_spectrum
from sslcourse.figures.style import COLOURS, GREY, LINES, MARKERS, describe, new_figure, note, numbers, short


def plot_curves(
    curves: Mapping[str, tuple[Sequence[float] | Tensor, Sequence[float] | Tensor]],
    *,
    bands: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]] | None = None,
    levels: Mapping[str, float] | None = None,
    title: str = "",
    x_label: str = "step",
    y_label: str = "",
    limits: tuple[float, float] | None = None,
    log: bool = False,
    size: tuple[float, float] = (6.4, 3.6),
) -> Figure:
    """Runs against the step, each with the range of several seeds shaded behind it where that is known.

        `curves` maps a name to (steps `T`, values `T` or `seeds,T`): several seeds are drawn as their mean over their range. `bands`
        maps a name to (steps, lowest, highest), drawn in the colour of the curve of that name, or grey. `levels` are dashed
        horizontal lines (chance, untrained). Raises ValueError when steps and values do not fit.

    >>> from sslcourse.figures.style import alt_text
    >>> alt_text(plot_curves({"SimCLR": ([0, 10], [0.30, 0.46])}, y_label="kNN accuracy"))
    'Line chart of kNN accuracy against step. SimCLR: from 0.3 to 0.46.'
    """
    words = [f"Line chart of {y_label or title or 'values'} against {x_label}."]
    bands_given, bands = bool(bands), dict(bands or {})
    seeds = 0
    with new_figure(*size) as figure:
        axis = figure.subplots()
        for number, (name, (steps, values)) in enumerate(curves.items()):
            colour = COLOURS[number % len(COLOURS)]
            steps, values = numbers(steps), np.atleast_2d(numbers(values))
            if values.shape[1:] != steps.shape:
                raise ValueError(f"curve {name!r} has {len(steps)} steps and values of shape {values.shape[1:]}")
            if len(values) > 1:
                seeds = max(seeds, len(values))
                bands.setdefault(name, (steps, values.min(0), values.max(0)))
            if name in bands:
                axis.fill_between(*map(numbers, bands.pop(name)), color=colour, alpha=0.18, linewidth=0)
            mean = values.mean(0)
            axis.plot(
                steps,
                mean,
                color=colour,
                linestyle=LINES[number % len(LINES)],
                marker=MARKERS[number % len(MARKERS)] if len(steps) <= 30 else "",
                markersize=3.5,
                label=name,
            )
            words.append(f"{name}: from {short(mean[0])} to {short(mean[-1])}.")
        for name, band in bands.items():
            axis.fill_between(*map(numbers, band), color=GREY, alpha=0.15, linewidth=0, label=name)
        for name, level in (levels or {}).items():
            axis.axhline(level, color=GREY, linestyle=(0, (2, 2)), linewidth=1)
            axis.annotate(
                name,
                (1, level),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 3),
                textcoords="offset points",
                ha="right",
                color=GREY,
                fontsize=8,
            )
            words.append(f"{name} is at {short(level)}.")
        if log:
            axis.set_yscale("log")
        if limits:
            axis.set_ylim(*limits)
        axis.set(title=title, xlabel=x_label, ylabel=y_label)
        axis.margins(x=0.02)
        if len(curves) + len(bands) > 1:
            axis.legend()
        if seeds or bands_given:
            note(figure, f"shaded: the range of {seeds} seeds" if seeds else "shaded: the range of several seeds")
    return describe(figure, " ".join(words))


def plot_spectrum(spectra: Mapping[str, Sequence[float] | Tensor], *, title: str = "", size=(6.4, 3.6)) -> Figure:
    """The singular values of each representation, as shares of its largest, on a logarithmic axis.

        `spectra` maps a name to values in falling order (`collapse.spectrum`). A line that falls off a cliff is a partial collapse;
        the legend gives the effective rank (exp of the entropy of the shares).

    >>> from sslcourse.figures.style import alt_text
    >>> alt_text(plot_spectrum({"z": [1.0, 1.0, 1e-9]}))
    'Singular values on a logarithmic axis. z: effective rank 2.0 of 3.'
    """
    floor, words = 1e-6, ["Singular values on a logarithmic axis."]
    with new_figure(*size) as figure:
        axis = figure.subplots()
        for number, (name, values) in enumerate(spectra.items()):
            values = numbers(values)
            rank = rank_of_spectrum(torch.from_numpy(values)).item()
            axis.plot(
                np.arange(1, len(values) + 1),
                np.maximum(values / max(values.max(), 1e-300), floor),
                color=COLOURS[number % len(COLOURS)],
                linestyle=LINES[number % len(LINES)],
                label=f"{name}: effective rank {rank:.1f} of {len(values)}",
            )
            words.append(f"{name}: effective rank {rank:.1f} of {len(values)}.")
        axis.set_yscale("log")
        axis.set_ylim(floor * 0.7, 1.6)
        axis.set(title=title, xlabel="singular value, largest first", ylabel="share of the largest")
        axis.margins(x=0.02)
        axis.legend()
    return describe(figure, " ".join(words))


def plot_alignment_uniformity(
    runs: Mapping[str, Sequence[tuple[float, float]] | tuple[float, float]], *, title: str = "", size=(5.2, 4.0)
) -> Figure:
    """Where representations stand between alignment (x) and uniformity (y): lower is better in both.

        `runs` maps a name to one point (alignment, uniformity), or to the points of a run in order, drawn as a path that ends at the
        filled marker. Source: Wang and Isola 2020, figure 5.

    >>> from sslcourse.figures.style import alt_text
    >>> alt_text(plot_alignment_uniformity({"end": (0.2, -3.5)}))
    'Uniformity against alignment, lower is better in both. end: alignment 0.2, uniformity -3.5.'
    """
    words = ["Uniformity against alignment, lower is better in both."]
    with new_figure(*size) as figure:
        axis = figure.subplots()
        axis.grid(True, axis="both")
        for number, (name, points) in enumerate(runs.items()):
            path = np.atleast_2d(numbers(points))
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            axis.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.2, alpha=0.7)
            axis.scatter(path[:-1, 0], path[:-1, 1], s=14, facecolor="white", edgecolor=colour, marker=marker, zorder=3)
            axis.scatter(*path[-1], s=55, color=colour, marker=marker, zorder=4, label=name)
            words.append(f"{name}: alignment {short(path[-1, 0])}, uniformity {short(path[-1, 1])}.")
        axis.margins(0.12)
        axis.legend(loc="upper right")
        axis.annotate(
            "better",
            (0.03, 0.03),
            (0.16, 0.16),
            xycoords="axes fraction",
            color=GREY,
            arrowprops={"arrowstyle": "->", "color": GREY},
        )
        axis.set(
            title=title, xlabel="alignment (squared distance of positive pairs)", ylabel="uniformity (log potential)"
        )
    return describe(figure, " ".join(words))


def plot_bars(
    bars: Mapping[str, float | Sequence[float] | Tensor],
    *,
    title: str = "",
    x_label: str = "",
    levels: Mapping[str, float] | None = None,
    percent: bool = False,
    limits: tuple[float, float] | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """One horizontal bar a name, its value written beside it; several numbers are seeds: their mean, and a dot for each.

        `levels` are vertical dashed lines (chance, untrained). With `percent=True` values in [0, 1] are written in per cent.

    >>> from sslcourse.figures.style import alt_text
    >>> alt_text(plot_bars({"SimCLR": [0.45, 0.47], "untrained": 0.30}, x_label="kNN accuracy", percent=True))
    'Bar chart of kNN accuracy. SimCLR: 46 %, between 45 % and 47 % over 2 seeds. untrained: 30 %.'
    """
    words = [f"Bar chart of {x_label or title or 'values'}."]

    def write(value: float) -> str:
        return f"{100 * value:.3g} %" if percent else short(value)

    with new_figure(*(size or (6.4, 0.9 + 0.5 * len(bars)))) as figure:
        axis = figure.subplots()
        axis.grid(False)
        ends = []
        for number, (name, given) in enumerate(bars.items()):
            values = np.atleast_1d(numbers(given))
            mean = values.mean()
            axis.barh(number, mean, height=0.62, color=COLOURS[number % len(COLOURS)], alpha=0.85)
            text = f"{name}: {write(mean)}"
            if len(values) > 1:
                axis.scatter(
                    values,
                    np.full(len(values), number),
                    s=18,
                    facecolor="white",
                    edgecolor="#222222",
                    linewidth=0.9,
                    zorder=3,
                )
                text += f", between {write(values.min())} and {write(values.max())} over {len(values)} seeds"
            end = max(0.0, values.max())
            ends.append(end)
            axis.annotate(
                write(mean), (end, number), xytext=(6, 0), textcoords="offset points", va="center", color="#222222"
            )
            words.append(text + ".")
        for name, level in (levels or {}).items():
            axis.axvline(level, color="#222222", linestyle=(0, (2, 2)), linewidth=1)
            axis.annotate(
                name,
                (level, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                color=GREY,
                fontsize=8,
            )
            words.append(f"{name} is at {write(level)}.")
        axis.set_yticks(range(len(bars)), list(bars))
        axis.tick_params(axis="y", labelsize=10, labelcolor="#222222")
        axis.invert_yaxis()
        axis.set_xlim(limits or (min(0.0, axis.get_xlim()[0]), max([*ends, *(levels or {}).values()]) * 1.15))
        if percent:
            axis.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axis.set_xlabel(x_label)
        axis.set_title(title, pad=16 if levels else 6)
    return describe(figure, " ".join(words))
