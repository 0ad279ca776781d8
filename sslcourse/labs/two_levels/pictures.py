"""The figures of Lab 4: the two levels, maps of classes, like patches."""

from collections.abc import Mapping

import matplotlib
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from sslcourse.data.imageset import ImageSet
from sslcourse.data.views import MultiCrop
from sslcourse.figures import BLUE, ORANGE, heat, new_figure, picture_rows, with_alt
from sslcourse.figures.diagram import Diagram
from sslcourse.figures.style import GREY, bare, pixels
from sslcourse.methods.patches import hide_patches

PATCH = 8


def two_levels(image: Tensor, crops: MultiCrop) -> Figure:
    """The diagram of the method: an image uint8 `3,H,W`, two global crops of it, what each network sees and says."""
    sheet = Diagram(94, low=-5, high=33, fontsize=10, pad=0.6)
    first = crops.global_views[:, 0]
    count = (first.shape[2] // PATCH) ** 2
    masks = torch.zeros(2, count, dtype=torch.bool)
    masks[:, torch.randperm(count, generator=torch.Generator().manual_seed(2))[: round(0.3 * count)]] = True
    seen = hide_patches(first, masks, PATCH)
    sheet.picture(image, 6.5, 14, 10, None, "picture")
    for y, colour, views, name, out in ((24, BLUE, seen, "student", 3.2), (4, ORANGE, first, "teacher", -3.2)):
        sheet.arrow(12, 14 + (2 if y > 14 else -2), 17, y, colour)
        for at, x in enumerate((22, 33)):
            sheet.picture(views[at], x, y, 9, colour, f"crop {at + 1}")
        sheet.arrow(38.5, y, 42, y, colour)
        sheet.box(49.5, y, name, colour)
        for up, word in ((out, "class token"), (-out, "patch tokens")):
            sheet.arrow(57, y + 0.6 * up, 62, y + up, colour)
            sheet.text(70, y + up, word, fontsize=10, color=colour)
    both = {"arrowstyle": "<|-|>", "mutation_scale": 11, "linewidth": 1.5, "color": GREY}
    sheet.axis.annotate("", (70, 9.5), (70, 18.5), arrowprops=both)
    sheet.text(61, 14, "compared where\nhidden: the parts", fontsize=9.5, color=GREY)
    sheet.axis.annotate("", (77, 0.8), (77, 27.2), arrowprops={**both, "connectionstyle": "bar,fraction=-0.18"})
    sheet.text(88, 14, "compared\ncrosswise:\nthe whole", fontsize=9.5, color=GREY)
    sheet.arrow(49.5, 20.5, 49.5, 7.5, GREY, "--")
    sheet.text(44.5, 14, "follows", fontsize=9.5, color=GREY)
    return with_alt(
        sheet.figure,
        "Two crops of one picture. The student sees them with some patches hidden, the teacher sees them whole. Each "
        "network gives a class token and patch tokens. Class tokens are compared crosswise, crop 1 with crop 2; patch "
        "tokens are compared at the hidden places of one crop. The teacher's weights follow the student's.",
    )


def maps(images: ImageSet, found: Mapping[str, Tensor], count: int = 8) -> Figure:
    """Pictures and below them, for each name, maps int64 `N,H,W` of classes, each class in a colour."""
    at = list(range(0, len(images), max(1, len(images) // count)))[:count]
    shown = images.batch(torch.tensor(at)).cpu()
    colours = torch.from_numpy(matplotlib.colormaps["tab20"](range(20))[:, :3]).float()
    rows = {"picture": shown}
    for name, classes in found.items():
        chosen = classes[at]
        flat = colours[(chosen - 1).clamp(min=0) % len(colours)].permute(0, 3, 1, 2)  # B,3,H,W
        rows[name] = torch.where((chosen > 0)[:, None], flat, 0.25 * shown)
    return picture_rows(rows)


def like_patches(first: Tensor, place: tuple[int, int], second: Tensor, alike: Tensor, network: str) -> Figure:
    """Two pictures uint8 `3,H,W`; the patch at `place` framed in the first, how `alike` those of the second are."""
    rows, columns = alike.shape
    height, width = first.shape[1] / rows, first.shape[2] / columns
    best = divmod(int(alike.argmax()), columns)
    warm = heat(second[None].float() / 255, alike.flatten()[None], (rows, columns))[0]
    with new_figure(8.4, 3.0) as figure:
        axes = figure.subplots(1, 3)
        for axis, picture, title in zip(
            axes, (first, second, warm), ("a patch", "the most alike", "how alike, by cosine")
        ):
            axis.imshow(pixels(picture), interpolation="nearest")
            bare(axis)
            axis.set_title(title)
        for axis, (row, column), colour in ((axes[0], place, BLUE), (axes[1], best, ORANGE), (axes[2], best, ORANGE)):
            corner = (column * width - 0.5, row * height - 0.5)
            for thick, edge in ((4.0, "white"), (2.0, colour)):
                axis.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=edge, linewidth=thick))
    return with_alt(
        figure,
        f"{network}: the patch in row {place[0]}, column {place[1]} of one picture is most alike to that in row "
        f"{best[0]}, column {best[1]} of another, cosine {alike.max():.2f}.",
    )
