"""The renderer's pictures as an `ImageSet`, kept on disk once made."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import zlib
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..cache import cache_dir, read_tensors, write_tensors
from ..imageset import ImageSet
from .classes import CLASSES
from .render import render
from .settings import PLAIN, Difficulty, Variant, find_difficulty

VERSION = 3  # raised whenever a picture or the file's form changes, so that older files are not read
BLOCK = 2048


def load_objects(
    split: str = "train",
    *,
    count: int = 4000,
    size: int = 64,
    seed: int = 0,
    difficulty: str | Difficulty = "default",
    variant: Variant = PLAIN,
    cache: bool = True,
    progress: bool = False,
) -> ImageSet:
    """The first `count` pictures of a split, with masks, parts and every factor among the extras.

    `extras["mask"]` bool `N,size,size`, `extras["parts"]` and `extras["instances"]` uint8 `N,size,size`,
    `extras["background"]` int64 `N` the family. Made at about 1,000 images a second, then kept in `cache_dir()`; a
    damaged file is made again, and that is said. Raises ValueError for a count below 1 and what `render` refuses.

    >>> small = load_objects("test", count=4, size=32, cache=False)
    >>> len(small), sorted(small.extras)[:3]
    (4, ['background', 'background_brightness', 'background_hue'])
    """
    if count < 1:
        raise ValueError(f"count must be at least 1; got {count}")
    settings = find_difficulty(difficulty)
    request = {
        "version": VERSION, "split": split, "count": count, "size": size, "seed": seed,
        "difficulty": dataclasses.asdict(settings), "variant": dataclasses.asdict(variant),
    }  # fmt: skip
    path = cache_path(request) if cache else None
    tensors = read_cached(path, count, size) if path else None
    if tensors is None:
        tensors = make(split, count, size, seed, settings, variant, progress)
        if path:
            keep(path, tensors, request)
    images, labels = tensors.pop("images"), tensors["label"]
    return ImageSet(images, labels, CLASSES, "objects", tensors)


def cache_path(request: dict) -> Path:
    """A name that says what the file is, and a digest of everything that the pictures depend on."""
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]
    return cache_dir() / f"objects-{request['split']}-{request['count']}x{request['size']}-{digest}.safetensors"


def read_cached(path: Path, count: int, size: int) -> dict[str, Tensor] | None:
    """What the file holds; None when there is none, or when it is damaged, which is said."""
    if not path.exists():
        return None
    try:
        tensors, metadata = read_tensors(path)
        images = tensors["images"]
        if images.shape != (count, 3, size, size) or metadata.get("crc32") != checksum(images):
            raise ValueError(f"{path} does not hold what its name says")
        return tensors
    except (ValueError, KeyError, OSError) as error:
        print(f"The cached images could not be read and are made again ({error}).", file=sys.stderr)
        return None


def checksum(images: Tensor) -> str:
    """A sum that changes with any one byte of the images."""
    return str(zlib.crc32(images.contiguous().numpy().data))


def keep(path: Path, tensors: dict[str, Tensor], request: dict) -> None:
    """Write the cache; a full or read-only disk costs only the time to render again, so it is said and passed over."""
    metadata = {"request": json.dumps(request, sort_keys=True), "crc32": checksum(tensors["images"])}
    try:
        write_tensors(path, tensors, metadata)
    except OSError as error:
        print(f"The images could not be cached in {path.parent} ({error}); they will be made again.", file=sys.stderr)


def make(split, count, size, seed, difficulty, variant, progress) -> dict[str, Tensor]:
    """Render `count` pictures block by block."""
    scenes = []
    with tqdm(total=count, unit="image", desc=f"objects {split}", disable=not progress) as bar:
        for start in range(0, count, BLOCK):
            indices = torch.arange(start, min(start + BLOCK, count))
            scenes.append(render(indices, split=split, seed=seed, size=size, difficulty=difficulty, variant=variant))
            bar.update(len(indices))
    tensors = {
        name: torch.cat([getattr(scene, name) for scene in scenes]) for name in ("images", "mask", "parts", "instances")
    }
    tensors |= {name: torch.cat([scene.factors[name] for scene in scenes]) for name in scenes[0].factors}
    return tensors
