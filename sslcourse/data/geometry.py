"""Crop, flip and blur for a whole batch: linear maps along each image axis, so two batched matrix products an image."""

from __future__ import annotations

import torch
from torch import Tensor


def resize_matrix(start: Tensor, extent: Tensor, flips: Tensor | None, length: int, size: int, dtype=None) -> Tensor:
    """Weights `B,size,length` that crop [start, start + extent) of an axis of `length` pixels and resize it to `size`.

    `start`, `extent` in pixels, `B`; `flips` bool `B` or None mirrors the result. Antialiased triangle filter, as Pillow's
    BILINEAR: its support grows with the reduction, taps outside the crop are left out and each row sums to 1.

    >>> one = lambda value: torch.tensor([float(value)])
    >>> resize_matrix(one(1), one(2), None, 4, 2)[0].tolist()
    [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """
    dtype = dtype or torch.float32
    start, extent = (value.to(dtype)[:, None] for value in (start, extent))  # B,1
    steps = torch.arange(size, device=start.device, dtype=dtype) + 0.5
    taps = torch.arange(length, device=start.device, dtype=dtype) + 0.5
    centers = steps * (extent / size)  # B,size, counted from the start of the crop
    if flips is not None:
        centers = torch.where(flips[:, None], extent - centers, centers)
    width = (extent / size).clamp(min=1)  # the triangle's half width: enlarging interpolates, reducing averages
    weights = ((start + centers) / width)[:, :, None] - (taps / width)[:, None, :]  # B,size,length
    weights = weights.abs_().neg_().add_(1).clamp_(min=0)
    inside = (taps > start) & (taps < start + extent)  # B,length
    weights = weights.mul_(inside[:, None, :])
    return weights.div_(weights.sum(2, keepdim=True))


def blur_matrix(sigma: Tensor, size: int, radius: int) -> Tensor:
    """Gaussian blur of an axis of `size` pixels as weights `B,size,size`, mirrored at the border (edge not repeated).

    `sigma` `B` in pixels, 0 leaves the image as it is; the kernel has 2 `radius` + 1 taps and sums to 1, as in
    torchvision's `gaussian_blur`. Raises ValueError when the mirror would need more pixels than there are.

    >>> blur_matrix(torch.tensor([0.0]), 3, 1)[0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if not 0 <= radius < size:
        raise ValueError(f"the blur's radius must be at least 0 and below the image's side {size}; got {radius}")
    offsets = torch.arange(-radius, radius + 1, device=sigma.device)
    pixels = torch.arange(size, device=sigma.device)
    # sigma 1e-3 underflows to the identity, without a division by zero
    kernel = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3)[:, None]).square())  # B,taps
    kernel = kernel / kernel.sum(1, keepdim=True)
    source = (pixels + offsets[:, None]).abs()  # taps,size
    source = torch.where(source >= size, 2 * (size - 1) - source, source)
    lands = (source[:, :, None] == pixels).to(kernel.dtype)  # taps,size,size: which pixel each tap reads
    return (kernel @ lands.flatten(1)).unflatten(1, (size, size))


def along_axes(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """`rows` `B,h,H` and `columns` `B,w,W` applied to floating point images `B,3,H,W`: `B,3,h,w`.

    >>> halves = torch.full((1, 1, 2), 0.5)
    >>> along_axes(torch.arange(4.0).reshape(1, 1, 2, 2), halves, halves).item()
    1.5
    """
    channels, height = images.shape[1:3]
    lines = torch.bmm(images.flatten(1, 2), columns.mT)  # B,3H,w: one product an image, whatever the channels
    lines = lines.unflatten(1, (channels, height))  # B,3,H,w
    return torch.stack([torch.bmm(rows, lines[:, channel]) for channel in range(channels)], dim=1)  # B,3,h,w


def crop_matrices(boxes: Tensor, flips: Tensor | None, height: int, width: int, size: int, dtype=None):
    """The rows' `B,size,height` and columns' `B,size,width` weights that cut out `boxes` (top, left, height, width).

    >>> rows, columns = crop_matrices(torch.tensor([[0, 0, 8, 8]]), None, 8, 8, 4)
    >>> tuple(rows.shape), tuple(columns.shape)
    ((1, 4, 8), (1, 4, 8))
    """
    top, left, tall, wide = boxes.unbind(1)
    rows = resize_matrix(top, tall, None, height, size, dtype)
    return rows, resize_matrix(left, wide, flips, width, size, dtype)


def random_resized_crop(images: Tensor, boxes: Tensor, flips: Tensor | None, size: int) -> Tensor:
    """Each image's own box, resized to `size` with antialiasing and mirrored where `flips`: float `B,3,size,size` in [0, 1].

    `images` uint8 or float in [0, 1], `B,3,H,W`; `boxes` `B,4` as top, left, height, width in pixels, inside the image;
    `flips` bool `B` or None. The same as Pillow's crop, then resize with BILINEAR. The crop of Szegedy et al. 2015 that
    SimCLR (Chen et al. 2020, appendix A) uses, with the boxes given.

    >>> images = torch.arange(16.0).reshape(1, 1, 4, 4).expand(1, 3, 4, 4) / 16
    >>> (16 * random_resized_crop(images, torch.tensor([[1, 0, 2, 2]]), torch.tensor([True]), 2))[0, 0].tolist()
    [[5.0, 4.0], [9.0, 8.0]]
    """
    pixels = to_float(images)
    rows, columns = crop_matrices(boxes, flips, *images.shape[2:], size, pixels.dtype)
    return along_axes(pixels, rows, columns)


def blur(images: Tensor, sigma: Tensor, radius: int | None = None) -> Tensor:
    """Gaussian blur with each image's own `sigma` (`B`, pixels, 0 = none), mirrored at the border: float `B,3,H,W` in [0, 1].

    `radius` of the kernel in pixels, by default 6 (three times the usual largest sigma of 2), less on smaller images.

    >>> blur(torch.full((1, 3, 8, 8), 0.5), torch.tensor([2.0])).sub(0.5).abs().max().item() < 1e-6
    True
    """
    pixels = to_float(images)
    height, width = images.shape[2:]
    radius = min(6, height - 1, width - 1) if radius is None else radius
    sigma = sigma.to(pixels.dtype)
    return along_axes(pixels, blur_matrix(sigma, height, radius), blur_matrix(sigma, width, radius))


def to_float(images: Tensor) -> Tensor:
    """Images as floating point in [0, 1]: uint8 is divided by 255, floating point passes.

    >>> to_float(torch.tensor([255], dtype=torch.uint8)).item()
    1.0
    """
    if images.dtype == torch.uint8:
        return images.float().div_(255)
    if not images.is_floating_point():
        raise TypeError(f"images must be uint8, or floating point in [0, 1]; got {images.dtype}")
    return images
