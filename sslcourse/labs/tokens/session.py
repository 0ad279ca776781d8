"""Lab 0's session: its networks, and what they make of the pictures."""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.evaluation.attention import patch_mask
from sslcourse.evaluation.collapse import centered_rank
from sslcourse.evaluation.features import evaluating, extract_features
from sslcourse.labs.tokens import arms
from sslcourse.methods import Method, Supervised
from sslcourse.notebook.charts import Panels
from sslcourse.notebook.experiments import LabExperiments
from sslcourse.notebook.scales import scale
from sslcourse.notebook.session import UNTRAINED
from sslcourse.training.images import few
from sslcourse.training.recipes import Recipe, build_method

PANELS: Panels = {
    "accuracy": ({"accuracy": "accuracy"}, (0, 1.02)),
    "effective rank": ({"centered_rank": "effective rank"}, None),
}


class TokensSession(LabExperiments):
    """The pictures and networks of Lab 0; `images` is a data set's name or `folder:PATH`."""

    name = "tokens"
    titles, colours, panels = arms.TITLES, arms.COLOURS, PANELS
    compared = (UNTRAINED, "simclr")

    def __init__(self, images: str = "objects", seed: int = 0):
        super().__init__(images, seed)
        self._features: dict[tuple[str, str], tuple[Tensor, Tensor]] = {}

    @staticmethod
    def recipes(scale: str) -> dict[str, Recipe]:
        return arms.RECIPES[scale]

    def recipe(self, arm: str = "baseline") -> Recipe:
        """The recipe, for as many classes as the pictures have; without labels nothing is trained by it."""
        recipe = super().recipe(arm)
        return replace(recipe, method=replace(recipe.method, classes=max(2, len(self.pictures.classes))))

    def build(self, recipe: Recipe, own: Any) -> Method:
        """The untrained network with its classifier, from the recipe's seed."""
        return build_method(recipe, Supervised)

    def measure(self, method: Any, arm: str) -> dict[str, float]:
        """Loss and accuracy of the classifier, the rank of the features, and the attention that objects get."""
        pictures, device = self.pictures, next(method.parameters()).device
        with evaluating(method):
            tokens = method.encoder(pictures.batch(slice(None)).to(device), attention=True)
            logits = method.head(tokens.cls).float().cpu()
        values = {
            "probe_loss": F.cross_entropy(logits, pictures.labels.clamp_min(0)),
            "accuracy": (logits.argmax(1) == pictures.labels).float().mean(),
            "centered_rank": centered_rank(tokens.cls.float().cpu()),
        }
        if "mask" in pictures.extras:
            values["object_attention"] = object_attention(tokens.attention.cpu(), self.shares)
        return {name: float(value) for name, value in values.items()}

    @property
    def shares(self) -> Tensor:
        """How much of each patch of the pictures is object, `P,N`."""
        mask = self.pictures.extras["mask"]
        side = mask.shape[1] // 8
        return patch_mask(mask, (side, side))

    def encoder(self, arm: str) -> nn.Module:
        """The network: untrained, trained here, or one of the course's checkpoints."""
        return self.course(arm).representation if arm in arms.COURSE else super().encoder(arm)

    def networks(self, names: tuple[str, ...] = arms.MAIN) -> list[str]:
        """Those that there are: without labels there is no supervised one, which is said."""
        left_out = {"baseline"} if "baseline" in names and not self.has_labels("the supervised network") else set()
        return [name for name in names if name not in left_out]

    def features(self, arm: str) -> tuple[Tensor, Tensor]:
        """The class tokens of the bank `N,D` and of the held-out pictures `M,D`; computed once."""
        key = scale(), arm
        if key not in self._features:
            encoder, size = self.encoder(arm), self.recipe().data.size
            bank, held_out = (
                extract_features(encoder, part, size=size) for part in (self.images.bank, self.images.held_out)
            )
            self._features[key] = bank, held_out
        return self._features[key]

    def labelled_rows(self, each: int) -> Tensor:
        """Which rows of the bank `each` labels a class are."""
        bank = self.images.bank
        rows = replace(bank, extras={"row": torch.arange(len(bank))})
        return few(rows, each * len(bank.classes)).extras["row"]


def object_attention(attention: Tensor, shares: Tensor) -> Tensor:
    """What share of the attention `P,N` to patches falls on the object, by its `shares` of the patches: a mean.

    >>> object_attention(torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 0.0]])).item()
    0.75
    """
    return ((attention / attention.sum(1, keepdim=True)) * shares).sum(1).mean()
