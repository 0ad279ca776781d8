"""Two pictures to play with: what augmentation does to an image, and what the temperature does to the loss."""

from __future__ import annotations

import math

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.data.augment import Augmentation, apply, draw
from sslcourse.labs.contrastive import pictures
from sslcourse.notebook.widgets import Explorer


class AugmentationExplorer(Explorer):
    """An image, the boxes of two crops, and four draws of its two views, under settings that can be changed.

    `images` uint8 `N,3,H,W` to choose from, at least two; `names` one for each; `settings` are where the controls start.
    """

    def __init__(self, images: Tensor, names: list[str], settings: Augmentation | None = None):
        if len(images) < 2 or len(images) != len(names):
            raise ValueError(
                f"give at least two images and a name for each; got {len(images)} images, {len(names)} names"
            )
        self.images = images
        settings = settings or Augmentation(size=images.shape[-1] // 2)
        self.start = settings
        share = {"min": 0.0, "max": 1.0, "step": 0.05, "continuous_update": False, "readout_format": ".2f"}
        super().__init__(
            {
                "image": ipywidgets.Dropdown(
                    options=list(zip(names, range(len(names)), strict=True)), description="image"
                ),
                "scale": ipywidgets.FloatSlider(
                    settings.scale[0], description="smallest crop", **{**share, "min": 0.05}
                ),
                "colour": ipywidgets.FloatSlider(
                    settings.brightness / 0.8 if settings.color else 0.0, description="colour strength", **share
                ),
                "greyscale": ipywidgets.FloatSlider(settings.grayscale, description="greyscale", **share),
                "blur": ipywidgets.FloatSlider(settings.blur, description="blur", **share),
                "flip": ipywidgets.FloatSlider(settings.flip, description="mirror", **share),
                "draw": ipywidgets.IntSlider(0, min=0, max=50, description="draw number", continuous_update=False),
            }
        )

    def settings(self) -> Augmentation:
        """The augmentation that the controls describe; colour strength s means changes up to (.8s, .8s, .8s, .2s)."""
        strength = self.value("colour")
        return Augmentation(
            size=self.start.size,
            scale=(self.value("scale"), 1.0),
            flip=self.value("flip"),
            brightness=0.8 * strength,
            contrast=0.8 * strength,
            saturation=0.8 * strength,
            hue=0.2 * strength,
            color=0.8 if strength else 0.0,
            grayscale=self.value("greyscale"),
            blur=self.value("blur"),
        )

    def draw(self) -> tuple[list[Figure], str]:
        """The image four times with the boxes of two crops, the views below, and how far their colours agree."""
        chosen, settings = self.value("image"), self.settings()
        generator = torch.Generator().manual_seed(self.value("draw"))
        columns = self.images[chosen].expand(4, -1, -1, -1)
        draws = [draw(settings, 4, *columns.shape[2:], generator) for _ in range(2)]
        views = torch.stack([apply(columns, one) for one in draws])  # 2,4,3,h,w
        figure = pictures.boxes_and_views(columns, torch.stack([one.boxes for one in draws]), views)
        same, other = self._agreement(settings, chosen)
        text = (
            f"<p>Agreement of the colours (1 = the same histogram), mean of 32 pairs: two views of this image <b>{same:.2f}</b>, "
            f"a view of this image and one of another <b>{other:.2f}</b>.</p>"
        )
        return [figure], text

    def _agreement(self, settings: Augmentation, chosen: int, count: int = 32) -> tuple[float, float]:
        generator = torch.Generator().manual_seed(1)
        height, width = self.images.shape[2:]
        histograms = []
        others = torch.arange(count) % (len(self.images) - 1)
        others = others + (others >= chosen)  # every index but the chosen one
        for source in (torch.full((count,), chosen), torch.full((count,), chosen), others):
            views = apply(self.images[source], draw(settings, count, height, width, generator))
            histograms.append(pictures.joint_histogram(views).sqrt())
        first, second, third = histograms
        return (first * second).sum(1).mean().item(), (first * third).sum(1).mean().item()


class TemperatureExplorer(Explorer):
    """The similarity matrix of some views beside the softmax weights of one of them, at a temperature that can be changed.

    `z1`, `z2` `N,D` embeddings of two views of N images; `views` float `2,N,3,h,w` to show along the edges.
    """

    def __init__(self, z1: Tensor, z2: Tensor, views: Tensor, title: str = "", temperature: float = 0.2):
        if z1.shape != z2.shape or z1.ndim != 2 or len(z1) < 2 or views.shape[:2] != (2, len(z1)):
            raise ValueError(
                "z1 and z2 must both be N,D with N >= 2, and views 2,N,3,h,w; "
                f"got {tuple(z1.shape)}, {tuple(z2.shape)} and {tuple(views.shape)}"
            )
        z = F.normalize(torch.cat([z1, z2]).detach().double().cpu(), dim=1)
        self.similarities = z @ z.T  # 2N,2N
        self.views, self.title = views.flatten(0, 1), title
        super().__init__(
            {
                "temperature": ipywidgets.FloatLogSlider(
                    temperature, base=10, min=-2, max=0.5, step=0.05, description="temperature", continuous_update=False
                ),
                "anchor": ipywidgets.IntSlider(
                    0, min=0, max=2 * len(z1) - 1, description="anchor (row)", continuous_update=False
                ),
            }
        )

    def weights(self) -> Tensor:
        """Softmax over each row's other views, `2N,2N`, zero on the diagonal."""
        logits = self.similarities / self.value("temperature")
        itself = torch.eye(len(logits), dtype=torch.bool)
        return logits.masked_fill(itself, -math.inf).softmax(1)

    def loss(self) -> float:
        """NT-Xent of these views at the present temperature."""
        count = len(self.similarities)
        partner = torch.arange(count).roll(count // 2)
        logits = self.similarities / self.value("temperature")
        return F.cross_entropy(logits.masked_fill(torch.eye(count, dtype=torch.bool), -math.inf), partner).item()

    def draw(self) -> tuple[list[Figure], str]:
        """The matrix, the anchor's row framed; beside it what each other view weighs in the anchor's softmax."""
        anchor, count = self.value("anchor"), len(self.similarities)
        partner = (anchor + count // 2) % count
        weights = self.weights()[anchor]
        figures = pictures.similarity_and_weights(self.similarities, weights, anchor, partner, self.views, self.title)
        negatives = weights.clone()
        negatives[partner] = 0
        push = negatives.max() / negatives.sum()
        text = (
            f"<p>Loss of all {count} anchors: <b>{self.loss():.3f}</b> (a guess: ln {count - 1} = {math.log(count - 1):.3f}). "
            f"For anchor {anchor} the positive has weight <b>{weights[partner]:.2f}</b>; of what pushes the anchor away from "
            f"the {count - 2} negatives, the nearest one has <b>{100 * push:.0f} %</b>.</p>"
        )
        return figures, text
