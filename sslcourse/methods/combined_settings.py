"""The settings of the combined method, and which of them make no sense together."""

from dataclasses import dataclass, field, replace

from sslcourse.data.views import MultiCropSettings
from sslcourse.methods.checks import check_choices, check_pairs
from sslcourse.methods.distillation import Distillation
from sslcourse.methods.patches import MASKS
from sslcourse.methods.removal import Removal
from sslcourse.models.decoder import Decoder
from sslcourse.settings import check_fields, later

PATCH_LOSSES = ("off", "kept", "removed", "both", "masked")
RECONSTRUCTIONS = ("off", "removed", "masked", "all")


@dataclass(frozen=True)
class CombinedSettings:
    """The switches of the combined method; each can be set without the others where that means anything.

    `removal`: which patches the student does not get, those with low attention by default (see `Removal`).
    `keep_levels` above 1 lowers the keep rate from 1 by a cosine, in that many levels, over the first half of the run.
    `cls`: distil the class token, from global crops and `crops.local_crops` local ones (which are not drawn without
    it). `patch_loss`: distil patches: "off", "kept" (those the student sees; a weak task), "removed" (through the
    decoder), "both", or "masked" (iBOT: mask tokens among what the student gets). `shared_head`: with the class token's
    head. `reconstruction`: pixels of patches: "off", "removed", "masked" or "all". Removal and reconstruction are
    independent: without removal "masked" and "all" remain. `normalize_targets`: each patch shifted and scaled to mean 0
    and variance 1. `mask_ratio` of the patches that the student gets are mask tokens where one of the two says
    "masked"; "block" masks need the removal policy "none". The `*_weight` are lambda 1 to 3. `decoder_lr_scale`
    multiplies the decoder's learning rate. Raises ValueError for values out of range and for switches that contradict
    each other.

    DINO: `removal=Removal("none"), patch_loss="off", reconstruction="off"`. iBOT with a fixed mask ratio:
    `removal=Removal("none"), patch_loss="masked", mask_kind="block", reconstruction="off"`. MAE:
    `removal=Removal("random", 0.25), cls=False, patch_loss="off", reconstruction="removed"`.

    >>> CombinedSettings(removal=Removal("none"), patch_loss="masked", reconstruction="all").decodes
    True
    """

    crops: MultiCropSettings = field(default_factory=MultiCropSettings)
    distillation: Distillation = field(default_factory=Distillation)
    removal: Removal = field(default_factory=lambda: Removal("low"))
    keep_levels: int = 1
    cls: bool = True
    patch_loss: str = "kept"
    reconstruction: str = "removed"
    normalize_targets: bool = True
    shared_head: bool = True
    mask_kind: str = "random"
    mask_ratio: float = 0.3
    decoder_dim: int = 64
    decoder_depth: int = 2
    decoder_heads: int = 2
    cls_weight: float = 1.0
    patch_weight: float = 1.0
    reconstruction_weight: float = 1.0
    decoder_lr_scale: float = later(1.0)

    def __post_init__(self) -> None:
        check_choices(self, patch_loss=PATCH_LOSSES, reconstruction=RECONSTRUCTIONS, mask_kind=MASKS)
        check_fields(self, "must lie in (0, 1)", lambda ratio: 0 < ratio < 1, "mask_ratio")
        check_fields(self, "must be at least 1", lambda count: count >= 1, "keep_levels", "decoder_depth")
        check_fields(self, "must be positive", lambda scale: scale > 0, "decoder_lr_scale")
        weights = ("cls_weight", "patch_weight", "reconstruction_weight")
        check_fields(self, "must be positive: a part is left out by its switch", lambda weight: weight > 0, *weights)
        if not self.cls and self.patch_loss == "off" and self.reconstruction == "off":
            raise ValueError(
                "nothing to learn from: set cls=True, patch_loss (kept, removed, both, masked) or "
                "reconstruction (removed, masked, all)"
            )
        self._check_together()

    def _check_together(self) -> None:
        """Combinations that would mean nothing, with the reason and what is allowed."""
        if self.cls:
            check_pairs(self.crops)
        if not self.removal.removes:
            for name, others in (("patch_loss", "off, kept, masked"), ("reconstruction", "off, masked, all")):
                if (value := getattr(self, name)) in ("removed", "both"):
                    raise ValueError(
                        f"{name}={value!r} needs removal, and nothing is removed with "
                        f"policy={self.removal.policy!r} and keep_rate={self.removal.keep_rate}: "
                        f"choose one of {others}, or remove patches"
                    )
        if self.removal.removes and self.masks and self.mask_kind == "block":
            raise ValueError(
                "mask_kind='block' lays blocks on the whole grid, of which policy="
                f"{self.removal.policy!r} leaves a part: choose mask_kind='random', or policy='none'"
            )

    @property
    def masks(self) -> bool:
        """Whether the student gets mask tokens."""
        return "masked" in (self.patch_loss, self.reconstruction)

    @property
    def decodes(self) -> bool:
        """Whether there is a decoder."""
        return self.reconstruction != "off" or self.distils_removed

    @property
    def distils_removed(self) -> bool:
        """Whether there is a patch loss where the student has no token of its own."""
        return self.patch_loss in ("removed", "both")

    @property
    def has_patch_head(self) -> bool:
        """Whether patches have a head of their own."""
        return self.patch_loss != "off" and not (self.cls and self.shared_head)

    @property
    def has_teacher(self) -> bool:
        """Whether there is a teacher: not for pixels alone without attention (MAE)."""
        return self.cls or self.patch_loss != "off" or self.removal.needs_attention

    @property
    def drawn_crops(self) -> MultiCropSettings:
        """The crops to draw: local ones have only the class token to learn."""
        return self.crops if self.cls else replace(self.crops, local_crops=0)

    def kept_of(self, patches: int) -> int:
        """How many of `patches` are kept; ValueError if the settings would in fact remove, or mask, none."""
        keep = self.removal.kept_of(patches)
        if self.masks and self.masked_count(keep) == 0:
            raise ValueError(f"mask_ratio={self.mask_ratio} masks none of {keep} patches: raise it")
        return keep

    def masked_count(self, kept: int) -> int:
        """How many of `kept` patches are masked."""
        return round(self.mask_ratio * kept)

    def make_decoder(self, in_dim: int, grid: tuple[int, int], patch_size: int) -> Decoder:
        """The decoder of tokens `in_dim`, which predicts pixels where they are wanted."""
        outputs = None if self.reconstruction != "off" else 0
        size = {"dim": self.decoder_dim, "depth": self.decoder_depth, "heads": self.decoder_heads}
        return Decoder(in_dim, grid, patch_size, **size, outputs=outputs, removal=self.removal.removes)
