"""Lab 0, exercise `unpatchify`: put patches back into pictures."""

import torch

HINTS = (
    "Run `patchify` backwards: split what it joined, undo its `permute`, join what it split.",
    "With h = H / p and w = W / p: [B, h w, p p C] -> [B, h, w, p, p, C] -> [B, C, h, p, w, p] -> [B, C, H, W].",
    "`x = patches.reshape(B, H // p, W // p, p, p, -1)`; the dimensions are then 0 batch, 1 row and 2 column of the "
    "patch, 3 row and 4 column of the pixel, 5 channel: `x.permute(0, 5, 1, 3, 2, 4)`; `.reshape(B, -1, H, W)`.",
)


def unpatchify(patches, patch, height, width):
    b = len(patches)
    x = patches.reshape(b, height // patch, width // patch, patch, patch, -1)
    x = x.permute(0, 5, 1, 3, 2, 4)  # B,C,h,p,w,p
    return x.reshape(b, -1, height, width)


def by_placing(patches, patch, height, width):
    channels = patches.shape[2] // patch**2
    images = patches.new_zeros(len(patches), channels, height, width)
    for number in range(patches.shape[1]):
        y, x = patch * (number // (width // patch)), patch * (number % (width // patch))
        block = patches[:, number].reshape(-1, patch, patch, channels).permute(0, 3, 1, 2)
        images[:, :, y : y + patch, x : x + patch] = block
    return images


def by_folding(patches, patch, height, width):
    columns = patches.unflatten(2, (patch * patch, -1)).permute(0, 3, 2, 1).flatten(1, 2)  # B,Cpp,N
    return torch.nn.functional.fold(columns, (height, width), patch, stride=patch)


def _arranged(patches, patch, height, width, names, order):
    """Patches split into the dimensions `names` (R row, C column, y, x, c channel), put into `order`, and joined."""
    sizes = {"R": height // patch, "C": width // patch, "y": patch, "x": patch, "c": patches.shape[2] // patch**2}
    x = patches.reshape(len(patches), *(sizes[name] for name in names))
    return x.permute(0, *(names.index(name) + 1 for name in order)).reshape(len(patches), -1, height, width)


def only_reshapes(patches, patch, height, width):
    """Your picture lists one patch after the other, as if they were its rows: `reshape` alone never moves a number.
    Split, `permute`, join."""
    return patches.reshape(len(patches), -1, height, width)


def reads_the_channels_first(patches, patch, height, width):
    """You read each patch as if its channels came first. The channels of a pixel stand side by side: the last dimension
    splits into [p, p, C]."""
    return _arranged(patches, patch, height, width, "RCcyx", "cRyCx")


def lays_patches_down_the_columns(patches, patch, height, width):
    """You lay the patches down the columns of the picture. Patch 1 is the right neighbour of patch 0: the number of the
    patch splits into [rows, columns], in this order."""
    return _arranged(patches, patch, height, width, "CRyxc", "cRyCx")


def turns_each_patch(patches, patch, height, width):
    """Every patch is mirrored at its diagonal: its rows have become its columns. Of its two sides the first is the row
    of the pixel."""
    return _arranged(patches, patch, height, width, "RCxyc", "cRyCx")


def scatters_the_pixels(patches, patch, height, width):
    """The pixels of a patch end up far apart. In the rows of the picture the patch's row comes before the pixel's row:
    [h, p] joins to H, not [p, h]; so it is with the columns."""
    return _arranged(patches, patch, height, width, "RCyxc", "cyRxC")


def joins_before_it_moves(patches, patch, height, width):
    """You join patch rows with patch columns. Before the last `reshape` the dimensions must stand as [B, C, patch row,
    pixel row, patch column, pixel column]."""
    return _arranged(patches, patch, height, width, "RCyxc", "cRCyx")
