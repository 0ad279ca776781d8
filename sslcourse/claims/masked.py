"""Pictures with masks of their objects: those of the run, or photographs where its own have none."""

import functools
import io
import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from sslcourse.data.imageset import ImageSet
from sslcourse.training.images import RunImages, few

VARIABLE = "SSLCOURSE_COCO"
FIT, TEST = 600, 300  # pictures to fit a probe on, and to look at


def masked_pictures(images: RunImages) -> tuple[ImageSet, ImageSet]:
    """Pictures with `extras["mask"]` to fit on and to test on, as large as those of the run.

    The run's own where they have masks, even over the classes, else photographs of COCO. Raises FileNotFoundError, with
    the variable to set, where these are needed and not here.
    """
    if "mask" in images.held_out.extras:
        return few(images.bank, FIT), few(images.held_out, TEST)
    return tuple(coco_objects(images.held_out.images.shape[-1], split) for split in (0, 1))


def coco_path() -> Path:
    """Where the photographs with masks should lie."""
    return Path(os.environ.get(VARIABLE, ""))


@functools.lru_cache(maxsize=4)
def coco_objects(size: int, split: int) -> ImageSet:
    """Square crops around objects of COCO 2017, `size` pixels a side, with masks: `split` 0 to fit on, 1 to test on."""
    path = coco_path()
    if not path.is_file():
        raise FileNotFoundError(f"photographs with masks are not here: set {VARIABLE} to the file of COCO's objects")
    with np.load(path, allow_pickle=False) as file:
        chosen = np.flatnonzero(file["split"] == split)
        blob, offsets = file["blob"], file["offsets"]
        pictures = [Image.open(io.BytesIO(blob[offsets[i] : offsets[i + 1]].tobytes())) for i in chosen]
        pixels = np.stack([np.asarray(picture.convert("RGB").resize((size, size), Image.BOX)) for picture in pictures])
        masks = np.unpackbits(file["mask"][chosen], axis=-1)
        labels, classes = file["supercat"][chosen].astype(np.int64), tuple(map(str, file["supernames"]))
    covered = F.interpolate(torch.from_numpy(masks)[:, None].float(), (size, size), mode="area")[:, 0]
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    return ImageSet(images, torch.from_numpy(labels), classes, "coco objects", {"mask": covered >= 0.5})
