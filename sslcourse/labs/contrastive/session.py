"""Lab 1's session: what its arms are, what is measured of them, and the views that its stages look at."""

import torch
from torch import Tensor

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import two_views
from sslcourse.labs.contrastive import arms
from sslcourse.methods import Method
from sslcourse.notebook.charts import Panels
from sslcourse.notebook.experiments import LabExperiments
from sslcourse.notebook.probe import Probe
from sslcourse.notebook.scales import scale

PANELS: Panels = {
    "loss on held-out pictures": ({"probe_loss": "loss"}, None),
    "contrastive accuracy": ({"contrastive_accuracy": "contrastive accuracy"}, (0, 1.02)),
    "cosine of pairs": ({"positive_cosine": "positive pairs", "negative_cosine": "negative pairs"}, (-0.35, 1.05)),
    "effective rank": ({"effective_rank": "effective rank"}, None),
}


class ContrastiveSession(LabExperiments):
    """The pictures, arms and probes of Lab 1; `images` is a data set's name or `folder:PATH`."""

    name = "contrastive"
    titles, colours, panels = arms.TITLES, arms.COLOURS, PANELS
    recipes = staticmethod(arms.recipes)

    def __init__(self, images: str = "objects", seed: int = 0):
        super().__init__(images, seed)
        self._probes: dict[tuple[str, Augmentation], Probe] = {}

    def measure(self, method: Method, arm: str) -> dict[str, float]:
        """What the probe shows, on views as the arm trains on."""
        return self.probe(arm).measure(method)

    def seen_size(self, arm: str = "baseline") -> int:
        """That of the views."""
        return self.recipe(arm).method.augmentation.size

    def probe(self, arm: str = "baseline") -> Probe:
        """The probe with an arm's views."""
        key = (scale(), self.recipe(arm).method.augmentation)
        if key not in self._probes:
            self._probes[key] = Probe(self.pictures.images, key[1], self.seed)
        return self._probes[key]

    def some_views(self, count: int, arm: str = "baseline") -> Tensor:
        """Two views `2,count,3,h,w` of the first pictures, always the same."""
        generator = torch.Generator().manual_seed(self.seed)
        return two_views(self.pictures.images[:count], self.recipe(arm).method.augmentation, generator)
