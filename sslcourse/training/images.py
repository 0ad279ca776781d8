"""The images of a run, and how good features are on them.

kNN and a linear probe need labels; attention and reconstruction do not.
"""

import hashlib
from typing import Any, NamedTuple

import torch
from torch import nn

from sslcourse.data.datasets import load
from sslcourse.data.imageset import ImageSet
from sslcourse.data.splits import pick
from sslcourse.evaluation.attention import attention_recall
from sslcourse.evaluation.features import evaluate_knn, evaluating, extract_features
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.evaluation.linear import linear_probe
from sslcourse.methods.method import Method
from sslcourse.models.encoder import TokenEncoder
from sslcourse.training.recipes import DataSettings
from sslcourse.training.state import fingerprint

NEIGHBOURS = 20


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
    """The images that the settings name, or fewer if the set is smaller.

    Raises the errors of `load`, and ValueError for fewer than 3 images with labels.
    """
    if data.name == "objects":
        count = 4000 if data.count is None else data.count
        train = load("objects", "train", size=data.size, count=count, progress=progress)
        held_out = load("objects", "val", size=data.size, count=data.held_out, progress=progress)
    else:
        train = few(load(data.name, "train", size=data.size, download=download), data.count)
        held_out = few(load(data.name, "val", size=data.size, download=download), data.held_out)
    images = RunImages(train, few(train, data.bank), held_out)
    if images.labelled and len(images.bank) < 3:
        raise ValueError(
            f"{data.name} has {len(train)} labelled images to train on; a linear probe needs 3, as it sets a fifth "
            "aside. Add images, or put all of them into one folder to train without labels"
        )
    return images


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


def knn_of(method: Method, images: RunImages, size: int | None = None) -> dict[str, float]:
    """`knn`: the accuracy in [0, 1] of kNN on the held-out images, resized to `size`. Empty without labels."""
    if not images.labelled:
        return {}
    k = min(NEIGHBOURS, len(images.bank))
    return {"knn": evaluate_knn(method.representation, images.bank, images.held_out, k=k, size=size)}


def figures_of(method: Method, images: RunImages) -> dict[str, Any]:
    """`knn` and `linear_probe` if the images have labels, `attention_recall` and `reconstruction_errors` if the method
    has them."""
    encoder = method.representation
    figures: dict[str, Any] = probe(encoder, images) if images.labelled else {}
    if (recall := object_recall(encoder, images.held_out)) is not None:
        figures["attention_recall"] = recall
    if (errors := reconstruction_errors(method, images.held_out)) is not None:
        figures["reconstruction_errors"] = errors
    return figures


def probe(encoder: nn.Module, images: RunImages) -> dict[str, float]:
    """The accuracies `knn` and `linear_probe`, in [0, 1], on the held-out images, from frozen features of the bank."""
    bank, held_out = (extract_features(encoder, part) for part in (images.bank, images.held_out))
    labelled = (bank, images.bank.labels.cpu(), held_out, images.held_out.labels.cpu())
    classes = len(images.bank.classes)
    return {
        "knn": knn_accuracy(*labelled, k=min(NEIGHBOURS, len(bank)), num_classes=classes),
        "linear_probe": linear_probe(*labelled, num_classes=classes).accuracy,
    }


def object_recall(encoder: nn.Module, images: ImageSet, count: int = 256) -> float | None:
    """The share of the objects' area in the half of the patches that the class token attends to most; chance is 0.5.

    None without patch tokens or object masks.
    """
    if not isinstance(encoder, TokenEncoder) or "mask" not in images.extras:
        return None
    device = next(encoder.parameters()).device
    with evaluating(encoder):
        scores = encoder(images.batch(slice(count)).to(device), attention=True).attention
    return float(attention_recall(scores, images.extras["mask"][:count], keep=scores.shape[1] // 2))


def reconstruction_errors(method: Method, images: ImageSet, count: int = 256) -> dict[str, float] | None:
    """The decoder's mean squared error on `images`, and those of two simple rules; None without a decoder."""
    device = next(method.parameters()).device
    generator = torch.Generator(device=device).manual_seed(0)
    return method.reconstruction_errors(images.batch(slice(count)).to(device), generator)
