"""Colour transforms for a whole batch: each is an affine map of a pixel, so a sequence is one map `A p + b` an image.

Values lie in [0, 1]. Contrast pulls towards the mean grey of the image *as
it is at that point of the sequence*; that mean is the affine map of the first mean, so the composition stays exact as
long as no value leaves [0, 1]. torchvision clips after each step, this clips once at the end.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.kept import kept

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma, as Pillow. They sum to 1 (torchvision's .2989 do not), so greys stay.
YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
STEPS = ("brightness", "contrast", "saturation", "hue")


def color_maps(
    *,
    brightness: Tensor | None = None,
    contrast: Tensor | None = None,
    saturation: Tensor | None = None,
    hue: Tensor | None = None,
    order: Tensor | None = None,
    grayscale: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The two matrices `B,3,3` of all colour steps: a pixel p of an image with mean m becomes `linear p + pull m`.

    So they can be made before the means are known. Factors `B`, 1 = unchanged; `hue` `B` in turns, 0 = unchanged; each
    None = unchanged, but not all. `order` int64 `B,4`: in which order each image takes brightness (0), contrast (1),
    saturation (2) and hue (3); by default in this order. `grayscale` bool `B`, after them. The jitter of torchvision's
    `ColorJitter`, except that the hue turns in YIQ (see `hue_rotation`).

    >>> linear, pull = color_maps(contrast=torch.tensor([0.0]))
    >>> linear.abs().max().item(), (pull @ torch.ones(3)).tolist()
    (0.0, [[1.0, 1.0, 1.0]])
    """
    like = next(each for each in (hue, brightness, contrast, saturation, grayscale) if each is not None)
    dtype = like.dtype if like.is_floating_point() else torch.float32
    factors = [torch.ones_like(like) if each is None else each for each in (brightness, contrast, saturation)]
    scale = torch.stack([each.to(dtype) for each in factors], 1).view(-1, 3, 1, 1)
    turn = torch.zeros_like(like, dtype=dtype) if hue is None else hue
    eye, luma, _ = _constants(like.device, dtype)
    rest = (1 - scale) * luma  # what contrast and saturation take from grey: B,3,3,3
    matrices = scale * eye
    matrices[:, 2].add_(rest[:, 2])
    steps = torch.cat([matrices, hue_rotation(turn)[:, None]], dim=1)  # B,4,3,3
    greys = F.pad(rest[:, 1:2], (0, 0, 0, 0, 1, 2))  # the share of the mean grey that each step adds
    if order is not None:
        order = order.view(-1, 4, 1, 1).expand(-1, -1, 3, 3)
        steps, greys = steps.gather(1, order), greys.gather(1, order)

    (linear, *steps), (pull, *greys) = steps.unbind(1), greys.unbind(1)
    for step, grey in zip(steps, greys, strict=True):
        # the mean has come through the same steps: it is (linear + pull) m now
        added = torch.bmm(grey, linear + pull)
        linear = torch.bmm(step, linear)
        pull = torch.bmm(step, pull).add_(added)
    if grayscale is not None:
        grey = torch.where(grayscale.view(-1, 1, 1), luma, eye)
        linear, pull = torch.bmm(grey, linear), torch.bmm(grey, pull)
    return linear, pull


def hue_rotation(turns: Tensor) -> Tensor:
    """Rotation of the colour plane (I, Q) of YIQ by `turns` (`B`, 1 = a full circle) as matrices `B,3,3` on RGB.

    Linear, keeps luma and greys, and turns red towards green for positive values, as HSV's hue does; it is not HSV's
    hue shift, which is not linear and changes luma.

    >>> grey = hue_rotation(torch.tensor([0.3])) @ torch.full((3, 1), 0.5)
    >>> grey.sub(0.5).abs().max().item() < 1e-6
    True
    """
    _, _, parts = _constants(turns.device, turns.dtype)
    angle = 2 * math.pi * turns
    weights = torch.stack([torch.ones_like(angle), angle.cos(), angle.sin()], dim=1)  # B,3
    return (weights @ parts).unflatten(1, (3, 3))


def solarize(images: Tensor, where: Tensor, threshold: float = 0.5) -> Tensor:
    """Values at or above `threshold` inverted to 1 - value in the images `where` (bool `...`); floats `...,3,H,W`.

    >>> solarize(torch.tensor([0.2, 0.9]).reshape(1, 1, 1, 2), torch.tensor([True])).flatten().tolist()
    [0.20000000298023224, 0.10000002384185791]
    """
    return torch.where(where[..., None, None, None] & (images >= threshold), 1 - images, images)


@kept
def _constants(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """On the device, made once (a copy to a GPU would wait for it at every step): the identity `3,3`; luma in every
    row `3,3`; and the hue rotation's constant, cosine and sine parts `3,9`."""
    to_yiq = torch.tensor(YIQ, dtype=torch.float64)
    from_yiq = torch.linalg.inv(to_yiq)  # of exactly these rounded numbers, not the standard's own rounded inverse
    keep, cosine, sine = (torch.zeros(3, 3, dtype=torch.float64) for _ in range(3))
    keep[0, 0] = 1
    cosine[1, 1] = cosine[2, 2] = 1
    sine[1, 2], sine[2, 1] = 1, -1
    parts = torch.stack([(from_yiq @ part @ to_yiq).flatten() for part in (keep, cosine, sine)])
    luma = torch.tensor(GREY, dtype=torch.float64).repeat(3, 1)
    return tuple(value.to(device, dtype) for value in (torch.eye(3, dtype=torch.float64), luma, parts))
