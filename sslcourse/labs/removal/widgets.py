"""A keep rate to choose over a picture's attention: what stays, how much of the object, and what that costs."""

from collections.abc import Mapping

import ipywidgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.evaluation.attention import attention_precision, attention_recall
from sslcourse.figures import heat, picture_sheet
from sslcourse.methods.patches import hide_patches
from sslcourse.notebook.widgets import Explorer, slider
from sslcourse.pruning.cost import ViTShape, encoder_flops
from sslcourse.pruning.select import keep_count, select
from sslcourse.pruning.tokens import removed_mask

PATCH = 8
VIT = ViTShape(patches=196, dim=384, depth=12)  # ViT-S/16, on 224 pixels


class KeepExplorer(Explorer):
    """A picture, what marks its patches, what is removed, and the keep rate.

    `images` uint8 `N,3,H,W` with a name each; `scores` `N,P` by name; `masks` `N,H,W` or None where there are none.
    """

    def __init__(self, images: Tensor, names: list[str], scores: Mapping[str, Tensor], masks: Tensor | None):
        if not len(images) or len(images) != len(names) or not scores:
            raise ValueError(
                f"give images, a name for each, and scores; got {len(images)}, {len(names)} and {len(scores)}"
            )
        self.images, self.scores, self.masks = images.cpu().float() / 255, dict(scores), masks
        self.grid = images.shape[2] // PATCH, images.shape[3] // PATCH
        options = [(f"{number + 1}: {name}" if name else str(number + 1), number) for number, name in enumerate(names)]
        super().__init__(
            {
                "picture": ipywidgets.Dropdown(options=options, description="picture"),
                "marks": ipywidgets.Dropdown(options=list(scores), description="marked by"),
                "removed": ipywidgets.Dropdown(options=["low", "high"], description="what is removed"),
                "keep": slider(0.5, "keep rate", 0.1, 1.0),
            }
        )

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """The picture, its attention and what stays of it; recall of the object, and operations."""
        at, rate = self.value("picture"), self.value("keep")
        image, scores = self.images[at : at + 1], self.scores[self.value("marks")][at : at + 1]
        keep = keep_count(scores.shape[1], rate)
        stays = select(scores, keep, self.value("removed"))
        left = hide_patches(image, removed_mask(stays, scores.shape[1]), PATCH)
        shown = torch.cat([image, heat(image, scores, self.grid), left])
        figure = picture_sheet(shown, ["picture", f"marked by {self.value('marks')}", "what stays"], cell=2.6)
        words = f"<p><b>{keep}</b> of {scores.shape[1]} patches stay. "
        if self.masks is not None and self.masks[at].any():
            marked = scores if self.value("removed") == "low" else -scores
            recall, precision = (
                each(marked, self.masks[at : at + 1], keep, grid=self.grid).item()
                for each in (attention_recall, attention_precision)
            )
            words += (
                f"They hold <b>{100 * recall:.0f} %</b> of the object, and {100 * precision:.0f} % of them is object. "
            )
        share = encoder_flops(VIT, keep_count(VIT.patches, rate)) / encoder_flops(VIT)
        words += f"A ViT-S/16 then spends <b>{100 * share:.0f} %</b> of its operations on such a crop.</p>"
        return [figure], words
