"""Any timm VisionTransformer as a set of tokens: the class token, and one token a patch."""

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from timm.layers import PatchEmbed
from timm.models import VisionTransformer, checkpoint_seq
from timm.models.vision_transformer import Attention, Block
from torch import Tensor, nn

from sslcourse.models.positions import resample_position
from sslcourse.models.stem import ConvStem
from sslcourse.pruning.scores import cls_attention
from sslcourse.pruning.tokens import gather_tokens, removed_mask


class Tokens(NamedTuple):
    """What a TokenEncoder returns: `cls` `B,D` and `patches` `B,K,D`, both after the last norm.

    `attention` is float32, how much the last block's class token looks at each patch, where it was asked for: `B,K`, or
    `B,H,K` for each of the H heads.
    """

    cls: Tensor
    patches: Tensor
    attention: Tensor | None = None


class TokenEncoder(nn.Module):
    """Images float `B,3,H,W` in [0, 1] -> `Tokens`, through the modules of an unchanged timm VisionTransformer.

    With `keep_indices` (int64 `B,K`, row-major patch numbers) only those patches, in that order, are seen by the
    blocks: they are gathered after the position embedding and before block 0, so K sets the cost of a step. With `mask`
    (bool `B,N`, True = masked) and `mask_token` (`D`) the masked patches are replaced, not removed: they keep their
    position. A stem that reaches into neighbouring patches is given the mean colour in place of removed and masked
    ones. With `attention=True` the class token's attention in the last block comes too, as a mean over the heads, and
    with `attention="heads"` head by head (see `pruning.cls_attention`).

    Built with dynamic_img_size=True, as `build_encoder` does, it takes any image whose sides are multiples of the
    patch; the position embedding is then resampled. The encoder normalises its input itself; `mean` and `std` are one
    number a channel. Register tokens take part in attention and are not returned. Attributes: `dim`, `num_patches`,
    `patch_size` (pixels), `grid` (rows, columns of patches). Raises TypeError for another model; ValueError if it has
    no class token (the methods here need one), drops patches by itself, has oblong patches, a hybrid embedding or
    blocks of its own kind, and for images, indices or masks of a wrong shape or type.

    Source: Dosovitskiy et al. 2021 (ViT), equations 1 to 4; the gather as in He et al. 2022 (MAE), section 3; the mask
    token as in Zhou et al. 2022 (iBOT), section 3.1.

    >>> from sslcourse.models import build_encoder
    >>> encoder = build_encoder("vit_64x2_p8", image_size=32)
    >>> tokens = encoder(torch.rand(2, 3, 32, 32), keep_indices=torch.tensor([[0, 5], [3, 9]]))
    >>> tuple(tokens.cls.shape), tuple(tokens.patches.shape)
    ((2, 64), (2, 2, 64))
    """

    def __init__(
        self, vit: VisionTransformer, *, mean: tuple[float, ...] = (0.5,) * 3, std: tuple[float, ...] = (0.25,) * 3
    ) -> None:
        super().__init__()
        _check_vit(vit)
        self.vit = vit
        self.dim = vit.embed_dim
        self.num_patches = vit.patch_embed.num_patches
        self.patch_size = vit.patch_embed.patch_size[0]
        self.grid = tuple(vit.patch_embed.grid_size)
        self.overlapping = isinstance(vit.patch_embed, ConvStem)  # what a patch becomes depends on pixels around it
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def features(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> the class token `B,D`."""
        return self(images).cls

    def feature_map(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> the patch tokens at their places: `B,D,rows,columns`."""
        return self(images).patches.mT.unflatten(2, self.grid_of(images))

    def grid_of(self, images: Tensor) -> tuple[int, int]:
        """Rows and columns of patches in images `B,3,H,W`."""
        return images.shape[2] // self.patch_size, images.shape[3] // self.patch_size

    def forward(
        self,
        images: Tensor,
        keep_indices: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        mask_token: Tensor | None = None,
        attention: bool | Literal["heads"] = False,
    ) -> Tokens:
        """Images `B,3,H,W` in [0, 1], patches to keep `B,K` or None for all -> class token `B,D`, patches `B,K,D`."""
        prefix, patches = self.embed(images, mask, mask_token, self._hidden(images, keep_indices, mask))
        if keep_indices is not None:
            patches = gather_tokens(patches, keep_indices)  # B,K,D
        x = torch.cat([prefix, patches], dim=1)  # B,prefix+K,D
        x = self.vit.norm_pre(self.vit.pos_drop(x))
        scores = None
        *others, last = self.vit.blocks
        x = self._run(others, x)
        if attention:
            per_head = attention == "heads"
            scores = cls_attention(last, x, self.vit.num_prefix_tokens, per_head=per_head)  # B,K or B,H,K
        x = self.vit.norm(self._run([last], x))
        return Tokens(x[:, 0], x[:, self.vit.num_prefix_tokens :], scores)

    def embed(
        self, images: Tensor, mask: Tensor | None = None, mask_token: Tensor | None = None, hidden: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Class and register tokens `B,P,D` and patches `B,N,D`, with their position embedding: the input of block 0.

        `hidden`, bool `B,N`: patches of which no pixel is used.
        """
        self._check_images(images)
        vit = self.vit
        if mask is not None or mask_token is not None:
            _check_mask(mask, mask_token, (len(images), math.prod(self.grid_of(images)), self.dim))
        pixels = (images - self.mean) / self.std
        if hidden is not None:
            pixels = pixels.masked_fill(_on_pixels(hidden, self.grid_of(images), self.patch_size), 0.0)
        patches = vit.patch_embed(pixels)
        if patches.ndim == 4:  # built with dynamic_img_size: B,rows,columns,D
            patches = patches.flatten(1, 2)
        if mask is not None:
            patches = torch.where(mask[:, :, None], mask_token.to(patches.dtype), patches)
        prefix = vit.cls_token if vit.reg_token is None else torch.cat([vit.cls_token, vit.reg_token], dim=1)
        if vit.pos_embed is not None:
            position = vit.pos_embed
            if not vit.no_embed_class:
                of_prefix, position = position.split([vit.num_prefix_tokens, math.prod(self.grid)], dim=1)
                prefix = prefix + of_prefix
            patches = patches + resample_position(position, self.grid, self.grid_of(images))
        return prefix.expand(len(images), -1, -1), patches

    def _hidden(self, images: Tensor, keep_indices: Tensor | None, mask: Tensor | None) -> Tensor | None:
        """The removed or masked patches, bool `B,N`, if the embedding of others would see their pixels; else None."""
        if not self.overlapping or keep_indices is None:
            return mask if self.overlapping else None
        removed = removed_mask(keep_indices, math.prod(self.grid_of(images)))
        return removed if mask is None else removed | mask

    def _run(self, blocks: Iterable[nn.Module], x: Tensor) -> Tensor:
        if self.vit.grad_checkpointing:
            return checkpoint_seq(blocks, x) if blocks else x
        for block in blocks:
            x = block(x)
        return x

    def _check_images(self, images: Tensor) -> None:
        if images.ndim != 4 or images.shape[1] != self.mean.shape[1] or not images.is_floating_point():
            raise ValueError(
                f"images must be float B,{self.mean.shape[1]},H,W in [0, 1]; got {images.dtype} {tuple(images.shape)}"
            )
        height, width = images.shape[2:]
        if self.vit.dynamic_img_size:
            if height % self.patch_size or width % self.patch_size:
                raise ValueError(
                    f"image sides must be multiples of the patch side {self.patch_size}; got {height} x {width}"
                )
        elif (height, width) != tuple(self.vit.patch_embed.img_size):
            built = " x ".join(map(str, self.vit.patch_embed.img_size))
            raise ValueError(
                f"this encoder was built for images of {built} pixels; got {height} x {width}: "
                "resize them, build it with that image_size, or with dynamic_img_size=True"
            )


def _check_vit(vit: nn.Module) -> None:
    """Raise TypeError or ValueError unless `vit` is a timm VisionTransformer that a TokenEncoder can take apart."""
    if type(vit) is not VisionTransformer:  # a subclass may join its tokens in another way
        raise TypeError(f"TokenEncoder needs a timm VisionTransformer; got {type(vit).__name__}")
    if vit.cls_token is None:
        raise ValueError("this VisionTransformer has no class token; choose one built with class_token=True")
    if getattr(vit.patch_drop, "prob", 0) > 0:
        raise ValueError("this VisionTransformer drops patches itself; build it with patch_drop_rate=0")
    if not isinstance(vit.patch_embed, PatchEmbed | ConvStem):
        embedding = type(vit.patch_embed).__name__
        raise ValueError(f"this VisionTransformer makes its patches by a {embedding}; choose one with a PatchEmbed")
    if vit.patch_embed.patch_size[0] != vit.patch_embed.patch_size[1]:
        raise ValueError(f"patches must be square; this VisionTransformer's are {vit.patch_embed.patch_size}")
    last = vit.blocks[-1]
    if type(last) is not Block or type(last.attn) is not Attention:
        raise ValueError(
            f"this VisionTransformer is made of {type(last).__name__}s, whose attention is not that of timm's Block"
        )


def _check_mask(mask: Tensor | None, mask_token: Tensor | None, shape: tuple[int, int, int]) -> None:
    """Raise ValueError unless both are given and fit patches `B,N,D` of this shape."""
    if mask is None or mask_token is None:
        raise ValueError("mask and mask_token come together: which patches to replace, and by what")
    if mask.dtype != torch.bool or mask.shape != shape[:2]:
        raise ValueError(f"mask must be bool of shape {shape[:2]}; got {mask.dtype} {tuple(mask.shape)}")
    if mask_token.shape != shape[2:]:
        raise ValueError(f"mask_token must be of shape ({shape[2]},); got {tuple(mask_token.shape)}")


def _on_pixels(patches: Tensor, grid: tuple[int, int], patch_size: int) -> Tensor:
    """Bool `B,N` of patches -> bool `B,1,H,W` of their pixels."""
    by_place = patches.unflatten(1, grid)[:, None]  # B,1,rows,columns
    return by_place.repeat_interleave(patch_size, 2).repeat_interleave(patch_size, 3)
