"""The public data sets, through torchvision: where they lie, how they are downloaded, how they are read."""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from sslcourse.data.decoding import open_image, square_array, stack


@dataclass(frozen=True)
class Source:
    """An opened set: all labels, and `read(indices, size)`, which gives the images and extras of some."""

    labels: list[int]
    classes: list[str]
    read: Callable[[Sequence[int], int], dict[str, Tensor]]


@dataclass(frozen=True)
class PublicSet:
    """What is known of a public set before it is opened; `counts` are its (train, test) images, None unchecked."""

    folder: str  # below the root
    size: int  # side in pixels when none is asked for
    megabytes: int
    reader: Callable[[Any], Source]  # of torchvision's data set
    constructor: str  # of it, in torchvision.datasets
    parts: tuple[dict, dict]  # what the constructor is told of the (train, test) part
    counts: tuple[int, int] | None = None
    options: dict = field(default_factory=dict)  # and of both

    def open(self, root: Path, train: bool, download: bool = False):
        """The torchvision data set in `root`; torchvision is imported late, as most sessions load none of these."""
        from torchvision import datasets

        part = self.parts[0 if train else 1]
        return getattr(datasets, self.constructor)(root, download=download, **part, **self.options)


def ensure(name: str, root: Path, download: bool) -> Path:
    """The folder of the set below `root`; downloaded first if it is not there and `download` says so.

    A download is made in a folder of its own and moved to its place when torchvision has checked it, so an interrupted
    one is never taken for the set. Raises FileNotFoundError when the set is absent, ConnectionError when the download
    fails.
    """
    known = SETS[name]
    folder = root / known.folder
    if folder.is_dir():
        return folder
    if not download:
        raise FileNotFoundError(
            f"{name} is not on this machine: looked for {folder}. Say download=True to fetch it "
            f"(about {known.megabytes} MB), or root=FOLDER if FOLDER/{known.folder} exists; "
            "load('objects') needs no download"
        )
    root.mkdir(parents=True, exist_ok=True)
    attempt = Path(tempfile.mkdtemp(prefix=f"{name}-download-", dir=root))
    try:
        known.open(attempt, train=True, download=True)  # fetches the test part, too
        known.open(attempt, train=False)
        os.replace(attempt / known.folder, folder)
    except (OSError, RuntimeError, EOFError) as error:
        raise ConnectionError(
            f"{name} could not be downloaded to {root}: {error}. Nothing incomplete was kept. "
            f"Try again with a network, put the set at {folder} by hand, "
            "or use load('objects'), which needs no download"
        ) from error
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
    return folder


def open_set(name: str, root: Path, train: bool) -> Source:
    """The train or the test part of a set that is there; ValueError when it is damaged or incomplete.

    Imagenette's test part is what it calls validation, Pets' train part is its `trainval`.
    """
    known = SETS[name]
    folder = root / known.folder
    mend = f"delete {folder} and load it again with download=True"
    try:
        opened = known.open(root, train)
    except (RuntimeError, OSError, ValueError) as error:
        raise ValueError(f"{name} at {folder} is damaged or incomplete ({error}): {mend}") from error
    expected = known.counts[0 if train else 1] if known.counts else len(opened)
    if len(opened) != expected:
        raise ValueError(f"{name} at {folder} is incomplete: {len(opened)} of {expected} images; {mend}")
    source = known.reader(opened)
    order = sorted(range(len(source.classes)), key=lambda index: source.classes[index])
    number = {old: new for new, old in enumerate(order)}  # labels number the sorted class names in every set

    def read(indices: Sequence[int], size: int) -> dict[str, Tensor]:
        try:
            return source.read(indices, size)
        except Exception as error:  # a decoder may raise anything on a damaged file
            raise ValueError(f"{name} at {folder} is damaged ({error}): {mend}") from error

    return Source([number[label] for label in source.labels], [source.classes[index] for index in order], read)


def _cifar10(opened) -> Source:
    pixels = torch.from_numpy(opened.data).movedim(-1, 1)  # N,32,32,3 -> N,3,32,32
    return Source(list(opened.targets), list(opened.classes), _from_tensor(pixels))


def _stl10(opened) -> Source:
    pixels = torch.from_numpy(opened.data)  # N,3,96,96
    return Source([int(label) for label in opened.labels], list(opened.classes), _from_tensor(pixels))


def _imagenette(opened) -> Source:
    def read(indices: Sequence[int], size: int) -> dict[str, Tensor]:
        bar = tqdm(indices, desc="reading imagenette", delay=2, leave=False)
        pictures = (open_image(Path(opened[index][0]).read_bytes(), 2 * size) for index in bar)
        return {"images": stack([square_array(picture, size) for picture in pictures])}

    labels = [opened[index][1] for index in range(len(opened))]
    return Source(labels, [names[0] for names in opened.classes], read)


def _pets(opened) -> Source:
    def read(indices: Sequence[int], size: int) -> dict[str, Tensor]:
        images, trimaps = [], []
        for index in tqdm(indices, desc="reading pets", delay=2, leave=False):
            picture, (_, trimap) = opened[index]
            images.append(square_array(picture, size))
            trimaps.append(square_array(trimap, size, nearest=True))  # the same square, or mask and image part
        trimap = torch.from_numpy(np.stack(trimaps))
        return {"images": stack(images), "trimap": trimap, "mask": trimap == 1}

    return Source(list(opened._labels), list(opened.classes), read)


def _from_tensor(pixels: Tensor) -> Callable[[Sequence[int], int], dict[str, Tensor]]:
    def read(indices: Sequence[int], size: int) -> dict[str, Tensor]:
        picked = pixels[torch.as_tensor(list(indices), dtype=torch.long)].contiguous()
        if size == picked.shape[-1]:
            return {"images": picked}
        resized = [
            torch.nn.functional.interpolate(part.float(), (size, size), mode="bilinear", antialias=True).round_().byte()
            for part in picked.split(512)
        ]
        return {"images": torch.cat(resized)}

    return read


TRAIN, TEST = {"split": "train"}, {"split": "test"}
PATHS = {"size": "160px", "loader": str}  # paths are enough: `open_image` decodes
MASKS = {"target_types": ("category", "segmentation")}
SETS = {
    "cifar10": PublicSet("cifar-10-batches-py", 32, 170, _cifar10, "CIFAR10", ({"train": True}, {"train": False})),
    "stl10": PublicSet("stl10_binary", 96, 2600, _stl10, "STL10", (TRAIN, TEST)),
    "imagenette": PublicSet(
        "imagenette2-160", 128, 100, _imagenette, "Imagenette", (TRAIN, {"split": "val"}), (9469, 3925), PATHS
    ),
    "pets": PublicSet(
        "oxford-iiit-pet", 128, 800, _pets, "OxfordIIITPet", ({"split": "trainval"}, TEST), (3680, 3669), MASKS
    ),
}
