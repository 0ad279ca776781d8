"""iBOT: DINO, and the student also says what the teacher sees in the patches that are hidden from the student.

Source: Zhou et al. 2022, "iBOT: Image BERT Pre-Training with Online Tokenizer", section 3.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sslcourse.data.masks import block_masks, random_masks
from sslcourse.data.views import MultiCropSettings, multi_crop
from sslcourse.evaluation.collapse import channel_std
from sslcourse.methods.checks import check_choices, check_pairs, need_tokens
from sslcourse.methods.distillation import Distillation, SelfDistillation, Targets
from sslcourse.methods.meters import target_meters
from sslcourse.methods.patches import MASKS, exact_masks, hidden_places, hide_patches, sized
from sslcourse.methods.removal import Removal, choose_patches, draw_noise, kept_pictures
from sslcourse.models.ema import make_teacher
from sslcourse.models.encoder import TokenEncoder
from sslcourse.pruning.tokens import gather_tokens
from sslcourse.settings import check_fields


class MaskedCrops(NamedTuple):
    """Crops as in `MultiCrop`, and `masks`, bool `G,B,N`: the patches of the global crops that become mask tokens.

    `noise` `G,B,N` decides where removal is random; its last axis is 0 without removal.
    """

    global_views: Tensor
    local_views: Tensor
    masks: Tensor
    noise: Tensor


@dataclass(frozen=True)
class IBOTSettings:
    """iBOT's settings: DINO's, the masks and the patch loss.

    Each image of a batch is masked with probability `mask_probability`. The share of its patches that is hidden is
    drawn from `mask_ratio`; "random" masks always hide the upper end of it. `shared_head`: one head for class tokens
    and patches, as in the paper, or one each. `cls_weight` and `patch_weight` weigh the two terms: 1 and 1 in the
    paper, whose table 9 has a kNN accuracy of 9.5 % without the first term, and 69.1 % with both.
    `patch_teacher_temperature`: None for that of the class token. With `targets="centering"` the patches' centre is the
    mean over masked patches, as in DINOv2; iBOT's own code takes all patches. `removal`: patches that the student does
    not get at all, not even as a mask token; hidden patches have a loss only if they stay. Raises ValueError for values
    out of range.

    Source: Zhou et al. 2022, section 3.2, for the mask ratio.

    >>> IBOTSettings(mask_kind="random", mask_probability=1.0).mask_ratio
    (0.1, 0.5)
    """

    crops: MultiCropSettings = field(default_factory=MultiCropSettings)
    distillation: Distillation = field(default_factory=Distillation)
    mask_kind: str = "block"
    mask_ratio: tuple[float, float] = (0.1, 0.5)
    mask_probability: float = 0.5
    shared_head: bool = True
    cls_weight: float = 1.0
    patch_weight: float = 1.0
    patch_teacher_temperature: float | None = None
    removal: Removal = field(default_factory=Removal)

    def __post_init__(self) -> None:
        check_pairs(self.crops)
        check_choices(self, mask_kind=MASKS)
        rule = "must be (low, high) with 0 <= low <= high < 1, high above 0"
        check_fields(self, rule, lambda pair: 0 <= pair[0] <= pair[1] < 1 and pair[1] > 0, "mask_ratio")
        check_fields(self, "must be above 0 and at most 1", lambda share: 0 < share <= 1, "mask_probability")
        check_fields(self, "must not be negative", lambda weight: weight >= 0, "cls_weight")
        check_fields(self, "must be positive (without patches it is DINO)", lambda weight: weight > 0, "patch_weight")
        check_fields(self, "must be positive, or None", lambda t: t is None or t > 0, "patch_teacher_temperature")


class IBOT(SelfDistillation):
    """A TokenEncoder, one or two prototype heads, a mask token, and a teacher of encoder and heads.

    Call `begin_step` before the views are drawn and `end_step` after the optimiser's step, as `fit` does. Raises
    TypeError for an encoder without patch tokens, ValueError when the global crops are no multiple of its patches.

    >>> from sslcourse.models import build_encoder
    >>> method = IBOT(build_encoder("vit_64x2_p8", image_size=64))
    >>> views = method.draw_views(torch.zeros(4, 3, 64, 64, dtype=torch.uint8), torch.Generator().manual_seed(0))
    >>> loss, metrics = method(views)
    >>> tuple(views.masks.shape), loss.ndim, "patch_loss" in metrics
    ((2, 4, 64), 0, True)
    """

    switches = (*SelfDistillation.switches, "policy")

    def __init__(self, encoder: TokenEncoder, settings: IBOTSettings | None = None) -> None:
        super().__init__(settings or IBOTSettings())
        s = self.settings
        self.grid = need_tokens(encoder, s.crops, "iBOT")
        patches = self.grid[0] * self.grid[1]
        if round(s.mask_ratio[1] * patches) == 0:
            raise ValueError(f"mask_ratio={s.mask_ratio} masks none of {patches} patches: raise its upper end")
        self.keep, self.policy = s.removal.kept_of(patches), s.removal.policy
        self.encoder = encoder
        self.mask_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(encoder.dim), std=0.02))
        self.head = s.distillation.make_head(encoder.dim)
        self.patch_head = None if s.shared_head else s.distillation.make_head(encoder.dim)
        self.teacher_encoder, self.teacher_head = make_teacher(self.encoder), make_teacher(self.head)
        self.teacher_patch_head = None if s.shared_head else make_teacher(self.patch_head)
        self.targets, self.patch_targets = Targets(s.distillation), Targets(s.distillation)

    def begin_step(self, step: int, steps: int) -> None:
        """Set what follows a schedule: temperature, momentum, frozen prototypes, how patches are removed."""
        super().begin_step(step, steps)
        self.policy = self.settings.removal.policy_at(step, steps)

    def draw_views(self, images: Tensor, generator: torch.Generator | None = None) -> MaskedCrops:
        """Images uint8 `B,3,H,W` -> global crops `G,B,3,H,W`, local crops `L,B,3,h,w`, masks and noise `G,B,N`."""
        s, batch, count = self.settings, len(images), self.settings.crops.global_crops
        crops = multi_crop(images, s.crops, generator)
        patches = self.grid[0] * self.grid[1]
        if s.mask_kind == "block":
            masks = block_masks(
                count * batch, self.grid, s.mask_ratio, generator, images.device, probability=s.mask_probability
            )
        else:
            masks = random_masks(count * batch, patches, s.mask_ratio[1], generator, images.device)
            where = images.device if generator is None else generator.device
            hides = torch.rand(count * batch, 1, generator=generator, device=where) < s.mask_probability
            masks = masks & hides.to(images.device, non_blocking=True)
        noise = draw_noise(count * batch, patches if s.removal.removes else 0, generator, images.device)
        return MaskedCrops(*crops, masks.unflatten(0, (count, batch)), noise.unflatten(0, (count, batch)))

    def forward(self, views: MaskedCrops) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops and masks -> the loss (scalar) and metrics that stay on the device, without a gradient."""
        s = self.settings
        crops, masks = views.global_views.flatten(0, 1), views.masks.flatten(0, 1)  # GB,3,H,W and GB,N
        keep, seen = None, masks
        with torch.no_grad():
            wanted = self.teacher_encoder(crops, attention=s.removal.needs_attention)
        if s.removal.removes:
            keep = choose_patches(self.policy, self.keep, wanted.attention, views.noise.flatten(0, 1))  # GB,K
            seen = masks.gather(1, keep)  # which of those that stay are hidden
        most = min(math.ceil(s.mask_ratio[1] * masks.shape[1]), self.keep)
        own_places, hidden = hidden_places(seen, most)  # GB,M each
        places = own_places if keep is None else keep.gather(1, own_places)

        tokens = self.encoder(crops, keep, mask=masks, mask_token=self.mask_token)
        cls_loss, targets = self.distil_views(wanted.cls, tokens.cls, views)
        wanted, patches = gather_tokens(wanted.patches, places), gather_tokens(tokens.patches, own_places)  # GB,M,D
        patch_loss, patch_targets = self.distil_patches(wanted, patches, hidden, s.patch_teacher_temperature)
        loss = s.cls_weight * cls_loss + s.patch_weight * patch_loss
        metrics = {
            "cls_loss": cls_loss.detach(),
            "patch_loss": patch_loss.detach(),
            **target_meters(targets),
            **target_meters(patch_targets, "patch_", hidden),
            "channel_std": channel_std(tokens.cls),
        }
        return loss, metrics

    def preview(self, images: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """What the student sees of images float `B,3,H,W`, in [0, 1]: masked and removed patches are grey."""
        crops = sized(images, self.settings.crops.global_crop.size)
        count = round(self.settings.mask_ratio[1] * self.grid[0] * self.grid[1])
        masks = exact_masks(self.settings.mask_kind, len(images), self.grid, count, generator, images.device)
        shown = {"masked patches": hide_patches(crops, masks, self.encoder.patch_size)}
        return shown | kept_pictures(self.settings.removal, self.teacher_encoder, crops, generator)
