"""Removing patches from what the student sees of a global crop: the settings, and the choice itself."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sslcourse.evaluation.features import evaluating
from sslcourse.methods.checks import check_choices
from sslcourse.methods.patches import hide_patches
from sslcourse.models.encoder import TokenEncoder
from sslcourse.pruning.select import POLICIES, keep_count, select
from sslcourse.pruning.tokens import removed_mask
from sslcourse.settings import check_fields, check_shares


@dataclass(frozen=True)
class Removal:
    """Which patches of the global crops are removed for the student; none by default, and none for the teacher.

    `policy` says which: those with the "low"est or "high"est attention of the teacher's class token, "random" ones, or
    "none". `keep_rate` is the share that stays. For the first `removal_warmup`, a share of the run, removal is random.
    Local crops lose no patches. Raises ValueError for an unknown policy and for shares out of range.

    Source: Li et al. 2021 (MST) and Liang et al. 2022 (EViT) for the attention of the class token.

    >>> Removal("low", keep_rate=0.25).kept_of(64)
    16
    """

    policy: str = "none"
    keep_rate: float = 0.5
    removal_warmup: float = 0.2

    def __post_init__(self) -> None:
        check_choices(self, policy=POLICIES)
        check_shares(self, "removal_warmup")
        check_fields(self, "must lie in (0, 1]", lambda rate: 0 < rate <= 1, "keep_rate")

    @property
    def removes(self) -> bool:
        """Whether the student gets fewer patches than there are."""
        return self.policy != "none" and self.keep_rate < 1

    @property
    def needs_attention(self) -> bool:
        """Whether removal needs the teacher's attention."""
        return self.removes and self.policy != "random"

    def kept_of(self, patches: int) -> int:
        """How many of `patches` stay; ValueError when the keep rate removes none of so few."""
        if not self.removes:
            return patches
        if (keep := keep_count(patches, self.keep_rate)) == patches:
            raise ValueError(f"keep_rate={self.keep_rate} keeps all {patches} patches: lower it, or set policy='none'")
        return keep

    def policy_at(self, step: int, steps: int) -> str:
        """The policy of step `step` of `steps`: an untrained teacher's attention is noise, so random at first."""
        return "random" if self.removes and step < self.removal_warmup * steps else self.policy


def draw_noise(rows: int, patches: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """A number for each patch, `rows,N`, drawn on the generator's device: where removal is random the highest stay."""
    source = device if generator is None else generator.device
    return torch.rand(rows, patches, generator=generator, device=source).to(device, non_blocking=True)


def choose_patches(policy: str, keep: int, attention: Tensor | None, noise: Tensor) -> Tensor:
    """The patches that stay, int64 `B,keep`, by the teacher's attention `B,N` or, for "random", the noise `B,N`.

    >>> choose_patches("random", 2, None, torch.tensor([[0.9, 0.1, 0.5]])).tolist()
    [[0, 2]]
    """
    return select(noise, keep, "low") if policy == "random" else select(attention, keep, policy)


def kept_pictures(
    removal: Removal, encoder: TokenEncoder, images: Tensor, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Images float `B,3,H,W` with the patches grey that `encoder`'s attention removes; no picture without removal."""
    if not removal.removes:
        return {}
    with evaluating(encoder):
        attention = encoder(images, attention=True).attention
    patches = attention.shape[1]
    noise = draw_noise(len(images), patches, generator, images.device)
    keep = choose_patches(removal.policy, removal.kept_of(patches), attention, noise)
    return {"kept patches": hide_patches(images, removed_mask(keep, patches), encoder.patch_size)}
