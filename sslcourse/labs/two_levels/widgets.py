"""A patch of one picture to choose; the patches of another picture that a network finds most alike."""

import html

import ipywidgets
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.labs.two_levels import pictures
from sslcourse.notebook.widgets import Explorer, slider


class LikePatches(Explorer):
    """Two pictures, a network, and the row and column of a patch in the first picture.

    `images` uint8 `N,3,H,W` with a name each, at least two; `tokens` float `N,P,D` by network, all on one square grid.
    """

    def __init__(self, images: Tensor, names: list[str], tokens: dict[str, Tensor]):
        if len(images) < 2 or len(images) != len(names) or not tokens:
            raise ValueError(
                f"give two images or more, a name for each, and tokens; got {len(images)}, {len(names)}, {len(tokens)}"
            )
        self.images, self.names = images.cpu(), names
        self.tokens = {name: one - one.mean((0, 1)) for name, one in tokens.items()}
        self.side = round(next(iter(tokens.values())).shape[1] ** 0.5)
        options = list(zip(names, range(len(names)), strict=True))
        networks = list(tokens)
        super().__init__(
            {
                "image": ipywidgets.Dropdown(options=options, description="picture"),
                "other": ipywidgets.Dropdown(options=options, value=1, description="other picture"),
                "network": ipywidgets.Dropdown(options=networks, value=networks[-1], description="network"),
                "row": slider(self.side // 2, "patch row", 0, self.side - 1, step=1),
                "column": slider(self.side // 2, "patch column", 0, self.side - 1, step=1),
            }
        )

    def cosines(self) -> Tensor:
        """How alike each patch of the other picture is to the chosen one: `rows,columns`."""
        tokens = F.normalize(self.tokens[self.value("network")], dim=2)
        chosen = tokens[self.value("image"), self.value("row") * self.side + self.value("column")]
        return (tokens[self.value("other")] @ chosen).view(self.side, self.side)

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """The first picture with its patch framed, the other one with its nearest, and the cosines as heat."""
        alike = self.cosines()
        row, column = self.value("row"), self.value("column")
        best = divmod(int(alike.argmax()), self.side)
        first, second = (self.images[self.value(name)] for name in ("image", "other"))
        figure = pictures.like_patches(first, (row, column), second, alike, self.value("network"))
        one, other = (html.escape(self.names[self.value(name)]) for name in ("image", "other"))
        text = (
            f"<p>{one}, patch in row {row}, column {column}: most alike in {other} is the patch in row {best[0]}, "
            f"column {best[1]}, with cosine <b>{alike.max():.2f}</b> around the mean of all patches.</p>"
        )
        return [figure], text
