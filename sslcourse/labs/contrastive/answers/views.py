"""Lab 1, exercise `views`: cut one box out of every image and mirror the chosen ones."""

import torch

HINTS = (
    "A crop is a slice of rows and a slice of columns. Every image has its own box and its own flip, so go through "
    "the images one by one, and stack the results at the end.",
    "view[c, y, x] = image[c, top + y, left + x] for 0 <= y < height and 0 <= x < width; when flipped, view[c, y, x] "
    "= image[c, top + y, left + width - 1 - x].",
    "For each image: `view = image[:, top : top + height, left : left + width]`, then `view = view.flip(-1)` if its "
    "flip is True; collect the views in a list and return `torch.stack(views)`. `boxes.tolist()` gives plain ints.",
)


def crop_and_flip(images, boxes, flips):
    views = []
    for image, box, flip in zip(images, boxes.tolist(), flips, strict=True):
        top, left, height, width = box
        view = image[:, top : top + height, left : left + width]
        views.append(view.flip(-1) if flip else view)
    return torch.stack(views)


def by_indexing(images, boxes, flips):
    height, width = boxes[0, 2:].tolist()
    rows = boxes[:, :1] + torch.arange(height)  # B,height
    forwards = torch.arange(width).expand(len(boxes), width)
    columns = boxes[:, 1:2] + torch.where(flips[:, None], forwards.flip(1), forwards)  # B,width
    batch = torch.arange(len(images))[:, None, None]
    return images[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def by_narrowing(images, boxes, flips):
    views = [
        image.narrow(-2, int(box[0]), int(box[2])).narrow(-1, int(box[1]), int(box[3]))
        for image, box in zip(images, boxes)
    ]
    views = torch.stack(views)
    return torch.where(flips.reshape(-1, 1, 1, 1), views.flip(3), views)


def flips_top_to_bottom(images, boxes, flips):
    """Your crops are mirrored top to bottom. Left to right means reversing the width, the last dimension:
    `view.flip(-1)`."""
    crops = crop_and_flip(images, boxes, torch.zeros_like(flips))
    return torch.where(flips[:, None, None, None], crops.flip(-2), crops)


def flips_before_cropping(images, boxes, flips):
    """The box lands on another part of the picture where a flip is set, as if the whole image were mirrored first. Crop
    first, then mirror the crop."""
    turned = torch.where(flips[:, None, None, None], images.flip(-1), images)
    return crop_and_flip(turned, boxes, torch.zeros_like(flips))


def swaps_top_and_left(images, boxes, flips):
    """Top and left are exchanged: top says at which row (dimension -2) the box begins, left at which column (-1)."""
    return crop_and_flip(images, boxes[:, [1, 0, 2, 3]], flips)


def swaps_height_and_width(images, boxes, flips):
    """Height and width are exchanged: a box is top, left, height, width, and images are [B, C, height, width]."""
    return crop_and_flip(images, boxes[:, [0, 1, 3, 2]], flips)


def uses_the_first_box_for_all(images, boxes, flips):
    """All images are cut at the first image's box. Each image has its own row of `boxes`; that is what makes two views
    different."""
    return crop_and_flip(images, boxes[:1].expand(len(images), 4), flips)


def ignores_the_flips(images, boxes, flips):
    """The crops are right, and none is mirrored. Mirror those whose entry in `flips` is True; `view.flip(-1)` returns
    the mirrored view and leaves `view` as it was."""
    return crop_and_flip(images, boxes, torch.zeros_like(flips))
