"""Images that a folder's train part shares with val or test: accuracy on them is too high, since they are found again."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

from torch import Tensor

_loaded: dict[Hashable, dict[str, list[bytes]]] = {}  # by folder and size: what this process has loaded of each split


def compare(folder: Hashable, split: str, images: Tensor) -> str:
    """What a part of `folder` that was just loaded shares, pixel for pixel, with the parts loaded before; "" if nothing.

    `folder` says which folder, in which state and at which size; `images` are uint8 `N,3,H,W` on the CPU.
    """
    parts = _loaded.setdefault(folder, {})
    parts[split] = [hashlib.blake2b(row, digest_size=16).digest() for row in images.flatten(1).numpy()]
    known = set(parts.get("train", ()))
    said = []
    for held_out in {"val", "test"} & ({split} if split != "train" else parts.keys()):
        shared = sum(digest in known for digest in parts[held_out])
        if shared:
            said.append(f"{shared} of the {len(parts[held_out])} images of {held_out}")
    if not said:
        return ""
    return f"{' and '.join(sorted(said))} are in train, too, pixel for pixel: kNN finds them again, so its accuracy is too high"
