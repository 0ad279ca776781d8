"""Which images are held out and which are picked: fixed choices, class by class, the same on every machine."""

import hashlib
from collections.abc import Sequence


def hold_out(labels: Sequence[int], keys: Sequence[str], parts: int = 1, share: float = 0.1) -> list[int]:
    """Deal images into a remainder (0) and `parts` held-out parts (1, 2, ...), each `share` of every class.

    `keys` are what an image is known by (its path, its number): their hashes decide, so the choice does not depend on
    the other classes, the seed or the platform. A class with fewer than two images for each part and the rest is not
    held out.

    >>> dealt = hold_out([0] * 10 + [1] * 20, [str(i) for i in range(30)])
    >>> sum(dealt[:10]), sum(dealt[10:])
    (1, 2)
    """
    dealt = [0] * len(labels)
    for members in _by_class(labels, keys, salt="hold out").values():
        each = max(1, round(share * len(members)))
        if len(members) < 2 * parts:
            continue
        for part in range(parts):
            for index in members[part * each : (part + 1) * each]:
                dealt[index] = part + 1
    return dealt


def pick(labels: Sequence[int], keys: Sequence[str], count: int, seed: int = 0) -> list[int]:
    """The indices, rising, of `count` images, as even over the classes as they allow; another `seed`, another choice.

    >>> chosen = pick([0] * 10 + [1] * 20, [str(i) for i in range(30)], 8)
    >>> len(chosen), sum(index < 10 for index in chosen)
    (8, 4)
    """
    turns = []
    for members in _by_class(labels, keys, salt=f"pick {seed}").values():
        turns += [(turn, labels[index], index) for turn, index in enumerate(members)]
    return sorted(index for _, _, index in sorted(turns)[:count])


def _by_class(labels: Sequence[int], keys: Sequence[str], salt: str) -> dict[int, list[int]]:
    """The indices of each class, in the order of their keys' hashes."""
    ranks = [hashlib.sha1(f"{salt}\0{key}".encode("utf-8", "surrogateescape")).digest() for key in keys]
    groups: dict[int, list[int]] = {}
    for index in sorted(range(len(labels)), key=lambda index: (ranks[index], index)):
        groups.setdefault(labels[index], []).append(index)
    return groups
