"""Two pictures to play with: what augmentation does to an image, and what the temperature does to the loss."""

import math

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.data.augment import Augmentation, apply, draw
from sslcourse.labs.contrastive import pictures
from sslcourse.labs.contrastive.measurements import colour_embedding
from sslcourse.notebook.views import augmentation
from sslcourse.notebook.widgets import Explorer, slider


class AugmentationExplorer(Explorer):
    """An image, the boxes of two crops, and four draws of its two views, under settings that can be changed.

    `images` uint8 `N,3,H,W` to choose from, at least two; `names` one for each; the controls start at `settings`.
    """

    def __init__(self, images: Tensor, names: list[str], settings: Augmentation | None = None):
        if len(images) < 2 or len(images) != len(names):
            raise ValueError(f"give at least two images, a name for each; got {len(images)} and {len(names)} names")
        self.images = images
        self.start = start = settings or Augmentation(size=images.shape[-1] // 2)
        options = list(zip(names, range(len(names)), strict=True))
        super().__init__(
            {
                "image": ipywidgets.Dropdown(options=options, description="image"),
                "scale": slider(start.scale[0], "smallest crop", 0.05, 1),
                "colour": slider(start.brightness / 0.8 if start.color else 0, "colour strength", 0, 1),
                "greyscale": slider(start.grayscale, "greyscale", 0, 1),
                "blur": slider(start.blur, "blur", 0, 1),
                "flip": slider(start.flip, "mirror", 0, 1),
                "draw": slider(0, "draw number", 0, 50, step=1),
            }
        )

    def settings(self) -> Augmentation:
        """The augmentation that the controls describe."""
        strength = self.value("colour")
        return augmentation(
            strength,
            size=self.start.size,
            scale=(self.value("scale"), 1.0),
            flip=self.value("flip"),
            color=0.8 if strength else 0.0,
            grayscale=self.value("greyscale"),
            blur=self.value("blur"),
        )

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """The image four times with the boxes of two crops, the views below, and how far their colours agree."""
        chosen, settings = self.value("image"), self.settings()
        generator = torch.Generator().manual_seed(self.value("draw"))
        columns = self.images[chosen].expand(4, -1, -1, -1)
        height, width = columns.shape[2:]
        draws = [draw(settings, 4, height, width, generator) for _ in range(2)]
        views = torch.stack([apply(columns, one) for one in draws])  # 2,4,3,h,w
        figure = pictures.boxes_and_views(columns, torch.stack([one.boxes for one in draws]), views)
        same, other = self.agreement(settings, chosen)
        text = (
            "<p>Agreement of the colours (1 = the same histogram), mean of 32 pairs: two views of this image "
            f"<b>{same:.2f}</b>, a view of this image and one of another <b>{other:.2f}</b>.</p>"
        )
        return [figure], text

    def agreement(self, settings: Augmentation, chosen: int, count: int = 32) -> tuple[float, float]:
        """How far the colours agree: of two views of the chosen image, and of a view of it and one of another image."""
        generator = torch.Generator().manual_seed(1)
        height, width = self.images.shape[2:]
        this = torch.full((count,), chosen)
        other = torch.arange(count) % (len(self.images) - 1)
        other = other + (other >= chosen)  # every index but the chosen one
        first, second, third = (
            colour_embedding(apply(self.images[source], draw(settings, count, height, width, generator)))
            for source in (this, this, other)
        )
        return (first * second).sum(1).mean().item(), (first * third).sum(1).mean().item()


class TemperatureExplorer(Explorer):
    """The similarity matrix of some views beside the softmax weights of one of them, at a temperature to be changed.

    `z1`, `z2` `N,D` embeddings of two views of N images; `views` float `2,N,3,h,w` to show along the edges.
    """

    def __init__(self, z1: Tensor, z2: Tensor, views: Tensor, title: str = "", temperature: float = 0.2):
        if z1.shape != z2.shape or z1.ndim != 2 or len(z1) < 2 or views.shape[:2] != (2, len(z1)):
            shapes = f"{tuple(z1.shape)}, {tuple(z2.shape)} and {tuple(views.shape)}"
            raise ValueError(f"z1 and z2 must both be N,D with N >= 2, and views 2,N,3,h,w; got {shapes}")
        z = F.normalize(torch.cat([z1, z2]).detach().double().cpu(), dim=1)
        self.similarities = z @ z.T  # 2N,2N
        self.views, self.title = views.flatten(0, 1), title
        log = {"base": 10, "min": -2, "max": 0.5, "step": 0.05, "continuous_update": False}
        super().__init__(
            {
                "temperature": ipywidgets.FloatLogSlider(temperature, description="temperature", **log),
                "anchor": slider(0, "anchor (row)", 0, 2 * len(z1) - 1, step=1),
            }
        )

    def log_weights(self) -> Tensor:
        """Log-softmax over each row's other views, `2N,2N`; minus infinity on the diagonal."""
        logits = self.similarities / self.value("temperature")
        return logits.fill_diagonal_(-math.inf).log_softmax(1)

    def loss(self) -> float:
        """NT-Xent of these views at the present temperature."""
        views = torch.arange(len(self.similarities))
        return -self.log_weights()[views, views.roll(len(views) // 2)].mean().item()

    def picture_and_words(self) -> tuple[list[Figure], str]:
        """The matrix, the anchor's row framed; beside it what each other view weighs in the anchor's softmax."""
        anchor, count = self.value("anchor"), len(self.similarities)
        partner = (anchor + count // 2) % count
        weights = self.log_weights()[anchor].exp()
        figures = pictures.similarity_and_weights(self.similarities, weights, anchor, partner, self.views, self.title)
        negatives = weights.clone()
        negatives[partner] = 0
        push = 100 * negatives.max() / negatives.sum()
        text = (
            f"<p>Loss of all {count} anchors: <b>{self.loss():.3f}</b> (a guess: ln {count - 1} = "
            f"{math.log(count - 1):.3f}). For anchor {anchor} the positive has weight <b>{weights[partner]:.2f}</b>; "
            f"of what pushes the anchor away from the {count - 2} negatives, the nearest one has "
            f"<b>{push:.0f} %</b>.</p>"
        )
        return figures, text
