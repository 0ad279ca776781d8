"""Random numbers as a function of (seed, split, index, name): the same whatever the batch, process or platform.

Everything is integer arithmetic on words below 2**32 held in int64, with multipliers below 2**31, so no product
overflows and every platform gives the same bits; a float is 24 of those bits, which float32 holds exactly.
"""

import zlib

import torch
from torch import Tensor

SPLITS = {"train": 0, "val": 1, "test": 2}
MASK = 0xFFFFFFFF
GOLDEN = 0x1E3779B9


def mix(words: Tensor) -> Tensor:
    """A bijection of the 32-bit words that spreads every bit over all others (multiply and xor-shift, two rounds)."""
    words = words ^ (words >> 16)
    words.mul_(0x21F0AAAD).bitwise_and_(MASK)
    words ^= words >> 15
    words.mul_(0x735A2D97).bitwise_and_(MASK)
    words ^= words >> 15
    return words


def image_keys(indices: Tensor, split: str, seed: int) -> Tensor:
    """int64 `B,2`: two 32-bit words an image.

    For one seed, different (split, index) have different keys: a Feistel network is a bijection of 64 bits. So train,
    validation and test share no picture by construction. Raises ValueError for an unknown split or a negative index.

    >>> keys = image_keys(torch.tensor([0, 1]), "train", seed=0)
    >>> tuple(keys.shape), bool((keys[0] == keys[1]).all())
    ((2, 2), False)
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; there are {', '.join(SPLITS)}")
    if indices.numel() and (int(indices.min()) < 0 or int(indices.max()) >= 2**60):
        raise ValueError("indices must lie in [0, 2**60)")
    code = indices.to(torch.int64) * 4 + SPLITS[split]
    left, right = code >> 32, code & MASK
    for round_number in range(4):
        round_key = (seed >> (32 * (round_number % 2))) + GOLDEN * (round_number + 1) & MASK
        left, right = right, left ^ mix(mix(right ^ round_key) ^ (round_key >> 7))
    return torch.stack((left, right), dim=1)


def words(keys: Tensor, name: str, count: int) -> Tensor:
    """int64 `B,count` of 32-bit words for the quantity called `name`."""
    start = zlib.crc32(name.encode())
    lane = mix((torch.arange(count, device=keys.device) * GOLDEN + start) & MASK)
    return mix(mix(keys[:, :1] ^ lane) ^ keys[:, 1:])


def uniform(keys: Tensor, name: str, count: int) -> Tensor:
    """float32 `B,count` in [0, 1), exact multiples of 2**-24.

    >>> uniform(image_keys(torch.arange(3), "test", 7), "hue", 2).shape
    torch.Size([3, 2])
    """
    return (words(keys, name, count) >> 8).to(torch.float32) * 2.0**-24
