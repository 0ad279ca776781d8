"""The figures of Lab 2 that explain an idea: the two branches, who moves whom, three losses."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures import BLUE, GREEN, ORANGE, bare, new_figure, pixels, with_alt
from sslcourse.figures.style import COLOUR_MAP, GREY, numbers, short


def branches(image: Tensor, views: Tensor) -> Figure:
    """The diagram of BYOL: an image uint8 `3,H,W`, its views float `2,3,h,w`, and what becomes of them."""
    figure = Figure(figsize=(9.4, 3.6))
    axis = figure.add_axes((0, 0, 1, 1), xlim=(0, 94), ylim=(-4, 32))
    axis.axis("off")
    middle: dict[str, Any] = {"ha": "center", "va": "center"}

    def picture(shown: Tensor, x: float, y: float, side: float, colour: str | None, name: str) -> None:
        inset = axis.inset_axes((x - side / 2, y - side / 2, side, side), transform=axis.transData)
        inset.imshow(pixels(shown), interpolation="nearest")
        bare(inset, frame=colour)
        axis.text(x, y - side / 2 - 1, name, ha="center", va="top", fontsize=10)

    def box(x: float, y: float, name: str, colour: str) -> None:
        look = {"boxstyle": "round,pad=0.6", "facecolor": colour + "22", "edgecolor": colour, "linewidth": 1.5}
        axis.text(x, y, name, fontsize=10.5, bbox=look, **middle)

    def arrow(x: float, y: float, to_x: float, to_y: float, colour: str, style: str = "-") -> None:
        look = {"arrowstyle": "-|>", "mutation_scale": 13, "color": colour, "linewidth": 1.6, "linestyle": style}
        axis.annotate("", (to_x, to_y), (x, y), arrowprops=look)

    picture(image, 6.5, 14.5, 10, None, "image")
    for y, up, colour, name in ((23, 1, BLUE, "view 1"), (6, -1, ORANGE, "view 2")):
        arrow(12, 14.5 + 2 * up, 17.5, y, colour)
        picture(views[0 if up > 0 else 1], 22.5, y, 9.5, colour, name)
        arrow(27.7, y, 31, y, colour)
        box(37.5, y, "encoder", BLUE if up > 0 else ORANGE)
        arrow(44, y, 47.3, y, colour)
        box(54.5, y, "projector", BLUE if up > 0 else ORANGE)
    axis.text(46, 28.5, "online network: learns by gradient", fontsize=9.5, style="italic", color=BLUE, **middle)
    axis.text(
        46, 0.6, "target network: a moving average, no gradient", fontsize=9.5, style="italic", color=ORANGE, **middle
    )
    for x in (37.5, 54.5):
        arrow(x, 19.8, x, 9.3, GREY, "--")
    axis.text(46, 14.5, "follows", fontsize=9.5, color=GREY, **middle)
    arrow(62, 23, 65, 23, BLUE)
    axis.text(67, 23, "$z$", fontsize=13, **middle)
    arrow(69, 23, 71.3, 23, BLUE)
    box(78.2, 23, "predictor", GREEN)
    arrow(85, 23, 87.5, 23, BLUE)
    axis.text(89.5, 23, "$p$", fontsize=13, **middle)
    arrow(62, 6, 87, 6, ORANGE)
    axis.text(89.5, 6, "$z'$", fontsize=13, **middle)
    axis.plot([74, 74], [4.2, 7.8], color=ORANGE, linewidth=3)
    axis.text(74, 2.2, "stop-gradient", fontsize=9.5, color=ORANGE, **middle)
    axis.annotate("", (89.5, 8.5), (89.5, 20.5), arrowprops={"arrowstyle": "<|-|>", "color": GREY, "linewidth": 1.4})
    axis.text(88.5, 14.5, "loss", ha="right", va="center", fontsize=11)
    return with_alt(
        figure,
        "One image becomes two views. The online network, encoder and projector, turns the first into z, and a "
        "predictor turns z into p. The target network, whose weights follow the online network's as a moving "
        "average, turns the second into z'. The loss compares p with z'; its gradient stops at the target.",
    )


def influences(tables: Mapping[str, Tensor]) -> Figure:
    """How far each output moves when one row of the batch does: a matrix `n,n` under each name.

    The mean of the diagonal, how far an output moves with its own picture, is 1.
    """
    tables = {name: table / table.diag().mean() for name, table in tables.items()}
    most = max(table.max().item() for table in tables.values())
    words = ["How far output i (row) moves when picture j (column) is changed."]
    with new_figure(2.75 * len(tables) + 0.6, 3.1) as figure:
        axes = figure.subplots(1, len(tables), squeeze=False)[0]
        for axis, (name, table) in zip(axes, tables.items()):
            drawn = axis.imshow(numbers(table), cmap=COLOUR_MAP, vmin=0, vmax=most)
            axis.grid(False)
            ticks = range(len(table))
            axis.set(title=name, xlabel="picture that is changed", xticks=ticks, yticks=ticks)
            off = table - table.diag().diag()
            own, beside = short(table.diag().mean().item()), short(off.max().item())
            words.append(f"{name}: {own} on the diagonal, at most {beside} beside it.")
        axes[0].set_ylabel("output that moves")
        figure.colorbar(drawn, ax=list(axes), shrink=0.75, label="mean of the diagonal = 1")
    return with_alt(figure, " ".join(words))
