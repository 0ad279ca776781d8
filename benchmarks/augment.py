"""Augmented images a second: a whole batch at once, beside torchvision image by image in two worker processes.

Both sides make float views of the same pictures with the same settings (SimCLR's: random resized crop, flip, colour
jitter in random order, greyscale, blur with a kernel of the same size). torchvision gets whichever of its four ways is
fastest at that size: transforms v1 or v2, on PIL images or on tensors. Hue differs: a rotation here, HSV there.
"""

from __future__ import annotations

import os
import time
import warnings

import torch
import torchvision
from common import arguments, heading, race, show, write
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from sslcourse.data.augment import Augmentation, augment

WORKERS = 2
# name, side of the picture, side of the view, batch, batches a round, settings
ROWS = [
    ("32 px", 32, 32, 256, 4, {}),
    ("32 px, no blur (CIFAR recipe)", 32, 32, 256, 4, {"blur": 0.0}),
    ("64 px", 64, 64, 256, 4, {}),
    ("96 px to 64 px", 96, 64, 256, 4, {}),
    ("96 px", 96, 96, 128, 4, {}),
    ("224 px", 224, 224, 32, 4, {}),
    ("256 px to 224 px", 256, 224, 32, 4, {}),
]


def torchvision_pipeline(settings: Augmentation, version: int, on_tensors: bool):
    """torchvision's own transforms for the same settings; a float tensor comes out."""
    library = v2 if version == 2 else torchvision.transforms
    jitter = library.ColorJitter(settings.brightness, settings.contrast, settings.saturation, settings.hue)
    steps = [
        library.RandomResizedCrop(settings.size, settings.scale, settings.ratio, antialias=True),
        library.RandomHorizontalFlip(settings.flip),
        library.RandomApply([jitter], p=settings.color),
        library.RandomGrayscale(settings.grayscale),
    ]
    if settings.blur:
        kernel = 2 * min(round(3 * settings.blur_sigma[1]), settings.size - 1) + 1
        steps.append(library.RandomApply([library.GaussianBlur(kernel, settings.blur_sigma)], p=settings.blur))
    if version == 2:
        steps += [] if on_tensors else [v2.ToImage()]
        steps.append(v2.ToDtype(torch.float32, scale=True))
    else:
        steps.append(library.ConvertImageDtype(torch.float32) if on_tensors else library.ToTensor())
    return library.Compose(steps)


class Pictures(Dataset):
    """Pictures in memory, each transformed when it is asked for."""

    def __init__(self, pictures: list, transform) -> None:
        self.pictures, self.transform = pictures, transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(self.pictures[index])


def fastest(ways: dict[str, Pictures], seconds: float = 0.4) -> str:
    """Which way makes most images a second in one process."""
    speeds = {}
    for name, pictures in ways.items():
        for index in range(4):
            pictures[index]
        made, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            pictures[made % len(pictures)]
            made += 1
        speeds[name] = made / (time.perf_counter() - start)
    return max(speeds, key=speeds.get)


def smooth_pictures(count: int, side: int) -> torch.Tensor:
    """uint8 `count,3,side,side`: no photographs needed, the work does not depend on what is seen."""
    rough = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(rough, (side, side), mode="bilinear").mul_(255).byte()


def compare(
    name: str, side: int, size: int, batch: int, batches: int, settings: dict, rounds: int
) -> dict[str, object]:
    chosen = Augmentation(size=size, **settings)
    images = smooth_pictures(batch * batches, side)
    pil = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    ways = {
        f"v{version} on {'tensors' if tensors else 'PIL'}": Pictures(
            list(images) if tensors else pil, torchvision_pipeline(chosen, version, tensors)
        )
        for version in (1, 2)
        for tensors in (False, True)
    }
    torch.set_num_threads(1)  # as in a worker
    way = fastest(ways)
    torch.set_num_threads(THREADS)
    loader = DataLoader(ways[way], batch, num_workers=WORKERS, persistent_workers=True)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(images))

    def ours() -> int:
        return sum(len(augment(images[picked], chosen, generator)) for picked in order.split(batch))

    def theirs() -> int:
        return sum(len(views) for views in loader)

    row = race(name, ours, theirs, rounds)
    return row | {"theirs_is": f"torchvision {way}", "batch": batch}


THREADS = min(torch.get_num_threads(), WORKERS)  # as many threads here as processes there


def main() -> None:
    given = arguments(__doc__.splitlines()[0])
    warnings.filterwarnings("ignore")
    torch.set_num_threads(THREADS)
    heading("images a second")
    rows = [show(compare(*row, given.rounds)) for row in ROWS]
    for way in sorted({row["theirs_is"] for row in rows}):
        print(f"theirs: {way} at " + ", ".join(row["name"] for row in rows if row["theirs_is"] == way))
    if (os.getloadavg()[0] if hasattr(os, "getloadavg") else 0) > 2 * WORKERS:
        print("the machine was busy with other work: take the ratios as rough")
    write(given.json, rows, torchvision=torchvision.__version__)


if __name__ == "__main__":
    main()
