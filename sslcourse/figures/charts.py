"""Charts: curves, bars, histograms, spectra, alignment against uniformity. Called through `sslcourse.figures`.

Each takes numbers by name in a dict and returns a Figure with its words attached; `colours` fixes the colour of a
name, so that an arm of an experiment has the same colour in every chart. Names also differ by line style, marker or
position.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.evaluation.collapse import rank_of_spectrum
from sslcourse.figures.fonts import drawable, drawable_names
from sslcourse.figures.style import COLOURS, GREY, INK, LINES, MARKERS, new_figure, note, numbers, short, with_alt

Values = Sequence[float] | Tensor
WIDE = (6.4, 3.6)


def plot_curves(
    curves: Mapping[str, tuple[Values, Values]],
    *,
    bands: Mapping[str, tuple[Values, Values, Values]] | None = None,
    levels: Mapping[str, float] | None = None,
    colours: Mapping[str, str] | None = None,
    title: str = "",
    x_label: str = "step",
    y_label: str = "",
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
    small_print: str = "",
    size: tuple[float, float] = WIDE,
) -> Figure:
    """Runs against the step, each over the range in which it is expected, where that is known.

    `curves` maps a name to (steps `T`, values `T`); `bands` a curve's name to (steps, lowest, highest), shaded in the
    curve's colour. `levels` are dashed horizontal lines (chance, untrained). Raises ValueError when steps and values
    do not fit.

    >>> plot_curves({"SimCLR": ([0, 10], [0.30, 0.46])}, y_label="kNN accuracy").get_label()
    'Line chart of kNN accuracy against step. SimCLR: from 0.3 to 0.46.'
    """
    words = [f"Line chart of {y_label or title or 'values'} against {x_label}."]
    with new_figure(*size) as figure:
        axis = figure.subplots()
        for number, (name, (steps, values)) in enumerate(curves.items()):
            steps, values = numbers(steps), numbers(values)
            if values.shape != steps.shape:
                raise ValueError(f"curve {name!r} has {len(steps)} steps and values of shape {values.shape}")
            colour = _colour(name, number, colours)
            if band := (bands or {}).get(name):
                axis.fill_between(*map(numbers, band), color=colour, alpha=0.18, linewidth=0)
            marker = MARKERS[number % len(MARKERS)] if len(steps) <= 30 else ""
            line = LINES[number % len(LINES)]
            axis.plot(
                steps, values, color=colour, linestyle=line, marker=marker, markersize=3.5, label=_name(name, number)
            )
            words.append(f"{name}: from {short(values[0])} to {short(values[-1])}.")
        words += draw_levels(axis, levels)
        axis.set(title=title, xlabel=x_label, ylabel=y_label)
        axis.margins(x=0.02)
        axis.set(**{f"{x}lim": limits for x, limits in (("x", x_limits), ("y", y_limits)) if limits})
        if len(curves) > 1:  # above the axes, where no curve runs, on a figure that is so much taller
            columns = max(1, int(size[0] / (0.55 + 0.07 * max(map(len, curves)))))
            figure.set_figheight(size[1] + 0.2 * math.ceil(len(curves) / columns))
            figure.legend(loc="outside upper left", ncols=columns, columnspacing=1.2, borderpad=0.1)
        if small_print:
            figure.set_figheight(figure.get_figheight() + 0.25)
        note(figure, small_print)
    return with_alt(figure, " ".join(words))


def plot_bars(
    bars: Mapping[str, float],
    *,
    ranges: Mapping[str, tuple[float, float] | None] | None = None,
    levels: Mapping[str, float] | None = None,
    colours: Mapping[str, str] | None = None,
    title: str = "",
    x_label: str = "",
    small_print: str = "",
    size: tuple[float, float] | None = None,
) -> Figure:
    """One horizontal bar a name, its value written beside it, and as a black line the range in which it is expected.

    `levels` are vertical dashed lines (chance, untrained).

    >>> bars = {"SimCLR": 0.46, "untrained": 0.30}
    >>> plot_bars(bars, x_label="kNN accuracy", ranges={"SimCLR": (0.45, 0.47)}).get_label()
    'Bar chart of kNN accuracy. SimCLR: 0.46, expected 0.45 to 0.47. untrained: 0.3.'
    """
    words = [f"Bar chart of {x_label or title or 'values'}."]
    right = max([*bars.values(), *(levels or {}).values(), 1e-9])
    with new_figure(*(size or (6.4, 0.9 + 0.5 * len(bars)))) as figure:
        axis = figure.subplots()
        axis.grid(False)
        for number, (name, value) in enumerate(bars.items()):
            axis.barh(number, value, height=0.62, color=_colour(name, number, colours), alpha=0.85)
            expected, end = (ranges or {}).get(name), max(0.0, value)
            if expected:
                axis.plot(expected, [number] * 2, color="black", linewidth=2.5, solid_capstyle="butt")
                end = max(end, expected[1])
            place = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "color": INK}
            place["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # a level may run through it
            axis.annotate(short(value), (end, number), **place)
            right = max(right, end)
            more = f", expected {short(expected[0])} to {short(expected[1])}" if expected else ""
            words.append(f"{name}: {short(value)}{more}.")
        words += draw_levels(axis, levels, upright=True)
        axis.set_yticks(range(len(bars)), drawable_names(list(bars), "bar"))
        axis.tick_params(axis="y", labelsize=10, labelcolor=INK)
        axis.invert_yaxis()
        axis.set_xlim(min(0.0, axis.get_xlim()[0]), right * 1.18)
        axis.set_xlabel(x_label)
        axis.set_title(title, pad=16 if levels else 6)
        note(figure, small_print)
    return with_alt(figure, " ".join(words))


def plot_histograms(
    values: Mapping[str, Values], *, limits: tuple[float, float], title: str = "", x_label: str = "", size=WIDE
) -> Figure:
    """How the numbers under each name are distributed between `limits`, as densities.

    >>> plot_histograms({"positive pairs": [0.5, 0.7]}, limits=(-1, 1), x_label="cosine").get_label()
    'Histogram of cosine. positive pairs: mean 0.6, from 0.5 to 0.7.'
    """
    words = [f"Histogram of {x_label or title or 'values'}."]
    edges = np.linspace(*limits, 61)
    with new_figure(*size) as figure:
        axis = figure.subplots()
        for number, (name, given) in enumerate(values.items()):
            given = numbers(given)
            heights, _ = np.histogram(given.clip(*limits), edges, density=True)
            colour, line = COLOURS[number % len(COLOURS)], LINES[number % len(LINES)]
            axis.stairs(heights, edges, fill=True, color=colour, alpha=0.4)
            axis.stairs(heights, edges, color=colour, linestyle=line, label=_name(name, number))
            words.append(f"{name}: mean {short(given.mean())}, from {short(given.min())} to {short(given.max())}.")
        axis.set(
            title=title, xlabel=x_label, ylabel="density", ylim=(0, 1.3 * axis.get_ylim()[1])
        )  # room for the legend
        axis.legend(loc="upper left")
    return with_alt(figure, " ".join(words))


def plot_spectra(
    spectra: Mapping[str, Values], *, colours: Mapping[str, str] | None = None, title: str = "", size=WIDE
) -> Figure:
    """The singular values of each representation, as shares of its largest, on a logarithmic axis.

    `spectra` maps a name to values in falling order (`collapse.spectrum`). A line that falls off a cliff is a partial
    collapse; the legend gives the effective rank (exp of the entropy of the shares).

    >>> plot_spectra({"z": [1.0, 1.0, 1e-9]}).get_label()
    'Singular values on a logarithmic axis. z: effective rank 2.0 of 3.'
    """
    floor, words = 1e-6, ["Singular values on a logarithmic axis."]
    with new_figure(*size) as figure:
        axis = figure.subplots()
        for number, (name, values) in enumerate(spectra.items()):
            values = numbers(values)
            rank = f"effective rank {rank_of_spectrum(torch.from_numpy(values)).item():.1f} of {len(values)}"
            shares = np.maximum(values / max(values.max(), 1e-300), floor)
            look = {"color": _colour(name, number, colours), "linestyle": LINES[number % len(LINES)]}
            axis.plot(np.arange(1, len(values) + 1), shares, label=f"{_name(name, number)}: {rank}", **look)
            words.append(f"{name}: {rank}.")
        axis.set_yscale("log")
        axis.set_ylim(floor * 0.7, 1.6)
        axis.set(title=title, xlabel="singular value, largest first", ylabel="share of the largest")
        axis.margins(x=0.02)
        axis.legend()
    return with_alt(figure, " ".join(words))


def plot_alignment_uniformity(
    runs: Mapping[str, Sequence[tuple[float, float]]],
    *,
    colours: Mapping[str, str] | None = None,
    title: str = "",
    size: tuple[float, float] = (5.2, 4.0),
) -> Figure:
    """Where representations stand between alignment (x) and uniformity (y): lower is better in both.

    `runs` maps a name to points (alignment, uniformity) in order, drawn as a path that ends at the filled marker.
    Source: Wang and Isola 2020, figure 5.

    >>> plot_alignment_uniformity({"end": [(0.2, -3.5)]}).get_label()
    'Uniformity against alignment, lower is better in both. end: alignment 0.2, uniformity -3.5.'
    """
    words = ["Uniformity against alignment, lower is better in both."]
    with new_figure(*size) as figure:
        axis = figure.subplots()
        axis.grid(True, axis="both")
        for number, (name, points) in enumerate(runs.items()):
            path = numbers(points)
            colour, marker = _colour(name, number, colours), MARKERS[number % len(MARKERS)]
            axis.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.2, alpha=0.7)
            axis.scatter(path[:-1, 0], path[:-1, 1], s=14, facecolor="white", edgecolor=colour, marker=marker, zorder=3)
            axis.scatter(*path[-1], s=55, color=colour, marker=marker, zorder=4, label=_name(name, number))
            words.append(f"{name}: alignment {short(path[-1, 0])}, uniformity {short(path[-1, 1])}.")
        axis.margins(0.12)
        axis.legend()
        arrow = {"arrowstyle": "->", "color": GREY}
        axis.annotate("better", (0.03, 0.03), (0.16, 0.16), xycoords="axes fraction", color=GREY, arrowprops=arrow)
        x_label, y_label = "alignment (squared distance of pairs)", "uniformity (log potential)"
        axis.set(title=title, xlabel=x_label, ylabel=y_label)
    return with_alt(figure, " ".join(words))


def _colour(name: str, number: int, colours: Mapping[str, str] | None) -> str:
    return (colours or {}).get(name, COLOURS[number % len(COLOURS)])


def _name(name: str, number: int) -> str:
    return drawable(name, f"run {number}")


def draw_levels(axis, levels: Mapping[str, float] | None, upright: bool = False) -> list[str]:
    """Draw a dashed line with its name across the axis at each level; returns a sentence on each."""
    line, place, shift = (axis.axvline, "center", (0, 2)) if upright else (axis.axhline, "right", (-2, 3))
    look = {"ha": place, "color": GREY, "fontsize": 8, "xytext": shift, "textcoords": "offset points"}
    for name, level in (levels or {}).items():
        line(level, color=GREY, linestyle=(0, (2, 2)), linewidth=1)
        if upright:
            axis.annotate(name, (level, 1), xycoords=("data", "axes fraction"), **look)
        else:
            axis.annotate(name, (1, level), xycoords=("axes fraction", "data"), **look)
    return [f"{name} is at {short(level)}." for name, level in (levels or {}).items()]
