"""Reads image folders, one subfolder a class, from a directory or straight out of a .zip."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm.auto import tqdm

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
LARGEST_FILE = 64 * 2**20  # bytes of one image file: a zip may declare anything
LARGEST_IMAGE = 100_000_000  # pixels of one image, before it is decoded


@dataclass(frozen=True)
class Listing:
    """The images of a folder or zip: `files` as (split or None, class, path inside), and what else was found there."""

    path: Path
    files: tuple[tuple[str | None, str, str], ...]
    stray: tuple[str, ...]  # images outside any class folder
    fingerprint: str  # changes when a file is added, removed or written

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({name for _, name, _ in self.files}))

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(sorted({split for split, _, _ in self.files if split}))


def list_images(path: Path) -> Listing:
    """Find the images below `path`, a directory or a .zip, without decoding or extracting any.

    The layout is `class/image` or `train|val|test/class/image`; one folder around all of it is looked through. Files that are
    no images, hidden files and `__MACOSX` are ignored. Raises FileNotFoundError when there is nothing there, and
    ValueError, with what was found, when there is no such layout.
    """
    if not path.exists():
        parent = path.parent
        near = ", ".join(sorted(os.listdir(parent))[:10]) if parent.is_dir() else f"{parent} does not exist either"
        raise FileNotFoundError(f"no folder or .zip of images at {path}; beside it: {near or 'nothing'}")
    found, fingerprint = _list_tree(path) if path.is_dir() else _list_zip(path)
    usable = [name for name in found if not _hidden(name)]
    images = [PurePosixPath(name).parts for name in usable if name.lower().endswith(IMAGE_SUFFIXES)]
    depth = _wrapper_depth(images)
    has_splits = any(len(parts) > depth + 2 and parts[depth].lower() in SPLIT_FOLDERS for parts in images)
    files, stray = [], []
    for parts in images:
        inner = parts[depth:]
        split = SPLIT_FOLDERS.get(inner[0].lower()) if has_splits else None
        rest = inner[1:] if split else inner
        if len(rest) < 2 or (has_splits and split is None):
            stray.append("/".join(parts))
        else:
            files.append((split, rest[0], "/".join(parts)))
    if not files:
        raise ValueError(f"{path} must hold one subfolder of images a class; {_describe(usable, stray)}")
    return Listing(path, tuple(sorted(files, key=lambda file: file[2])), tuple(stray), fingerprint)


def decode_images(path: Path, names: list[str], size: int | None) -> tuple[Tensor, list[int], dict[str, str]]:
    """The images `names` of the folder or zip at `path`: uint8 `N,3,size,size`, which of `names` they are, and the damaged.

    The shorter side is brought to `size` pixels and the centre cut out; `size` None keeps the pixels of images that are all
    squares of one size (ValueError otherwise). The damaged are a dict from name to what is wrong with it.
    """
    images, kept, damaged = [], [], {}
    bar = tqdm(_readers(path, names), desc=f"reading {path.name}", total=len(names), delay=2, leave=False)
    for index, (name, read) in enumerate(bar):
        try:
            picture = open_image(read(), None if size is None else 2 * size)
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything on a damaged file
            reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error).split("\n")[0]
            damaged[name] = reason or type(error).__name__
            continue
        if size is None and (picture.width != picture.height or (images and len(images[0]) != picture.width)):
            first = f", the first of {images[0].shape[0]} x {images[0].shape[1]}" if images else ""
            raise ValueError(
                f"the images of {path} are not squares of one size ({name} has {picture.width} x {picture.height}{first}): "
                "say which size they are brought to, e.g. size=64"
            )
        images.append(square_array(picture, size))
        kept.append(index)
    return stack(images), kept, damaged


def open_image(data: bytes, at_least: int | None = None) -> Image.Image:
    """Decode one image file to RGB, turned as its EXIF says; `at_least` lets a large JPEG be decoded at a fraction of its side.

    Raises OSError or ValueError when it is damaged or too large.
    """
    picture = Image.open(io.BytesIO(data))
    if picture.width * picture.height > LARGEST_IMAGE:
        raise ValueError(f"{picture.width} x {picture.height} pixels, more than {LARGEST_IMAGE:,}")
    if at_least is not None:
        picture.draft("RGB", (at_least, at_least))
    if picture.info.get("exif") or picture.format not in ("JPEG", "PPM", "BMP"):  # the others may keep it elsewhere
        picture = ImageOps.exif_transpose(picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def square_array(picture: Image.Image, size: int | None, nearest: bool = False) -> np.ndarray:
    """The centre square of a picture at `size` pixels (None: its own): uint8 `size,size,C`, or `size,size` for one channel.

    >>> square_array(Image.new("RGB", (20, 10)), 5).shape
    (5, 5, 3)
    """
    side = min(picture.size)
    size = side if size is None else size
    if picture.size != (size, size):
        left, top = (picture.width - side) / 2, (picture.height - side) / 2
        method = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
        picture = picture.resize((size, size), method, box=(left, top, left + side, top + side))
    return np.array(picture, dtype=np.uint8)


def stack(arrays: list[np.ndarray]) -> Tensor:
    """Arrays `size,size,3` as uint8 `N,3,size,size`.

    >>> stack([np.zeros((5, 5, 3), np.uint8)]).shape
    torch.Size([1, 3, 5, 5])
    """
    if not arrays:
        return torch.zeros(0, 3, 1, 1, dtype=torch.uint8)
    return torch.from_numpy(np.stack(arrays)).movedim(-1, 1).contiguous()


def fingerprint_tree(path: Path) -> str:
    """A hash of the names, sizes and times of all files below a directory."""
    return _list_tree(path)[1]


def _list_tree(path: Path) -> tuple[list[str], str]:
    names, digest = [], hashlib.sha256()
    for folder, subfolders, files in os.walk(path, followlinks=True):
        subfolders.sort()
        for file in sorted(files):
            whole = os.path.join(folder, file)
            try:
                facts = os.stat(whole)
            except OSError:  # a link to nowhere
                continue
            names.append(Path(whole).relative_to(path).as_posix())
            digest.update(f"{names[-1]}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return names, digest.hexdigest()


def _list_zip(path: Path) -> tuple[list[str], str]:
    facts = path.stat()
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} is neither a folder nor a readable .zip: {error}") from error
    return names, hashlib.sha256(f"{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()


def _readers(path: Path, names: list[str]) -> Iterator[tuple[str, object]]:
    """Each name with a function that reads its bytes."""
    if path.is_dir():
        for name in names:
            yield name, lambda name=name: _limited((path / name).stat().st_size) and (path / name).read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        for name in names:
            yield name, lambda name=name: _limited(archive.getinfo(name).file_size) and archive.read(name)


def _limited(length: int) -> bool:
    if length > LARGEST_FILE:
        raise ValueError(f"{length:,} bytes, more than {LARGEST_FILE:,}")
    return True


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _wrapper_depth(images: list[tuple[str, ...]]) -> int:
    """How many folders lie around everything (as in a zip of one folder): shared by all, and no split or only class."""
    depth = 0
    while any(len(parts) >= depth + 3 for parts in images):
        # an image beside the wrapped folder is a stray; one directly inside makes the folder a class
        shared = {parts[depth] for parts in images if len(parts) > depth + 1}
        if len(shared) > 1 or any(len(parts) == depth + 2 for parts in images) or shared.pop().lower() in SPLIT_FOLDERS:
            break
        depth += 1
    return depth


def _describe(names: list[str], stray: list[str]) -> str:
    """What was found instead, in one sentence."""
    if not names:
        return "it is empty"
    if stray:
        return f"found {len(stray)} images outside a class folder, such as {stray[0]}"
    kinds = Counter(PurePosixPath(name).suffix.lower() or "no suffix" for name in names).most_common(4)
    listed = ", ".join(f"{count} x {suffix}" for suffix, count in kinds)
    return f"found {len(names)} files and no image among them ({listed}); images end in {' '.join(IMAGE_SUFFIXES)}"
