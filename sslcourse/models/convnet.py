"""A small convolutional encoder: good on 32-pixel photographs within minutes on a processor."""

import torch
from torch import Tensor, nn


class ConvNet(nn.Module):
    """Images float `B,3,H,W` in [0, 1] -> features `B,D`: `depth` 3x3 convolutions, then the mean over positions.

    Stage s has `width * 2**s` channels, and each stage but the last halves the positions, so that `dim = width *
    2**(depth - 1)` and any image of at least `2**(depth - 1)` pixels a side will do. Raises ValueError when the images
    are smaller or not float.

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
        widths = [3] + [width * 2**stage for stage in range(depth)]
        self.stages = nn.Sequential(*(_stage(widths[i], widths[i + 1], halve=i < depth - 1) for i in range(depth)))
        # Channels last in memory: on a processor the same step takes two thirds of the time.
        self.stages.to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))
        self.register_buffer("std", torch.full((1, 3, 1, 1), 0.25))

    def features(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> features `B,D`: what calling the module gives."""
        return self(images)

    def forward(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> features `B,D`."""
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < self.smallest:
            raise ValueError(
                f"images must be B,3,H,W with sides of at least {self.smallest} pixels; got {tuple(images.shape)}"
            )
        if not images.is_floating_point():
            raise ValueError(f"images must be float in [0, 1]; got {images.dtype}: divide by 255 first")
        x = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return self.stages(x).mean((2, 3))


def _stage(channels: int, width: int, halve: bool) -> nn.Sequential:
    """Convolution, largest of each 2x2, normalisation, ReLU.

    The maximum comes first because what follows then has a quarter of the positions: a step takes two thirds of the
    time. Normalising it to mean 0 would throw half of the maxima away in the ReLU; the normalisation therefore starts
    at what the largest of four normal values has, so that the untrained stage is the same as one that takes its maximum
    last.
    """
    norm = nn.BatchNorm2d(width)
    # torch initialises a convolution so that its output has about half the mean square of its input. With running
    # statistics that say so, the untrained encoder is the same random network in evaluation as in training.
    norm.running_var.fill_(0.5)
    if halve:
        mean, deviation = 1.03, 0.70  # of the largest of four standard normal values
        nn.init.constant_(norm.bias, mean)
        nn.init.constant_(norm.weight, deviation)
        norm.running_mean.fill_(mean * 0.5**0.5)
        norm.running_var.mul_(deviation**2)
    pool = [nn.MaxPool2d(2)] if halve else []
    return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), *pool, norm, nn.ReLU(inplace=True))
