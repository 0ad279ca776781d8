"""The factors: exact functions of (seed, split, index), disjoint splits, classes apart from colour and background."""

import zlib

import pytest
import torch

from sslcourse.data.objects import CLASSES, DIFFICULTIES, FAMILIES, STYLE_NAMES, Difficulty, Variant
from sslcourse.data.objects.backgrounds import STYLES
from sslcourse.data.objects.factors import away_from, draw_factors
from sslcourse.data.objects.hashing import SPLITS, image_keys, uniform

MASK = 0xFFFFFFFF


def slow_mix(word: int) -> int:
    word ^= word >> 16
    word = word * 0x21F0AAAD & MASK
    word ^= word >> 15
    word = word * 0x735A2D97 & MASK
    return word ^ word >> 15


def slow_keys(index: int, split: str, seed: int) -> tuple[int, int]:
    code = index * 4 + SPLITS[split]
    left, right = code >> 32, code & MASK
    for number in range(4):
        round_key = ((seed >> (32 * (number % 2))) + 0x1E3779B9 * (number + 1)) & MASK
        left, right = right, left ^ slow_mix(slow_mix(right ^ round_key) ^ (round_key >> 7))
    return left, right


def slow_uniform(keys: tuple[int, int], name: str, lane: int) -> float:
    word = slow_mix((lane * 0x1E3779B9 + zlib.crc32(name.encode())) & MASK)
    return (slow_mix(slow_mix(keys[0] ^ word) ^ keys[1]) >> 8) / 2**24


def draw(count, split="train", seed=0, variant=None, difficulty="default"):
    return draw_factors(torch.arange(count), split, seed, DIFFICULTIES[difficulty], variant or Variant())


@pytest.mark.parametrize("seed", [0, 7, 2**40 + 5, -3])
def test_hashing_equals_arithmetic_without_word_sizes(seed):
    indices = [0, 1, 5, 2**31, 2**45 + 3]
    for split in SPLITS:
        keys = image_keys(torch.tensor(indices), split, seed)
        numbers = uniform(keys, "hue", 4)
        for row, index in enumerate(indices):
            expected = slow_keys(index, split, seed)
            assert tuple(keys[row].tolist()) == expected
            assert numbers[row].tolist() == [slow_uniform(expected, "hue", lane) for lane in range(4)]


def test_numbers_are_pinned():
    # Written down once: a change here means that every cached picture and every published figure is another.
    numbers = uniform(image_keys(torch.tensor([0, 1, 1234567]), "train", 0), "hue", 2)
    assert (numbers * 2**24).to(torch.int64).tolist() == PINNED


PINNED = [[15073210, 12013599], [12886440, 3121270], [16528452, 3512049]]


def test_factors_do_not_depend_on_the_batch():
    whole = draw(300)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    shuffled = draw_factors(order, "train", 0, DIFFICULTIES["default"], Variant())
    alone = draw_factors(torch.tensor([123]), "train", 0, DIFFICULTIES["default"], Variant())
    for name, value in whole.items():
        assert torch.equal(value[order], shuffled[name]), name
        assert torch.equal(value[123:124], alone[name]), name


def test_splits_are_disjoint_and_no_key_comes_twice():
    keys = torch.cat([image_keys(torch.arange(100_000), split, 0) for split in SPLITS])
    assert len(torch.unique(keys[:, 0] << 32 | keys[:, 1])) == 300_000


def test_the_keys_are_a_bijection():
    """Running the Feistel rounds backwards gives index and split back: two pictures of a seed can never be the same."""
    for index, split in [(0, "train"), (99, "val"), (2**50 + 17, "test")]:
        left, right = slow_keys(index, split, 12)
        for number in reversed(range(4)):
            round_key = ((12 >> (32 * (number % 2))) + 0x1E3779B9 * (number + 1)) & MASK
            left, right = right ^ slow_mix(slow_mix(left ^ round_key) ^ (round_key >> 7)), left
        assert ((left << 32 | right) >> 2, (left << 32 | right) & 3) == (index, SPLITS[split])


def test_seeds_and_splits_give_other_factors():
    base = draw(500)["hue"]
    for other in (draw(500, split="test")["hue"], draw(500, seed=1)["hue"]):
        assert (base == other).sum() < 3
        assert abs(torch.corrcoef(torch.stack((base, other)))[0, 1]) < 0.15


def test_uniform_numbers_are_uniform_and_uncorrelated():
    numbers = uniform(image_keys(torch.arange(20_000), "train", 3), "anything", 4)
    counts = torch.stack([torch.histc(column, 20, 0, 1) for column in numbers.T])
    assert ((counts - 1000) ** 2 / 1000).sum(1).max() < 50  # chi-square, 19 degrees of freedom: p < 1e-4 above 50
    assert (torch.corrcoef(numbers.T) - torch.eye(4)).abs().max() < 0.03


def test_every_block_holds_every_class_once():
    labels = draw(len(CLASSES) * 50)["label"].view(50, len(CLASSES))
    assert torch.equal(labels.sort(dim=1).values, torch.arange(len(CLASSES)).expand(50, -1))
    assert len(torch.unique(labels, dim=0)) > 35


def test_class_is_independent_of_what_else_is_drawn():
    factors = draw(14_000)
    for name in ("hue", "brightness", "saturation", "background_hue", "background_brightness", "rotation", "size"):
        bins = (factors[name].argsort().argsort() * 10 // 14_000).to(torch.int64)
        # 117 degrees of freedom: p < 1e-4 above 180
        assert chi_square(factors["label"], bins, len(CLASSES), 10) < 190, name


def test_class_is_independent_of_the_background():
    factors = draw(14_000)
    assert chi_square(factors["label"], factors["background"], len(CLASSES), 3) < 65  # 26 degrees of freedom
    assert chi_square(factors["label"], factors["style"], len(CLASSES), len(STYLE_NAMES)) < 200  # 130
    family = torch.tensor([FAMILIES.index(STYLES[name]) for name in STYLE_NAMES])
    assert torch.equal(family[factors["style"]], factors["background"])


def chi_square(a, b, rows, columns):
    table = torch.bincount(a * columns + b, minlength=rows * columns).view(rows, columns).double()
    expected = table.sum(1, keepdim=True) * table.sum(0) / table.sum()
    return ((table - expected) ** 2 / expected).sum().item()


def test_correlated_variants_correlate_as_much_as_they_say():
    share = 0.7
    factors = draw(7000, variant=Variant(hue_class_correlation=share, background_class_correlation=share))
    label, count = factors["label"], len(CLASSES)
    assert abs(((factors["hue"] * count).long() == label).float().mean() - (share + (1 - share) / count)) < 0.02
    own = factors["background"] == label % 3
    assert abs(own.float().mean() - (share + (1 - share) / 3)) < 0.02
    plain = draw(7000)
    changed = {name for name in plain if not torch.equal(plain[name], factors[name])}
    assert changed == {"hue", "background", "style"}  # nothing else moves with the switches


def test_factors_stay_in_range():
    for name, difficulty in DIFFICULTIES.items():
        factors = draw(2000, difficulty=name)
        assert factors["size"].min() >= difficulty.size[0] - 1e-6 and factors["size"].max() <= difficulty.size[1] + 1e-6
        assert factors["rotation"].abs().max() <= difficulty.rotation
        assert factors["position"].abs().max() <= 1
        gap = (factors["brightness"] - factors["background_brightness"]).abs()
        assert gap.min() >= 0.2 - 1e-6, "object and background must differ in brightness"


@pytest.mark.parametrize("lighter_share", [0.0, 0.25, 0.5, 1.0])
def test_away_from_fills_both_sides_in_their_shares(lighter_share):
    numbers = (torch.arange(1000) + 0.5) / 1000
    levels = away_from(torch.full((1000,), 0.5), numbers, lighter_share)
    assert ((levels - 0.5).abs() >= 0.2 - 1e-6).all()
    assert (levels > 0.5).float().mean() == pytest.approx(lighter_share)
    assert (levels[:-1] <= levels[1:]).all(), "rises with the number, so that no brightness is preferred within a side"
    if lighter_share < 1:
        assert levels.min() == pytest.approx(0.15, abs=1e-3)
    if lighter_share > 0:
        assert levels.max() == pytest.approx(0.92, abs=1e-3)


@pytest.mark.parametrize("level, low, high", [(0.3, 0.5, 0.92), (0.8, 0.15, 0.6)])
def test_away_from_takes_the_other_side_where_one_has_no_room(level, low, high):
    levels = away_from(torch.full((500,), level), torch.arange(500) / 500, 0.5)
    assert levels.min() == pytest.approx(low, abs=1e-3) and levels.max() == pytest.approx(high, abs=1e-3)


def test_refusals():
    with pytest.raises(ValueError, match="train, val, test"):
        image_keys(torch.tensor([0]), "training", 0)
    with pytest.raises(ValueError, match="indices"):
        image_keys(torch.tensor([-1]), "train", 0)
    with pytest.raises(ValueError, match="occluder_share"):
        Variant(occluder_share=1.5)
    with pytest.raises(ValueError, match="1, 2 or 3"):
        Variant(objects_per_image=4)
    with pytest.raises(ValueError, match="size"):
        Difficulty(background_contrast=0.1, size=(0.9, 0.5), rotation=0.0)
    with pytest.raises(ValueError, match="standard deviation"):
        Difficulty(background_contrast=1.0, size=(0.5, 0.9), rotation=0.0)
