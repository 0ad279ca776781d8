"""How much the class token looks at each patch, computed beside fused attention, which returns no weights."""

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import Attention, Block
from torch import Tensor, nn

from sslcourse.precision import full_precision


def cls_attention(block: nn.Module, x: Tensor, num_prefix_tokens: int = 1, *, per_head: bool = False) -> Tensor:
    """The attention of the class token to each patch in a timm `Block`, from the block's input: float32 `B,N`.

    `x` is the *input* of the block, `B,prefix+N,D`, with the class token first and then any register tokens. The row is
    that of the block's own attention: softmax over all tokens, prefix included, so a row of the result sums to less
    than 1. Mean over the heads, or each head apart, `B,H,N`, with `per_head=True`. Without attention dropout, whose
    noise would enter the selection. Float64 stays float64. Only the query of the class token and the keys are computed,
    less than 1 % of what a 12-block encoder costs, and the block itself may go on using fused attention.

    Raises TypeError for a block or an attention of another layout, whose weights this would guess wrongly, and
    ValueError on tokens of another shape.

    Source: Caron et al. 2021 (DINO), figure 1, shows this row of the last block, head by head; Kakogeorgiou et al. 2022
    (AttMask) and Liang et al. 2022 (EViT) take its mean over the heads.

    >>> block = Block(dim=32, num_heads=4)
    >>> scores = cls_attention(block, torch.randn(2, 1 + 9, 32))
    >>> tuple(scores.shape), bool((scores.sum(1) < 1).all())
    ((2, 9), True)
    """
    _check(block, x, num_prefix_tokens)
    attention = block.attn
    tokens = block.norm1(x)
    # rows are all queries, then all keys, then all values; each split by head
    query_weight, key_weight, _ = attention.qkv.weight.chunk(3)
    query_bias, key_bias, _ = (None,) * 3 if attention.qkv.bias is None else attention.qkv.bias.chunk(3)
    query = F.linear(tokens[:, 0], query_weight, query_bias).unflatten(1, (attention.num_heads, 1, -1))  # B,H,1,d
    keys = F.linear(tokens, key_weight, key_bias)
    keys = keys.unflatten(2, (attention.num_heads, -1)).transpose(1, 2)  # B,H,prefix+N,d
    query, keys = full_precision(attention.q_norm(query)), full_precision(attention.k_norm(keys))
    # A product and a sum rather than a matrix product: autocast would take that back to half precision.
    logits = (query * attention.scale * keys).sum(-1)  # B,H,prefix+N
    scores = logits.softmax(-1)[:, :, num_prefix_tokens:]
    return scores if per_head else scores.mean(1)


def attention_entropy(scores: Tensor) -> Tensor:
    """Mean entropy, in nats, of attention rows `...,N`, each made to sum to 1: from 0 (one patch) to ln N (all alike).

    An untrained encoder is near ln N: what it would remove is as good as random. Raises ValueError on a scalar.

    >>> round(attention_entropy(torch.ones(2, 16)).item(), 4)  # ln 16
    2.7726
    """
    if scores.ndim == 0:
        raise ValueError("scores must be ...,N; got a scalar")
    scores = full_precision(scores)
    shares = scores / scores.sum(-1, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)
    return torch.special.entr(shares).sum(-1).mean()


def _check(block: nn.Module, x: Tensor, num_prefix_tokens: int) -> None:
    # Exactly these classes: a subclass, or a block that normalises after the attention, holds the same names.
    if type(block) is not Block or type(block.attn) is not Attention:
        inner = type(getattr(block, "attn", None)).__name__
        raise TypeError(
            "cls_attention knows timm's Block with its Attention (one linear layer `qkv`); "
            f"got {type(block).__name__} with {inner}"
        )
    if x.ndim != 3 or x.shape[2] != block.attn.qkv.in_features:
        raise ValueError(f"x must be B,tokens,{block.attn.qkv.in_features}; got {tuple(x.shape)}")
    if not 1 <= num_prefix_tokens < x.shape[1]:
        raise ValueError(
            f"num_prefix_tokens must lie between 1 (the class token) and {x.shape[1] - 1}, so that a patch is left; "
            f"got {num_prefix_tokens}"
        )
