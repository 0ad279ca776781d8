"""What the tests of training share: small image sets and a small method."""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
import torch

from sslcourse.data.augment import Augmentation
from sslcourse.data.imageset import ImageSet
from sslcourse.methods import SimCLR, SimCLRSettings
from sslcourse.models.convnet import ConvNet


def make_textures(count: int, size: int = 16, seed: int = 0) -> ImageSet:
    """Stripes lying, stripes standing, checks and rings in random colours: colour says nothing of the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 4
    phase = torch.rand(count, 2, 1, 1, generator=generator) * 2 * math.pi
    wave = 2 * math.pi / 5 * torch.arange(size)
    rows = torch.sin(wave[None, :, None] + phase[:, 0]).expand(-1, -1, size)  # count,size,size
    columns = torch.sin(wave[None, None, :] + phase[:, 1]).expand(-1, size, -1)
    middle = torch.rand(count, 2, 1, 1, generator=generator) * size
    away = (torch.arange(size)[None, :, None] - middle[:, 0]).square() + (torch.arange(size) - middle[:, 1]).square()
    rings = torch.sin(away.sqrt() * 2 * math.pi / 5)
    patterns = torch.stack([rows, columns, rows * columns, rings])[labels, torch.arange(count)]  # count,size,size
    light, dark = torch.rand(2, count, 3, 1, 1, generator=generator)
    pictures = dark + (light - dark) * (0.5 + 0.5 * patterns[:, None])
    return ImageSet((pictures * 255).to(torch.uint8), labels, ("lying", "standing", "checks", "rings"), "textures")


def make_method(seed: int = 0, size: int = 16, width: int = 8, loss=None, **settings) -> SimCLR:
    """A small SimCLR whose weights are drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        augmentation = Augmentation(size=size, scale=(0.4, 1.0), blur=0.0)
        return SimCLR(ConvNet(width, depth=3), SimCLRSettings(augmentation=augmentation, **settings), loss=loss)


@pytest.fixture
def textures():
    return make_textures


@pytest.fixture
def simclr():
    return make_method
