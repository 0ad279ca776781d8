"""Lab 3, exercise `overlap`: the share of one crop's pixels that another crop shows, too."""

import torch

HINTS = (
    "Along each axis on its own: where does the common part begin, where does it end, and what if it would end before "
    "it begins?",
    "Along an axis the common part begins at max(a's start, b's start) and ends at min(a's end, b's end), where end = "
    "start + size; its length is at least 0. The share is (common height x common width) / (a's height x a's width).",
    "`start = torch.maximum(a[:, :2], b[:, :2])`; `end = torch.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])`; "
    "`common = (end - start).clamp(min=0)`; return `common.prod(1) / a[:, 2:].prod(1)`.",
)


def crop_overlap(a, b):
    start = torch.maximum(a[:, :2], b[:, :2])
    end = torch.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    common = (end - start).clamp(min=0)  # n,2: height and width of what both show
    return common.prod(1) / a[:, 2:].prod(1)


def by_pixels(a, b):
    def shown(box):
        top, left, height, width = box.tolist()
        return {(y, x) for y in range(top, top + height) for x in range(left, left + width)}

    return torch.tensor([len(shown(one) & shown(other)) / len(shown(one)) for one, other in zip(a, b)])


def by_columns(a, b):
    sides = []
    for axis in (0, 1):
        start, size = a[:, axis].float(), a[:, axis + 2].float()
        other, other_size = b[:, axis].float(), b[:, axis + 2].float()
        both = torch.min(start + size, other + other_size) - torch.max(start, other)
        sides.append(torch.where(both > 0, both, torch.zeros_like(both)) / size)
    return sides[0] * sides[1]


def _common(a, b):
    """Height and width of what both show, negative where there is a gap: n,2."""
    return torch.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])


def divides_by_the_union(a, b):
    """That is intersection over union. Here the share is of *a's* pixels: a crop that lies inside of another is shown
    by it completely, and its share is 1."""
    common = _common(a, b).clamp(min=0).prod(1)
    return common / (a[:, 2:].prod(1) + b[:, 2:].prod(1) - common)


def divides_by_the_other_crop(a, b):
    """You divide by the size of b. The question is how much of *a* is shown, so a's pixels are the whole."""
    return crop_overlap(b, a)


def divides_by_the_smaller_crop(a, b):
    """You divide by the smaller of the two crops. The question is how much of *a* is shown, whichever is smaller."""
    return torch.maximum(crop_overlap(a, b), crop_overlap(b, a))


def lets_two_gaps_make_an_overlap(a, b):
    """Where the crops lie apart, the common height or width comes out negative; with a gap in both, their product is
    positive. Cut each of them off at 0 before you multiply: `.clamp(min=0)`."""
    return _common(a, b).prod(1) / a[:, 2:].prod(1)


def cuts_the_product_off(a, b):
    """You cut the product off at 0, but a gap in both directions makes it positive. Cut height and width off, each by
    itself, before you multiply."""
    return _common(a, b).prod(1).clamp(min=0) / a[:, 2:].prod(1)


def takes_the_size_for_the_end(a, b):
    """You take the last two numbers for the lower right corner. They are height and width: a crop ends at top + height
    and left + width."""
    common = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    return common.prod(1) / a[:, 2:].prod(1)


def counts_one_pixel_too_many(a, b):
    """Your common part is one pixel too high and too wide. A crop of height 3 from row 0 shows rows 0, 1 and 2: its
    end, 3, is not part of it, so end - start needs no + 1."""
    return (_common(a, b) + 1).clamp(min=0).prod(1) / a[:, 2:].prod(1)


def mixes_rows_and_columns(a, b):
    """You mix rows and columns. A box is top, left, height, width: it shows rows from top to top + height, so the first
    number goes with the third, and the second with the fourth."""
    return crop_overlap(a[:, [1, 0, 2, 3]], b[:, [1, 0, 2, 3]])


def does_not_divide(a, b):
    """That is how many pixels both show. The share is of a's pixels: divide by a's height times its width."""
    return _common(a, b).clamp(min=0).prod(1).float()
