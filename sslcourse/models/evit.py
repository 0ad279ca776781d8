"""Token removal inside the network: what makes inference faster, where a teacher's choice of patches cannot."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sslcourse.models.encoder import TokenEncoder
from sslcourse.pruning.scores import cls_attention
from sslcourse.pruning.select import keep_count, select
from sslcourse.pruning.tokens import gather_tokens, removed_indices


class PrunedTokens(NamedTuple):
    """`cls` `B,D`, the `patches` `B,K,D` kept to the end, and their numbers `keep_indices`, int64 `B,K`."""

    cls: Tensor
    patches: Tensor
    keep_indices: Tensor


class PrunedEncoder(nn.Module):
    """A `TokenEncoder`, with its weights, that drops patches inside the blocks `layers` (0-based).

    In each of them, after the attention and before the MLP, the ceil(keep_rate * patches) patches that the class token
    attends to most go on; the rest are dropped, or with `fuse=True` summed into one token, weighted by that attention.
    A fused token is not returned. With keep_rate=1 this is the plain encoder. The encoder is shared, not copied:
    training one trains the other. Raises ValueError on layers that it does not have.

    Source: Liang et al. 2022 (EViT): attentive token identification and inattentive token fusion. With one block in
    `layers`, or without fusion, the result is EViT's. Where several blocks fuse, EViT's code treats an earlier fused
    token as one more patch: it keeps ceil(keep_rate * (patches + 1)) of them, the fused token among them if it has
    enough attention. Here a fused token is always merged into the next, so that what is kept is known to be patches.

    >>> from sslcourse.models import build_encoder
    >>> pruned = PrunedEncoder(build_encoder("vit_96x4_p8", image_size=64), layers=(1, 2), keep_rate=0.5)
    >>> tuple(pruned(torch.rand(2, 3, 64, 64)).patches.shape)
    (2, 16, 96)
    """

    def __init__(
        self, encoder: TokenEncoder, layers: tuple[int, ...], keep_rate: float = 0.7, *, fuse: bool = True
    ) -> None:
        super().__init__()
        depth = len(encoder.vit.blocks)
        if len(set(layers)) != len(layers) or not all(0 <= layer < depth for layer in layers):
            raise ValueError(f"layers must be different block numbers in 0..{depth - 1}; got {tuple(layers)}")
        keep_count(encoder.num_patches, keep_rate)  # refuses a wrong keep rate now
        self.encoder, self.layers, self.keep_rate, self.fuse = encoder, tuple(layers), keep_rate, fuse
        self.dim, self.num_patches = encoder.dim, encoder.num_patches
        self.patch_size, self.grid = encoder.patch_size, encoder.grid

    def features(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> the class token `B,D`."""
        return self(images).cls

    def forward(self, images: Tensor) -> PrunedTokens:
        """Images `B,3,H,W` in [0, 1] -> class token `B,D`, the patches kept `B,K,D` and their numbers `B,K`."""
        vit = self.encoder.vit
        prefix, patches = self.encoder.embed(images)
        places = torch.arange(patches.shape[1], device=images.device).expand(len(images), -1)  # B,N
        x = vit.norm_pre(vit.pos_drop(torch.cat([prefix, patches], dim=1)))
        for number, block in enumerate(vit.blocks):
            if number in self.layers:
                x, places = self._prune(block, x, places)
            else:
                x = block(x)
        x, first = vit.norm(x), vit.num_prefix_tokens
        return PrunedTokens(x[:, 0], x[:, first : first + places.shape[1]], places)

    def _prune(self, block: nn.Module, x: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """One block that goes on with fewer patches: tokens `B,P+n(+1),D` -> `B,P+k(+1),D`, numbers `B,n` -> `B,k`."""
        count = places.shape[1]
        keep = keep_count(count, self.keep_rate)
        if keep == count:
            return block(x), places
        first = self.encoder.vit.num_prefix_tokens
        scores = cls_attention(block, x, first)  # B,n(+1)
        x = x + block.drop_path1(block.ls1(block.attn(block.norm1(x))))
        prefix, patches, old = x[:, :first], x[:, first : first + count], x[:, first + count :]  # old: the fused token
        kept = select(scores[:, :count], keep, "low")  # B,k
        parts = [prefix, gather_tokens(patches, kept)]
        if self.fuse:
            removed = removed_indices(kept, count)  # B,n-k
            tokens = torch.cat([gather_tokens(patches, removed), old], dim=1)
            weights = torch.cat([scores.gather(1, removed), scores[:, count:]], dim=1)
            parts.append((weights[:, :, None].to(tokens.dtype) * tokens).sum(1, keepdim=True))  # B,1,D
        x = torch.cat(parts, dim=1)
        return x + block.drop_path2(block.ls2(block.mlp(block.norm2(x)))), places.gather(1, kept)
