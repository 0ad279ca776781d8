"""Frozen features of a whole set of images, and the kNN score that needs nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.knn import knn_accuracy


def extract_features(
    encoder: nn.Module,
    images: ImageSet | Tensor,
    *,
    batch_size: int = 512,
    device: torch.device | str | None = None,
    size: int | None = None,
    read: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """The features float32 `N,D`, on the CPU, of all images, by `encoder.features` in evaluation mode.

    Another `read` takes float images `B,3,H,W` and gives what is wanted of them, `B,...`: patch tokens, say.

    `images` is an ImageSet or a tensor `N,3,H,W`: uint8, or float in [0, 1]. They are moved to `device` (by default
    where the encoder is) batch by batch, resized to `size` pixels a side when that is given and another, and given to
    the encoder in its own precision. No gradient; the mode of every submodule is put back afterwards, also after an
    error. Raises ValueError on other shapes.

    >>> from sslcourse.models import ConvNet
    >>> tuple(extract_features(ConvNet(8, depth=3), torch.zeros(5, 3, 32, 32, dtype=torch.uint8)).shape)
    (5, 32)
    """
    images = images.images if isinstance(images, ImageSet) else images
    if images.ndim != 4 or images.shape[1] != 3 or len(images) == 0:
        raise ValueError(f"images must be N,3,H,W with N > 0; got {tuple(images.shape)}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; got {batch_size}")
    home = home_of(encoder)
    device = home.device if device is None else device
    parts = []
    with evaluating(encoder):
        for batch in images.split(batch_size):
            batch = batch.to(device)
            batch = batch.float() if batch.is_floating_point() else batch.float().div_(255)
            if size is not None and batch.shape[2:] != (size, size):
                batch = F.interpolate(batch, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
            parts.append((read or encoder.features)(batch.to(home.dtype)).float().cpu())
    return torch.cat(parts)


def home_of(module: nn.Module) -> Tensor:
    """A tensor with the device and the precision of a module: its first float parameter or buffer, or one on the CPU.

    >>> images = torch.zeros(1, 3, 8, 8)
    >>> images.to(home_of(nn.Linear(3, 4).double())).dtype
    torch.float64
    """
    return next(
        (each for each in chain(module.parameters(), module.buffers()) if each.is_floating_point()), torch.ones(0)
    )


def evaluate_knn(
    encoder: nn.Module,
    train_set: ImageSet,
    test_set: ImageSet,
    k: int = 20,
    *,
    scaling: str = "raw",
    size: int | None = None,
) -> float:
    """Weighted kNN accuracy in [0, 1] on `test_set` among the labelled `train_set`, by the encoder's features.

    `scaling` is that of `scale_features`. Raises ValueError as `extract_features` and `knn_accuracy`.

    >>> from sslcourse.models import ConvNet
    >>> bright = (torch.arange(6) % 2 * 200).to(torch.uint8).view(6, 1, 1, 1).expand(6, 3, 8, 8)
    >>> toy = ImageSet(bright.contiguous(), torch.arange(6) % 2, ("dark", "bright"), "toy")
    >>> evaluate_knn(ConvNet(8, depth=2), toy, toy, k=3)
    1.0
    """
    return knn_scorer(encoder, train_set, test_set.labels, k, scaling=scaling, size=size)(test_set.images)


def knn_scorer(
    encoder: nn.Module, train_set: ImageSet, labels: Tensor, k: int, *, scaling: str = "raw", size: int | None = None
) -> Callable[[Tensor], float]:
    """A function of images that gives their kNN accuracy, when `labels` are right, as `evaluate_knn` does.

    The training images are encoded once, for any number of versions of the test images.
    """
    bank, bank_labels, labels = extract_features(encoder, train_set, size=size), train_set.labels.cpu(), labels.cpu()
    options = {"k": k, "scaling": scaling, "num_classes": len(train_set.classes)}
    return lambda images: knn_accuracy(
        bank, bank_labels, extract_features(encoder, images, size=size), labels, **options
    )


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradient inside: running statistics and centres are left alone.

    Afterwards every submodule is in its mode of before (parts may be frozen in evaluation mode), also after an error.

    >>> layers = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2).eval())
    >>> with evaluating(layers):
    ...     layers.training, layers(torch.ones(1, 2)).requires_grad
    (False, False)
    >>> [layer.training for layer in layers]
    [True, False]
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training
