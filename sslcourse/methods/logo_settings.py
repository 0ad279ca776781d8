"""The settings of LoGo."""

from __future__ import annotations

from dataclasses import dataclass, field

from sslcourse.data.views import MultiCropSettings
from sslcourse.methods.checks import check_choice, check_pairs
from sslcourse.methods.distillation import MOMENTUM_SCHEDULES
from sslcourse.methods.removal import Removal
from sslcourse.models.heads import AFFINITY_NORMS
from sslcourse.settings import check_shares

SIMILARITIES = ("infonce", "cosine")
LOCAL = ("none", "attract", "repel", "learned")


@dataclass(frozen=True)
class LoGoSettings:
    """LoGo's settings.

    `similarity`: "infonce" is MoCo's: keys come from a momentum encoder, and the candidates are the whole batch of all
    processes, at `temperature`. "cosine" is SimSiam's: a predictor and a stop-gradient, no second network; use it with
    `output_norm="batch"`. `local` says what two local crops of an image do: "none" (nothing: the control, as in DINO
    and SwAV), "attract", "repel" (by their cosine) or "learned": the paper's affinity, which learns to tell local crops
    of one image from those of two, and which the encoder lowers for crops of one. `local_weight` is the paper's lambda:
    1e-4 with SimSiam; its MoCo code instead limits the term's gradient to 1.5 % of the rest's. `noise` times
    1/sqrt(out_dim) is the noise on the affinity's positive pairs. `affinity_lr_scale` multiplies the affinity's
    learning rate; `affinity_norm` must not normalise over the batch (see `AffinityHead`). `removal`: patches of the
    global crops that only the momentum encoder sees. Raises ValueError for values out of range and for settings that
    contradict each other.

    >>> LoGoSettings(similarity="cosine", local="repel", output_norm="batch").local_weight
    0.01
    """

    crops: MultiCropSettings = field(default_factory=MultiCropSettings)
    similarity: str = "infonce"
    temperature: float = 0.2
    hidden_dim: int = 256
    out_dim: int = 128
    projector_layers: int = 2
    head_norm: str = "batch"
    output_norm: str = "none"
    momentum: float = 0.97
    momentum_schedule: str = "cosine"
    local: str = "learned"
    local_weight: float = 0.01
    noise: float = 0.3
    affinity_lr_scale: float = 1.0
    affinity_norm: str = "layer"
    removal: Removal = field(default_factory=Removal)

    def __post_init__(self) -> None:
        check_choice("similarity", self.similarity, SIMILARITIES)
        check_choice("local", self.local, LOCAL)
        check_choice("momentum_schedule", self.momentum_schedule, MOMENTUM_SCHEDULES)
        check_shares(self, "momentum")
        check_pairs(self.crops)
        if self.local != "none" and self.crops.local_crops < 2:
            raise ValueError(
                f"local={self.local!r} needs two local crops: set crops.local_crops to at least 2, or local='none'; "
                f"got {self.crops.local_crops}"
            )
        check_choice("affinity_norm", self.affinity_norm, AFFINITY_NORMS)
        if self.removal.needs_attention and self.similarity == "cosine":
            raise ValueError(
                f"policy={self.removal.policy!r} goes by the momentum encoder's attention, and similarity='cosine' "
                "has no such encoder: choose policy='random' or 'none', or similarity='infonce'"
            )
        for name in ("temperature", "affinity_lr_scale"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")
        if not self.local_weight >= 0 or not self.noise >= 0:
            raise ValueError(f"local_weight and noise must not be negative; got {self.local_weight} and {self.noise}")
