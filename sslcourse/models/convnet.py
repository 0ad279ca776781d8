"""A small convolutional encoder: good on 32-pixel photographs within minutes on a processor."""

import math

import torch
from torch import Tensor, nn


class ConvNet(nn.Module):
    """Images float `B,3,H,W` in [0, 1] -> features `B,D`: `depth` 3x3 convolutions, then the mean over positions.

    Stage s has `width * 2**s` channels, so that `dim = width * 2**(depth - 1)`. Each stage but the last takes the
    largest of 2x2 positions; the first `halvings` of them (default: all) also halve the positions. The others keep them
    and dilate all that follows instead: the same network with the same weights, at more places. A dilated network costs
    as many times more as it has more positions. Any image of at least `2**halvings` pixels a side will do. Raises
    ValueError on sizes out of range and when the images are smaller or not float.

    Source: dilation in place of strides as in Yu et al. 2017, "Dilated Residual Networks", section 2.

    >>> strided, dilated = ConvNet(width=8, depth=3), ConvNet(width=8, depth=3, halvings=0)
    >>> strided.dim, tuple(strided.features(torch.rand(2, 3, 32, 32)).shape)
    (32, (2, 32))
    >>> [tuple(net.feature_map(torch.rand(2, 3, 32, 32)).shape) for net in (strided, dilated)]
    [(2, 32, 8, 8), (2, 32, 32, 32)]
    """

    def __init__(self, width: int = 32, depth: int = 4, *, halvings: int | None = None) -> None:
        super().__init__()
        if width < 1 or depth < 1:
            raise ValueError(f"width and depth must be at least 1; got width={width}, depth={depth}")
        halvings = depth - 1 if halvings is None else halvings
        if not 0 <= halvings < depth:
            raise ValueError(f"halvings must lie in 0..{depth - 1}, the depth less 1; got {halvings}")
        self.dim = width * 2 ** (depth - 1)
        self.smallest = 2**halvings
        widths = [3] + [width * 2**stage for stage in range(depth)]
        self.stages = nn.Sequential(
            *(
                _stage(widths[i], widths[i + 1], _pool(i, depth, halvings), dilation=2 ** max(0, i - halvings))
                for i in range(depth)
            )
        )
        # Channels last in memory: on a processor the same step takes two thirds of the time.
        self.stages.to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))
        self.register_buffer("std", torch.full((1, 3, 1, 1), 0.25))

    def features(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> features `B,D`: what calling the module gives."""
        return self(images)

    def forward(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> features `B,D`."""
        return self.feature_map(images).mean((2, 3))

    def feature_map(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` in [0, 1] -> the features of each position, before their mean: `B,D,rows,columns`."""
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < self.smallest:
            raise ValueError(
                f"images must be B,3,H,W with sides of at least {self.smallest} pixels; got {tuple(images.shape)}"
            )
        if not images.is_floating_point():
            raise ValueError(f"images must be float in [0, 1]; got {images.dtype}: divide by 255 first")
        x = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return self.stages(x)


def _pool(stage: int, depth: int, halvings: int) -> list[nn.Module]:
    """The largest of each 2x2 positions; after the `halvings`, of as many at the distance that they would have."""
    if stage == depth - 1:
        return []
    if stage < halvings:
        return [nn.MaxPool2d(2)]
    apart = 2 ** (stage - halvings)
    beside = nn.ConstantPad2d((0, apart, 0, apart), -math.inf)
    return [nn.Sequential(beside, nn.MaxPool2d(2, stride=1, dilation=apart))]


def _stage(channels: int, width: int, pool: list[nn.Module], dilation: int) -> nn.Sequential:
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
    if pool:
        mean, deviation = 1.03, 0.70  # of the largest of four standard normal values
        nn.init.constant_(norm.bias, mean)
        nn.init.constant_(norm.weight, deviation)
        norm.running_mean.fill_(mean * 0.5**0.5)
        norm.running_var.mul_(deviation**2)
    conv = nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(conv, *pool, norm, nn.ReLU(inplace=True))
