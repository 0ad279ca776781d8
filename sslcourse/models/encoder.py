"""Any timm VisionTransformer as a set of tokens: the class token, and one token a patch."""

from __future__ import annotations

from typing import NamedTuple

import timm
import torch
from timm.layers import resample_abs_pos_embed
from timm.models import VisionTransformer, checkpoint_seq
from torch import Tensor, nn

# Ours are named by width, depth and patch side; the head dimension is 32 throughout.
CONFIGURATIONS: dict[str, dict[str, int]] = {
    "vit_64x2_p8": {"embed_dim": 64, "depth": 2, "num_heads": 2, "patch_size": 8},
    "vit_96x4_p4": {"embed_dim": 96, "depth": 4, "num_heads": 3, "patch_size": 4},
    "vit_96x4_p8": {"embed_dim": 96, "depth": 4, "num_heads": 3, "patch_size": 8},
    "vit_192x6_p8": {"embed_dim": 192, "depth": 6, "num_heads": 6, "patch_size": 8},
}


class Tokens(NamedTuple):
    """What a TokenEncoder returns: `cls` `B,D` and `patches` `B,K,D`, both after the last norm."""

    cls: Tensor
    patches: Tensor


class TokenEncoder(nn.Module):
    """Images float `B,3,H,W` in [0, 1] -> `Tokens`, through the modules of a timm VisionTransformer, which stays as it is.

    With `keep_indices` (int64 `B,K`, row-major patch numbers) only those patches, in that order, are seen by the blocks:
    they are gathered after the position embedding and before block 0, so K sets the cost of a step. The encoder
    normalises its input itself; `mean` and `std` are one number a channel. Register tokens take part in attention and
    are not returned. Attributes: `dim`, `num_patches`, `patch_size` (pixels), `grid` (rows, columns of patches).
    Raises TypeError for another model; ValueError when it has no class token (the methods here need one) or drops patches
    by itself, and on images or indices of a wrong shape or type.

    Source: Dosovitskiy et al. 2021 (ViT), equations 1 to 4; the gather as in He et al. 2022 (MAE), section 3.

    >>> encoder = build_encoder("vit_64x2_p8", image_size=32)
    >>> tokens = encoder(torch.rand(2, 3, 32, 32), keep_indices=torch.tensor([[0, 5], [3, 9]]))
    >>> tuple(tokens.cls.shape), tuple(tokens.patches.shape)
    ((2, 64), (2, 2, 64))
    """

    def __init__(
        self, vit: VisionTransformer, *, mean: tuple[float, ...] = (0.5,) * 3, std: tuple[float, ...] = (0.25,) * 3
    ) -> None:
        super().__init__()
        if type(vit) is not VisionTransformer:  # a subclass may join its tokens in another way
            raise TypeError(f"TokenEncoder needs a timm VisionTransformer; got {type(vit).__name__}")
        if vit.cls_token is None:
            raise ValueError("this VisionTransformer has no class token; choose one built with class_token=True")
        if getattr(vit.patch_drop, "prob", 0) > 0:
            raise ValueError("this VisionTransformer drops patches itself; build it with patch_drop_rate=0")
        self.vit = vit
        self.dim = vit.embed_dim
        self.num_patches = vit.patch_embed.num_patches
        self.patch_size = vit.patch_embed.patch_size[0]
        self.grid = tuple(vit.patch_embed.grid_size)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def features(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> the class token `B,D`."""
        return self(images).cls

    def forward(self, images: Tensor, keep_indices: Tensor | None = None) -> Tokens:
        """Images `B,3,H,W` in [0, 1], patches to keep `B,K` or None for all -> class token `B,D`, patches `B,K,D`."""
        self._check_images(images)
        prefix, patches = self._embed(images)
        if keep_indices is not None:
            patches = _gather(patches, keep_indices)  # B,K,D
        x = torch.cat([prefix, patches], dim=1)  # B,prefix+K,D
        x = self.vit.norm_pre(self.vit.pos_drop(x))
        x = checkpoint_seq(self.vit.blocks, x) if self.vit.grad_checkpointing else self.vit.blocks(x)
        x = self.vit.norm(x)
        return Tokens(x[:, 0], x[:, self.vit.num_prefix_tokens :])

    def _embed(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Class and register tokens `B,P,D` and patches `B,N,D`, each with its position embedding."""
        vit = self.vit
        patches = vit.patch_embed((images - self.mean) / self.std)
        position = vit.pos_embed
        embedded_prefix = 0 if vit.no_embed_class else vit.num_prefix_tokens
        if patches.ndim == 4:  # built with dynamic_img_size: B,rows,columns,D
            if position is not None:
                position = resample_abs_pos_embed(
                    position, new_size=patches.shape[1:3], old_size=self.grid, num_prefix_tokens=embedded_prefix
                )
            patches = patches.flatten(1, 2)
        prefix = vit.cls_token if vit.reg_token is None else torch.cat([vit.cls_token, vit.reg_token], dim=1)
        if position is not None:
            patches = patches + position[:, embedded_prefix:]
            if embedded_prefix:
                prefix = prefix + position[:, :embedded_prefix]
        return prefix.expand(len(images), -1, -1), patches

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


def build_encoder(
    name: str = "vit_96x4_p8", image_size: int = 64, *, pretrained: bool = False, **options
) -> TokenEncoder:
    """A TokenEncoder by name: one of `CONFIGURATIONS`, or any VisionTransformer that timm knows.

    `options` go to timm (for instance `reg_tokens=4`, `dynamic_img_size=True`). With `pretrained=True`, for timm's names
    only, the weights and their normalisation are fetched, and the position embedding is resampled to `image_size`.
    Raises ValueError for an unknown name, RuntimeError when the weights cannot be had.

    >>> encoder = build_encoder("vit_96x4_p8", image_size=64)
    >>> encoder.dim, encoder.num_patches, encoder.patch_size
    (96, 64, 8)
    """
    options = {"img_size": image_size, "num_classes": 0, **options}
    if name in CONFIGURATIONS:
        if pretrained:
            raise ValueError(f"there are no pretrained weights for {name!r}; they exist for timm's own models")
        return TokenEncoder(VisionTransformer(**{**CONFIGURATIONS[name], **options}))
    if not timm.is_model(name.split(".")[0]):
        raise ValueError(
            f"unknown encoder {name!r}; ours are {', '.join(CONFIGURATIONS)}; timm.list_models('vit*') has more"
        )
    try:
        vit = timm.create_model(name, pretrained=pretrained, **options)
    except Exception as error:
        if not pretrained:
            raise
        raise RuntimeError(
            f"the pretrained weights of {name!r} could not be had ({type(error).__name__}: {error}). They come from the "
            "network on first use: connect, or take pretrained=False"
        ) from error
    if not pretrained:
        return TokenEncoder(vit)
    return TokenEncoder(vit, mean=tuple(vit.pretrained_cfg["mean"]), std=tuple(vit.pretrained_cfg["std"]))


def _gather(patches: Tensor, keep_indices: Tensor) -> Tensor:
    """The patches `B,K,D` at `keep_indices` `B,K`."""
    if keep_indices.dtype != torch.int64 or keep_indices.ndim != 2 or len(keep_indices) != len(patches):
        raise ValueError(
            f"keep_indices must be int64 of shape ({len(patches)}, K); got {keep_indices.dtype} {tuple(keep_indices.shape)}"
        )
    return patches.gather(1, keep_indices[:, :, None].expand(-1, -1, patches.shape[2]))
