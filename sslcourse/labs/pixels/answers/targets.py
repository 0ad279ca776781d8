"""Lab 6, exercise `targets`: each patch with mean 0 and variance 1."""

import torch
import torch.nn.functional as F

HINTS = (
    "One patch is one row of the last dimension. What is the same about two patches that differ in brightness and "
    "contrast only, and how do you take these two away?",
    "(x - mean) / sqrt(var + 1e-6), with mean and variance over the last dimension alone; the variance is torch's "
    "usual one, which divides by P - 1.",
    "`mean = patches.mean(dim=-1, keepdim=True)`; `var = patches.var(dim=-1, keepdim=True)`; then the formula.",
)


def normalised_targets(patches):
    mean = patches.mean(dim=-1, keepdim=True)
    var = patches.var(dim=-1, keepdim=True)
    return (patches - mean) / (var + 1e-6).sqrt()


def patch_by_patch(patches):
    rows = []
    for patch in patches.reshape(-1, patches.shape[-1]):
        centred = patch - patch.sum() / len(patch)
        rows.append(centred / (centred.dot(centred) / (len(patch) - 1) + 1e-6) ** 0.5)
    return torch.stack(rows).view(patches.shape)


def by_layer_norm(patches):
    p = patches.shape[-1]
    share = (p - 1) / p  # of the variance that divides by P - 1
    return F.layer_norm(patches, (p,), eps=share * 1e-6) * share**0.5


def _scaled(patches, dims):
    mean, var = patches.mean(dims, keepdim=True), patches.var(dims, keepdim=True)
    return (patches - mean) / (var + 1e-6).sqrt()


def over_the_whole_picture(patches):
    """You take mean and variance over a whole picture. Then a bright patch stays bright, and its mean colour is most of
    what there is to predict. Each patch by itself: over the last dimension only."""
    return _scaled(patches, (1, 2))


def over_the_patches(patches):
    """You take mean and variance over the patches of a picture (dim 1), for each pixel of a patch. It is the pixels of
    one patch that are to have mean 0 and variance 1: the last dimension."""
    return _scaled(patches, (1,))


def keeps_the_mean(patches):
    """You divide by the deviation, but the mean is still there. Subtract it first."""
    return patches / (patches.var(dim=-1, keepdim=True) + 1e-6).sqrt()


def keeps_the_contrast(patches):
    """You subtract the mean, but every patch keeps its contrast. Divide by the standard deviation, too."""
    return patches - patches.mean(dim=-1, keepdim=True)


def divides_by_the_variance(patches):
    """You divide by the variance. Its square root, the standard deviation, makes the variance 1."""
    return (patches - patches.mean(dim=-1, keepdim=True)) / (patches.var(dim=-1, keepdim=True) + 1e-6)


def divides_by_all_of_the_pixels(patches):
    """Your variance divides by P, the number of pixels (as layer_norm and `correction=0` do). The one that is asked for
    divides by P - 1, as `torch.var` does and as MAE's code has it."""
    var = patches.var(dim=-1, keepdim=True, correction=0)
    return (patches - patches.mean(dim=-1, keepdim=True)) / (var + 1e-6).sqrt()


def takes_the_usual_layer_norm(patches):
    """That is torch's layer_norm: its variance divides by P, not by P - 1, and its small constant is 1e-5."""
    return F.layer_norm(patches, patches.shape[-1:])


def adds_the_constant_to_the_deviation(patches):
    """You add 1e-6 to the standard deviation. The formula adds it to the *variance*, under the root. Only patches that
    are nearly of one colour show the difference: under the root it keeps their noise small."""
    mean, std = patches.mean(dim=-1, keepdim=True), patches.std(dim=-1, keepdim=True)
    return (patches - mean) / (std + 1e-6)
