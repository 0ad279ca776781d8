"""What every method checks of its settings, its crops and its encoder, with messages that say what is allowed."""

from collections.abc import Iterable

from torch import nn

from sslcourse.data.views import MultiCropSettings
from sslcourse.models.encoder import TokenEncoder
from sslcourse.models.pooled import PooledEncoder
from sslcourse.settings import check_fields


def check_choices(settings: object, **allowed: Iterable[str]) -> None:
    """Raise ValueError when one of these attributes is not among those allowed for it."""
    for name, choices in allowed.items():
        if (value := getattr(settings, name)) not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}")


def check_micro_batch(settings: object) -> None:
    """Raise ValueError for a `micro_batch` of fewer than 2 images: none would have a negative or batch statistics."""
    check_fields(settings, "must be at least 2, or None", lambda size: size is None or size >= 2, "micro_batch")


def check_pairs(crops: MultiCropSettings) -> None:
    """Raise ValueError when a student crop has no other crop of the teacher's to learn from."""
    if crops.global_crops + crops.local_crops < 2:
        raise ValueError(
            "a crop does not learn from itself: with crops.local_crops=0, crops.global_crops must be at least 2; "
            f"got {crops.global_crops}"
        )


def need_tokens(encoder: nn.Module, crops: MultiCropSettings, what: str) -> tuple[int, int]:
    """The grid (rows, columns) of patches of a global crop.

    `what` is the method's name. Raises TypeError for an encoder without patch tokens, ValueError if they do not fit the
    crops.
    """
    if not isinstance(encoder, TokenEncoder):
        kind = type(encoder).__name__
        given = f"{encoder.name!r} (a {kind})" if isinstance(encoder, PooledEncoder) else f"a {kind}"
        raise TypeError(
            f"{what} works on patch tokens, and {given} has none: choose a ViT, for instance "
            "build_encoder('vit_96x4_p8'), or a method that needs none (SimCLR, BYOL, DINO)"
        )
    check_crops(encoder, crops)
    side = crops.global_crop.size // encoder.patch_size
    return side, side


def check_crops(encoder: nn.Module, crops: MultiCropSettings) -> None:
    """Raise ValueError when crops that are drawn are no multiple of the encoder's patches."""
    drawn = {"global": crops.global_crop} | ({"local": crops.local_crop} if crops.local_crops else {})
    for kind, crop in drawn.items() if isinstance(encoder, TokenEncoder) else ():
        if crop.size % encoder.patch_size:
            raise ValueError(
                f"{kind} crops of {crop.size} pixels are no multiple of the encoder's patches of {encoder.patch_size}: "
                f"set crops.{kind}_crop.size"
            )
