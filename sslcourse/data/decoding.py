"""From the bytes of an image file to uint8 pixels."""

import io
import warnings
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm.auto import tqdm

from sslcourse.data.filetree import printable, readers

LARGEST_IMAGE = 150_000_000  # pixels of one image as it is decoded
LARGEST_SET = 8 * 2**30  # bytes of pixels: a set is held whole in memory
GROUND = (128, 128, 128)  # under transparent pixels: a black icon shows on it, and so does a white one


def decode_images(path: Path, names: list[str], size: int | None) -> tuple[Tensor, list[int], dict[str, str]]:
    """The images `names` of the folder or zip at `path`: uint8 `N,3,size,size`, their indices in `names`, the damaged.

    The shorter side is brought to `size` pixels and the centre cut out; `size` None keeps the pixels of images that are
    all squares of one size. The damaged are a dict from name to what is wrong with it. Raises ValueError where `size`
    is None and the images are not such squares, or where the set is too large for memory.
    """
    images, kept, damaged = torch.zeros(0, 3, 1, 1, dtype=torch.uint8), [], {}
    for index, (name, read) in enumerate(
        tqdm(readers(path, names), desc=f"reading {path.name}", total=len(names), delay=2, leave=False)
    ):
        try:
            picture = open_image(read(), None if size is None else 2 * size)
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything on a damaged file
            damaged[name] = _reason(error)
            continue
        if not kept:
            side = size or picture.width
            refuse_large(len(names), side)
            images = torch.empty(len(names), 3, side, side, dtype=torch.uint8)
        if size is None and picture.size != images.shape[2:]:
            first = f", the first of {images.shape[2]} x {images.shape[2]}" if kept else ""
            raise ValueError(
                f"the images of {printable(str(path))} are not squares of one size ({printable(name)} has "
                f"{picture.width} x {picture.height}{first}): say which size they are brought to, e.g. size=64"
            )
        images[len(kept)] = torch.from_numpy(square_array(picture, size)).movedim(-1, 0)
        kept.append(index)
    return images[: len(kept)], kept, damaged


def open_image(data: bytes, at_least: int | None = None) -> Image.Image:
    """Decode one image file (the first frame of several) to RGB, turned as its EXIF data say.

    A large JPEG may be decoded at a fraction of its side that leaves `at_least` pixels. Transparent pixels are laid on
    grey. Raises OSError or ValueError when the file is damaged, too large, or has numbers whose range it does not say.
    """
    with warnings.catch_warnings():  # about odd metadata, and about sizes, which are judged here
        warnings.simplefilter("ignore")
        picture = Image.open(io.BytesIO(data))
        if at_least is not None:
            picture.draft("RGB", (at_least, at_least))
        if picture.width * picture.height > LARGEST_IMAGE:
            raise ValueError(f"{picture.width} x {picture.height} pixels, more than {LARGEST_IMAGE:,}")
        file_format, bits = picture.format, _bits(picture)
        if picture.info.get("exif") or file_format not in ("JPEG", "PPM", "BMP"):  # the others may keep it elsewhere
            picture = ImageOps.exif_transpose(picture)
        if picture.mode == "RGB" and "transparency" not in picture.info:
            picture.load()
            return picture
        if picture.mode == "F" or picture.mode.startswith("I"):
            return _from_numbers(picture, bits)
        if picture.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            ground = Image.new("RGBA", picture.size, (*GROUND, 255))
            picture = Image.alpha_composite(ground, picture)
        return picture.convert("RGB")


def square_array(picture: Image.Image, size: int | None, nearest: bool = False) -> np.ndarray:
    """The centre square of a picture at `size` pixels (None: its own): uint8 `size,size,C`, or `size,size` if grey.

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
    return torch.from_numpy(np.stack(arrays)).movedim(-1, 1).contiguous()


def refuse_large(count: int, side: int) -> None:
    """Raise ValueError where `count` images of `side` pixels a side would not fit in memory."""
    needed = count * 3 * side**2
    if needed > LARGEST_SET:
        raise ValueError(
            f"{count:,} images of {side} x {side} pixels need {needed / 2**30:.1f} GiB, "
            f"more than {LARGEST_SET // 2**30}: give a smaller size, or a count"
        )


def _bits(picture: Image.Image) -> int | None:
    """How many bits an integer picture's numbers have, where its file says so."""
    if picture.format == "TIFF":
        bits = picture.tag_v2.get(258, (1,))[0]  # BitsPerSample
        return bits if picture.mode.startswith("I;16") else None
    return 16 if picture.mode.startswith("I;16") or picture.format in ("PNG", "PPM") else None


def _from_numbers(picture: Image.Image, bits: int | None) -> Image.Image:
    """RGB of a picture of one channel of wide integers or floating-point numbers, scaled by what its type can hold."""
    values = np.array(picture)
    if picture.mode == "F":
        low, high = values.min(), values.max()
        if not (low >= 0 and high <= 1):  # also where one is no number
            raise ValueError(
                f"floating-point numbers from {low:g} to {high:g}, and only 0 to 1 is known as black to white: "
                "save it with 8 bits"
            )
        scaled = values * 255.0
    elif bits is None:
        raise ValueError("32-bit integers, and the file does not say which is white: save it with 8 or 16 bits")
    else:
        scaled = values.astype(np.float32) * (255.0 / (2**bits - 1))
    return Image.fromarray((scaled + 0.5).clip(0, 255).astype(np.uint8)).convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"not an image that Pillow {PIL.__version__} reads"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels: shrink it first"
    return str(error).split("\n")[0] or type(error).__name__
