"""What Lab 1 measures beside the meters of training: plain functions of pictures, views and features."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.data.augment import Augmentation, draw


def overlap(settings: Augmentation, side: int, seed: int = 0, count: int = 2000) -> float:
    """The mean share of a picture of `side` x `side` pixels that lies in both of two random crops.

    >>> overlap(Augmentation(scale=(1.0, 1.0), ratio=(1.0, 1.0)), side=64)
    1.0
    """
    generator = torch.Generator().manual_seed(seed)
    first, second = (draw(settings, count, side, side, generator).boxes.double() for _ in range(2))
    corner = torch.maximum(first[:, :2], second[:, :2])
    end = torch.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    return ((end - corner).clamp_min(0).prod(1) / side**2).mean().item()


def colour_histogram(images: Tensor, bins: int = 4) -> Tensor:
    """What share of an image's pixels has each of `bins`^3 colours: float images `B,3,h,w` -> `B,bins^3`.

    >>> colour_histogram(torch.zeros(1, 3, 4, 4), bins=2).tolist()
    [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    level = (images * bins).long().clamp_(0, bins - 1)  # B,3,h,w
    colour = ((level[:, 0] * bins + level[:, 1]) * bins + level[:, 2]).flatten(1)  # B,hw
    return F.one_hot(colour, bins**3).float().mean(1)


def colour_embedding(images: Tensor) -> Tensor:
    """An embedding `B,64` made by hand: the cosine of two of them is how far the histograms of their colours agree.

    It is the square root of the histogram, so the cosine is the Bhattacharyya coefficient.
    """
    return colour_histogram(images).sqrt()
