"""A patch to choose: what it attends to, and which other patches the network sees alike."""

from collections.abc import Mapping

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.labs.tokens import pictures
from sslcourse.labs.tokens.measurements import Attention, run_with
from sslcourse.models.encoder import TokenEncoder
from sslcourse.notebook.widgets import Explorer, slider


class PatchExplorer(Explorer):
    """A picture, a network, and the row and column of a patch of its grid.

    `images` uint8 `N,3,H,W` with a name each; `encoders` by name, at least one, all on one grid; `attend` is attention.
    """

    def __init__(self, images: Tensor, names: list[str], encoders: Mapping[str, TokenEncoder], attend: Attention):
        if not len(images) or len(images) != len(names) or not encoders:
            raise ValueError(
                f"give images, a name for each, and an encoder; got {len(images)}, {len(names)} and {len(encoders)}"
            )
        self.images, self.encoders, self.attend = images.cpu(), dict(encoders), attend
        self.rows, self.columns = next(iter(encoders.values())).grid_of(images)
        options = list(zip(names, range(len(names)), strict=True))
        networks = list(encoders)
        super().__init__(
            {
                "image": ipywidgets.Dropdown(options=options, description="picture"),
                "network": ipywidgets.Dropdown(options=networks, value=networks[-1], description="network"),
                "row": slider(self.rows // 2, "patch row", 0, self.rows - 1, step=1),
                "column": slider(self.columns // 2, "patch column", 0, self.columns - 1, step=1),
            }
        )

    def looks(self) -> tuple[Tensor, Tensor]:
        """What the chosen patch attends to in the last block, and the cosines of its token with all: `rows,columns`."""
        encoder = self.encoders[self.value("network")]
        image = self.images[self.value("image")][None].float() / 255
        tokens, weights = run_with(encoder, image.to(next(encoder.parameters()).device), self.attend)
        patches = tokens[0, encoder.vit.num_prefix_tokens :].float().cpu()
        at = self.value("row") * self.columns + self.value("column")
        z = F.normalize(patches - patches.mean(0), dim=1)
        seen = weights[0, encoder.vit.num_prefix_tokens + at, encoder.vit.num_prefix_tokens :].float().cpu()
        return seen.view(self.rows, self.columns), (z @ z[at]).view(self.rows, self.columns)

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """The picture with its patch framed, twice more as heat, and how spread out the attention is."""
        weights, alike = self.looks()
        row, column = self.value("row"), self.value("column")
        figure = pictures.patch_and_attention(
            self.images[self.value("image")], row, column, weights, alike, self.value("network")
        )
        shares = weights / weights.sum()
        worth = torch.special.entr(shares).sum().exp().item()
        most = divmod(int(weights.argmax()), self.columns)
        text = (
            f"<p>The patch in row {row}, column {column} spreads its attention as if over <b>{worth:.0f}</b> of "
            f"{weights.numel()} patches, most of it to row {most[0]}, column {most[1]}; it keeps "
            f"<b>{100 * shares[row, column]:.1f} %</b> for itself.</p>"
        )
        return [figure], text
