"""A brush that hides patches, and what a painter makes of the rest."""

import ipywidgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.exercises import find
from sslcourse.labs.pixels import pictures
from sslcourse.labs.pixels.measurements import blend, hidden_psnr, paint
from sslcourse.methods.combined import Combined
from sslcourse.methods.patches import hide_patches
from sslcourse.notebook.widgets import Explorer, slider


class Brush(Explorer):
    """A picture, the row and column of a brush on its grid, how broad it is, and whether what it hid stays hidden.

    `images` uint8 `N,3,H,W` with a name each; `painter` predicts plain pixels on their grid.
    """

    def __init__(self, images: Tensor, names: list[str], painter: Combined):
        if not len(images) or len(images) != len(names):
            raise ValueError(f"give images and a name for each; got {len(images)} and {len(names)}")
        self.images, self.painter, self.patch = images.cpu(), painter, painter.encoder.patch_size
        self.rows, self.columns = (side // self.patch for side in images.shape[2:])
        self.hidden = torch.zeros(self.rows, self.columns, dtype=torch.bool)
        options = list(zip(names, range(len(names)), strict=True))
        super().__init__(
            {
                "image": ipywidgets.Dropdown(options=options, description="picture"),
                "row": slider(self.rows // 3, "brush row", 0, self.rows - 1, step=1),
                "column": slider(self.columns // 3, "brush column", 0, self.columns - 1, step=1),
                "size": slider(3, "brush size", 1, max(1, min(self.rows, self.columns) - 2), step=1),
                "stays": ipywidgets.Checkbox(value=False, description="what it hid stays hidden"),
            }
        )

    def under(self) -> Tensor:
        """The patches under the brush, bool `rows,columns`; at the edge a part of the brush is outside."""
        row, column, size = (self.value(name) for name in ("row", "column", "size"))
        found = torch.zeros_like(self.hidden)
        found[row : row + size, column : column + size] = True
        return found

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """The picture with patches hidden, as painted, and as it is; and how good the painting is."""
        self.hidden = self.under() | self.hidden if self.value("stays") else self.under()
        if self.hidden.all():  # a painter has to see something
            self.hidden = self.under()
        kept = (~self.hidden).flatten().nonzero().flatten()[None]  # 1,K
        image = self.images[self.value("image")][None].float() / 255
        painted, rule = paint(self.painter, image, kept), blend(image, kept, self.patch)
        seen = hide_patches(image, self.hidden.flatten()[None], self.patch)
        count, everything = int(self.hidden.sum()), self.hidden.numel()
        shown = {"what it sees": seen[0], "what it paints": painted[0], "what was there": image[0]}
        where = f"{count} of {everything} patches are hidden"
        row, column, size = (self.value(name) for name in ("row", "column", "size"))
        cursor = column * self.patch, row * self.patch, size * self.patch
        figure = pictures.under_the_brush(shown, where, cursor, self.value("stays"))
        psnr = find("pixels.psnr").reference
        found = [hidden_psnr(one, image, kept, self.patch, psnr).item() for one in (painted, rule)]
        words = (
            f"<p><b>{count}</b> of {everything} patches are hidden. On these the painter reaches <b>{found[0]:.1f} dB"
            f"</b>, a blend of the neighbours {found[1]:.1f} dB.</p>"
        )
        return [figure], words
