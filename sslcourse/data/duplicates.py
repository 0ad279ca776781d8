"""Images that a folder's train part shares with val or test: kNN finds them again, so its accuracy is too high."""

import hashlib
from collections.abc import Hashable

from torch import Tensor

_loaded: dict[Hashable, dict[str, list[bytes]]] = {}  # by folder and size: what this process has loaded of each split


def compare(folder: Hashable, split: str, images: Tensor) -> list[str]:
    """A sentence on what train and the held-out parts of `folder` loaded so far share, pixel for pixel, if anything.

    `folder` says which folder, in which state and at which size. `images` are those of `split`, just loaded: uint8
    `N,3,H,W` on the CPU.
    """
    parts = _loaded.setdefault(folder, {})
    parts[split] = [hashlib.blake2b(row, digest_size=16).digest() for row in images.flatten(1).numpy()]
    known = set(parts.get("train", ()))
    said = []
    for held_out in {"val", "test"} & ({split} if split != "train" else parts.keys()):
        shared = sum(digest in known for digest in parts[held_out])
        if shared:
            said.append(f"{shared} of the {len(parts[held_out])} images of {held_out}")
    why = "are in train, too, pixel for pixel: kNN finds them again, so its accuracy is too high"
    return [f"{' and '.join(sorted(said))} {why}"] if said else []
