"""Lab 0, exercise `patchify`: cut pictures into square patches."""

import torch

HINTS = (
    "`reshape` never moves a number: it only draws other borders between numbers that stay in their order. So first "
    "split both sides into (which patch, which pixel of it), then move the dimensions, then join.",
    "With h = H / p and w = W / p: [B, C, H, W] -> [B, C, h, p, w, p] -> [B, h, w, p, p, C] -> [B, h w, p p C].",
    "`x = images.reshape(B, C, H // p, p, W // p, p)`; `x.permute(0, 2, 4, 3, 5, 1)` puts the patch's row and column "
    "first, then the pixel's, then the channel; `.reshape(B, -1, p * p * C)`.",
)


def patchify(images, patch):
    b, c, height, width = images.shape
    x = images.reshape(b, c, height // patch, patch, width // patch, patch)
    x = x.permute(0, 2, 4, 3, 5, 1)  # B,h,w,p,p,C
    return x.reshape(b, -1, patch * patch * c)


def by_slices(images, patch):
    rows, columns = (range(0, side, patch) for side in images.shape[2:])
    patches = [images[:, :, y : y + patch, x : x + patch] for y in rows for x in columns]
    return torch.stack([one.movedim(1, -1).flatten(1) for one in patches], dim=1)


def by_unfolding(images, patch):
    columns = torch.nn.functional.unfold(images, patch, stride=patch)  # B,Cpp,N
    return columns.unflatten(1, (images.shape[1], -1)).permute(0, 3, 2, 1).flatten(2)


def _arranged(images, patch, order, split="front"):
    """The picture split into patches, its dimensions (batch, channel, row, y, column, x) put into `order`."""
    b, c, height, width = images.shape
    rows, columns = height // patch, width // patch
    sizes = (rows, patch, columns, patch) if split == "front" else (patch, rows, patch, columns)
    return images.reshape(b, c, *sizes).permute(*order).reshape(b, rows * columns, patch * patch * c)


def only_reshapes(images, patch):
    """Your patches are stretches of the picture's rows: `reshape` alone never moves a number. Split both sides into
    (which patch, which pixel of it), and `permute` before you join."""
    return images.reshape(len(images), -1, patch * patch * images.shape[1])


def puts_the_channels_first(images, patch):
    """The patches are right, but each lists its pixels channel by channel, as `F.unfold` does. Here the channels of one
    pixel stand side by side: they go last in the `permute`."""
    return _arranged(images, patch, (0, 2, 4, 1, 3, 5))


def numbers_patches_down_the_columns(images, patch):
    """Your patches are numbered down the columns of the picture. Patch 1 is the right neighbour of patch 0: the patch's
    row goes before its column in the `permute`."""
    return _arranged(images, patch, (0, 4, 2, 3, 5, 1))


def reads_each_patch_down_its_columns(images, patch):
    """Each patch is read down its columns. Its pixels stand row by row: the pixel's row goes before its column in the
    `permute`."""
    return _arranged(images, patch, (0, 2, 4, 5, 3, 1))


def takes_every_nth_pixel(images, patch):
    """Your patches are made of pixels that lie far apart. When a side is split, the number of patches comes first and
    the patch side second: H becomes [H / p, p], not [p, H / p]."""
    return _arranged(images, patch, (0, 3, 5, 2, 4, 1), split="back")


def keeps_the_order_of_the_split(images, patch):
    """After the split you join without moving all dimensions: the patch's row and column must both come before the
    pixel's row and column."""
    return _arranged(images, patch, (0, 2, 3, 4, 5, 1))
