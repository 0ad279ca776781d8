"""Lab 3's session: what its arms are, how they are built, and what is measured of them."""

from dataclasses import replace
from typing import Any

import torch

from sslcourse.data.views import MultiCrop, MultiCropSettings, multi_crop
from sslcourse.evaluation.collapse import centered_rank, channel_std
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.invariance import CropSimilarity, crop_similarity
from sslcourse.labs.local import arms
from sslcourse.labs.local.measurements import cosines, embed, part_knn, whole_in_six
from sslcourse.labs.local.method import HandmadeLoGo, Own, course_functions
from sslcourse.methods import Method
from sslcourse.notebook.charts import Panels
from sslcourse.notebook.experiments import LabExperiments
from sslcourse.notebook.scales import scale
from sslcourse.notebook.stopping import Stopped
from sslcourse.training.experiment import Experiment
from sslcourse.training.images import RunImages, few
from sslcourse.training.recipes import Recipe, build_method

KINDS = {
    "global_cosine": "two global crops",
    "local_global_cosine": "a local and a global one",
    "local_cosine": "two local crops",
    "other_cosine": "local, of two pictures",
}
PANELS: Panels = {
    "cosine of crops": (KINDS, (-0.15, 1.05)),
    "directions in use": ({"centered_rank": "effective rank"}, None),
}
METERS = {
    "local_cosine": "cosine of two local crops",
    "local_global_cosine": "cosine of a local and a global crop",
    "other_cosine": "cosine of local crops of two pictures",
    "centered_rank": "effective rank around the mean",
}
LOOKED_AT = 300  # held-out pictures for the curve against the overlap


class LocalSession(LabExperiments):
    """The pictures, crops and arms of Lab 3; `images` is a data set's name or `folder:PATH`."""

    name = "local"
    titles, colours, panels, meters = arms.TITLES, arms.COLOURS, PANELS, METERS
    recipes = staticmethod(arms.recipes)
    handmade, course_functions = ("baseline", "repel"), staticmethod(course_functions)
    to_beat = ("whole_in_six", "Local crops with their picture among the first six")

    def __init__(self, images: str = "objects", seed: int = 0):
        super().__init__(images, seed)
        self._crops: dict[str, MultiCrop] = {}

    @property
    def images(self) -> RunImages:
        """As in every lab; raises Stopped where fewer than two pictures are held out: crops of two are compared."""
        images = super().images
        if len(images.held_out) < 2:
            raise Stopped(
                f"{images.held_out.name} leaves one picture held out, and this lab compares crops of two: "
                "take 15 pictures or more, or put two into a folder val/."
            )
        return images

    def build(self, recipe: Recipe, own: Any) -> Method:
        """An arm's untrained network, perhaps made of the reader's functions."""
        if isinstance(own, Own):
            return build_method(recipe, lambda encoder, settings: HandmadeLoGo(encoder, settings, own))
        return build_method(recipe)

    @property
    def crop_settings(self) -> MultiCropSettings:
        """How the baseline's crops are drawn: known for any pictures, also for too few to train on."""
        return self.recipes(scale())["baseline"].method.crops

    def crops(self) -> MultiCrop:
        """Crops of the held-out pictures, as the baseline trains on: the same for all networks, whenever measured."""
        if scale() not in self._crops:
            generator = torch.Generator().manual_seed(10_000 + self.seed)
            self._crops[scale()] = multi_crop(self.pictures.images.cpu(), self.crop_settings, generator)
        return self._crops[scale()]

    def measure(self, method: Method, arm: str) -> dict[str, float]:
        """Cosines by the kind of pair, the spread of projections, and the directions that features use."""
        crops = self.crops()
        projected = embed(method, crops)
        features = extract_features(method.representation, crops.global_views[0])
        spread = channel_std(projected[0])
        values: dict[str, Any] = {"channel_std": spread, "centered_rank": centered_rank(features)}
        count = len(crops.global_views)
        values["whole_in_six"] = whole_in_six(projected, count)
        return cosines(projected, count) | {name: float(value) for name, value in values.items()}

    def _experiment(self, arm: str, loss: Any) -> Experiment:
        """As in every lab; before and after training it is also measured what a local crop knows."""
        experiment = super()._experiment(arm, loss)
        figures = experiment.figures
        return replace(
            experiment, figures=lambda method, images: figures(method, images) | self.of_parts(method, images)
        )

    def of_parts(self, method: Method, images: RunImages) -> dict[str, float]:
        """What a network makes of local crops of half the side.

        How alike two are that share no pixel (`apart`) or most of them (`near`), from 0, as alike as crops of two
        pictures, to 1; and whether the class can be told from one (`part_knn`).
        """
        encoder = method.representation
        rows = self.against(encoder, images).curve()
        found = {"apart": rows[0]["relative"], "near": rows[-1]["relative"]}
        return found | ({"part_knn": part_knn(encoder, images)} if images.labelled else {})

    def against(self, encoder: Any, images: RunImages, size: int | None = None) -> CropSimilarity:
        """The cosines of two local crops' features, and the share of pixels that both show; resized to `size`."""
        looked_at = few(images.held_out, LOOKED_AT)
        return crop_similarity(encoder, looked_at, looked_at.images.shape[-1] // 2, size=size)
