"""What Lab 0 measures: plain functions of encoders, tokens and features."""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluation.features import evaluating
from sslcourse.models.encoder import TokenEncoder

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]


def run_with(encoder: TokenEncoder, images: Tensor, attend: Attention) -> tuple[Tensor, Tensor]:
    """The tokens `B,T,D` of an encoder whose heads use `attend`, and the last block's weights `B,T,T`, mean of heads.

    Images float `B,3,H,W`; T counts the class token first. What a head hands over is a mean of values, so values that
    are the rows of a unit matrix give the weights themselves.
    """
    vit: Any = encoder.vit
    with evaluating(encoder):
        x = vit.norm_pre(torch.cat(encoder.embed(images), dim=1))  # B,T,D
        unit = torch.eye(x.shape[1], device=x.device).expand(len(x), -1, -1)
        weights = unit
        for block in vit.blocks:
            attention = block.attn
            qkv = attention.qkv(block.norm1(x)).unflatten(2, (3, attention.num_heads, -1))  # B,T,3,H,d
            heads = [one.unbind(2) for one in qkv.permute(3, 0, 1, 2, 4)]
            x = x + attention.proj(torch.cat([attend(q, k, v) for q, k, v in heads], dim=-1))
            x = x + block.mlp(block.norm2(x))
            if block is vit.blocks[-1]:
                weights = torch.stack([attend(q, k, unit) for q, k, _ in heads]).mean(0)
        return vit.norm(x), weights


def with_positions(encoder: TokenEncoder, how: str, seed: int = 0) -> TokenEncoder:
    """A copy of the encoder whose patches have their position embedding "shuffled" among them, or "none" at all."""
    changed: Any = copy.deepcopy(encoder)
    position = changed.vit.pos_embed.data[:, -changed.num_patches :]  # a view: the class token's stays
    order = torch.randperm(changed.num_patches, generator=torch.Generator().manual_seed(seed)).to(position.device)
    position.copy_(position[:, order] if how == "shuffled" else torch.zeros_like(position))
    return changed


def principal(patches: Tensor, count: int) -> Tensor:
    """The first `count` principal components of rows `N,D`: how far each row reaches along them, `N,count`."""
    centred = patches - patches.mean(0)
    return centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:count].T


def kept_by(patches: Tensor, count: int) -> tuple[Tensor, float]:
    """Rows `N,D` as `count` numbers each can tell them, and the share of their variance that is kept.

    No linear map to so few numbers and back keeps more (Eckart and Young 1936).

    >>> kept_by(torch.tensor([[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]]), 1)[1]
    1.0
    """
    mean = patches.mean(0)
    centred = patches - mean
    basis = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -count:]  # D,count
    told = centred @ basis @ basis.T
    return told + mean, round((told.square().sum() / centred.square().sum()).item(), 6)


def split_in_two(tokens: Tensor) -> Tensor:
    """A segmentation without labels: bool `B,N`, which patch tokens `B,N,D` of each picture are object.

    Along the direction in which a picture's tokens differ most (its first principal component) the side with fewer of
    the border's patches is taken for the object. N is a square number.
    """
    centred = tokens - tokens.mean(1, keepdim=True)
    direction = torch.linalg.svd(centred, full_matrices=False).Vh[:, :1]  # B,1,D
    along = (centred * direction).sum(2)  # B,N
    side = round(tokens.shape[1] ** 0.5)
    border = torch.ones(side, side, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    outside = along[:, border.flatten()].mean(1, keepdim=True)
    return along * outside < 0


def object_iou(found: Tensor, shares: Tensor) -> float:
    """Intersection over union of patches `found` `B,N` and objects that cover `shares` `B,N` of them: a mean.

    >>> object_iou(torch.tensor([[True, False]]), torch.tensor([[0.5, 0.5]]))
    0.3333333432674408
    """
    both = (found * shares).sum(1)
    return (both / (found.sum(1) + shares.sum(1) - both)).mean().item()


def mean_cosine(features: Tensor) -> float:
    """The mean cosine of two different rows of `N,D`.

    >>> mean_cosine(torch.eye(3))
    0.0
    """
    z, n = F.normalize(features, dim=1), len(features)
    return ((z.sum(0).square().sum() - n) / (n * (n - 1))).item()


def rank_correlation(first: list[float], second: list[float]) -> float:
    """Spearman's rank correlation of two lists of different numbers.

    >>> rank_correlation([1, 2, 3], [10, 30, 20])
    0.5
    """
    ranks = torch.stack([torch.tensor(one).argsort().argsort().double() for one in (first, second)])
    return round(torch.corrcoef(ranks)[0, 1].item(), 6)


def clouds(features: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Four clouds from one set of features `N,D`; only the last has lost anything.

    Each is turned at random; "cone" is also moved far from zero, "small" also shrunk to a hundredth, and of "pressed"
    only the first three principal components are left, spread evenly, with a little noise.
    """
    centred = F.normalize(features - features.mean(0), dim=1)
    width = centred.shape[1]

    def turned(x: Tensor) -> Tensor:
        return x @ torch.linalg.qr(torch.randn(width, width, generator=generator)).Q

    three = principal(centred, 3)
    pressed = F.pad(three / three.std(0) * centred.norm() / (3 * len(three)) ** 0.5, (0, width - 3))
    return {
        "turned": turned(centred),
        "cone": turned(centred) + 10 * F.normalize(torch.randn(width, generator=generator), dim=0),
        "small": 0.01 * turned(centred),
        "pressed": turned(pressed) + 1e-4 * torch.randn(centred.shape, generator=generator),
    }
