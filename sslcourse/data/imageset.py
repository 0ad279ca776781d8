"""A set of images held whole, as uint8, on one device."""

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class ImageSet:
    """Images, labels and whatever else is known of each image.

    Shapes: `images` uint8 `N,3,H,W`; `labels` int64 `N`, the numbers of `classes`; each of `extras` has first dimension
    N (for the embedded objects: `mask`, `parts`, `background` and every factor of the renderer). A set without labels
    has no classes, and all its labels are -1. Raises ValueError when a shape or a type is another.

    >>> small = ImageSet(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 1, 0]), ("cat", "dog"), "toy")
    >>> len(small), tuple(small.subset(torch.tensor([1, 2])).labels.tolist()), small.batch(torch.tensor([0])).dtype
    (4, (1, 1), torch.float32)
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str
    extras: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4 or self.images.shape[1] != 3:
            raise ValueError(f"images must be uint8 N,3,H,W; got {self.images.dtype} {tuple(self.images.shape)}")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels must be int64 of shape ({len(self.images)},); "
                f"got {self.labels.dtype} {tuple(self.labels.shape)}"
            )
        for key, value in self.extras.items():
            if value.shape[:1] != self.images.shape[:1]:
                raise ValueError(f"extras[{key!r}] must have {len(self.images)} rows; got shape {tuple(value.shape)}")

    @property
    def labelled(self) -> bool:
        """Whether the images have labels: without them a network can be trained, but not judged by kNN or a probe."""
        return len(self.classes) > 0

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> Self:
        """The same set on another device."""
        extras = {key: value.to(device) for key, value in self.extras.items()}
        return replace(self, images=self.images.to(device), labels=self.labels.to(device), extras=extras)

    def subset(self, indices: Tensor) -> Self:
        """The images at `indices` (int64 or bool), in that order, with their labels and extras."""
        extras = {key: value[indices] for key, value in self.extras.items()}
        return replace(self, images=self.images[indices], labels=self.labels[indices], extras=extras)

    def batch(self, indices: Tensor | slice) -> Tensor:
        """float32 `B,3,H,W` in [0, 1] of the images at `indices`, or in a slice."""
        return self.images[indices].float().div_(255)
