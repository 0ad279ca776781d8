"""Paired runs: every pair as points with a line between its arms, and the pairs' effects with their interval."""

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from sslcourse.figures.fonts import can_print
from sslcourse.figures.style import COLOURS, GREY, INK, MARKERS, new_figure, short, with_alt

WIDTH = 14  # letters in a line below an arm


def plot_pairs(
    figures: Mapping[int, Mapping[str, float]],
    effects: Sequence[float],
    interval: tuple[float, float],
    *,
    counts: Sequence[float] = (),
    y_label: str = "",
    title: str = "",
    size: tuple[float, float] | None = None,
) -> Figure:
    """On the left the figure of every arm for each seed, joined by a line; on the right each seed's effect.

    `effects` are in the order of the seeds of `figures`; a diamond is their mean, the bar its `interval`. `counts` are
    the smallest effects that count, dashed. Raises ValueError unless there is one effect a seed.

    >>> pairs = {1: {"a": 0.8, "b": 0.5}, 2: {"a": 0.7, "b": 0.5}}
    >>> plot_pairs(pairs, [0.3, 0.2], (0.2, 0.3), y_label="accuracy").get_label()
    'Pairs of runs, accuracy. a: from 0.7 to 0.8. b: from 0.5 to 0.5. Effects of 2 pairs: from 0.2 to 0.3, mean 0.25.'
    """
    if len(effects) != len(figures):
        raise ValueError(f"one effect a seed: {len(figures)} seeds and {len(effects)} effects")
    arms = list(next(iter(figures.values())))
    mean = sum(effects) / len(effects)
    words = [f"Pairs of runs, {y_label}."]
    with new_figure(*(size or (2.6 + 1.1 * len(arms), 3.3))) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[len(arms) + 0.5, 1.5])
        for values in figures.values():
            left.plot(range(len(arms)), [values[arm] for arm in arms], color=GREY, linewidth=0.8, alpha=0.7, zorder=1)
        for place, arm in enumerate(arms):
            heights = [values[arm] for values in figures.values()]
            look = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
            left.scatter([place] * len(heights), heights, s=26, alpha=0.85, zorder=2, **look)
            words.append(f"{arm}: from {short(min(heights))} to {short(max(heights))}.")
        labels = [_in_lines(arm, f"arm {place + 1}") for place, arm in enumerate(arms)]
        left.set_xticks(range(len(arms)), labels, fontsize=8)
        left.set_xlim(-0.5, len(arms) - 0.5)
        left.set_ylabel(y_label)
        left.set_title(textwrap.fill(title, WIDTH * len(arms) + 2))  # it may not reach over the other chart
        for level in (0.0, *counts):
            right.axhline(level, color=GREY, linewidth=1, linestyle="-" if level == 0 else (0, (3, 2)))
        right.scatter([0] * len(effects), effects, s=26, color=INK, alpha=0.6)
        right.plot([0.4, 0.4], interval, color=INK, linewidth=2.5, solid_capstyle="butt")
        right.scatter([0.4], [mean], marker="D", s=40, color=INK, zorder=3)
        right.set(xticks=[0, 0.4], xticklabels=["pairs", "mean"], xlim=(-0.4, 0.8), title="effect")
        right.tick_params(axis="x", labelsize=8)
    spread = f"from {short(min(effects))} to {short(max(effects))}, mean {short(mean)}"
    return with_alt(figure, " ".join([*words, f"Effects of {len(effects)} pairs: {spread}."]))


def plot_effects(
    rows: Mapping[str, tuple[Sequence[float], tuple[float, float]]],
    *,
    counts: Sequence[float] = (1.0,),
    x_label: str = "effect / smallest effect that counts",
) -> Figure:
    """Several effects below each other, each with all its pairs, their mean and interval, in a unit that they share.

    `rows` maps what was compared to (effects, interval); `counts` are the smallest effects that count, dashed. Beyond
    ten of them the axis is logarithmic.

    >>> plot_effects({"a - b": ([1.5, 2.5], (1.4, 2.6))}).get_label()
    'Effects of pairs, effect / smallest effect that counts. a - b: mean 2, interval 1.4 to 2.6, 2 pairs.'
    """
    words = [f"Effects of pairs, {x_label}."]
    with new_figure(8.4, 0.9 + 0.42 * len(rows)) as figure:
        axis = figure.subplots()
        axis.grid(False)
        for level in (0.0, *counts):
            axis.axvline(level, color=GREY, linewidth=1, linestyle="-" if level == 0 else (0, (3, 2)))
        for place, (name, (effects, interval)) in enumerate(rows.items()):
            mean, colour = sum(effects) / len(effects), COLOURS[place % len(COLOURS)]
            axis.scatter(effects, [place] * len(effects), s=18, color=colour, alpha=0.6, marker="o")
            axis.plot(interval, [place + 0.25] * 2, color=colour, linewidth=2.5, solid_capstyle="butt")
            axis.scatter([mean], [place + 0.25], marker="D", s=26, color=colour, zorder=3)
            low, high = map(short, interval)
            words.append(f"{name}: mean {short(mean)}, interval {low} to {high}, {len(effects)} pairs.")
        largest = max(abs(effect) for effects, _ in rows.values() for effect in effects)
        if largest > 10:
            axis.set_xscale("symlog", linthresh=2.0)
        labels = [_in_lines(name, f"effect {place + 1}", width=48, most=2) for place, name in enumerate(rows)]
        axis.set_yticks([place + 0.1 for place in range(len(rows))], labels, fontsize=8)
        axis.invert_yaxis()
        axis.set_xlabel(x_label)
    return with_alt(figure, " ".join(words))


def _in_lines(name: str, otherwise: str, width: int = WIDTH, most: int = 4) -> str:
    """A name in short lines, each of which the fonts here can draw."""
    lines = textwrap.wrap(name, width, max_lines=most, placeholder=" …") or [name]
    if not all(map(can_print, lines)):
        return otherwise
    return "\n".join(lines).replace("$", r"\$")
