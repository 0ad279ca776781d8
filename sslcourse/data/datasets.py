"""`load(name or folder)`: every data set of the course as an `ImageSet` of uint8 tensors, converted once and cached."""

import os
import warnings
from pathlib import Path

import torch

from sslcourse.data import duplicates, folders, public
from sslcourse.data.cache import cache_dir, cached
from sslcourse.data.decoding import decode_images, refuse_large
from sslcourse.data.filetree import list_tree, printable
from sslcourse.data.imageset import ImageSet
from sslcourse.data.splits import hold_out, pick

SPLITS = ("train", "val", "test")
FORMAT = 2  # part of every cache key: raise it when the conversion changes


def load(
    name: str,
    split: str = "train",
    *,
    size: int | None = None,
    count: int | None = None,
    seed: int = 0,
    root: str | Path | None = None,
    download: bool = False,
    **options,
) -> ImageSet:
    """A data set: `objects`, `cifar10`, `stl10`, `imagenette`, `pets`, or `folder:PATH` (a directory or a .zip).

    `split` is train, val or test. `size` is the side in pixels: the shorter side of an image is brought to it and the
    centre cut out. None is the set's own: 64 for objects, 32 cifar10, 96 stl10, 128 imagenette and pets, and for a
    folder the pixels as they are. `count` images are picked evenly over the classes by `seed`; None takes all (objects:
    4000). `root` is where the public sets lie (default: `downloads` in the cache folder). Nothing is downloaded without
    `download=True`. `options` go to the renderer of objects.

    Where a set has no val of its own, val is a fixed tenth of each class of its train part, and train is the rest. A
    folder without split folders is dealt 8 : 1 : 1 in the same way, and one without test images gives a tenth of train
    as test. Imagenette's validation part serves as test. `pets` carries `extras["trimap"]` (1 pet, 2 background, 3
    border) and `extras["mask"]` (pet).

    Labels number the sorted class names. A folder without class folders has no classes, and its labels are -1. What is
    odd in a folder is said in warnings: images that cannot be read or lie outside the classes, other files, classes
    that differ between splits, images that train shares with val or test.

    Raises ValueError for an unknown name, split or layout and for a set too large for memory, FileNotFoundError when
    the data is not there, ConnectionError when a download fails. Converted images are cached by path, times, sizes and
    settings.

    >>> load("cats and dogs")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: no data set 'cats and dogs'; there are objects, cifar10, stl10, imagenette, pets and folder:PATH...
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    if size is not None and not 1 <= size <= 1024:
        raise ValueError(f"size is the side in pixels, from 1 to 1024; got {size}")
    if count is not None and count < 1:
        raise ValueError(f"count must be at least 1 image, or None for all; got {count}")
    if name == "objects":
        from sslcourse.data.objects import load_objects

        given = {key: value for key, value in (("count", count), ("size", size)) if value is not None}
        return load_objects(split, seed=seed, **given, **options)
    if options:
        raise TypeError(f"only 'objects' takes further options; {name!r} got {', '.join(sorted(options))}")
    if name in public.SETS:
        place = Path(os.path.expanduser(root)) if root is not None else cache_dir() / "downloads"
        return _load_public(name, split, size, count, seed, place, download)
    place = os.path.expanduser(name.removeprefix("folder:"))
    if name.startswith("folder:") or os.path.exists(place):
        return _load_folder(Path(place).absolute(), split, size, count, seed)
    known = ", ".join(("objects", *public.SETS))
    raise ValueError(
        f"no data set {name!r}; there are {known} and folder:PATH (a directory or .zip of images; for labels, one "
        "subfolder for each class)"
    )


def _load_folder(path: Path, split: str, size: int | None, count: int | None, seed: int) -> ImageSet:
    listing = folders.list_images(path)
    number = _numbers(listing)
    names = _folder_split(listing, split)
    labels = [number[label] for label, _ in names]
    paths = [inside for _, inside in names]
    title = f"{printable(str(path))} ({split})"
    chosen = _choose(labels, paths, count, seed, title)
    labels, paths = [labels[index] for index in chosen], [paths[index] for index in chosen]
    refuse_large(len(paths), size or 1)

    def convert() -> tuple[dict, dict]:
        images, kept, damaged = decode_images(path, paths, size)
        if not kept:
            raise ValueError(f"none of the {len(paths)} images of {title} can be read: {_first(damaged)}")
        return {"images": images, "labels": torch.tensor([labels[index] for index in kept])}, {"damaged": damaged}

    key = [FORMAT, str(path), listing.fingerprint, split, size, count, seed]
    tensors, notes = cached(cache_dir() / "converted", path.stem, key, convert)
    damaged, said = notes["damaged"], list(listing.notes)
    if damaged:
        warnings.warn(f"{len(damaged)} damaged images of {title} left out: {_first(damaged)}", stacklevel=3)
    said += duplicates.compare((str(path), listing.fingerprint, size), split, tensors["images"])
    for note in said:
        warnings.warn(f"{printable(str(path))}: {note}", stacklevel=3)
    return ImageSet(tensors["images"], tensors["labels"], listing.classes, printable(path.stem))


def _numbers(listing: folders.Listing) -> dict[str, int]:
    """Classes by name; images without labels have the number -1."""
    return {"": -1} | {name: index for index, name in enumerate(listing.classes)}


def _folder_split(listing: folders.Listing, split: str) -> list[tuple[str, str]]:
    """The (class, path) of one split; what the folder does not have is held out of its train part."""
    if split != "train" and split in listing.splits:
        return [(label, name) for part, label, name in listing.files if part == split]
    pool = [(label, name) for part, label, name in listing.files if part in (None, "train")]
    if not pool:
        there = " and ".join(listing.splits)
        raise ValueError(
            f"{printable(str(listing.path))} has {there} images but no train images to take {split!r} from"
        )
    missing = [part for part in ("val", "test") if part not in listing.splits]
    number = _numbers(listing)
    dealt = hold_out([number[label] for label, _ in pool], [name for _, name in pool], parts=len(missing))
    wanted = 0 if split == "train" else 1 + missing.index(split)
    chosen = [image for image, part in zip(pool, dealt, strict=True) if part == wanted]
    if not chosen:
        kinds = f" in {len(listing.classes)} classes" if listing.classes else ""
        need = f"{2 * len(missing)} or more{' of a class' if listing.classes else ''}, or a folder {split}/, are needed"
        raise ValueError(
            f"{printable(str(listing.path))} has too few images to hold out {split!r}: {len(pool)}{kinds}; {need}"
        )
    return chosen


def _load_public(
    name: str, split: str, size: int | None, count: int | None, seed: int, root: Path, download: bool
) -> ImageSet:
    chosen_size = size or public.SETS[name].size
    folder = public.ensure(name, root, download)
    key = [FORMAT, str(folder.absolute()), list_tree(folder).fingerprint, split, chosen_size, count, seed]

    def convert() -> tuple[dict, dict]:
        source = public.open_set(name, root, train=split != "test")
        keys = [str(index) for index in range(len(source.labels))]
        indices = range(len(source.labels))
        if split != "test":
            dealt = hold_out(source.labels, keys)
            indices = [index for index in indices if dealt[index] == (1 if split == "val" else 0)]
        labels = [source.labels[index] for index in indices]
        picked = _choose(labels, [keys[index] for index in indices], count, seed, f"{name} ({split})")
        indices = [indices[index] for index in picked]
        refuse_large(len(indices), chosen_size)
        labels = torch.tensor([source.labels[index] for index in indices])
        return source.read(indices, chosen_size) | {"labels": labels}, {"classes": source.classes}

    tensors, notes = cached(cache_dir() / "converted", name, key, convert)
    images, labels = tensors.pop("images"), tensors.pop("labels")
    return ImageSet(images, labels, tuple(notes["classes"]), name, tensors)


def _choose(labels: list[int], keys: list[str], count: int | None, seed: int, what: str) -> list[int]:
    if count is None:
        return list(range(len(labels)))
    if count > len(labels):
        raise ValueError(f"{what} has {len(labels)} images; count={count} were asked for (None takes all)")
    return pick(labels, keys, count, seed)


def _first(problems: dict[str, str], most: int = 5) -> str:
    listed = "; ".join(f"{printable(name)} ({reason})" for name, reason in list(problems.items())[:most])
    return listed + (f"; and {len(problems) - most} more" if len(problems) > most else "")
