"""Pixels of patches as targets: images cut into patches and back, normalisation by patch, mean squared error.

Source: He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners" (MAE), sections 3 and 4.
"""

import torch
from torch import Tensor

from sslcourse.losses.checks import check_pair
from sslcourse.precision import full_precision


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Images `B,3,H,W` -> patches `B,N,3*p*p`, row by row of the grid; inside a patch row, column, channel.

    Raises ValueError when height or width is not a multiple of `patch_size`.

    >>> patchify(torch.zeros(2, 3, 8, 12), patch_size=4).shape
    torch.Size([2, 6, 48])
    """
    if images.ndim != 4:
        raise ValueError(f"images must be B,3,H,W; got {tuple(images.shape)}")
    batch, channels, height, width = images.shape
    if patch_size < 1 or height % patch_size or width % patch_size:
        raise ValueError(f"height and width must be multiples of patch_size={patch_size}; got {height} x {width}")
    cut = images.reshape(batch, channels, height // patch_size, patch_size, width // patch_size, patch_size)
    return cut.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def unpatchify(patches: Tensor, grid: tuple[int, int], patch_size: int) -> Tensor:
    """The inverse of `patchify`: patches `B,N,3*p*p` on a `grid` of (rows, columns) -> images `B,3,H,W`.

    Raises ValueError when the grid has not N places or the patches not a whole number of channels.

    >>> images = torch.rand(2, 3, 8, 12)
    >>> torch.equal(unpatchify(patchify(images, 4), (2, 3), 4), images)
    True
    """
    rows, columns = grid
    if patches.ndim != 3 or patches.shape[1] != rows * columns or patches.shape[2] % patch_size**2:
        raise ValueError(
            f"patches must be B,{rows * columns},3*{patch_size}*{patch_size} for a grid of {rows} x {columns}; "
            f"got {tuple(patches.shape)}"
        )
    cut = patches.reshape(len(patches), rows, columns, patch_size, patch_size, -1)
    return cut.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)


def normalize_patches(patches: Tensor) -> Tensor:
    """Each patch `...,P` shifted and scaled to mean 0 and variance 1: float32, float64 stays.

    What remains is a patch's texture: predicting its mean colour earns nothing. The variance is the unbiased one, to
    which 1e-6 is added: a patch of one colour becomes 0.

    Source: He et al. 2022, section 4.1, "Reconstruction target".

    >>> normalize_patches(torch.tensor([1.0, 2.0, 3.0])).round(decimals=3).tolist()
    [-1.0, 0.0, 1.0]
    """
    patches = full_precision(patches)
    variance, mean = torch.var_mean(patches, dim=-1, keepdim=True)
    return (patches - mean) * (variance + 1e-6).rsqrt()


def pixels_of(predicted: Tensor, true: Tensor) -> Tensor:
    """Predictions of normalised patches `B,N,P` as pixels, by the mean and variance of the `true` patches `B,N,P`.

    >>> true = torch.rand(1, 2, 12)
    >>> torch.allclose(pixels_of(normalize_patches(true), true), true, atol=1e-5)
    True
    """
    variance, mean = torch.var_mean(true, dim=-1, keepdim=True)
    return predicted.to(true.dtype) * (variance + 1e-6).sqrt() + mean


def reconstruction_loss(predicted: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean squared error of patches `B,N,P`: mean over a patch's P values, then weighted mean over the batch's patches.

    `weights` `B,N` (bool or not negative): in MAE 1 for a removed patch, 0 for a kept one; None = all patches. Where
    all weights are 0 the loss is 0. Where the weights of each process have the same sum, the mean of the processes'
    losses is the loss of the one big batch. Float32 inside, float64 stays. Raises ValueError on other shapes.

    Source: He et al. 2022, section 3, "Reconstruction target".

    >>> reconstruction_loss(torch.zeros(1, 2, 3), torch.tensor([[[2.0] * 3, [9.0] * 3]]), torch.tensor([[1, 0]])).item()
    4.0
    """
    check_pair("B,N,P", predicted=predicted, target=target)
    errors = (full_precision(predicted) - full_precision(target)).square().mean(-1)  # B,N
    if weights is None:
        return errors.mean()
    if weights.shape != errors.shape:
        raise ValueError(f"weights must be {tuple(errors.shape)}, one a patch; got {tuple(weights.shape)}")
    weights = weights.to(errors.dtype)
    total = weights.sum()
    return (errors * weights).sum() / (total + (total == 0))
