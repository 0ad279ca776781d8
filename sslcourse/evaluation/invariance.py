"""How alike the features of two views of an image are: of crops that overlap more or less, and of augmented views."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.imageset import ImageSet
from sslcourse.data.views import two_views
from sslcourse.evaluation.features import extract_features
from sslcourse.losses.contrastive import alignment, uniformity

DISJOINT = 0.1  # of the pairs share no pixel
CHUNK = 1024  # images whose crops or views are held at once


class CropSimilarity(NamedTuple):
    """Of each pair of crops the `share` of pixels that both hold and the `cosine` of their features, float64 `N`.

    `floor` is the mean cosine of crops of different images: what similarity means no more than "a picture".
    """

    share: Tensor
    cosine: Tensor
    floor: float

    @property
    def iou(self) -> Tensor:
        """The crops' intersection over their union, float64 `N`."""
        return self.share / (2 - self.share)

    def curve(self, bins: int = 5) -> list[dict[str, float]]:
        """One row for pairs without a common pixel and one for each of `bins` equal ranges of the share above 0.

        Rows hold the mean `share`, `iou` and `cosine`, the number of `pairs`, and `relative`, the cosine on a scale
        from the floor (0) to identical features (1). Ranges without a pair have no row.
        """
        number = (self.share * bins - 1e-9).ceil().long()  # 0 where the crops are apart; 0.28 * 25 is above 7
        rows = []
        for each in number.unique().tolist():
            here = number == each
            row = {name: getattr(self, name)[here].mean().item() for name in ("share", "iou", "cosine")}
            relative = (row["cosine"] - self.floor) / (1 - self.floor) if self.floor < 1 else float("nan")
            rows.append(row | {"pairs": int(here.sum()), "relative": relative})
        return rows


def crop_similarity(
    encoder: nn.Module,
    images: ImageSet | Tensor,
    side: int,
    *,
    pairs: int = 4,
    size: int | None = None,
    generator: torch.Generator | None = None,
) -> CropSimilarity:
    """The cosine of the features of two local crops of an image, for pairs whose overlap is spread evenly.

    `side`: of the square crops, in pixels, at most half of the images' sides, so that two can lie apart. Each image
    gives `pairs` pairs of crops, cut out pixel by pixel: their overlap is exact. `size`: the pixels a side to which the
    crops are then resized, where the encoder needs others. `generator` (of the CPU; by default seed 0) draws the
    places, the same for every encoder. `images` are those of `extract_features`, at least two. Raises ValueError
    otherwise.

    Read it beside the floor: an encoder that makes all crops alike (a trivial shortcut) is near 1 at every overlap; one
    whose local features are distinct falls towards the floor as the crops part.

    >>> from sslcourse.models import ConvNet
    >>> images = torch.randint(0, 256, (20, 3, 32, 32), dtype=torch.uint8)
    >>> found = crop_similarity(ConvNet(8, depth=3), images, side=16)
    >>> len(found.share), [round(row["share"], 1) for row in found.curve(2)][0]
    (80, 0.0)
    """
    images = images.images if isinstance(images, ImageSet) else images
    if images.ndim != 4 or len(images) < 2 or pairs < 1:
        raise ValueError(f"at least 2 images N,3,H,W and 1 pair of each are needed; got {tuple(images.shape)}, {pairs}")
    if not 1 <= 2 * side <= min(images.shape[2:]):
        raise ValueError(f"side must be at most half of the images' {images.shape[2]} x {images.shape[3]}; got {side}")
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    corners = draw_corners(len(images) * pairs, tuple(images.shape[2:]), side, generator)  # NP,2,2
    features = []
    for part, places in zip(images.split(CHUNK), corners.split(CHUNK * pairs), strict=True):
        crops = cut(part.repeat_interleave(pairs, 0), places, side)
        features.append(extract_features(encoder, crops.flatten(0, 1), size=size).unflatten(0, (-1, 2)))
    unit = F.normalize(torch.cat(features).double(), dim=2)  # NP,2,D
    own = unit.flatten(0, 1).unflatten(0, (len(images), 2 * pairs)).sum(1)  # N,D: the sum of an image's crops
    others = (own.sum(0).square().sum() - own.square().sum()) / (4 * pairs**2 * len(images) * (len(images) - 1))
    return CropSimilarity(shared(corners, side), (unit[:, 0] * unit[:, 1]).sum(1), others.item())


def draw_corners(count: int, image: tuple[int, int], side: int, generator: torch.Generator) -> Tensor:
    """Upper left corners int64 `count,2,2` (which crop; row, column) of pairs of crops inside an image of (H, W).

    A tenth of the pairs lie apart, side by side; the others' shares of common pixels are uniform but for rounding to
    whole pixels. They are shifted against each other in both directions by random parts of what that takes.

    >>> corners = draw_corners(3, (8, 8), 4, torch.Generator().manual_seed(0))
    >>> tuple(corners.shape), bool((corners >= 0).all() and (corners <= 4).all())
    ((3, 2, 2), True)
    """
    share, split, turn, *draws = torch.rand(7, count, generator=generator, dtype=torch.float64)
    share = (share - DISJOINT).clamp(min=0) / (1 - DISJOINT)
    common = torch.stack([share**split, torch.where(share > 0, share ** (1 - split), split)], 1)  # product: the share
    common = torch.where(turn[:, None] < 0.5, common, common.flip(1))  # of the side, in rows and in columns
    sign, place = torch.stack(draws[:2], 1), torch.stack(draws[2:], 1)
    shift = ((1 - common) * side).round() * torch.where(sign < 0.5, -1, 1)  # count,2
    room = torch.tensor(image, dtype=torch.float64) - side - shift.abs() + 1
    first = (place * room).floor() - shift.clamp(max=0)
    return torch.stack([first, first + shift], 1).long()


def shared(corners: Tensor, side: int) -> Tensor:
    """The share of its pixels that a square crop has in common with its partner, float64 `N`, from `N,2,2`.

    >>> shared(torch.tensor([[[0, 0], [1, 2]]]), side=4).item()  # 3 x 2 of 16 pixels
    0.375
    """
    common = (side - (corners[:, 0] - corners[:, 1]).abs()).clamp(min=0)
    return common.prod(1).double() / side**2


def cut(images: Tensor, corners: Tensor, side: int) -> Tensor:
    """The two crops of each image `B,3,H,W` at `corners` `B,2,2`: `B,2,3,side,side`.

    >>> cut(torch.arange(9).view(1, 1, 3, 3), torch.tensor([[[0, 0], [1, 1]]]), 2).flatten(3).tolist()
    [[[[0, 1, 3, 4]], [[4, 5, 7, 8]]]]
    """
    within = torch.arange(side, device=images.device)
    rows, columns = corners.to(images.device)[..., None].add(within).unbind(2)  # B,2,side each
    image = torch.arange(len(images), device=images.device).view(-1, 1, 1, 1)
    return images[image, :, rows[:, :, :, None], columns[:, :, None, :]].movedim(4, 2)


class AlignmentUniformity(NamedTuple):
    """`alignment`: the mean squared distance of two views of an image, 0 at best. `uniformity`: log of the mean
    potential of pairs of images, from 0 (one point) down to about -4 (evenly over the sphere)."""

    alignment: float
    uniformity: float


def alignment_uniformity(
    encoder: nn.Module,
    images: ImageSet | Tensor,
    augmentation: Augmentation,
    *,
    generator: torch.Generator | None = None,
) -> AlignmentUniformity:
    """How near two augmented views of an image are on the sphere of features, and how evenly images cover it.

    `images` are those of `extract_features`, at least two; `augmentation` makes the views, drawn by `generator` (of the
    CPU; by default seed 0), the same for every encoder. Neither number means much alone: features that are one point
    are perfectly aligned, random ones perfectly uniform. All pairs are compared at once, N^2 numbers: give a part of a
    large set. Raises ValueError for fewer than two images.

    Source: Wang and Isola 2020, section 4.1, with exponent 2 and t = 2; uniformity is the mean over the two views.

    >>> from sslcourse.models import ConvNet
    >>> images = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    >>> found = alignment_uniformity(ConvNet(8, depth=2), images, Augmentation(size=16))
    >>> 0 < found.alignment < 4, -8 < found.uniformity < 0
    (True, True)
    """
    images = images.images if isinstance(images, ImageSet) else images
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    parts = []
    for part in images.split(CHUNK):
        views = two_views(part, augmentation, generator)
        parts.append(torch.stack([extract_features(encoder, view) for view in views]))
    first, second = torch.cat(parts, 1)
    spread = (uniformity(first) + uniformity(second)) / 2
    return AlignmentUniformity(alignment(first, second).item(), spread.item())
