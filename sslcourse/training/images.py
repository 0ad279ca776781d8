"""The images of a run: those it trains on, and those that measure how good its features are."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import torch

from sslcourse.data.datasets import load
from sslcourse.data.imageset import ImageSet
from sslcourse.data.splits import pick
from sslcourse.training.recipes import DataSettings
from sslcourse.training.state import fingerprint


class RunImages(NamedTuple):
    """The images to train on, the part of them that kNN looks its neighbours up in (`bank`), and held-out ones."""

    train: ImageSet
    bank: ImageSet
    held_out: ImageSet

    @property
    def labelled(self) -> bool:
        """Whether accuracy can be measured: both the bank and the held-out images have labels."""
        return self.bank.labelled and self.held_out.labelled

    def fingerprint(self) -> str:
        """16 hex digits for the three sets (see `fingerprint`)."""
        return hashlib.sha256(" ".join(map(fingerprint, self)).encode()).hexdigest()[:16]


def load_images(data: DataSettings, *, download: bool = False, progress: bool = False) -> RunImages:
    """The images that the settings name, or fewer if the set is smaller. Raises the errors of `load`."""
    if data.name == "objects":
        count = 4000 if data.count is None else data.count
        train = load("objects", "train", size=data.size, count=count, progress=progress)
        held_out = load("objects", "val", size=data.size, count=data.held_out, progress=progress)
    else:
        train = few(load(data.name, "train", size=data.size, download=download), data.count)
        held_out = few(load(data.name, "val", size=data.size, download=download), data.held_out)
    return RunImages(train, few(train, data.bank), held_out)


def few(images: ImageSet, count: int | None) -> ImageSet:
    """`count` of the images, spread evenly over the classes; all of them if there are no more.

    >>> labels = torch.arange(10) % 2
    >>> toy = ImageSet(torch.zeros(10, 3, 4, 4, dtype=torch.uint8), labels, ("a", "b"), "toy")
    >>> few(toy, 4).labels.bincount().tolist()
    [2, 2]
    """
    if count is None or count >= len(images):
        return images
    keys = [str(index) for index in range(len(images))]
    return images.subset(torch.tensor(pick(images.labels.tolist(), keys, count), dtype=torch.int64))
