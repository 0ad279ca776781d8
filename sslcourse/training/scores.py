"""How good a method's features are: kNN and a linear probe with labels; attention and reconstruction without."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.attention import attention_recall
from sslcourse.evaluation.features import evaluate_knn, evaluating, extract_features
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.evaluation.linear import linear_probe
from sslcourse.methods.method import Method
from sslcourse.models.encoder import TokenEncoder
from sslcourse.training.images import RunImages

NEIGHBOURS = 20


def knn_of(method: Method, images: RunImages) -> dict[str, float]:
    """`knn`: the accuracy in [0, 1] of kNN on the held-out images. Empty without labels."""
    if not images.labelled:
        return {}
    k = min(NEIGHBOURS, len(images.bank))
    return {"knn": evaluate_knn(method.representation, images.bank, images.held_out, k=k)}


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
    some = torch.arange(min(count, len(images)))
    device = next(encoder.parameters()).device
    with evaluating(encoder):
        scores = encoder(images.batch(some).to(device), attention=True).attention
    masks = images.extras["mask"][some].to(device)
    return float(attention_recall(scores, masks, keep=scores.shape[1] // 2))


def reconstruction_errors(method: Method, images: ImageSet, count: int = 256) -> dict[str, float] | None:
    """The decoder's mean squared error on `images`, and those of two simple rules; None without a decoder."""
    device = next(method.parameters()).device
    some = images.batch(torch.arange(min(count, len(images)))).to(device)
    return method.reconstruction_errors(some, torch.Generator(device=device).manual_seed(0))
