"""Lab 7, exercise `loss`: class token, patches and pixels in one loss, each with a switch."""

import torch

HINTS = (
    "Begin with the class token's loss and add what is switched on. Which patches has the student, and which has "
    "the decoder to paint? That depends on one switch only.",
    "L = cls + [patches] w1 * mean of the losses of the patches that the student has + [pixels] w2 * mean of the "
    "errors of those it lacks; where nothing is removed, both means are over all patches. What is off must not be "
    "touched: 0 times NaN is NaN.",
    '`if switches["patches"]:` choose `seen = ~removed if switches["removal"] else torch.ones_like(removed)` and '
    "add its weight times `patch_losses[seen].mean()`; the same for pixels, with `removed`.",
)


def combined_loss(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    everywhere = torch.ones_like(removed)
    loss = cls_loss
    if switches["patches"]:
        seen = ~removed if switches["removal"] else everywhere
        loss = loss + weights["patches"] * patch_losses[seen].mean()
    if switches["pixels"]:
        painted = removed if switches["removal"] else everywhere
        loss = loss + weights["pixels"] * pixel_errors[painted].mean()
    return loss


def by_weights(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    gone = removed & torch.tensor(switches["removal"])
    painted = gone if switches["removal"] else ~gone
    total = cls_loss.clone()
    for name, terms, counted in (("patches", patch_losses, ~gone), ("pixels", pixel_errors, painted)):
        if switches[name]:
            total = total + weights[name] * torch.where(counted, terms, 0.0).sum() / counted.sum()
    return total


def without_what_is_nan(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    parts = [cls_loss]
    if switches["patches"]:
        parts.append(weights["patches"] * patch_losses.nanmean())
    if switches["pixels"]:
        rows, columns = removed.nonzero(as_tuple=True)
        painted = pixel_errors[rows, columns] if switches["removal"] else pixel_errors.flatten()
        parts.append(painted.mean().mul(weights["pixels"]))
    return torch.stack(parts).sum()


def picture_by_picture(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    terms = []
    for losses, errors, gone in zip(patch_losses, pixel_errors, removed):
        places = range(len(gone))
        lost = {i for i in places if gone[i] and switches["removal"]}
        seen, painted = [i for i in places if i not in lost], sorted(lost) or list(places)
        own = 0
        if switches["patches"]:
            own = own + weights["patches"] * sum(losses[i] for i in seen) / len(seen)
        if switches["pixels"]:
            own = own + weights["pixels"] * sum(errors[i] for i in painted) / len(painted)
        terms.append(own)
    return cls_loss + sum(terms) / len(terms)


def _means(patch_losses, pixel_errors, removed, switches, weights):
    """The weighted means of patches and pixels, 0 where they are off."""
    gone = removed if switches["removal"] else torch.zeros_like(removed)
    patches = weights["patches"] * patch_losses[~gone].mean() if switches["patches"] else 0.0
    painted = gone if switches["removal"] else ~gone
    return patches, weights["pixels"] * pixel_errors[painted].mean() if switches["pixels"] else 0.0


def paints_nothing_where_nothing_is_removed(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """You leave the pixels out where nothing is removed. Then *all* patches are painted: reconstruction needs no
    removal, so the two have switches of their own."""
    pixels = switches["pixels"] and switches["removal"]
    return combined_loss(cls_loss, patch_losses, pixel_errors, removed, {**switches, "pixels": pixels}, weights)


def paints_every_patch(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """Your error of pixels is over all patches, also where some are removed. The student has seen the others: only the
    removed ones count then."""
    patches, _ = _means(patch_losses, pixel_errors, removed, switches, weights)
    return cls_loss + patches + (weights["pixels"] * pixel_errors.mean() if switches["pixels"] else 0)


def paints_what_is_seen(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """Your error of pixels is over the patches that the student has. It is the other way round: the decoder is judged
    on those that were removed."""
    patches, _ = _means(patch_losses, pixel_errors, removed, switches, weights)
    seen = ~removed if switches["removal"] else torch.ones_like(removed)
    return cls_loss + patches + (weights["pixels"] * pixel_errors[seen].mean() if switches["pixels"] else 0)


def removes_without_being_asked(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """You look at `removed` although removal is switched off. It then says only which patches *would* go: the student
    has them all, and all are painted."""
    return combined_loss(cls_loss, patch_losses, pixel_errors, removed, {**switches, "removal": True}, weights)


def leaves_patches_out_that_nobody_removed(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """Your loss of the patches leaves out those in `removed` although removal is switched off. It then says only which
    patches *would* go: the student has them all."""
    _, pixels = _means(patch_losses, pixel_errors, removed, switches, weights)
    patches = weights["patches"] * patch_losses[~removed].mean() if switches["patches"] else 0
    return cls_loss + patches + pixels


def forgets_the_weights(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """Patches and pixels count in full. Multiply each by its weight."""
    ones = dict.fromkeys(weights, 1.0)
    return combined_loss(cls_loss, patch_losses, pixel_errors, removed, switches, ones)


def exchanges_the_weights(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """The two weights are exchanged: `weights["patches"]` belongs to the patches' loss, `weights["pixels"]` to the
    error of pixels."""
    turned = {"patches": weights["pixels"], "pixels": weights["patches"]}
    return combined_loss(cls_loss, patch_losses, pixel_errors, removed, switches, turned)


def averages_the_terms(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """You divide by the number of terms that are on, so that switching one off makes the others count more. The terms
    are added."""
    count = 1 + switches["patches"] + switches["pixels"]
    return combined_loss(cls_loss, patch_losses, pixel_errors, removed, switches, weights) / count


def adds_up_the_patches(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """You add up the patches of a picture where their mean is asked for: the more patches, the more they would count
    beside the class token."""
    patches, pixels = _means(patch_losses, pixel_errors, removed, switches, weights)
    gone = removed.sum(1)[0] if switches["removal"] else 0
    seen, painted = removed.shape[1] - gone, gone if switches["removal"] else removed.shape[1]
    return cls_loss + patches * seen + pixels * painted


def adds_up_the_whole_batch(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """You add up the patches of all pictures where their mean is asked for: the larger the batch, the more they would
    count beside the class token."""
    patches, pixels = _means(patch_losses, pixel_errors, removed, switches, weights)
    gone = removed.sum() if switches["removal"] else 0
    return cls_loss + patches * (removed.numel() - gone) + pixels * (gone if switches["removal"] else removed.numel())


def divides_by_all_patches(cls_loss, patch_losses, pixel_errors, removed, switches, weights):
    """You divide by the number of all patches, where only some were added up. A mean is over what counts: the patches
    that the student has, or those that it lacks."""
    patches, pixels = _means(patch_losses, pixel_errors, removed, switches, weights)
    share = removed.double().mean().item() if switches["removal"] else 0.0
    return cls_loss + patches * (1 - share) + pixels * (share if switches["removal"] else 1)
