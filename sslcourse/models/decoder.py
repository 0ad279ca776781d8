"""A light decoder that sees the kept patches, mask tokens in the gaps, and predicts every patch."""

from functools import partial
from typing import NamedTuple

import torch
from timm.layers import build_sincos2d_pos_embed
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from sslcourse.pruning.tokens import restore_tokens

EPSILON = 1e-6  # of every LayerNorm, as in MAE's code


class Decoded(NamedTuple):
    """What a Decoder returns: `tokens` `B,N,dim`, for a head on patches, and `pixels` `B,N,outputs`, all N in order."""

    tokens: Tensor
    pixels: Tensor


class Decoder(nn.Module):
    """Encoded patches `B,K,in_dim` and their places `keep_indices` `B,K` -> `Decoded` for all N patches of `grid`.

    Patches are mapped to `dim`, put at their places with a learned mask token in the gaps, given a fixed sine-cosine
    position, and pass `depth` transformer blocks (head dimension dim / heads). `outputs` numbers are predicted for a
    patch, by default the 3 * patch_size**2 of its pixels, in the order of `losses.reconstruction.patchify`. The class
    token `B,in_dim` joins where it is given. With `removal=False` there is no mask token (nothing would train it), and
    keep_indices must be left out: all N patches come in, in order. `outputs=0` builds no prediction; `pixels` is
    then `B,N,0`. Raises ValueError on tokens or indices that do not fit.

    Source: He et al. 2022 (MAE), section 3, "MAE decoder", and appendix A.1.

    >>> decoder = Decoder(in_dim=96, grid=(4, 4), patch_size=8)
    >>> decoded = decoder(torch.randn(2, 3, 96), torch.tensor([[0, 5, 9], [1, 2, 3]]))
    >>> tuple(decoded.tokens.shape), tuple(decoded.pixels.shape)
    ((2, 16, 64), (2, 16, 192))
    """

    def __init__(
        self,
        in_dim: int,
        grid: tuple[int, int],
        patch_size: int,
        dim: int = 64,
        depth: int = 2,
        heads: int = 2,
        outputs: int | None = None,
        *,
        removal: bool = True,
    ) -> None:
        super().__init__()
        if heads < 1 or dim < 1 or dim % heads or dim % 4:
            raise ValueError(
                f"a decoder's width must be a multiple of 4 and of its number of heads; got {dim} and {heads} heads"
            )
        self.dim, self.grid, self.num_patches = dim, tuple(grid), grid[0] * grid[1]
        outputs = 3 * patch_size**2 if outputs is None else outputs
        self.embed = nn.Linear(in_dim, dim)
        self.mask_token = nn.Parameter(0.02 * torch.randn(dim)) if removal else None
        self.register_buffer("position", build_sincos2d_pos_embed(list(grid), dim), persistent=False)  # N,dim
        norm = partial(nn.LayerNorm, eps=EPSILON)
        self.blocks = nn.ModuleList(Block(dim, heads, qkv_bias=True, norm_layer=norm) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=EPSILON)
        self.predict = nn.Linear(dim, outputs) if outputs else None

    def forward(self, patches: Tensor, keep_indices: Tensor | None = None, cls: Tensor | None = None) -> Decoded:
        """Patches `B,K,in_dim`, places `B,K` (None: all, in order), class token `B,in_dim` -> tokens and pixels."""
        tokens = self.place(self.embed(patches), keep_indices) + self.position  # B,N,dim
        if cls is not None:
            tokens = torch.cat([self.embed(cls)[:, None].to(tokens.dtype), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)[:, -self.num_patches :]
        pixels = tokens[:, :, :0] if self.predict is None else self.predict(tokens)
        return Decoded(tokens, pixels)

    def place(self, embedded: Tensor, keep_indices: Tensor | None) -> Tensor:
        """Embedded patches `B,K,dim` at their places, mask tokens elsewhere: `B,N,dim`, without position."""
        if keep_indices is None:
            if embedded.shape[1] != self.num_patches:
                raise ValueError(
                    f"without keep_indices all {self.num_patches} patches must come; got {embedded.shape[1]}"
                )
            if self.mask_token is None:
                return embedded
            # Every gap is closed, but the mask token still takes part: a parameter that sometimes has no gradient
            # would stop training on several processes.
            keep_indices = torch.arange(self.num_patches, device=embedded.device).expand(len(embedded), -1)
        elif self.mask_token is None:
            raise ValueError("this decoder was built with removal=False; leave out keep_indices")
        return restore_tokens(embedded, keep_indices, self.num_patches, self.mask_token)
