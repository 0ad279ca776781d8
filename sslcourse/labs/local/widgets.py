"""A picture to play with: two boxes on it, what they share, and what the loss does with the two."""

import ipywidgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.labs.local import pictures
from sslcourse.labs.local.answers.overlap import crop_overlap
from sslcourse.labs.local.arms import GLOBAL_SCALE
from sslcourse.notebook.widgets import Explorer, slider

START = {"first": (0.25, 0.2, 0.2), "second": (0.25, 0.5, 0.6)}  # share of the picture, place from the top, the left
SAID = {
    (True, True): "Two global crops: each is drawn to the other.",
    (True, False): "A global and a local crop: the local one is drawn to the global one, never the other way round.",
    (
        False,
        False,
    ): "Two local crops: left alone, pulled together or pushed apart, that is the question.",
}


class CropExplorer(Explorer):
    """Two square boxes on a picture, with sliders for their sizes and places.

    `images` uint8 `N,3,H,W` to choose from; `names` one for each.
    """

    def __init__(self, images: Tensor, names: list[str]):
        if len(images) < 1 or len(images) != len(names):
            raise ValueError(f"give at least one image, a name for each; got {len(images)} and {len(names)} names")
        self.images = images
        options = list(zip(names, range(len(names)), strict=True))
        controls = {"image": ipywidgets.Dropdown(options=options, description="picture")}
        for which, (share, row, column) in START.items():
            controls |= {
                f"{which} share": slider(share, f"{which}: share of picture", 0.05, 1.0),
                f"{which} row": slider(row, f"{which}: from the top", 0.0, 1.0),
                f"{which} column": slider(column, f"{which}: from the left", 0.0, 1.0),
            }
        super().__init__(controls)

    def pixels_of(self, which: str) -> list[int]:
        """The "first" or "second" box in pixels: top, left, height, width."""
        height, width = self.images.shape[2:]
        part = self.value(f"{which} share") ** 0.5
        tall, wide = max(1, round(part * height)), max(1, round(part * width))
        top, left = self.value(f"{which} row") * (height - tall), self.value(f"{which} column") * (width - wide)
        return [round(top), round(left), tall, wide]

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """The picture with both boxes, the two crops, what they share, and what kind of pair they are."""
        boxes, image = [self.pixels_of(which) for which in START], self.images[self.value("image")]
        whole = [self.value(f"{which} share") >= GLOBAL_SCALE[0] for which in START]
        first, second = (torch.tensor([box]) for box in boxes)
        shares = [crop_overlap(first, second).item(), crop_overlap(second, first).item()]
        common = round(shares[0] * boxes[0][2] * boxes[0][3])
        words = f"<p>The second crop shows <b>{100 * shares[0]:.0f} %</b> of the first, the first "
        words += f"<b>{100 * shares[1]:.0f} %</b> of the second. {SAID[max(whole), min(whole)]}"
        if not any(whole) and common:
            words += f" Pushing them apart says that these {common} pixels should look different from themselves."
        return [pictures.two_crops(image, boxes, whole)], f"{words}</p>"
