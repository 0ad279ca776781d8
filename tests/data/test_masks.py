"""Masks have exactly the asked number of patches, are fair, and are blocks where they should be."""

import itertools
import math

import pytest
import torch

from sslcourse.data.masks import block_masks, random_masks


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_random_masks_have_the_number_asked_for_in_each_row():
    for ratio, patches in itertools.product([0, 0.1, 0.5, 0.75, 1], [1, 16, 49]):
        mask = random_masks(9, patches, ratio, seeded())
        assert mask.shape == (9, patches) and mask.dtype == torch.bool
        assert (mask.sum(1) == round(ratio * patches)).all(), (ratio, patches)


def test_random_masks_hide_every_patch_alike_and_each_image_by_itself():
    mask = random_masks(4000, 16, 0.25, seeded()).float()
    # a share of 4000 fair draws: standard deviation 0.007
    assert (mask.mean(0) - 0.25).abs().max() < 0.03
    together = mask.T @ mask / 4000  # two different patches: 4/16 * 3/15
    assert (together - 0.05).fill_diagonal_(0).abs().max() < 0.02
    assert len({tuple(row) for row in mask.tolist()}) > 1000  # of 1820


def test_block_masks_have_exactly_the_share():
    grids = [(8, 8), (14, 14), (3, 12), (1, 5), (1, 1)]
    for grid, ratio in itertools.product(grids, [0.0, 0.05, 0.3, 0.5, 0.9, 1.0]):
        mask = block_masks(50, grid, (ratio, ratio), seeded())
        assert mask.shape == (50, grid[0] * grid[1]) and mask.dtype == torch.bool
        number = torch.tensor(ratio * grid[0] * grid[1]).round()
        assert (mask.sum(1) == number).all(), (grid, ratio)


def test_the_share_is_drawn_for_each_image_evenly_over_its_range():
    counts = block_masks(4000, (8, 8), (0.1, 0.5), seeded()).sum(1).float() / 64
    assert counts.min() >= 6 / 64 and counts.max() <= 32 / 64
    assert counts.mean().item() == pytest.approx(0.3, abs=0.01)
    assert counts.std().item() == pytest.approx(0.4 / math.sqrt(12), abs=0.01)


def test_an_image_is_masked_with_the_probability():
    mask = block_masks(4000, (8, 8), (0.2, 0.5), seeded(), probability=0.5)
    assert mask.any(1).float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert not block_masks(100, (8, 8), (0.2, 0.5), seeded(), probability=0.0).any()
    assert block_masks(100, (8, 8), (0.2, 0.5), seeded(), probability=1.0).any(1).all()


def like_neighbours(mask, grid):
    """How often a hidden patch's right and lower neighbours are hidden too."""
    mask = mask.unflatten(1, grid).float()
    right, below = mask[:, :, 1:] * mask[:, :, :-1], mask[:, 1:] * mask[:, :-1]
    pairs = mask[:, :, :-1].sum() + mask[:, :-1].sum()
    return ((right.sum() + below.sum()) / pairs).item()


def test_blocks_are_blocks():
    blocks = block_masks(500, (14, 14), (0.3, 0.3), seeded())
    scattered = random_masks(500, 196, 0.3, seeded())
    assert like_neighbours(scattered, (14, 14)) == pytest.approx(0.3, abs=0.02)
    assert like_neighbours(blocks, (14, 14)) > 0.75


def test_one_rectangle_of_the_whole_share_is_common_and_has_a_bounded_aspect():
    """A mask that is one full rectangle has the drawn shape, up to the rounding and the grid's border."""
    mask = block_masks(3000, (12, 12), (1 / 6, 1 / 6), seeded()).unflatten(1, (12, 12))
    rows, columns = mask.any(2).sum(1), mask.any(1).sum(1)
    whole = rows * columns == mask.sum((1, 2))
    assert whole.float().mean() > 0.02
    shape = rows[whole] / columns[whole]
    assert shape.min() > 0.2 and shape.max() < 5


def test_blocks_lie_everywhere():
    """As often on the left as on the right, above as below; the middle, which more places reach, most."""
    share = block_masks(6000, (8, 8), (0.1, 0.5), seeded()).float().mean(0).view(8, 8)
    torch.testing.assert_close(share, share.flip(0), atol=0.03, rtol=0)
    torch.testing.assert_close(share, share.flip(1), atol=0.03, rtol=0)
    assert share.min() > 0.05 and share[3:5, 3:5].mean() > share[0, 0]


def test_more_is_asked_for_than_rectangles_cover_in_few_images_only():
    """The exact number is reached by rectangles; where those run out, by rows from the border."""
    few = block_masks(2000, (14, 14), (0.5, 0.5), seeded())
    assert like_neighbours(few, (14, 14)) > 0.75


@pytest.mark.parametrize(
    "make",
    [lambda g, d=None: random_masks(4, 16, 0.5, g, d), lambda g, d=None: block_masks(4, (4, 4), (0.2, 0.6), g, d)],
)
def test_the_generator_decides_and_the_device_only_receives(make):
    assert torch.equal(make(seeded(3)), make(seeded(3), "cpu"))
    assert not torch.equal(make(seeded(3)), make(seeded(4)))
    assert make(seeded(3), "meta").device.type == "meta"
    torch.manual_seed(7)
    first = make(None)
    torch.manual_seed(7)
    assert torch.equal(first, make(None))


def test_refusals():
    for ratio in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="from 0 to 1"):
            random_masks(2, 16, ratio)
    for ratios in [(-0.1, 0.5), (0.5, 0.1), (0.1, 1.1)]:
        with pytest.raises(ValueError, match="ratio_range must be") as caught:
            block_masks(2, (4, 4), ratios)
        assert str(ratios) in str(caught.value)
    with pytest.raises(ValueError, match="probability"):
        block_masks(2, (4, 4), (0.1, 0.5), probability=2)
    for call in (lambda: random_masks(2, 0, 0.5), lambda: block_masks(2, (0, 4), (0.1, 0.5))):
        with pytest.raises(ValueError, match="at least 1"):
            call()
