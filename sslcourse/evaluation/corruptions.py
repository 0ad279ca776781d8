"""How accuracy falls when images are corrupted: seven common corruptions in five severities."""

import io
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.v2.functional import gaussian_blur

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import knn_scorer

SEVERITIES = (1, 2, 3, 4, 5)
CHUNK = 512  # images held as float


def corruption_table(
    encoder: nn.Module,
    train_set: ImageSet,
    test_set: ImageSet,
    *,
    corruptions: Sequence[str] | None = None,
    severities: Sequence[int] = SEVERITIES,
    k: int = 20,
    scaling: str = "raw",
    size: int | None = None,
    generator: torch.Generator | None = None,
) -> list[dict[str, str | float]]:
    """kNN accuracy on corrupted test images among clean training images: one row a corruption and severity.

    Rows hold `corruption`, `severity` (1 to 5), `accuracy` in [0, 1], and `relative`, the accuracy divided by that on
    clean images, because an encoder that is better on clean images loses more in absolute terms; the first row is the
    clean one (`corruption` "none", `severity` 0). `corruptions` are names of `CORRUPTIONS`, by default all. `generator`
    (of the CPU; by default seed 0) draws the noise. Raises ValueError on another name or severity.

    Source: Hendrycks and Dietterich 2019 (ImageNet-C).

    >>> from sslcourse.models import ConvNet
    >>> bright = (torch.arange(6) % 2 * 200).to(torch.uint8).view(6, 1, 1, 1).repeat(1, 3, 8, 8)
    >>> toy = ImageSet(bright, torch.arange(6) % 2, ("dark", "bright"), "toy")
    >>> rows = corruption_table(ConvNet(8, depth=2), toy, toy, corruptions=["blur"], severities=[1, 5], k=3)
    >>> [(row["corruption"], row["severity"], row["accuracy"]) for row in rows]
    [('none', 0, 1.0), ('blur', 1, 1.0), ('blur', 5, 1.0)]
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    names = tuple(CORRUPTIONS) if corruptions is None else tuple(corruptions)
    for name in names:
        for severity in severities:
            _value(name, severity)  # refused before anything is computed
    accuracy = knn_scorer(encoder, train_set, test_set.labels, k, scaling=scaling, size=size)
    clean = accuracy(test_set.images)
    rows = [{"corruption": "none", "severity": 0, "accuracy": clean, "relative": 1.0}]
    for name in names:
        for severity in severities:
            value = accuracy(corrupt(test_set.images, name, severity, generator))
            relative = value / clean if clean else math.nan
            rows.append({"corruption": name, "severity": severity, "accuracy": value, "relative": relative})
    return rows


def corrupt(images: Tensor, name: str, severity: int, generator: torch.Generator | None = None) -> Tensor:
    """The images uint8 `N,3,H,W` under one corruption of `CORRUPTIONS`, at severity 1 to 5: uint8 of the same shape.

    `generator` (of the CPU) draws the noise. Raises ValueError on another name or severity and for other images.

    >>> corrupt(torch.full((1, 3, 4, 4), 100, dtype=torch.uint8), "brightness", 1).unique().tolist()
    [126]
    """
    value = _value(name, severity)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must be uint8 N,3,H,W; got {images.dtype} {tuple(images.shape)}")
    change, _ = CORRUPTIONS[name]
    parts = [_levels(change(part.float() / 255, value, generator)) for part in images.split(CHUNK)]
    return torch.cat(parts) if parts else images.clone()


def noise(images: Tensor, sigma: float, generator: torch.Generator | None) -> Tensor:
    """Gaussian noise of standard deviation `sigma`, each pixel and channel its own."""
    return images + sigma * torch.randn(images.shape, generator=generator).to(images.device)


def blur(images: Tensor, sigma: float, generator: torch.Generator | None) -> Tensor:
    """A Gaussian blur of `sigma` pixels on images of 64 pixels, and in proportion on others."""
    sigma = sigma * min(images.shape[2:]) / 64
    return gaussian_blur(images, [2 * min(math.ceil(4 * sigma), min(images.shape[2:]) - 1) + 1] * 2, [sigma] * 2)


def contrast(images: Tensor, factor: float, generator: torch.Generator | None) -> Tensor:
    """The distance of each pixel from the image's mean colour times `factor`."""
    mean = images.mean((2, 3), keepdim=True)
    return mean + factor * (images - mean)


def brightness(images: Tensor, added: float, generator: torch.Generator | None) -> Tensor:
    """`added` to the value of hue, saturation and value: the largest channel grows by it, the others in proportion."""
    value = images.amax(1, keepdim=True)
    brighter = (value + added).clamp(max=1)
    return torch.where(value > 0, images * brighter / value.clamp_min(1e-6), brighter)  # black becomes grey


def pixelate(images: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Blocks of one colour: the mean over areas, `share` as many along each side, each repeated."""
    small = F.interpolate(images, size=_smaller(images, share), mode="area")
    return F.interpolate(small, size=images.shape[2:], mode="nearest-exact")


def low_resolution(images: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Reduced to `share` of the pixels along each side with antialiasing, and enlarged again, both bilinearly."""
    options = {"mode": "bilinear", "align_corners": False}
    small = F.interpolate(images, size=_smaller(images, share), antialias=True, **options)
    return F.interpolate(small, size=images.shape[2:], **options)


def jpeg(images: Tensor, quality: float, generator: torch.Generator | None) -> Tensor:
    """Written and read as JPEG of this quality, by Pillow: one image at a time, on the CPU."""
    pictures = []
    for array in _levels(images).permute(0, 2, 3, 1).cpu().numpy():
        file = io.BytesIO()
        Image.fromarray(array).save(file, "JPEG", quality=int(quality))
        pictures.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(images.device) / 255


# A function, and its five values. Those of noise, contrast, brightness and jpeg are Tiny-ImageNet-C's, from Hendrycks
# and Dietterich's code. Ours: blur, twice theirs and scaled with the image, or it would change nothing at 32 px;
# pixelate, since theirs (.9 to .5) do not get worse in order at 32 px; low_resolution, which they do not have.
Change = Callable[[Tensor, float, torch.Generator | None], Tensor]
CORRUPTIONS: dict[str, tuple[Change, tuple[float, ...]]] = {
    "noise": (noise, (0.04, 0.08, 0.12, 0.15, 0.18)),
    "blur": (blur, (1.0, 1.5, 2.0, 2.5, 3.0)),
    "contrast": (contrast, (0.4, 0.3, 0.2, 0.1, 0.05)),
    "brightness": (brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "pixelate": (pixelate, (0.75, 0.5, 0.375, 0.25, 0.125)),
    "jpeg": (jpeg, (65, 58, 50, 40, 25)),
    "low_resolution": (low_resolution, (0.75, 0.5, 0.375, 0.25, 0.125)),
}


def _value(name: str, severity: int) -> float:
    if name not in CORRUPTIONS:
        raise ValueError(f"corruption must be one of {', '.join(CORRUPTIONS)}; got {name!r}")
    if severity not in SEVERITIES:
        raise ValueError(f"severity must be one of 1 to 5; got {severity}")
    return CORRUPTIONS[name][1][severity - 1]


def _smaller(images: Tensor, share: float) -> tuple[int, int]:
    return tuple(max(1, int(side * share)) for side in images.shape[2:])


def _levels(images: Tensor) -> Tensor:
    return (images * 255).round().clamp(0, 255).to(torch.uint8)
