"""The small networks that sit on an encoder while it trains and are thrown away afterwards."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.precision import autocast_off, full_precision

NORMS = ("batch", "group", "layer", "none")
AFFINITY_NORMS = ("layer", "group", "none")


class ProjectionHead(nn.Sequential):
    """A multi-layer perceptron `B,in_dim` -> `B,out_dim`: the map g in front of a contrastive loss, or a predictor.

    `layers` linear layers; each but the last is followed by `norm` ("batch", "group", "layer" or "none") and ReLU.
    `output_norm` comes after the last one, without a scale or shift of its own. A linear layer has a bias unless a
    normalisation follows, whose own shift does the same work, or undoes it. `layers=1` is linear. Raises ValueError on
    an unknown norm and on sizes below 1.

    Source: Chen et al. 2020 (SimCLR), section 4.2 and figure 8: what lies before this head is the better
    representation. Grill et al. 2020 (BYOL), section 3.3: projector and predictor have two layers. Chen and He 2021
    (SimSiam), section 3: the projector has three and a BatchNorm on its output.

    >>> import torch
    >>> head = ProjectionHead(96, 256, 64)
    >>> tuple(head(torch.randn(4, 96)).shape), ProjectionHead(8, 8, 8, norm="none")[0].bias is None
    ((4, 64), False)
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int,
        out_dim: int,
        layers: int = 2,
        norm: str = "batch",
        output_norm: str = "none",
    ) -> None:
        _check_norms(norm=norm, output_norm=output_norm)
        _check_sizes(layers=layers, hidden_dim=hidden_dim, out_dim=out_dim)
        super().__init__(*_mlp(in_dim, hidden_dim, out_dim, layers, norm, output_norm, nn.ReLU))

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features)  # in a file of ours: older versions of torch compile none of their own


class PrototypeHead(nn.Module):
    """Features `...,in_dim` -> logits float32 `...,K`: the cosines between a bottleneck and K prototypes.

    `layers` linear layers with GELU between them, the last to `bottleneck_dim`; hidden ones are followed by `norm`, the
    bottleneck by `bottleneck_norm` (without a scale or shift of its own). Then the bottleneck and each prototype, a row
    of the parameter `prototypes` `K,bottleneck_dim`, are divided by their lengths, so every logit lies in [-1, 1]. The
    length of a row does nothing; keep weight decay away from it. All leading dimensions are rows of one batch to
    BatchNorm. The last product is in float32 also under autocast. Raises ValueError on an unknown norm and on sizes
    below 1.

    Source: Caron et al. 2021 (DINO), section 3.1 and appendix C (there without norm); its weight normalisation
    with a gain of 1 is written out here, so that the head can be deep-copied.

    >>> head = PrototypeHead(96, prototypes=128)
    >>> tuple(head(torch.randn(4, 10, 96)).shape)
    (4, 10, 128)
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int = 256,
        bottleneck_dim: int = 64,
        prototypes: int = 256,
        layers: int = 3,
        norm: str = "batch",
        bottleneck_norm: str = "batch",
    ) -> None:
        super().__init__()
        _check_norms(norm=norm, bottleneck_norm=bottleneck_norm)
        _check_sizes(layers=layers, hidden_dim=hidden_dim, bottleneck_dim=bottleneck_dim, prototypes=prototypes)
        self.mlp = nn.Sequential(*_mlp(in_dim, hidden_dim, bottleneck_dim, layers, norm, bottleneck_norm, nn.GELU))
        self.prototypes = nn.Parameter(F.normalize(torch.randn(prototypes, bottleneck_dim), dim=1))

    def forward(self, features: Tensor) -> Tensor:
        """Features `...,in_dim` -> logits float32 `...,K` in [-1, 1]."""
        bottleneck = self.mlp(features.flatten(0, -2))  # R,bottleneck
        with autocast_off(bottleneck):
            unit = F.normalize(full_precision(bottleneck), dim=1)
            logits = unit @ F.normalize(full_precision(self.prototypes), dim=1).T  # R,K
        return logits.unflatten(0, features.shape[:-1])


class AffinityHead(nn.Module):
    """Two projections `B,dim` -> their affinity `B`: a learned measure of how alike they are.

    Three linear layers on the concatenation, `norm` and ReLU between them. BatchNorm is no choice: it would subtract
    from a batch of pairs of one image just what tells them from pairs of two images. Raises ValueError on an unknown
    norm.

    Source: Zhang et al. 2022 (LoGo), the learned affinity; its code has BatchNorm, and a pass of its own for each kind
    of pair.

    >>> affinity = AffinityHead(64)
    >>> tuple(affinity(torch.randn(4, 64), torch.randn(4, 64)).shape)
    (4,)
    """

    def __init__(self, dim: int, hidden_dim: int = 256, norm: str = "layer") -> None:
        super().__init__()
        if norm not in AFFINITY_NORMS:
            raise ValueError(f"an affinity's norm must be one of {', '.join(AFFINITY_NORMS)}; got {norm!r}")
        self.mlp = ProjectionHead(2 * dim, hidden_dim, 1, layers=3, norm=norm)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Projections `B,dim` each -> affinities `B`."""
        if first.ndim != 2 or first.shape != second.shape:
            raise ValueError(f"both must be B,dim; got {tuple(first.shape)} and {tuple(second.shape)}")
        return self.mlp(torch.cat([first, second], dim=1)).squeeze(1)


def _mlp(
    in_dim: int, hidden_dim: int, out_dim: int, layers: int, norm: str, output_norm: str, activation: type[nn.Module]
) -> list[nn.Module]:
    """Linear layers: hidden ones with `norm` and an activation, the last with `output_norm` without scale and shift."""
    widths, stack = [in_dim] + [hidden_dim] * (layers - 1), []
    for width in widths[:-1]:
        stack += [nn.Linear(width, hidden_dim, bias=norm == "none"), *_norm(norm, hidden_dim), activation()]
    last = nn.Linear(widths[-1], out_dim, bias=output_norm == "none")
    return [*stack, last, *_norm(output_norm, out_dim, affine=False)]


def _norm(kind: str, width: int, *, affine: bool = True) -> list[nn.Module]:
    if kind == "batch":
        return [nn.BatchNorm1d(width, affine=affine)]
    if kind == "group":
        # 16 channels a group, as in the BYOL-without-batch-statistics study; one group when that does not divide.
        return [nn.GroupNorm(width // 16 if width % 16 == 0 else 1, width, affine=affine)]
    return [nn.LayerNorm(width, elementwise_affine=affine)] if kind == "layer" else []


def _check_norms(**norms: str) -> None:
    for name, norm in norms.items():
        if norm not in NORMS:
            raise ValueError(f"{name} must be one of {', '.join(NORMS)}; got {norm!r}")


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"a head's {name} must be at least 1; got {size}")
