"""Objects found without labels: image by image, the patches that hang together and differ from the rest."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluation.patches import to_pixels
from sslcourse.evaluation.scaling import check_finite

THRESHOLD = 0.2  # TokenCut's tau
WEAK = 1e-5  # the weight of all other edges, so that the graph is connected; TokenCut's epsilon
CHUNK = 64  # images whose graphs are held at once


class Discovery(NamedTuple):
    """Means over images that have an object, in [0, 1].

    `corloc`: the share of images where the found box has an IoU of at least 0.5 with an object's box; `box_iou`: that
    IoU, of the best object; `mask_iou`: the found patches' IoU with all objects' pixels.
    """

    corloc: float
    box_iou: float
    mask_iou: float


def find_objects(tokens: Tensor, grid: tuple[int, int], *, threshold: float = THRESHOLD) -> Tensor:
    """The patches of the most salient object of each image, bool `N,P`, from frozen patch tokens `N,P,D`.

    P = rows x columns of `grid` (see `extract_patches`). The patches of an image are the nodes of a graph; an edge
    joins two whose cosine is above `threshold`. A normalised cut parts them by the second eigenvector of the graph; the
    object is the side on which its largest entry lies, and of that the connected patches around this entry. Nothing is
    found (no patch) where no two patches are joined, as when all tokens are one. Raises ValueError on other shapes
    and on tokens that are not finite.

    Source: Wang et al. 2022 (TokenCut), section 3, with one change: the mean token of the image is taken off before
    the cosines. Output tokens, unlike the keys used there, all point in nearly one direction.

    >>> scene = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    >>> tokens = torch.stack([scene.flatten(), 1 - scene.flatten()], 1)[None]
    >>> find_objects(tokens, (3, 4)).nonzero()[:, 1].tolist()
    [5, 6]
    """
    if tokens.ndim != 3 or tokens.shape[1] != grid[0] * grid[1] or tokens.shape[1] < 2:
        raise ValueError(
            f"tokens must be N,{grid[0] * grid[1]},D, two or more of grid {grid}; got {tuple(tokens.shape)}"
        )
    check_finite(tokens, "tokens")
    found = [_cut(part.double(), grid, threshold) for part in tokens.cpu().split(CHUNK)]
    return torch.cat(found).to(tokens.device)


def discovery_scores(found: Tensor, objects: Tensor, grid: tuple[int, int]) -> Discovery:
    """How well the patches `found`, bool `N,P`, meet the objects in maps `N,H,W`: bool, or the number of each object.

    In maps of numbers 0 is background (`extras["instances"]`). Compare with `torch.ones_like(found)`: large objects are
    met by the whole image, too. NaN when no image has an object. Raises ValueError on shapes that do not fit.

    >>> objects = torch.tensor([[[0, 0, 1, 1], [0, 0, 1, 1]]])
    >>> discovery_scores(torch.tensor([[False, True]]), objects, (1, 2))
    Discovery(corloc=1.0, box_iou=1.0, mask_iou=1.0)
    """
    count = grid[0] * grid[1]
    if objects.ndim != 3 or found.shape != (len(objects), count):
        raise ValueError(
            f"found must be N,{count} and objects N,H,W; got {tuple(found.shape)} and {tuple(objects.shape)}"
        )
    objects = objects.cpu()
    pixels = to_pixels(found.cpu(), grid, objects.shape[1:])
    boxes = bounding_boxes(pixels)
    numbers = [number for number in objects.unique().tolist() if number]
    best = torch.zeros(len(objects), dtype=torch.float64)
    for number in numbers:
        best = best.maximum(box_ious(boxes, bounding_boxes(objects == number)))
    anything = objects > 0
    there, both, either = anything.flatten(1).any(1), pixels & anything, pixels | anything
    overlap = both.sum((1, 2)).double() / either.sum((1, 2)).clamp(min=1)
    return Discovery(*(part[there].double().mean().item() for part in (best >= 0.5, best, overlap)))


def bounding_boxes(masks: Tensor) -> Tensor:
    """The smallest box around each mask, int64 `N,4`: top, left, bottom, right, the last two beyond it; 0 if empty.

    >>> bounding_boxes(torch.tensor([[[False, False, False], [False, True, True]]])).tolist()
    [[1, 1, 2, 3]]
    """
    rows, columns = masks.any(2).int(), masks.any(1).int()
    first = [part.argmax(1) for part in (rows, columns)]
    last = [part.shape[1] - part.flip(1).argmax(1) for part in (rows, columns)]
    return torch.stack(first + last, 1) * masks.flatten(1).any(1)[:, None]


def box_ious(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of boxes `N,4`, row by row, float64 `N`; 0 where both are empty.

    >>> box_ious(torch.tensor([[0, 0, 2, 2]]), torch.tensor([[0, 1, 2, 3]])).item()
    0.3333333333333333
    """
    sides = (torch.minimum(first, second)[:, 2:] - torch.maximum(first, second)[:, :2]).clamp(min=0)
    common = sides.prod(1)
    either = sum((box[:, 2:] - box[:, :2]).prod(1) for box in (first, second)) - common
    return common.double() / either.clamp(min=1)


def _cut(tokens: Tensor, grid: tuple[int, int], threshold: float) -> Tensor:
    unit = F.normalize(tokens - tokens.mean(1, keepdim=True), dim=2)
    joined = unit @ unit.mT > threshold  # B,P,P
    weights = joined.double().clamp(min=WEAK)
    degree = weights.sum(2)  # B,P
    scale = degree.rsqrt()
    # The smallest eigenvectors of 1 - D^-1/2 W D^-1/2 are the largest of the product; eigh sorts them upwards.
    vector = torch.linalg.eigh(scale[:, :, None] * weights * scale[:, None])[1][:, :, -2] * scale  # B,P
    start = vector.abs().argmax(1, keepdim=True)
    side = vector > vector.mean(1, keepdim=True)
    mask = side == side.gather(1, start)  # whichever sign the eigenvector has
    seed = torch.zeros_like(mask).scatter_(1, start, True)
    alone = joined.sum((1, 2)) <= joined.diagonal(dim1=1, dim2=2).sum(1)
    return connected(mask.unflatten(1, grid), seed.unflatten(1, grid)).flatten(1) & ~alone[:, None]


def connected(mask: Tensor, seed: Tensor) -> Tensor:
    """What of each mask bool `B,rows,columns` can be reached from its seeds through sides of patches.

    >>> connected(torch.tensor([[[True, True, False, True]]]), torch.tensor([[[True, False, False, False]]])).tolist()
    [[[True, True, False, False]]]
    """
    reached, before = seed & mask, None
    while before is None or not torch.equal(reached, before):
        before, spread = reached, reached[:, None].float()
        beside = F.max_pool2d(spread, (3, 1), 1, (1, 0)).maximum(F.max_pool2d(spread, (1, 3), 1, (0, 1)))
        reached = (beside[:, 0] > 0) & mask
    return reached
