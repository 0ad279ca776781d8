"""The figures of Lab 2 that explain an idea: the two branches, who moves whom, three losses."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures import BLUE, GREEN, ORANGE, new_figure, with_alt
from sslcourse.figures.diagram import Diagram
from sslcourse.figures.style import COLOUR_MAP, GREY, numbers, short


def branches(image: Tensor, views: Tensor) -> Figure:
    """The diagram of BYOL: an image uint8 `3,H,W`, its views float `2,3,h,w`, and what becomes of them."""
    sheet = Diagram(94, low=-4, high=32, fontsize=10.5, pad=0.6)
    sheet.picture(image, 6.5, 14.5, 10, None, "image")
    for y, up, colour, name in ((23, 1, BLUE, "view 1"), (6, -1, ORANGE, "view 2")):
        sheet.arrow(12, 14.5 + 2 * up, 17.5, y, colour)
        sheet.picture(views[0 if up > 0 else 1], 22.5, y, 9.5, colour, name)
        sheet.arrow(27.7, y, 31, y, colour)
        sheet.box(37.5, y, "encoder", BLUE if up > 0 else ORANGE)
        sheet.arrow(44, y, 47.3, y, colour)
        sheet.box(54.5, y, "projector", BLUE if up > 0 else ORANGE)
    sheet.text(46, 28.5, "online network: learns by gradient", fontsize=9.5, style="italic", color=BLUE)
    sheet.text(46, 0.6, "target network: a moving average, no gradient", fontsize=9.5, style="italic", color=ORANGE)
    for x in (37.5, 54.5):
        sheet.arrow(x, 19.8, x, 9.3, GREY, "--")
    sheet.text(46, 14.5, "follows", fontsize=9.5, color=GREY)
    sheet.arrow(62, 23, 65, 23, BLUE)
    sheet.text(67, 23, "$z$", fontsize=13)
    sheet.arrow(69, 23, 71.3, 23, BLUE)
    sheet.box(78.2, 23, "predictor", GREEN)
    sheet.arrow(85, 23, 87.5, 23, BLUE)
    sheet.text(89.5, 23, "$p$", fontsize=13)
    sheet.arrow(62, 6, 87, 6, ORANGE)
    sheet.text(89.5, 6, "$z'$", fontsize=13)
    sheet.axis.plot([74, 74], [4.2, 7.8], color=ORANGE, linewidth=3)
    sheet.text(74, 2.2, "stop-gradient", fontsize=9.5, color=ORANGE)
    sheet.axis.annotate(
        "", (89.5, 8.5), (89.5, 20.5), arrowprops={"arrowstyle": "<|-|>", "color": GREY, "linewidth": 1.4}
    )
    sheet.axis.text(88.5, 14.5, "loss", ha="right", va="center", fontsize=11)
    return with_alt(
        sheet.figure,
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
