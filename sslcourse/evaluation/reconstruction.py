"""How well hidden patches are reconstructed, for images of each class and background, against their own variance."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sslcourse.data.imageset import ImageSet
from sslcourse.data.objects import FAMILIES
from sslcourse.evaluation.features import evaluating, home_of
from sslcourse.losses.reconstruction import patchify, pixels_of
from sslcourse.models.decoder import Decoder
from sslcourse.models.encoder import TokenEncoder
from sslcourse.pruning.select import keep_count, select
from sslcourse.pruning.tokens import removed_mask

# Images float B,3,H,W in [0, 1] -> predicted patches B,N,P (in the order of `patchify`), and which count, bool B,N.
Reconstruct = Callable[[Tensor], tuple[Tensor, Tensor]]


def reconstruction_table(
    reconstruct: Reconstruct,
    images: ImageSet,
    patch_size: int,
    *,
    normalized: bool,
    groups: Mapping[str, tuple[Tensor, tuple[str, ...]]] | None = None,
    batch_size: int = 256,
) -> list[dict[str, str | int | float]]:
    """The error of hidden patches over all images and over each group of them: one row each.

    `reconstruct` takes float images `B,3,H,W` in [0, 1], on their device, and gives the predicted patches `B,N,P` and
    which of them count, bool `B,N`: `random_removal`, or any other. `normalized` predictions are of patches of mean 0
    and variance 1, as in MAE; they are first brought to pixels by the true patch's mean and variance. `groups` maps a
    name to a number for each image, int64 `N`, and what the numbers mean; by default those of `groups_of`.

    Rows hold `by` ("all", or the name of the grouping), `group`, the number of `images` and of hidden `patches`,
    `error`, the mean squared error of pixels in [0, 1], `variance`, the patches' mean variance, and `relative`, the one
    divided by the other: 1 for predicting each patch's own mean colour. Structure differs between scenes, so compare
    `relative`, not `error`. It is a ratio of means, not a mean of ratios, which a few patches of one colour would rule.
    NaN where nothing is hidden. Groups without an image have no row. Raises ValueError on shapes that do not fit.

    >>> flat = ImageSet(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), ("a", "b"), "toy")
    >>> grey = lambda images: (torch.full((len(images), 4, 48), 0.5), torch.ones(len(images), 4, dtype=torch.bool))
    >>> [(row["group"], row["patches"], row["error"]) for row in reconstruction_table(grey, flat, 4, normalized=False)]
    [('all', 8, 0.25), ('a', 4, 0.25), ('b', 4, 0.25)]
    """
    groups = groups_of(images) if groups is None else groups
    for name, (numbers, meanings) in groups.items():
        if numbers.shape != (len(images),) or not all(0 <= each < len(meanings) for each in numbers.unique().tolist()):
            raise ValueError(
                f"group {name!r} must have {len(images)} numbers in 0..{len(meanings) - 1}; "
                f"got shape {tuple(numbers.shape)} and {numbers.unique().tolist()}"
            )
    parts = []
    for start in range(0, len(images), batch_size):
        batch = images.batch(slice(start, start + batch_size))
        true = patchify(batch, patch_size).cpu()
        predicted, hidden = (each.cpu() for each in reconstruct(batch))
        if predicted.shape != true.shape or hidden.shape != true.shape[:2]:
            wanted = f"{tuple(true.shape)} and {tuple(true.shape[:2])}"
            raise ValueError(f"reconstruct must give {wanted}; got {tuple(predicted.shape)} and {tuple(hidden.shape)}")
        predicted = pixels_of(predicted, true) if normalized else predicted
        error = (predicted.double() - true).square().mean(2)
        sums = [(each * hidden).sum(1) for each in (error, true.double().var(2, correction=0), torch.ones_like(error))]
        parts.append(torch.stack(sums, 1))
    sums = torch.cat(parts)  # N,3: of each image's hidden patches
    rows = [_row("all", "all", sums)]
    for name, (numbers, meanings) in groups.items():
        numbers = numbers.cpu()
        rows += [_row(name, str(meanings[each]), sums[numbers == each]) for each in numbers.unique().tolist()]
    return rows


def groups_of(images: ImageSet) -> dict[str, tuple[Tensor, tuple[str, ...]]]:
    """The groupings that a set of images has: "class" if it is labelled, "background" family for the embedded objects.

    >>> images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    >>> groups_of(ImageSet(images, torch.tensor([1, 0]), ("cat", "dog"), "toy"))
    {'class': (tensor([1, 0]), ('cat', 'dog'))}
    """
    groups = {"class": (images.labels, images.classes)} if images.labelled else {}
    if images.extras.get("background", images.images).ndim == 1:  # one number an image, not a map
        groups["background"] = (images.extras["background"], FAMILIES)
    return groups


def random_removal(
    encoder: TokenEncoder, decoder: Decoder, keep_rate: float = 0.25, *, generator: torch.Generator | None = None
) -> Reconstruct:
    """A `reconstruct` for `reconstruction_table`: random patches are removed, and an encoder and its decoder fill them.

    ceil(keep_rate * N) patches of each image stay. `generator` (of the CPU; by default seed 0) draws which, so that
    encoders of one grid given equal ones are asked for the same patches. Raises ValueError for images whose grid is not
    the decoder's and for a decoder that predicts no pixels, TypeError for an encoder that cannot leave patches out.

    Source: He et al. 2022 (MAE), section 3, which removes 75 %.

    >>> from sslcourse.models import build_encoder
    >>> encoder = build_encoder("vit_64x2_p8", image_size=32)
    >>> reconstruct = random_removal(encoder, Decoder(64, encoder.grid, 8))
    >>> predicted, hidden = reconstruct(torch.rand(2, 3, 32, 32))
    >>> tuple(predicted.shape), hidden.sum(1).tolist()
    ((2, 16, 192), [12, 12])
    """
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    if not isinstance(encoder, TokenEncoder):
        raise TypeError(f"removal needs a TokenEncoder, which can leave patches out; got a {type(encoder).__name__}")
    if decoder.predict is None:
        raise ValueError("this decoder predicts no pixels; build it with outputs of 3 * patch_size**2, the default")

    def reconstruct(images: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(home_of(encoder))
        grid = encoder.grid_of(images)
        if grid != decoder.grid:
            raise ValueError(f"the images have {grid} patches and the decoder is for {decoder.grid}")
        places = decoder.num_patches
        kept = select(torch.rand(len(images), places, generator=generator), keep_count(places, keep_rate), "low")
        kept = kept.to(images.device)
        with evaluating(encoder), evaluating(decoder):
            tokens = encoder(images, kept)
            return decoder(tokens.patches, kept, tokens.cls).pixels, removed_mask(kept, places)

    return reconstruct


def _row(by: str, group: str, sums: Tensor) -> dict[str, str | int | float]:
    """The row of images whose errors, variances and numbers of hidden patches are `sums` `N,3`."""
    error, variance, patches = sums.sum(0).tolist()
    nan = float("nan")
    return {
        "by": by,
        "group": group,
        "images": len(sums),
        "patches": int(patches),
        "error": error / patches if patches else nan,
        "variance": variance / patches if patches else nan,
        "relative": error / variance if variance else nan,
    }
