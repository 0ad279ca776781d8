"""The renderer's pictures as an `ImageSet`, kept on disk once made."""

import dataclasses

import torch
from torch import Tensor

from ..cache import cache_dir, cached
from ..imageset import ImageSet
from .classes import CLASSES
from .render import render
from .settings import PLAIN, Difficulty, Variant, find_difficulty

VERSION = 4  # raised whenever a picture or the file's form changes, so that older files are not read
MAPS = ("images", "mask", "parts", "instances")


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

    def make() -> tuple[dict[str, Tensor], None]:
        what = {"split": split, "seed": seed, "size": size, "difficulty": settings, "variant": variant}
        scene = render(torch.arange(count), **what, progress=progress)
        return {name: getattr(scene, name) for name in MAPS} | scene.factors, None

    key = {
        "version": VERSION, "split": split, "count": count, "size": size, "seed": seed,
        "difficulty": dataclasses.asdict(settings), "variant": dataclasses.asdict(variant),
    }  # fmt: skip
    tensors, _ = cached(cache_dir(), f"objects-{split}-{count}x{size}", key, make) if cache else make()
    return ImageSet(tensors.pop("images"), tensors["label"], CLASSES, "objects", tensors)
