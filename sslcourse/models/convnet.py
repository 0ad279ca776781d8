"""A small convolutional encoder: good on 32-pixel photographs within minutes on a processor."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvNet(nn.Module):
    """Images float `B,3,H,W` in [0, 1] -> features `B,D` by `depth` stages of 3x3 convolutions and an average over positions.

    Stage s has `width * 2**s` channels and half the positions of the stage before, so `dim = width * 2**(depth - 1)`.
    Any image size that `2**(depth - 1)` pixels fit in will do. Raises ValueError when the images are smaller, or not float.

    >>> encoder = ConvNet(width=8, depth=3)
    >>> encoder.dim, tuple(encoder.features(torch.rand(2, 3, 32, 32)).shape)
    (32, (2, 32))
    """

    def __init__(self, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        if width < 1 or depth < 1:
            raise ValueError(f"width and depth must be at least 1; got width={width}, depth={depth}")
        self.dim = width * 2 ** (depth - 1)
        self.smallest = 2 ** (depth - 1)
        stages: list[nn.Module] = []
        channels = 3
        for stage in range(depth):
            out = width * 2**stage
            stages.append(
                nn.Sequential(
                    nn.Conv2d(channels, out, 3, stride=1 if stage == 0 else 2, padding=1, bias=False),
                    nn.BatchNorm2d(out),
                    nn.ReLU(inplace=True),
                )
            )
            channels = out
        self.stages = nn.Sequential(*stages)
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))
        self.register_buffer("std", torch.full((1, 3, 1, 1), 0.25))

    def features(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> features `B,D`."""
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < self.smallest:
            raise ValueError(
                f"images must be B,3,H,W with sides of at least {self.smallest} pixels; got {tuple(images.shape)}"
            )
        if not images.is_floating_point():
            raise ValueError(f"images must be float in [0, 1]; got {images.dtype}: divide by 255 first")
        return self.stages((images - self.mean) / self.std).mean((2, 3))

    forward = features
