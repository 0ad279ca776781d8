"""Crop, flip and blur for a whole batch: linear along each image axis, so two batched matrix products an image.

Each output pixel reads only a few neighbouring input pixels, so beyond a certain size most of a dense matrix is zeros.
An `AxisMap` therefore holds the matrix in blocks of rows, each with the window of input pixels that it reads: one block
on small images (a plain matrix), several on large ones (at 224 px a fifth of the arithmetic).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sslcourse.data.workspace import Workspace
from sslcourse.kept import kept

DENSE_UP_TO = 80  # output pixels; measured: below, gathering windows costs more than the zeros it saves
BLOCK = 32  # rows of a block beyond that size


@dataclass(frozen=True)
class AxisMap:
    """A linear map of one axis, one for each image: row t of block k reads `window` pixels from `starts[k]` on.

    `starts` int64 `B,blocks`, None where one block reads everything; `weights` `B,blocks,rows,window`; `size` pixels
    come out (the last block may have rows to spare); `mean` `B,length` are the weights of the mean over the output
    before its blur.
    """

    starts: Tensor | None
    weights: Tensor
    size: int
    mean: Tensor


def axis_map(
    start: Tensor,
    extent: Tensor,
    length: int,
    size: int,
    *,
    flips: Tensor | None = None,
    sigma: Tensor | None = None,
    radius: int = 0,
    room: Workspace | None = None,
) -> AxisMap:
    """Cut [start, start + extent) out of an axis of `length` pixels, resize it to `size`, mirror it, blur it.

    `start`, `extent` `B` in pixels; `flips` bool `B`; `sigma` `B` in pixels of the output (0 = no blur) with a kernel
    of 2 `radius` + 1 taps. The resize is Pillow's BILINEAR: a triangle whose support grows with the reduction, taps
    outside the crop left out, weights summing to 1. The blur is torchvision's: its kernel sums to 1, the border mirrors
    without repeating the edge. The map lies in memory of `room`, where given, until the next one is made there. Raises
    ValueError when the mirror would need more pixels than there are.

    >>> halves = axis_map(torch.tensor([0]), torch.tensor([4]), 4, 2)
    >>> halves.weights[0, 0].mul(7).round().tolist()
    [[3.0, 3.0, 1.0, 0.0], [0.0, 1.0, 3.0, 3.0]]
    """
    radius, room = 0 if sigma is None else radius, room or Workspace(keeps=False)
    if not 0 <= radius < size:
        raise ValueError(f"the blur's radius must be at least 0 and below the view's side {size}; got {radius}")
    blocks = 1 if size <= DENSE_UP_TO else -(-size // BLOCK)
    plan = _plan(length, size, blocks, radius, start.device)
    start, extent = (value.float().view(-1, 1, 1, 1) for value in (start, extent))
    step = extent / size
    centers = plan.wanted * step  # B,blocks,reach,1: in pixels from the crop's start
    if flips is not None:
        centers = torch.where(flips.view(-1, 1, 1, 1), extent - centers, centers)
    centers = centers + start

    half = step.clamp(min=1)  # the triangle's half width: enlarging interpolates, reducing averages
    window, starts = len(plan.pixels), None
    taps = plan.pixels  # B,blocks,1,window: centres of the pixels read
    if blocks > 1:
        first = (centers.amin(2, keepdim=True) - half).floor().clamp(0, length - window)
        starts, taps = first.long().flatten(1), first + taps
    outside = (taps < start) | (taps > start + extent)
    taps = (taps / half).masked_fill_(outside, math.inf)  # infinitely far away: weight 0
    weights = room("weights", *centers.shape[:3], window)  # B,blocks,reach,window
    weights = torch.sub(centers / half, taps, out=weights)
    torch.sub(1, weights.abs_(), out=weights).clamp_(min=0)
    weights.div_(weights.sum(3, keepdim=True))

    if blocks == 1:
        mean = torch.bmm(plan.share.expand(len(start), 1, -1), weights.squeeze(1)).squeeze(1)
    else:
        mean = torch.matmul(plan.share, weights.narrow(2, radius, plan.share.shape[2])).flatten(1)
        nothing = torch.zeros(len(start), length, device=start.device)
        mean = nothing.scatter_add_(1, _read(starts, window).flatten(1), mean)
    if sigma is not None:
        blur = _blur_matrix(sigma, plan, room)[:, None].expand(-1, blocks, -1, -1).flatten(0, 1)
        blurred = room("blurred", *blur.shape[:2], window)
        weights = torch.bmm(blur, weights.flatten(0, 1), out=blurred).unflatten(0, (-1, blocks))
    return AxisMap(starts, weights, size, mean)


class _Plan(NamedTuple):
    """What an axis map has whatever is drawn: made once, since a device would need a kernel for each small step.

    `wanted` `blocks,reach,1`: the rows of the resize that each block needs, its own and what its blur reads around
    them, at their centres; `pixels` `window`: the centres of the first pixels; `share` `blocks,1,rows`: the weight of
    each own row in the mean; `taps`: the blur's offsets; `lands` `taps,rows*reach`: which row each of them reads.
    """

    wanted: Tensor
    pixels: Tensor
    share: Tensor
    taps: Tensor
    lands: Tensor


@kept
def _plan(length: int, size: int, blocks: int, radius: int, device: torch.device) -> _Plan:
    rows = -(-size // blocks)
    own = torch.arange(rows, device=device)
    reach = torch.arange(-radius, rows + radius, device=device) if blocks > 1 else own
    wanted = _mirrored(torch.arange(0, blocks * rows, rows, device=device)[:, None] + reach, size)  # blocks,reach
    pixels = torch.arange(_window(len(reach), length, size), device=device) + 0.5
    counted = torch.arange(blocks * rows, device=device) < size  # spare rows of the last block are not
    share = counted.view(blocks, 1, rows).float() / size
    taps = torch.arange(-radius, radius + 1, device=device)
    reads = own + taps[:, None]  # taps,rows
    reads = _mirrored(reads, size) if blocks == 1 else reads + radius
    lands = (reads[:, :, None] == torch.arange(len(reach), device=device)).float()  # taps,rows,reach
    return _Plan(wanted[:, :, None] + 0.5, pixels, share, taps, lands.flatten(1))


def along(pixels: Tensor, axis: AxisMap, room: Workspace | None = None) -> Tensor:
    """`axis` applied to the middle dimension of `B,length,F`: `B*V,size,F`, in memory of `room`.

    There may be V maps for each of the B, one after the other.

    >>> halves = axis_map(torch.tensor([0]), torch.tensor([4]), 4, 2)
    >>> along(torch.ones(1, 4, 1), halves).flatten().tolist()
    [1.0, 1.0]
    """
    room = room or Workspace(keeps=False)
    count, length, features = pixels.shape
    maps, blocks, rows, window = axis.weights.shape
    if blocks == 1:  # reads everything: the maps of one image are the rows of one matrix
        out = room("out", count, maps // count * rows, features)
        return torch.bmm(axis.weights.view(count, -1, window), pixels, out=out).view(maps, rows, features)
    images = torch.arange(maps, device=pixels.device)[:, None, None] // (maps // count)
    read = (_read(axis.starts, window) + images * length).flatten()
    windows = room("windows", len(read), features)
    windows = torch.index_select(pixels.reshape(-1, features), 0, read, out=windows)
    out = room("out", maps * blocks, rows, features)
    out = torch.bmm(axis.weights.flatten(0, 1), windows.view(-1, window, features), out=out)
    return out.view(maps, blocks * rows, features)[:, : axis.size]


def along_both(pixels: Tensor, rows: AxisMap, columns: AxisMap, room: Workspace | None = None) -> Tensor:
    """`rows` and `columns` applied to floating point `B,H,3,W` (channels inside rows): `B*V,3,h,w`, a view.

    >>> half = axis_map(torch.tensor([0]), torch.tensor([2]), 2, 1)
    >>> along_both(torch.tensor([1.0, 2, 3, 4]).reshape(1, 2, 1, 2), half, half).item()
    2.5
    """
    room = room or Workspace(keeps=False)
    _, _, channels, width = pixels.shape
    lines = along(pixels.flatten(2), rows, room.part("rows"))  # BV,h,3W
    maps = len(lines)
    if columns.weights.shape[1] == 1:
        views = room("views", maps, rows.size * channels, columns.size)
        views = torch.bmm(lines.reshape(maps, -1, width), columns.weights[:, 0].mT, out=views)  # BV,3h,w
        return views.view(maps, rows.size, channels, columns.size).transpose(1, 2)
    # so that windows of columns lie together
    turned = room.copy("turned", lines.unflatten(2, (channels, width)).permute(0, 3, 2, 1))  # BV,W,3,h
    views = along(turned.flatten(2), columns, room.part("columns"))  # BV,w,3h
    return views.unflatten(2, (channels, rows.size)).permute(0, 2, 3, 1)


def crop_maps(
    boxes: Tensor,
    flips: Tensor,
    height: int,
    width: int,
    size: int,
    sigma: Tensor | None = None,
    radius: int = 0,
    room: Workspace | None = None,
) -> tuple[AxisMap, AxisMap]:
    """The maps of the rows and of the columns that cut out `boxes`, resize them to `size`, mirror and blur them.

    `boxes` `B,4` as top, left, height, width in pixels, inside images of `height` and `width`; the rest as `axis_map`.

    >>> rows, columns = crop_maps(torch.tensor([[0, 0, 8, 8]]), torch.tensor([False]), 8, 8, 4)
    >>> tuple(rows.weights.shape)
    (1, 1, 4, 8)
    """
    room = room or Workspace(keeps=False)
    if height != width:
        top, left, tall, wide = boxes.unbind(1)
        blur = {"sigma": sigma, "radius": radius}
        rows = axis_map(top, tall, height, size, **blur, room=room.part("rows"))
        return rows, axis_map(left, wide, width, size, flips=flips, **blur, room=room.part("columns"))
    boxes = boxes.T.to(torch.float32, memory_format=torch.contiguous_format)
    start, extent = boxes.view(2, -1)  # 2B: of the rows, then of the columns
    flips = torch.nn.functional.pad(flips, (len(flips), 0))  # rows are not mirrored
    sigma = None if sigma is None else sigma.repeat(2)
    both = axis_map(start, extent, height, size, flips=flips, sigma=sigma, radius=radius, room=room)
    starts = (None, None) if both.starts is None else both.starts.chunk(2)
    halves = zip(starts, both.weights.chunk(2), both.mean.chunk(2), strict=True)
    return tuple(AxisMap(first, weights, size, mean) for first, weights, mean in halves)


def _blur_matrix(sigma: Tensor, plan: "_Plan", room: Workspace) -> Tensor:
    """Each image's Gaussian kernel as a matrix `B,rows,reach`."""
    # sigma 1e-3 underflows to the identity, without a division by zero
    kernel = torch.exp(-0.5 * (plan.taps / sigma.clamp(min=1e-3)[:, None]).square())  # B,taps
    kernel = kernel / kernel.sum(1, keepdim=True)
    room = room("blur", len(sigma), plan.lands.shape[1])
    return torch.mm(kernel, plan.lands, out=room).unflatten(1, (plan.share.shape[2], -1))


def _mirrored(rows: Tensor, size: int) -> Tensor:
    """Rows outside 0 ... size - 1 mirrored at the edge, which is not repeated; far outside, row 0 (nobody uses it)."""
    rows = rows.abs()
    return torch.where(rows >= size, 2 * (size - 1) - rows, rows).clamp(min=0)


def _window(reach: int, length: int, size: int) -> int:
    """How many input pixels `reach` neighbouring output rows can read, whatever the crop."""
    step = length / size
    return min(length, math.ceil((reach - 1) * step + 2 * max(step, 1)) + 1)


def _read(starts: Tensor, window: int) -> Tensor:
    """The input pixels of each block: int64 `B,blocks,window`."""
    return starts[:, :, None] + torch.arange(window, device=starts.device)
