"""Weighted k-nearest-neighbour classification of frozen features: no training, nothing to tune."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluation.scaling import check_finite, scale_features


def knn_accuracy(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    k: int = 20,
    temperature: float = 0.07,
    scaling: str = "raw",
    num_classes: int | None = None,
    chunk: int = 1024,
) -> float:
    """The share of test rows whose class wins the vote of their k nearest training rows, in [0, 1].

    Features `N,D` and `M,D` (l2-normalised here), labels int64 `N` and `M`. Each neighbour votes for its class with
    weight exp(cosine / temperature); an exact tie goes to the lower class number. `scaling` "standardised" or
    "whitened" comes before that (see `scale_features`). `chunk` test rows are compared at a time and do not change the
    result. `num_classes` is by default the largest label + 1. Raises ValueError for wrong shapes or labels, for
    features that are not finite, for another scaling, and for a k above the number of training rows.

    Source: Caron et al. 2021 (DINO), appendix F.1; Wu et al. 2018, section 3.4.

    >>> train, labels = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), torch.tensor([0, 0, 1])
    >>> knn_accuracy(train, labels, torch.tensor([[2.0, 0.1], [0.1, 0.5]]), torch.tensor([0, 1]), k=1)
    1.0
    """
    num_classes = check_labelled(train_features, train_labels, test_features, test_labels, num_classes)
    if not 1 <= k <= len(train_features):
        raise ValueError(f"k must lie between 1 and the {len(train_features)} training rows; got k={k}")
    if not temperature > 0 or chunk < 1:
        raise ValueError(f"temperature and chunk must be positive; got temperature={temperature}, chunk={chunk}")
    train_features, test_features = scale_features(train_features, test_features, scaling)
    bank = F.normalize(train_features.float(), dim=1)
    train_labels, test_labels = train_labels.to(bank.device), test_labels.to(bank.device)
    right = torch.zeros((), dtype=torch.int64, device=bank.device)
    for start in range(0, len(test_features), chunk):
        queries = F.normalize(test_features[start : start + chunk].float(), dim=1)
        cosines, neighbours = (queries @ bank.T).topk(k, dim=1)  # c,k
        # One factor for all votes of a row changes no winner and keeps exp in range at small temperatures.
        weights = ((cosines - cosines[:, :1]) / temperature).exp()
        votes = torch.zeros(len(queries), num_classes, device=bank.device)
        votes.scatter_add_(1, train_labels[neighbours], weights)  # c,classes
        right += (votes.argmax(1) == test_labels[start : start + chunk]).sum()
    return right.item() / len(test_features)


def check_labelled(
    train_features: Tensor, train_labels: Tensor, test_features: Tensor, test_labels: Tensor, num_classes: int | None
) -> int:
    """The number of classes of labelled features: `num_classes`, or by default the largest label + 1.

    Raises ValueError unless both sets are finite features `N,D` of one width with int64 labels `N` in 0..classes - 1.
    """
    for name, features, labels in (("train", train_features, train_labels), ("test", test_features, test_labels)):
        if features.ndim != 2 or len(features) == 0 or labels.shape != features.shape[:1]:
            raise ValueError(
                f"{name}_features must be N,D with N > 0 and {name}_labels N; "
                f"got {tuple(features.shape)} and {tuple(labels.shape)}"
            )
        if labels.dtype != torch.int64:
            raise ValueError(f"{name}_labels must be int64; got {labels.dtype}")
        check_finite(features, f"{name}_features")
    if train_features.shape[1] != test_features.shape[1]:
        raise ValueError(
            f"features differ in width: {train_features.shape[1]} in training, {test_features.shape[1]} in test"
        )
    low = min(train_labels.min().item(), test_labels.min().item())
    high = max(train_labels.max().item(), test_labels.max().item())
    if high < 0:
        raise ValueError("all labels are below 0: these images have no labels, which this evaluation needs")
    classes = high + 1 if num_classes is None else num_classes
    if low < 0 or high >= classes:
        raise ValueError(f"labels must lie in 0..{classes - 1} (num_classes={classes}); got {low}..{high}")
    return classes
