"""The figures of Lab 3 that explain an idea: crops and their pairs, settings of scales, cosines beside their bound."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from sslcourse.figures import BLUE, GREEN, GREY, ORANGE, new_figure, pixels, plot_curves, with_alt
from sslcourse.figures.diagram import Diagram
from sslcourse.figures.style import bare, numbers, short

DASHED: tuple = (0, (4, 2))
LINES: tuple[str | tuple, ...] = ("-", DASHED)


def draw_box(axis, box: Sequence[int], colour: str, line: Any = "-") -> None:
    """A box (top, left, height, width, in pixels) over a picture, readable on any background."""
    top, left, height, width = box
    for edge, wide, style in (("white", 3.6, "-"), (colour, 2.0, line)):
        look: dict[str, Any] = {"edgecolor": edge, "linewidth": wide, "linestyle": style}
        axis.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, **look))


def crops_and_pairs(image: Tensor, boxes: Tensor, crops: Sequence[Tensor]) -> Figure:
    """A picture uint8 `3,H,W` with four boxes `4,4`, its two global and two local crops, and the pairs among them."""
    sheet = Diagram(94, low=-3, high=40, fontsize=10, pad=0.5)
    inset = sheet.axis.inset_axes((2, 7, 26, 26), transform=sheet.axis.transData)
    inset.imshow(pixels(image), interpolation="nearest")
    bare(inset)
    colours, lines = (BLUE, BLUE, ORANGE, ORANGE), 2 * LINES
    for box, colour, line in zip(boxes.tolist(), colours, lines):
        draw_box(inset, box, colour, line)
    sheet.text(15, 4.5, "one picture, four boxes", fontsize=10)
    places = ((42, 29), (42, 8), (66, 27), (66, 10))
    names = ("global crop 0", "global crop 1", "local crop 2", "local crop 3")
    for crop, (x, y), colour, name in zip(crops, places, colours, names):
        sheet.picture(crop, x, y, 13 if colour == BLUE else 8, colour, name)
    both = {"arrowstyle": "<|-|>", "mutation_scale": 11, "linewidth": 1.5}
    sheet.axis.annotate("", (38, 15.5), (38, 19.5), arrowprops={**both, "color": BLUE})
    for start, end in (
        ((61.5, 27), (49.5, 29)),
        ((61.5, 25), (49.5, 11)),
        ((61.5, 12), (49.5, 26)),
        ((61.5, 10), (49.5, 8)),
    ):
        sheet.arrow(*start, *end, GREEN)
    sheet.axis.annotate("", (66, 16), (66, 20), arrowprops={**both, "color": ORANGE, "linestyle": "--"})
    for y, colour, words in (
        (30, BLUE, "two global crops:\nattract each other"),
        (20, GREEN, "a local and a global one:\nthe local is drawn"),
        (9, ORANGE, "two local crops:\n?"),
    ):
        sheet.text(83.5, y, words, fontsize=9.5, color=colour)
    return with_alt(
        sheet.figure,
        "A picture with four boxes, and the crops cut out of them: two global ones, which show most of it, and two "
        "local ones. Global crops attract each other; each local crop is drawn to both global ones; what two "
        "local crops should do is the question.",
    )


def overlaps(images: Tensor, boxes: Tensor, shares: Sequence[float]) -> Figure:
    """Pictures `B,3,H,W`, each with its two local boxes `2,B,4` and the share of the first that the second shows."""
    with new_figure(1.35 * len(images), 1.65) as figure:
        axes = figure.subplots(1, len(images), squeeze=False)[0]
        for number, (axis, image) in enumerate(zip(axes, images)):
            axis.imshow(pixels(image), interpolation="nearest")
            bare(axis)
            axis.set_title(f"{100 * shares[number]:.0f} %", fontsize=10, loc="center")
            for which, line in ((0, "-"), (1, DASHED)):
                draw_box(axis, boxes[which, number].tolist(), ORANGE, line)
    said = ", ".join(f"{100 * share:.0f} %" for share in shares)
    return with_alt(figure, f"Pictures with two local crops each, and what the second shows of the first: {said}.")


def bound_and_cosines(first: Tensor, second: Tensor, between: Tensor, bound: Tensor) -> Figure:
    """Cosines of local crops, each against the smallest that its two cosines with a global crop allow, all `N`."""
    with new_figure(4.6, 3.6) as figure:
        axis = figure.subplots()
        axis.scatter(numbers(bound), numbers(between), s=9, color=BLUE, alpha=0.5, label="two local crops")
        axis.plot((-1, 1), (-1, 1), color=ORANGE, linewidth=1.8, label="the bound")
        product = numbers(first * second)
        order = numbers(bound).argsort()
        axis.plot(
            numbers(bound)[order], product[order], ".", markersize=2.5, color=GREY, label="product of the two cosines"
        )
        axis.set(
            xlabel="smallest cosine that is possible",
            ylabel="cosine of the two local crops",
            xlim=(-1.02, 1.02),
            ylim=(-1.02, 1.02),
        )
        axis.legend(loc="lower right", fontsize=8)
    gap = between - bound
    below = int((gap < -1e-6).sum())  # none, unless the bound is none
    lie = f"{below} lie below" if below else f"all lie above, the nearest by {short(gap.min().item())}"
    return with_alt(
        figure,
        f"Cosines of pairs of local crops against the smallest possible ones: {lie}. "
        f"Mean cosine {short(between.mean().item())}, mean product of the two {short(float(product.mean()))}.",
    )


def against_overlap(rows: Mapping[str, list[dict[str, float]]], colours: Mapping[str, str]) -> Figure:
    """How alike the features of two local crops are against the share of pixels that both show, one line a network."""
    return plot_curves(
        {name: ([row["share"] for row in one], [row["relative"] for row in one]) for name, one in rows.items()},
        colours=colours,
        levels={"crops of two pictures": 0.0, "the same crop": 1.0},
        x_label="share of pixels that both show",
        y_label="similarity of the features",
        x_limits=(-0.02, 1.02),
        size=(6.4, 3.6),
    )


def two_crops(image: Tensor, boxes: Sequence[Sequence[int]], whole: Sequence[bool]) -> Figure:
    """A picture uint8 `3,H,W` with two boxes (top, left, height, width), and the crops; `whole`: which are global."""
    with new_figure(7.4, 2.9) as figure:
        axes = figure.subplots(1, 3)
        axes[0].imshow(pixels(image), interpolation="nearest")
        bare(axes[0])
        axes[0].set_title("picture", fontsize=10, loc="center")
        words = []
        for which, (axis, box, line) in enumerate(zip(axes[1:], boxes, LINES)):
            top, left, height, width = box
            name, colour = ("global", BLUE) if whole[which] else ("local", ORANGE)
            draw_box(axes[0], box, colour, line)
            axis.imshow(pixels(image[:, top : top + height, left : left + width]), interpolation="nearest")
            bare(axis, frame=colour)
            axis.spines[:].set_linestyle(line)
            title = f"{('first', 'second')[which]}: {name}"
            axis.set_title(title, fontsize=10, loc="center")
            words.append(f"{title}, rows {top} to {top + height - 1}, columns {left} to {left + width - 1}")
    return with_alt(figure, f"A picture with two boxes, and the two crops. {'; '.join(words)}.")
