"""Lab 0, exercise `object_share`: the mask of the object, in patches."""

import torch

HINTS = (
    "It is `patchify` once more, for pictures without channels; then each patch becomes one number.",
    "share of patch n = (number of its pixels that are object) / p^2, for the patches row by row.",
    "`mask.float().reshape(B, H // p, p, W // p, p)`; the mean over both pixel dimensions, `.mean(dim=(2, 4))`, leaves "
    "[B, H // p, W // p]; `.flatten(1)`.",
)


def object_share(mask, patch):
    b, height, width = mask.shape
    x = mask.float().reshape(b, height // patch, patch, width // patch, patch)
    return x.mean(dim=(2, 4)).flatten(1)  # B,N


def by_pooling(mask, patch):
    return torch.nn.functional.avg_pool2d(mask[:, None].to(torch.float32), patch).reshape(len(mask), -1)


def by_counting(mask, patch):
    rows, columns = (range(0, side, patch) for side in mask.shape[1:])
    counts = [mask[:, y : y + patch, x : x + patch].sum(dim=(1, 2)) for y in rows for x in columns]
    return torch.stack(counts, dim=1) / patch**2


def counts_the_pixels(mask, patch):
    """You count the pixels. A share is the count divided by the p^2 pixels of the patch."""
    return object_share(mask, patch) * patch**2


def gives_the_share_of_the_object(mask, patch):
    """You divide by the area of the object: how much *of the object* lies in each patch, which sums to 1. Asked for is
    how much of each *patch* is object."""
    share = object_share(mask, patch)
    return share / share.sum(dim=1, keepdim=True)


def gives_the_background(mask, patch):
    """This is the share of the background. True in the mask means object."""
    return 1 - object_share(mask, patch)


def only_reshapes(mask, patch):
    """Your patches are stretches of the mask's rows: `reshape` alone never moves a number. Split both sides into (which
    patch, which pixel), then take the mean over the pixel dimensions."""
    return mask.float().reshape(len(mask), -1, patch * patch).mean(dim=2)


def numbers_patches_down_the_columns(mask, patch):
    """Your patches are numbered down the columns of the picture. Patch 1 is the right neighbour of patch 0."""
    b, height, width = mask.shape
    return object_share(mask, patch).reshape(b, height // patch, width // patch).mT.flatten(1)


def takes_every_nth_pixel(mask, patch):
    """Your patches are made of pixels that lie far apart. When a side is split, the number of patches comes first and
    the patch side second: H becomes [H / p, p], not [p, H / p]."""
    b, height, width = mask.shape
    return mask.float().reshape(b, patch, height // patch, patch, width // patch).mean(dim=(1, 3)).flatten(1)
