"""Lab 1, stages 1 to 3: views, pairs and similarities are looked at before anything is trained."""

from collections.abc import Callable

import torch

from sslcourse.figures import plot_similarities, show
from sslcourse.labs.contrastive import measurements, pictures
from sslcourse.labs.contrastive.session import ContrastiveSession
from sslcourse.notebook.checks import mine_or_reference
from sslcourse.notebook.findings import bracket
from sslcourse.notebook.probe import embed
from sslcourse.notebook.session import UNTRAINED
from sslcourse.notebook.stopping import Stopped, in_a_card


class Looking(ContrastiveSession):
    """What the cells of stages 1 to 3 call."""

    @in_a_card
    def show_pipeline(self) -> None:
        """The diagram of SimCLR, with a picture of the set."""
        show(pictures.pipeline(self.pictures.images[0], self.some_views(1)[:, 0]))

    @in_a_card
    def crops(self, crop_and_flip: Callable, force: bool = False) -> None:
        """Stage 1: two boxes cut out of five pictures, and how much of a picture two boxes share."""
        cut = mine_or_reference("contrastive.views", crop_and_flip, force)
        images = self.pictures.images[:5].float() / 255
        count, size = len(images), images.shape[-1]
        side = size // 2
        generator = torch.Generator().manual_seed(self.seed)
        corner = torch.randint(0, size - side + 1, (2, count, 2), generator=generator)
        boxes = torch.cat([corner, torch.full_like(corner, side)], dim=2)  # 2,B,4: top, left, height, width
        flips = torch.arange(count) % 2 == 1
        show(pictures.boxes_and_views(images, boxes, torch.stack([cut(images, one, flips) for one in boxes])))
        recipe = self.recipe()
        share = measurements.overlap(recipe.method.augmentation, recipe.data.size, self.seed)
        text = f"{100 * share:.0f} % of the picture is in both boxes, on average over 2000 pairs"
        self.found("contrastive.overlap", text, bracket(share, 0.15, 0.35))

    @in_a_card
    def explore_views(self):
        """The explorer of the augmentations, on one picture of each class; on two where there is but one class."""
        from sslcourse.labs.contrastive.widgets import AugmentationExplorer

        chosen, names = self.some_pictures(2 if len(self.pictures.classes) == 1 else 1, 8)
        names = [name or f"picture {index + 1}" for index, name in enumerate(names)]
        return AugmentationExplorer(self.pictures.images[chosen], names, self.recipe().method.augmentation)

    @in_a_card
    def pairs(self, positive_index: Callable, count: int = 4, force: bool = False) -> None:
        """Stage 2: the table of all pairs among a few views, and how many negatives a view has."""
        index = mine_or_reference("contrastive.positives", positive_index, force)(count)
        show(pictures.pair_grid(index, self.some_views(count).flatten(0, 1)))
        negatives = 2 * 256 - 1 - 1  # all views, without the view itself and its positive
        self.found("contrastive.negatives_count", f"2N - 2 = {negatives}", "c")

    @in_a_card
    def similarities(self, cosine_similarity_matrix: Callable, count: int = 6, force: bool = False) -> None:
        """Stage 3: the similarities of a few views under a network with random weights."""
        similar = mine_or_reference("contrastive.similarity", cosine_similarity_matrix, force)
        views, start = self.some_views(count), self.untrained()
        matrix = similar(*embed(start.method, views)[2:])
        show(plot_similarities(matrix, views.flatten(0, 1), title="random weights"))
        same, different = start.final["positive_cosine"], start.final["negative_cosine"]
        text = f"mean cosine {different:.2f} for views of different pictures"
        text += f"{self.ordinary(UNTRAINED, 'negative_cosine')}, {same:.2f} for two views of one picture"
        self.found("contrastive.untrained_cosine", text, bracket(different, 0.3, 0.7))

    @in_a_card
    def explore_temperature(self, embeddings: str = "colours", count: int = 6):
        """The explorer of similarities and temperature.

        `embeddings`: "colours" (a histogram of each view's colours, made by hand), "untrained", or a trained arm.
        """
        from sslcourse.labs.contrastive.widgets import TemperatureExplorer

        views = self.some_views(count)
        if embeddings == "colours":
            (z1, z2), title = map(measurements.colour_embedding, views), "histograms of colours"
        elif embeddings in self.titles:
            (z1, z2), title = embed(self.arm(embeddings).method, views)[2:], self.titles[embeddings]
        else:
            raise Stopped(f"`embeddings` can be colours, {', '.join(self.titles)}; got {embeddings!r}")
        return TemperatureExplorer(z1, z2, views, title, self.recipe().method.temperature)
