"""Lab 1, exercises `views` and `positives`: making two views, and knowing which belong together."""

from __future__ import annotations

import torch

from sslcourse.exercises.task import Exercise, Misconception
from sslcourse.labs.contrastive.tasks import TASKS


def crop_and_flip(images, boxes, flips):
    views = []
    for image, (top, left, height, width), flip in zip(images, boxes.tolist(), flips.tolist()):
        view = image[:, top : top + height, left : left + width]  # C,height,width
        views.append(view.flip(-1) if flip else view)
    return torch.stack(views)


def _crop_by_indexing(images, boxes, flips):
    height, width = boxes[0, 2:].tolist()
    rows = boxes[:, :1] + torch.arange(height)  # B,height
    forwards = torch.arange(width).expand(len(boxes), width)
    columns = boxes[:, 1:2] + torch.where(flips[:, None], forwards.flip(1), forwards)  # B,width
    batch = torch.arange(len(images))[:, None, None]
    return images[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _crop_then_write_flipped(images, boxes, flips):
    height, width = int(boxes[0, 2]), int(boxes[0, 3])
    views = images.new_empty(images.shape[0], images.shape[1], height, width)
    for i in range(images.shape[0]):
        for column in range(width):
            source = int(boxes[i, 1]) + (width - 1 - column if flips[i] else column)
            top = int(boxes[i, 0])
            views[i, :, :, column] = images[i, :, top : top + height, source]
    return views


def _crop_and_reverse(images, boxes, flips, dims):
    crops = crop_and_flip(images, boxes, torch.zeros_like(flips))
    return torch.where(flips[:, None, None, None], crops.flip(dims), crops)


def _flips_top_to_bottom(images, boxes, flips):
    return _crop_and_reverse(images, boxes, flips, [-2])


def _rotates(images, boxes, flips):
    return _crop_and_reverse(images, boxes, flips, [-2, -1])


def _flips_before_cropping(images, boxes, flips):
    turned = torch.where(flips[:, None, None, None], images.flip(-1), images)
    return crop_and_flip(turned, boxes, torch.zeros_like(flips))


def _flips_in_place(images, boxes, flips):
    images[flips] = images[flips].flip(-1)
    return crop_and_flip(images, boxes, torch.zeros_like(flips))


def _swaps_top_and_left(images, boxes, flips):
    return crop_and_flip(images, boxes[:, [1, 0, 2, 3]], flips)


def _swaps_height_and_width(images, boxes, flips):
    return crop_and_flip(images, boxes[:, [0, 1, 3, 2]], flips)


def _reads_corners(images, boxes, flips):
    views = []
    for image, (top, left, bottom, right), flip in zip(images, boxes.tolist(), flips.tolist()):
        view = image[:, top:bottom, left:right]
        views.append(view.flip(-1) if flip else view)
    return torch.stack(views)


def _takes_first_box(images, boxes, flips):
    return crop_and_flip(images, boxes[:1].expand(len(images), 4), flips)


def _ignores_flips(images, boxes, flips):
    return crop_and_flip(images, boxes, torch.zeros_like(flips))


def _flips_all(images, boxes, flips):
    return crop_and_flip(images, boxes, torch.ones_like(flips))


def _flips_others(images, boxes, flips):
    return crop_and_flip(images, boxes, ~flips)


VIEWS = Exercise(
    task=TASKS["contrastive.views"],
    reference=crop_and_flip,
    misconceptions=(
        Misconception(
            "flips top to bottom",
            _flips_top_to_bottom,
            "Your crops are mirrored top to bottom. Left to right means reversing the width, the last dimension: "
            "`view.flip(-1)`.",
        ),
        Misconception(
            "turns by 180 degrees",
            _rotates,
            "Your crops are reversed along height and width, which turns them upside down. Reverse the width only: "
            "`view.flip(-1)`.",
        ),
        Misconception(
            "flips before cropping",
            _flips_before_cropping,
            "You mirror the whole image and crop afterwards, so the box lands on another part of the picture. Crop "
            "first, then mirror the crop.",
        ),
        Misconception(
            "flips the caller's images in place",
            _flips_in_place,
            "You write the mirrored images back into `images`, so the caller's batch is changed and the second view "
            "would start from mirrored pictures. Build new tensors; and mirror the crop, not the whole image.",
        ),
        Misconception(
            "swaps top and left",
            _swaps_top_and_left,
            "Top and left are exchanged: top says at which row (dimension -2) the box begins, left at which column "
            "(dimension -1).",
        ),
        Misconception(
            "swaps height and width",
            _swaps_height_and_width,
            "Height and width are exchanged: a box is top, left, height, width, and images are [B, C, height, width].",
        ),
        Misconception(
            "reads the box as corners",
            _reads_corners,
            "You read the box as top, left, bottom, right. The last two numbers are height and width: slice `top : "
            "top + height`, `left : left + width`.",
        ),
        Misconception(
            "uses the first box for all",
            _takes_first_box,
            "All images are cut at the first image's box. Each image has its own row of `boxes`; that is what makes "
            "the two views different.",
        ),
        Misconception(
            "ignores the flips",
            _ignores_flips,
            "The crops are right, and none is mirrored. Mirror those whose entry in `flips` is True.",
        ),
        Misconception(
            "flips all",
            _flips_all,
            "Every crop is mirrored. Mirror only those whose entry in `flips` is True; `if flips.any()` decides for "
            "the whole batch at once.",
        ),
        Misconception(
            "flips the others",
            _flips_others,
            "You mirror exactly the crops that should stay as they are: True in `flips` means mirrored.",
        ),
    ),
    variants=(_crop_by_indexing, _crop_then_write_flipped),
    hints=(
        (
            "A crop is a slice of rows and a slice of columns. Every image has its own box and its own flip, so go "
            "through the images one by one, and stack the results at the end."
        ),
        (
            "view[c, y, x] = image[c, top + y, left + x] for 0 <= y < height and 0 <= x < width; when flipped, "
            "view[c, y, x] = image[c, top + y, left + width - 1 - x]."
        ),
        (
            "For each image: `view = image[:, top : top + height, left : left + width]`, then `view = view.flip(-1)` "
            "if its flip is True; collect the views in a list and return `torch.stack(views)`. `boxes.tolist()` gives "
            "plain ints."
        ),
    ),
)


def positive_index(n):
    return (torch.arange(2 * n) + n) % (2 * n)


def _positives_by_joining(n):
    return torch.cat([torch.arange(n, 2 * n), torch.arange(n)])


def _positives_by_list(n):
    return torch.tensor([i + n if i < n else i - n for i in range(2 * n)], dtype=torch.long)


POSITIVES = Exercise(
    task=TASKS["contrastive.positives"],
    reference=positive_index,
    misconceptions=(
        Misconception(
            "itself",
            lambda n: torch.arange(2 * n),
            "You point every view at itself. A view's positive is the *other* view of its image, n places further on.",
        ),
        Misconception(
            "the image's number",
            lambda n: torch.arange(n).repeat(2),
            "You return which image each view comes from. Asked for is the position of its positive in the list of 2n "
            "views: for view 0 that is n, for view n it is 0.",
        ),
        Misconception(
            "neighbours in pairs",
            lambda n: torch.arange(2 * n).reshape(n, 2).flip(1).reshape(-1),
            "You pair 0 with 1, 2 with 3, as if the two views of an image stood side by side. Here all first views "
            "come first: view 0 belongs with view n.",
        ),
        Misconception(
            "only one direction",
            lambda n: torch.arange(n, 2 * n),
            "You give the positives of the n first views only. The n second views need theirs too: 2n entries in all.",
        ),
        Misconception(
            "n is added and never taken off",
            lambda n: torch.arange(2 * n) + n,
            "For the second views you point beyond the end of the list: the positive of view i >= n is i - n.",
        ),
        Misconception(
            "reversed order",
            lambda n: torch.arange(2 * n).flip(0),
            "You reverse the list, which pairs view 0 with the *last* view. The second views stand in the same order "
            "as the first: view 0 belongs with view n.",
        ),
        Misconception(
            "floats",
            lambda n: positive_index(n).float(),
            "The positions are right, but they are float numbers. Positions index other tensors: make them whole "
            "numbers, dtype int64 (`torch.long`).",
        ),
    ),
    variants=(_positives_by_joining, _positives_by_list),
    hints=(
        "Write the views of three images in one list: a0 b0 c0 a1 b1 c1. How far is it from each to its partner?",
        "p(i) = i + n for i < n, and i - n otherwise; in one formula, p(i) = (i + n) mod 2n.",
        "Count from 0 to 2n - 1 with `torch.arange(2 * n)`, add n, take the remainder with `% (2 * n)`.",
    ),
)
