"""The figures of Lab 7: the parts of the whole method, and the cells of the ledger's factorial."""

from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.figures import BLUE, GREEN, GREY, ORANGE, new_figure, with_alt
from sslcourse.figures.diagram import Diagram
from sslcourse.figures.style import INK, PALE, short
from sslcourse.labs.together.ledger import Cells, Place
from sslcourse.labs.together.tasks import PARTS

NOT_YET = "not yet measured"


def whole_method(image: Tensor, kept: Tensor) -> Figure:
    """The diagram of the combined method: an image `3,H,W` for the teacher, and what is kept of it for the student."""
    sheet = Diagram(96, low=-3, high=33, fontsize=10.5, pad=0.6)
    sheet.picture(image, 7, 26, 9, None, "all patches")
    sheet.arrow(12.5, 26, 19, 26, GREY)
    sheet.box(25, 26, "teacher", GREY)
    sheet.picture(kept, 7, 8, 9, None, "removal: half go")
    sheet.arrow(25, 23.6, 12.2, 12.8, GREY, "--")
    sheet.text(27, 16.6, "its attention\nsays which", fontsize=9.5, color=GREY)
    sheet.arrow(12.5, 8, 19, 8, BLUE)
    sheet.box(25.5, 8, "student", BLUE)
    sheet.arrow(31.3, 8, 36.5, 8, BLUE)
    sheet.box(42.5, 8, "decoder", ORANGE)
    sheet.arrow(30.7, 26, 62, 26, GREY)
    sheet.arrow(27, 10.6, 62, 24.8, BLUE)
    sheet.arrow(30, 10.6, 62, 16.8, BLUE)
    sheet.arrow(30.7, 24.6, 62, 18.2, GREY)
    sheet.arrow(48.6, 8, 62, 8, ORANGE)
    for y, name, colour in ((26, "class token: $L_{CLS}$", GREEN), (17.5, "patches: $L_{patch}$", GREEN)):
        sheet.box(74, y, name, colour)
    sheet.box(74, 8, "pixels: $L_{pix}$", GREEN)
    sheet.text(90, 26, "always on", fontsize=9.5, color=GREY)
    sheet.text(90, 17.5, "switch", fontsize=9.5, color=GREEN)
    sheet.text(90, 8, "switch", fontsize=9.5, color=GREEN)
    sheet.text(7, -2, "switch", fontsize=9.5, color=GREEN)
    words = (
        "The teacher sees all patches of a picture, and by its attention half of them are removed for the student. "
        "Three losses are added: of the class token, of the patches that the student has, and of the pixels that a "
        "decoder paints. Removal, the patches' loss and the pixels' loss have a switch each."
    )
    return with_alt(sheet.figure, words)


def name_of(place: Place) -> str:
    """A cell in words.

    >>> name_of((1, 0, 1)), name_of((0, 0, 0))
    ('patches + pixels', 'class token alone')
    """
    return " + ".join(part for part, on in zip(PARTS, place) if on) or "class token alone"


def seeds(count: int) -> str:
    """A number of seeds with its noun."""
    return f"{count} seed{'' if count == 1 else 's'}"


def count_of(cells: Cells) -> str:
    """How much of a factorial is there, in a sentence.

    >>> count_of({(0,): {1: 0.5}, (1,): {}})
    '1 of 2 cells is measured; no seed has all of them.'
    """
    there = sum(bool(one) for one in cells.values())
    whole = len(set.intersection(*(set(one) for one in cells.values())))
    complete = f"{seeds(whole)} {'has' if whole == 1 else 'have'} all of them" if whole else "no seed has all of them"
    return f"{there} of {len(cells)} cells {'is' if there == 1 else 'are'} measured; {complete}."


def draw_cells(cells: Cells, here: Place, least: float, label: str) -> Figure:
    """The figures of every cell as points in a row of its own; a band of `least` around the mean of `here`."""
    order = sorted(cells, key=lambda place: (sum(place), place))
    words = [f"Points for eight cells of the factorial, {label}."]
    with new_figure(8.6, 3.7) as figure:
        axis = figure.subplots()
        axis.grid(False)
        if values := list(cells[here].values()):
            mean = sum(values) / len(values)
            axis.axvspan(mean - least, mean + least, color=PALE, zorder=0)
            axis.axvline(mean, color=GREY, linewidth=1, linestyle=(0, (3, 2)), zorder=1)
            words.append(f"Shaded: within {short(least)} of {short(mean)}, the mean of {name_of(here)}.")
        for row, place in enumerate(order):
            values = list(cells[place].values())
            colour = ORANGE if place == here else BLUE
            if values:
                axis.scatter(values, [row] * len(values), s=26, color=colour, alpha=0.6, zorder=2)
                axis.scatter([sum(values) / len(values)], [row], s=80, color=colour, marker="|", zorder=3)
                words.append(f"{name_of(place)}: mean {short(sum(values) / len(values))} of {seeds(len(values))}.")
            else:
                axis.text(0.5, row, NOT_YET, transform=axis.get_yaxis_transform(), ha="center", va="center", color=GREY)
                words.append(f"{name_of(place)}: {NOT_YET}.")
        axis.set_yticks(range(len(order)), [name_of(place) for place in order])
        axis.tick_params(axis="y", labelsize=10, labelcolor=INK)
        for tick, place in zip(axis.get_yticklabels(), order):
            tick.set_fontweight("bold" if place == here else "normal")
        axis.set_ylim(len(order) - 0.5, -0.5)
        axis.set_title(f"shaded: differs by less than {short(least)}, the smallest effect that counts")
        axis.set_xlabel(label)
    return with_alt(figure, " ".join(words))
