"""Which patches stay: a keep rate, a policy, and indices of one static shape."""

import math

import torch
from torch import Tensor

# What each policy REMOVES. "low" drops what the class token hardly looks at (the homework's method), "high" hides the
# object (AttMask's hard task), "random" is the control, "none" removes nothing.
POLICIES = ("low", "random", "high", "none")


def keep_count(num_patches: int, keep_rate: float) -> int:
    """How many of `num_patches` a keep rate in (0, 1] keeps: the next whole number up, at least 1.

    Raises ValueError outside that range. Source: Liang et al. 2022 (EViT).

    >>> keep_count(64, 0.5), keep_count(10, 0.25), keep_count(16, 0.01)
    (32, 3, 1)
    """
    if num_patches < 1:
        raise ValueError(f"num_patches must be at least 1; got {num_patches}")
    if not 0 < keep_rate <= 1:
        raise ValueError(f"keep_rate must lie in (0, 1], 1 keeps every patch; got {keep_rate}")
    # 0.7 * 10 is 7.000000000000001 in binary: without the small allowance that would keep 8
    return min(num_patches, max(1, math.ceil(num_patches * keep_rate - 1e-9 * num_patches)))


def select(scores: Tensor, keep: int, policy: str = "low", generator: torch.Generator | None = None) -> Tensor:
    """The numbers of the patches to keep, int64 `B,keep`, ascending in each row.

    `scores` `B,N`, one number a patch. The policy says what is removed: "low" the lowest scores, "high" the highest,
    "random" any (scores then give shape and device only, and `generator` the draw), "none" nothing: all N are kept
    whatever `keep` says. Of equal scores the lower patch number is kept, so that the choice is the same on every
    device. The shape depends on no value: nothing waits for the device. No gradient passes. Numbers drawn beforehand
    can serve as `scores` under "low" where a step must not draw anything itself. Raises ValueError on another policy,
    shape or count.

    >>> select(torch.tensor([[0.1, 0.4, 0.2, 0.3]]), keep=2, policy="low").tolist()
    [[1, 3]]
    >>> select(torch.tensor([[0.1, 0.4, 0.2, 0.3]]), keep=2, policy="high").tolist()
    [[0, 2]]
    """
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {', '.join(POLICIES)}; got {policy!r}")
    if scores.ndim != 2:
        raise ValueError(f"scores must be B,N; got {tuple(scores.shape)}")
    batch, patches = scores.shape
    if policy == "none":
        return torch.arange(patches, device=scores.device).expand(batch, -1)
    if not 1 <= keep <= patches:
        raise ValueError(f"keep must lie in 1..{patches}, the number of patches; got {keep}")
    if policy == "random":
        where = scores.device if generator is None else generator.device
        scores = torch.rand(batch, patches, generator=generator, device=where).to(scores.device)
    # topk would not say which of equal scores it takes
    order = scores.detach().argsort(dim=1, descending=policy != "high", stable=True)
    return order[:, :keep].sort(dim=1).values  # B,keep


def keep_rate_at(step: int, steps: int, final: float, *, end_share: float = 0.5, levels: int = 5) -> float:
    """The keep rate at `step` of `steps`: from 1 down to `final`, which is reached at `end_share` of the run.

    It follows a cosine in `levels` steps (1 and `final` included), each a shape of its own for a compiled student. With
    `levels=1` the rate is `final` throughout. Raises ValueError outside these ranges.

    Source: Liang et al. 2022 (EViT), whose keep rate falls by a cosine; the levels are ours.

    >>> [round(keep_rate_at(step, 10, 0.5, end_share=0.8, levels=3), 2) for step in range(10)]
    [1.0, 1.0, 1.0, 1.0, 0.75, 0.75, 0.75, 0.75, 0.5, 0.5]
    """
    if not 0 <= step < steps:
        raise ValueError(f"step must lie in 0..{steps - 1}; got {step}")
    if not 0 < final <= 1 or not 0 <= end_share <= 1 or levels < 1:
        given = f"{final=}, {end_share=}, {levels=}"
        raise ValueError(f"final must lie in (0, 1], end_share in [0, 1], and levels be at least 1; got {given}")
    share = step / steps
    if share >= end_share or levels == 1:
        return float(final)
    level = int(share / end_share * (levels - 1) + 1e-9)
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * level / (levels - 1)))
