"""What Lab 1 measures beside the meters of training: plain functions of pictures, views and features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation, draw
from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.linear import linear_probe
from sslcourse.training.images import RunImages, few


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


def nearest(encoder: nn.Module, bank: ImageSet, queries: ImageSet, count: int, size: int) -> Tensor:
    """The positions `Q,count` of the pictures in `bank` whose features have the largest cosines with each query's."""
    known, asked = (F.normalize(extract_features(encoder, part, size=size), dim=1) for part in (bank, queries))
    return (asked @ known.T).topk(min(count, len(bank))).indices


def accuracy_from_labels(encoder: nn.Module, images: RunImages, each: int, size: int) -> float:
    """The held-out accuracy of a linear classifier on frozen features, trained on `each` labels a class."""
    classes = len(images.bank.classes)
    some = few(images.bank, each * classes)
    known, asked = (extract_features(encoder, part, size=size) for part in (some, images.held_out))
    labels = some.labels.cpu(), images.held_out.labels.cpu()
    return linear_probe(known, labels[0], asked, labels[1], num_classes=classes).accuracy


def first_of_each_class(images: ImageSet, each: int) -> list[int]:
    """The positions of the first `each` pictures of every class that occurs, class by class."""
    labels = images.labels.cpu()
    return [i for label in labels.unique() for i in (labels == label).nonzero().flatten().tolist()[:each]]


def direction(before: float, after: float, step: float = 0.02) -> str:
    """ "a" when a number rose by more than `step`, "c" when it fell by more, else "b".

    >>> direction(0.5, 0.7), direction(0.5, 0.49)
    ('a', 'b')
    """
    return "a" if after > before + step else "c" if after < before - step else "b"


def bracket(value: float, low: float, high: float, letters: Sequence[str] = "abc") -> str:
    """The letter of what is below `low`, below `high`, or neither.

    >>> bracket(0.2, 0.15, 0.35), bracket(0.9, 0.15, 0.35, "cba")
    ('b', 'a')
    """
    return letters[(value >= low) + (value >= high)]
