"""The small networks that sit on an encoder while it trains and are thrown away afterwards."""

from __future__ import annotations

from torch import Tensor, nn

NORMS = ("batch", "group", "layer", "none")


class ProjectionHead(nn.Sequential):
    """A multi-layer perceptron `B,in_dim` -> `B,out_dim`: the map g in front of a contrastive loss.

    `layers` linear layers; each but the last is followed by `norm` ("batch", "group", "layer" or "none") and ReLU. A
    linear layer has a bias unless a normalisation follows, whose own shift does the same work. `layers=1` is linear.
    Raises ValueError on an unknown norm or fewer than one layer.

    Source: Chen et al. 2020 (SimCLR), section 4.2 and figure 8: what lies before this head is the better representation.

    >>> import torch
    >>> head = ProjectionHead(96, 256, 64)
    >>> tuple(head(torch.randn(4, 96)).shape), ProjectionHead(8, 8, 8, norm="none")[0].bias is None
    ((4, 64), False)
    """

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, layers: int = 2, norm: str = "batch") -> None:
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}; got {norm!r}")
        if layers < 1:
            raise ValueError(f"a head needs at least one layer; got layers={layers}")
        stack: list[nn.Module] = []
        width = in_dim
        for _ in range(layers - 1):
            stack += [nn.Linear(width, hidden_dim, bias=norm == "none"), *_norm(norm, hidden_dim), nn.ReLU()]
            width = hidden_dim
        super().__init__(*stack, nn.Linear(width, out_dim))

    def forward(self, features: Tensor) -> Tensor:
        """Features `B,in_dim` -> projections `B,out_dim`, not normalised."""
        return super().forward(features)


def _norm(kind: str, width: int) -> list[nn.Module]:
    if kind == "batch":
        return [nn.BatchNorm1d(width)]
    if kind == "group":
        # 16 channels a group, as in the BYOL-without-batch-statistics study; one group when that does not divide.
        return [nn.GroupNorm(width // 16 if width % 16 == 0 else 1, width)]
    return [nn.LayerNorm(width)] if kind == "layer" else []
