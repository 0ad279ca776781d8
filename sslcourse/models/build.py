"""Encoders by name: the course's own, and those of timm."""

import re

import timm
from timm.layers import freeze_batch_norm_2d
from timm.models import ResNet, VisionTransformer
from torch import nn

from sslcourse.models.convnet import ConvNet
from sslcourse.models.encoder import TokenEncoder
from sslcourse.models.pooled import PooledEncoder
from sslcourse.models.stem import ConvStem

# Our ViTs are named by width, depth and patch side; the head dimension is 32 throughout.
CONFIGURATIONS: dict[str, dict[str, int]] = {
    "vit_64x2_p8": {"embed_dim": 64, "depth": 2, "num_heads": 2, "patch_size": 8},
    "vit_64x2_p4": {"embed_dim": 64, "depth": 2, "num_heads": 2, "patch_size": 4},
    "vit_96x4_p4": {"embed_dim": 96, "depth": 4, "num_heads": 3, "patch_size": 4},
    "vit_96x4_p8": {"embed_dim": 96, "depth": 4, "num_heads": 3, "patch_size": 8},
    "vit_192x6_p8": {"embed_dim": 192, "depth": 6, "num_heads": 6, "patch_size": 8},
}
CONV_SUFFIX = "_conv"  # after any of our ViTs' names: a convolutional stem instead of the linear patch embedding
SMALL_IMAGES = 40  # pixels; up to here an untrained ResNet gets a stem that keeps the resolution


def build_encoder(
    name: str = "vit_96x4_p8",
    image_size: int = 64,
    *,
    pretrained: bool = False,
    frozen_statistics: bool = False,
    **options,
) -> TokenEncoder | PooledEncoder | ConvNet:
    """An encoder by name: a TokenEncoder for ViTs, otherwise one without tokens.

    Names: one of `CONFIGURATIONS`, also followed by "_conv" for a convolutional stem (see `ConvStem`); "convnet" or
    "convnet_WIDTH" (see `ConvNet`), also followed by "_dilated" to halve the positions once only; a VisionTransformer
    of timm that has a class token and square patches ("vit_tiny_patch16_224"); or a convolutional network of timm
    ("resnet18", "convnext_atto", ...), as a `PooledEncoder`. `options` go to the model's constructor: timm's ResNets
    take `output_stride=8`, which dilates in place of the last strides.

    A ViT's position embedding is made for `image_size`. It takes images of other sizes, too, unless
    `dynamic_img_size=False`. An untrained ResNet for images of up to 40 pixels gets SimCLR's stem for CIFAR-10: a 3x3
    convolution of stride 1 without pooling, since its own stem would leave one position of a 32-pixel image. Other
    networks keep their stem.

    `pretrained=True`, for timm's names only, fetches weights and their input normalisation. `frozen_statistics=True`
    turns each BatchNorm2d of a timm CNN into a constant scale and shift by its running statistics, as is usual with
    pretrained weights.

    Raises ValueError for an unknown name or weight tag and for a network that is neither of these kinds, TypeError for
    an option that the model does not take, and ConnectionError when the weights cannot be fetched.

    Source: Chen et al. 2020 (SimCLR), appendix B.9, for the stem.

    >>> encoder = build_encoder("vit_96x4_p8", image_size=64)
    >>> encoder.dim, encoder.num_patches, encoder.patch_size
    (96, 64, 8)
    >>> build_encoder("resnet18", image_size=32).dim
    512
    """
    ours = name.removesuffix(CONV_SUFFIX)
    convnet = re.fullmatch(r"convnet(?:_(\d+))?(_dilated)?", name)
    if ours in CONFIGURATIONS or convnet:
        if pretrained or frozen_statistics:
            raise ValueError(
                f"there are no pretrained weights for {name!r}, nor statistics to freeze: they exist for timm's models"
            )
        if convnet:
            halvings = {"halvings": 1} if convnet[2] else {}
            return ConvNet(**{"width": int(convnet[1] or 32), **halvings, **options})
        stem = {"embed_layer": ConvStem} if name != ours else {}
        return TokenEncoder(
            VisionTransformer(**{**CONFIGURATIONS[ours], **stem, **_vit_options(image_size), **options})
        )
    if _fixed_input_size(name):
        if frozen_statistics:
            raise ValueError(f"frozen_statistics is for networks with BatchNorm; {name!r} is a transformer")
        model = _create(name, pretrained, {**_vit_options(image_size), **options})
        try:
            return TokenEncoder(model, **_normalisation(model, pretrained))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name!r} is a {type(model).__name__}: {error}. {ALLOWED}") from error
    model = _create(name, pretrained, options)
    if isinstance(model, ResNet) and not pretrained and image_size <= SMALL_IMAGES:
        model.conv1 = nn.Conv2d(3, model.bn1.num_features, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
    if frozen_statistics:
        if not pretrained:  # timm starts the last scale of a residual branch at 0; frozen, the branch would never learn
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    nn.init.ones_(module.weight)
        model = freeze_batch_norm_2d(model)
    return PooledEncoder(model, name, image_size, **_normalisation(model, pretrained))


ALLOWED = (
    "Choose a plain VisionTransformer of timm with a class token, square patches and the standard block "
    "(vit_*_patch*, deit_*_patch*, deit3_*), a convolutional network (resnet18, convnext_atto, ...), or one of ours: "
    f"convnet, also with _dilated, {', '.join(CONFIGURATIONS)}, the last ones also with {CONV_SUFFIX}"
)


def _vit_options(image_size: int) -> dict:
    return {"img_size": image_size, "num_classes": 0, "dynamic_img_size": True}


def _normalisation(model: nn.Module, pretrained: bool) -> dict[str, tuple[float, ...]]:
    """The input normalisation that pretrained weights expect; ours is the default."""
    config = model.pretrained_cfg
    return {"mean": tuple(config["mean"]), "std": tuple(config["std"])} if pretrained else {}


def _fixed_input_size(name: str) -> bool:
    """Whether timm's model `name` is built for one image size, as transformers mostly are; ValueError if unknown."""
    base, _, tag = name.partition(".")
    if not timm.is_model(base):
        raise ValueError(
            f"unknown encoder {name!r}; ours are {', '.join(CONFIGURATIONS)}, each also with {CONV_SUFFIX}, "
            "and convnet; timm.list_models('vit*') and timm.list_models('resnet*') have more"
        )
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{base}.*")]
        known = ", ".join(tags) or "none"
        raise ValueError(f"{base!r} has no pretrained weights with the tag {tag!r}; there are: {known}") from error
    return bool(config and config.fixed_input_size)


def _create(name: str, pretrained: bool, options: dict) -> nn.Module:
    """timm's model; errors say whether name, options or network are to blame."""
    try:
        return timm.create_model(name, pretrained=pretrained, **{"num_classes": 0, **options})
    except Exception as error:
        if pretrained and not isinstance(error, TypeError):
            raise ConnectionError(
                f"the pretrained weights of {name!r} could not be had ({type(error).__name__}: {error}). They come "
                "from the network on first use: connect, or take pretrained=False"
            ) from error
        kind = type(timm.create_model(name)).__name__
        if "dynamic_img_size" in options and kind != VisionTransformer.__name__:
            raise ValueError(f"{name!r} is a {kind}. {ALLOWED}") from error
        if isinstance(error, TypeError):
            raise TypeError(f"{name!r} does not take all of {', '.join(options)}: {error}") from error
        raise ValueError(f"{name!r} cannot be built with {options}: {error}") from error
