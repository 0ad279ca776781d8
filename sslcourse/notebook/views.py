"""What labs share that train on two views of a picture: the same views whenever something is looked at or measured."""

from typing import Any

import torch
from torch import Tensor

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import two_views
from sslcourse.notebook.experiments import LabExperiments
from sslcourse.notebook.probe import Probe
from sslcourse.notebook.scales import scale


class TwoViewLab(LabExperiments):
    """A lab whose arms' settings have an `augmentation`."""

    def __init__(self, images: str = "objects", seed: int = 0):
        super().__init__(images, seed)
        self._probes: dict[tuple[str, Augmentation], Probe] = {}

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


def augmentation(strength: float, **others: Any) -> Augmentation:
    """SimCLR's augmentation at colour strength s: changes up to .8s, .8s, .8s and a hue turned by up to .2s."""
    most = 0.8 * strength
    return Augmentation(brightness=most, contrast=most, saturation=most, hue=0.2 * strength, **others)
