"""How accuracy falls when patches are hidden: which ones, how many, and what takes their place."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sslcourse.data.imageset import ImageSet
from sslcourse.evaluation.features import knn_scorer
from sslcourse.evaluation.patches import patch_sides, to_pixels
from sslcourse.evaluation.scaling import check_finite

DROPPED = ("salient", "random", "background")
FILLS = ("mean", "noise", "other")
SHARES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75)
CHUNK = 1024  # images for which noise is held as float


def occlusion_curves(
    encoder: nn.Module,
    train_set: ImageSet,
    test_set: ImageSet,
    saliency: Tensor,
    grid: tuple[int, int],
    *,
    shares: Sequence[float] = SHARES,
    fills: Sequence[str] = FILLS,
    k: int = 20,
    scaling: str = "raw",
    size: int | None = None,
    generator: torch.Generator | None = None,
) -> list[dict[str, str | float]]:
    """kNN accuracy on test images of which patches are hidden, among clean training images: one row a measurement.

    `saliency` `M,P`: a number for each of the P = rows x columns patches of `grid`, high on the object; the covered
    share of each patch (`patch_mask`) where masks are known, else an attention. For each share, round(share * P)
    patches of *every* image are hidden, whichever are chosen: "salient" the highest, "background" the lowest, "random"
    any; of equal ones any, and each set holds those of the smaller shares. They are filled with the training images'
    "mean" colour, Gaussian "noise" of their mean and deviation, or with the same patches of an "other" test image.

    Rows hold `dropped`, `fill`, `share`, `patches`, `accuracy`, and `relative`, the accuracy divided by that on clean
    images; the first row is the clean one (`dropped` and `fill` "none"). `generator` (of the CPU; by default seed 0)
    draws everything, so encoders given equal ones see the same pictures. Raises ValueError on what does not fit.

    Source: Naseer et al. 2021, section 3.1, whose sets are matched on attention mass, not on the number of patches, and
    filled with black. Black overstates the damage (arXiv 2604.14433): no fill is neutral, so compare the three.

    >>> from sslcourse.models import ConvNet
    >>> bright = (torch.arange(6) % 2 * 200).to(torch.uint8).view(6, 1, 1, 1).repeat(1, 3, 8, 8)
    >>> toy = ImageSet(bright, torch.arange(6) % 2, ("dark", "bright"), "toy")
    >>> rows = occlusion_curves(ConvNet(8, depth=2), toy, toy, torch.rand(6, 4), (2, 2), shares=[0.5], k=3)
    >>> len(rows), rows[0]["accuracy"], rows[1]["patches"]
    (10, 1.0, 2)
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    count = grid[0] * grid[1]
    if saliency.shape != (len(test_set), count):
        raise ValueError(
            f"saliency must be {len(test_set)},{count}: a number a patch of grid {grid}; got {tuple(saliency.shape)}"
        )
    patch_sides(test_set.images.shape[2:], grid)  # refused before anything is computed
    check_finite(saliency, "numbers in saliency")
    if not shares or not all(0 < share < 1 for share in shares):
        raise ValueError(f"shares must lie between 0 and 1; got {tuple(shares)}")
    if unknown := set(fills) - set(FILLS):
        raise ValueError(f"fills must be among {', '.join(FILLS)}; got {', '.join(sorted(unknown))}")
    accuracy = knn_scorer(encoder, train_set, test_set.labels, k, scaling=scaling, size=size)
    images = test_set.images
    filling = {fill: fill_images(images, train_set.images, fill, generator) for fill in fills}
    orders = {what: drop_order(saliency.to(images.device), what, generator) for what in DROPPED}
    clean = accuracy(images)
    rows = [{"dropped": "none", "fill": "none", "share": 0.0, "patches": 0, "accuracy": clean, "relative": 1.0}]
    for what, order in orders.items():
        for fill, content in filling.items():
            for share in shares:
                patches = round(share * count)
                hidden = torch.zeros_like(order, dtype=torch.bool).scatter_(1, order[:, :patches], True)
                value = accuracy(hide(images, hidden, grid, content))
                relative = value / clean if clean else float("nan")
                rows.append(
                    {"dropped": what, "fill": fill, "share": share, "patches": patches, "accuracy": value}
                    | {"relative": relative}
                )
    return rows


def drop_order(saliency: Tensor, dropped: str, generator: torch.Generator) -> Tensor:
    """The numbers of all patches, int64 `M,P`, in the order in which they are hidden; equal ones in a random order.

    >>> drop_order(torch.tensor([[0.1, 0.9, 0.5]]), "salient", torch.Generator()).tolist()
    [[1, 2, 0]]
    """
    if dropped not in DROPPED:
        raise ValueError(f"dropped must be one of {', '.join(DROPPED)}; got {dropped!r}")
    shuffled = torch.rand(saliency.shape, generator=generator).argsort(1).to(saliency.device)
    if dropped == "random":
        return shuffled
    ranks = saliency.gather(1, shuffled).argsort(dim=1, descending=dropped == "salient", stable=True)
    return shuffled.gather(1, ranks)


def hide(images: Tensor, hidden: Tensor, grid: tuple[int, int], fill: Tensor) -> Tensor:
    """The images `M,3,H,W` with the patches `hidden` (bool `M,P`, row by row) taken from `fill`, which broadcasts.

    Raises ValueError when the images' sides are not multiples of the grid's.

    >>> hide(torch.ones(1, 1, 2, 4), torch.tensor([[True, False]]), (1, 2), torch.zeros(1))[0, 0].tolist()
    [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """
    return torch.where(to_pixels(hidden, grid, images.shape[2:])[:, None], fill, images)


def fill_images(images: Tensor, train_images: Tensor, fill: str, generator: torch.Generator) -> Tensor:
    """What takes the place of hidden patches, uint8 `M,3,H,W` or broadcasting to it, for images of that shape.

    >>> black, grey = torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.full((2, 3, 4, 4), 100, dtype=torch.uint8)
    >>> fill_images(black, grey, "mean", torch.Generator()).flatten().tolist()
    [100, 100, 100]
    """
    if fill == "other":
        if len(images) < 2:
            raise ValueError("the fill `other` takes patches from another image: give at least two test images")
        shift = torch.randint(1, len(images), (len(images),), generator=generator)
        return images[((torch.arange(len(images)) + shift) % len(images)).to(images.device)]  # never an image itself
    mean, std = _statistics(train_images)
    mean, std = mean.to(images.device), std.to(images.device)
    if fill == "mean":
        return mean.round().to(torch.uint8)
    parts = []
    for part in images.split(CHUNK):
        noise = torch.randn(part.shape, generator=generator).to(images.device)
        parts.append((noise * std + mean).round().clamp(0, 255).to(torch.uint8))
    return torch.cat(parts)


def _statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, `1,3,1,1`, in levels of 0 to 255; a chunk of images at a time."""
    pixels = images.numel() / 3
    total = sum(part.double().sum((0, 2, 3)) for part in images.split(CHUNK))
    squares = sum(part.double().square().sum((0, 2, 3)) for part in images.split(CHUNK))
    mean = total / pixels
    std = (squares / pixels - mean.square()).clamp(min=0).sqrt()
    return mean.float().view(1, 3, 1, 1), std.float().view(1, 3, 1, 1)
