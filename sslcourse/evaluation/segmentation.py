"""What frozen patch tokens know of places: a linear probe for maps of objects or parts, and its scores."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.data.imageset import ImageSet
from sslcourse.data.objects import PARTS
from sslcourse.evaluation.linear import split_rows
from sslcourse.evaluation.linear_rates import accuracies, fit_rates
from sslcourse.evaluation.patches import patch_mask
from sslcourse.evaluation.scaling import check_finite, standardise

RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
CHUNK = 64  # images for which logits are held pixel by pixel


class SegmentationProbe(NamedTuple):
    """`mean_iou` and `boundary_f` on the test images, both in [0, 1], and the learning `rate` chosen."""

    mean_iou: float
    boundary_f: float
    rate: float


def segmentation_probe(
    train_tokens: Tensor,
    train_maps: Tensor,
    test_tokens: Tensor,
    test_maps: Tensor,
    grid: tuple[int, int],
    *,
    rates: tuple[float, ...] = RATES,
    epochs: int = 10,
    holdout: float = 0.2,
    reach: int = 1,
    generator: torch.Generator | None = None,
) -> SegmentationProbe:
    """How well a linear classifier of frozen patch tokens draws the maps of test images.

    Tokens `N,P,D` and `M,P,D` of the P = rows x columns places of `grid`, as `extract_patches` gives them; maps `N,H,W`
    and `M,H,W` of class numbers from 0 on (a bool mask: background and object; parts by `class_parts`). The
    classifier is trained on standardised tokens, each with its patch's most frequent class; of all `rates`, trained in
    one stacked computation, the one that is right most often on the tokens of a share `holdout` of the training images
    is trained again on all. Its logits are enlarged bilinearly to pixels before the largest is taken. `reach` in pixels
    is that of `boundary_f`. `generator` (of the CPU; by default seed 0) draws the share and the batches. Raises
    ValueError on shapes that do not fit, tokens that are not finite, maps of one class and a split that leaves one side
    empty.

    Source: Zhou et al. 2022 (iBOT), whose linear head on frozen tokens this is at small scale.

    >>> maps = (torch.rand(20, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.5).repeat_interleave(2, 1)
    >>> tokens = maps[:, ::2].flatten(1)[:, :, None].float()  # the answer itself
    >>> round(segmentation_probe(tokens, maps, tokens, maps, (4, 4)).mean_iou, 1) > 0.8
    True
    """
    for name, tokens, maps in (("train", train_tokens, train_maps), ("test", test_tokens, test_maps)):
        if tokens.ndim != 3 or tokens.shape[1] != grid[0] * grid[1] or len(maps) != len(tokens) or maps.ndim != 3:
            raise ValueError(
                f"{name}_tokens must be N,{grid[0] * grid[1]},D for a grid of {grid} and {name}_maps N,H,W; "
                f"got {tuple(tokens.shape)} and {tuple(maps.shape)}"
            )
        check_finite(tokens, f"{name}_tokens")
    lowest, highest = int(min(train_maps.min(), test_maps.min())), int(max(train_maps.max(), test_maps.max()))
    if not 0 <= lowest < highest:
        raise ValueError(f"maps must hold two or more classes, numbered from 0 on; got numbers {lowest} to {highest}")
    classes = highest + 1
    device, width = train_tokens.device, train_tokens.shape[2]
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    fit, aside = split_rows(len(train_tokens), holdout, generator, device)
    train, test = standardise(train_tokens.flatten(0, 1).float(), test_tokens.to(device).flatten(0, 1).float())
    train, test = train.view(len(train_tokens), -1, width), test.view(len(test_tokens), -1, width)
    labels = patch_classes(train_maps.to(device), grid, classes)
    how = {"epochs": epochs, "batch_size": 1024, "generator": generator}
    rates = tuple(sorted(rates))
    models = fit_rates(train[fit].flatten(0, 1), labels[fit].flatten(), classes, rates, **how)
    right = accuracies(models, train[aside].flatten(0, 1), labels[aside].flatten())
    rate = rates[right.index(max(right))]
    weights, biases = fit_rates(train.flatten(0, 1), labels.flatten(), classes, (rate,), **how)
    size, parts = test_maps.shape[1:], []
    for part in test.split(CHUNK):
        logits = (part @ weights[0].T + biases[0]).mT.unflatten(2, grid)  # B,C,rows,columns
        parts.append(F.interpolate(logits, size=size, mode="bilinear", align_corners=False).argmax(1))
    drawn, truth = torch.cat(parts), test_maps.to(device).long()
    return SegmentationProbe(mean_iou(drawn, truth), boundary_f(drawn, truth, reach), rate)


def class_parts(images: ImageSet) -> Tensor:
    """Maps of the embedded objects' parts, int64 `N,H,W`, in which each part of each class has its own number.

    0 is background. In `extras["parts"]` the same number is the tail of a fish and the chimney of a house, so that a
    probe for it would be asked for what tokens cannot know. Raises ValueError for images without such extras.

    >>> from sslcourse.data.objects import load_objects
    >>> images = load_objects("test", count=20, size=32, cache=False)
    >>> images.extras["parts"].max().item() <= 8 < class_parts(images).max().item() <= 84
    True
    """
    if not {"parts", "instances", "labels"} <= images.extras.keys() or not set(images.classes) <= set(PARTS):
        raise ValueError("class_parts needs the maps and classes of the embedded objects (data.objects.load_objects)")
    counts = torch.tensor([0] + [len(PARTS[name]) for name in images.classes], device=images.images.device)
    parts, instances = images.extras["parts"].long(), images.extras["instances"].long()
    owner = images.extras["labels"].gather(1, (instances - 1).clamp(min=0).flatten(1)).view_as(parts)  # N,H,W: a class
    return torch.where(parts > 0, counts.cumsum(0)[owner] + parts, 0)


def patch_classes(maps: Tensor, grid: tuple[int, int], num_classes: int) -> Tensor:
    """The most frequent class of each patch, int64 `B,P`, from maps `B,H,W`; of equally frequent ones the lowest.

    >>> patch_classes(torch.tensor([[[2, 2, 0, 1], [2, 0, 0, 1]]]), (1, 2), 3).tolist()
    [[2, 0]]
    """
    return torch.stack([patch_mask(maps == number, grid) for number in range(num_classes)]).argmax(0)


def mean_iou(drawn: Tensor, truth: Tensor) -> float:
    """Intersection over union of each class over all pixels, averaged over the classes found in either: in [0, 1].

    `drawn` and `truth` int64 of one shape.

    >>> mean_iou(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]))  # 1/2 and 2/3
    0.5833333333333333
    """
    if drawn.shape != truth.shape:
        raise ValueError(f"both maps must have one shape; got {tuple(drawn.shape)} and {tuple(truth.shape)}")
    classes = int(max(drawn.max(), truth.max())) + 1
    cell = truth.flatten() * classes + drawn.flatten()
    table = cell.bincount(minlength=classes**2).cpu().double().view(classes, classes)
    both = table.diagonal()
    either = table.sum(0) + table.sum(1) - both
    return (both / either)[either > 0].mean().item()


def boundary_f(drawn: Tensor, truth: Tensor, reach: int = 1) -> float:
    """The F score of boundary pixels, those whose class differs from the right or lower neighbour's: in [0, 1].

    Maps int64 `B,H,W`. A boundary pixel is right when one of the other map's lies within `reach` pixels, diagonals
    included. Precision and recall are counted over all images together. NaN when neither map has a boundary.

    Source: Perazzi et al. 2016 (DAVIS), contour accuracy, with a square reach in place of their bipartite matching.

    >>> edge = torch.tensor([[[0, 0, 1, 1]]])
    >>> boundary_f(edge, edge), boundary_f(edge, torch.tensor([[[0, 1, 1, 1]]]), reach=0)
    (1.0, 0.0)
    """
    found, real = _boundary(drawn), _boundary(truth)
    right = (found * _grown(real, reach)).sum().item()
    seen = (real * _grown(found, reach)).sum().item()
    marked, there = found.sum().item(), real.sum().item()
    if marked + there == 0:
        return math.nan
    precision, recall = right / max(marked, 1), seen / max(there, 1)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _boundary(maps: Tensor) -> Tensor:
    edges = torch.zeros_like(maps, dtype=torch.bool)
    edges[:, :, :-1] |= maps[:, :, 1:] != maps[:, :, :-1]
    edges[:, :-1] |= maps[:, 1:] != maps[:, :-1]
    return edges[:, None].float()


def _grown(edges: Tensor, reach: int) -> Tensor:
    return F.max_pool2d(edges, 2 * reach + 1, stride=1, padding=reach)
