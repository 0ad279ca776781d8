"""Mistakes that people make in Lab 6, and what they must be told: see `mistakes.py`."""

from __future__ import annotations

import torch
import torch.nn.functional as F

MISTAKES: list[tuple[str, object, str | None]] = []


def mistake(exercise, told):
    def add(function):
        MISTAKES.append((f"pixels.{exercise}", function, told))
        return function

    return add


def back_in_order(row, indices):
    back = indices.argsort(dim=1)
    return row.gather(1, back[:, :, None].expand(-1, -1, row.shape[2]))


# ---- restore


@mistake("restore", "no gradient reaches mask_token")
def detaches_the_mask_token(kept, mask_token, indices):
    filler = mask_token.detach().expand(len(kept), indices.shape[1] - kept.shape[1], -1)
    return back_in_order(torch.cat([kept, filler], 1), indices)


@mistake("restore", "no gradient reaches kept")
def fills_a_new_tensor_under_no_grad(kept, mask_token, indices):
    with torch.no_grad():
        result = mask_token.repeat(*indices.shape, 1)
        result[torch.arange(len(kept))[:, None], indices[:, : kept.shape[1]]] = kept
    return result


@mistake("restore", "= gathers by the order itself")
def indexes_by_the_order_itself(kept, mask_token, indices):
    filler = mask_token.expand(len(kept), indices.shape[1] - kept.shape[1], -1)
    row = torch.cat([kept, filler], 1)
    return row[torch.arange(len(row))[:, None], indices]


@mistake("restore", "= puts them in ascending places")
def fills_through_a_boolean_mask(kept, mask_token, indices):
    b, n = indices.shape
    seen = torch.zeros(b, n, dtype=torch.bool).scatter(1, indices[:, : kept.shape[1]], True)
    result = mask_token.repeat(b, n, 1)
    result[seen] = kept.flatten(0, 1)
    return result


@mistake("restore", "= leaves the gaps empty")
def scatters_into_zeros(kept, mask_token, indices):
    result = torch.zeros(*indices.shape, kept.shape[2], dtype=kept.dtype) + 0 * mask_token
    places = indices[:, : kept.shape[1], None].expand(-1, -1, kept.shape[2])
    return result.scatter(1, places, kept)


@mistake("restore", "changes its argument mask_token")
def grows_the_mask_token(kept, mask_token, indices):
    mask_token.mul_(2)
    filler = mask_token.expand(len(kept), indices.shape[1] - kept.shape[1], -1)
    return back_in_order(torch.cat([kept, filler], 1), indices)


@mistake("restore", "IndexError")
def gathers_without_the_last_dimension(kept, mask_token, indices):
    filler = mask_token.expand(len(kept), indices.shape[1] - kept.shape[1], -1)
    return torch.cat([kept, filler], 1)[indices.argsort(1)]


# ---- targets


@mistake("targets", "a division is where it begins")
def forgets_the_small_number(patches):
    return (patches - patches.mean(-1, keepdim=True)) / patches.std(-1, keepdim=True)


@mistake("targets", "= divides by all of the pixels")
def takes_layer_norm_with_the_constant(patches):
    return F.layer_norm(patches, patches.shape[-1:], eps=1e-6)


@mistake("targets", "= takes the usual layer norm")
def takes_layer_norm(patches):
    return F.layer_norm(patches, patches.shape[-1:])


@mistake("targets", None)
def makes_zeros_of_nans(patches):
    return torch.nan_to_num((patches - patches.mean(-1, keepdim=True)) / patches.std(-1, keepdim=True))


@mistake("targets", None)
def keeps_the_deviation_off_0(patches):
    return (patches - patches.mean(-1, keepdim=True)) / patches.std(-1, keepdim=True).clamp(min=1e-6)


@mistake("targets", None)
def takes_a_constant_of_its_own(patches):
    return (patches - patches.mean(-1, keepdim=True)) / (patches.var(-1, keepdim=True) + 1e-8).sqrt()


@mistake("targets", "changes its argument patches")
def normalises_in_place(patches):
    patches -= patches.mean(-1, keepdim=True)
    return patches / (patches.var(-1, keepdim=True) + 1e-6).sqrt()


@mistake("targets", "= over the whole picture")
def takes_no_dimension_of_its_own(patches):
    flat = patches.flatten(1)
    return ((flat - flat.mean(1, keepdim=True)) / (flat.var(1, keepdim=True) + 1e-6).sqrt()).view(patches.shape)


@mistake("targets", None)
def brings_them_between_0_and_1(patches):
    low, high = patches.amin(-1, keepdim=True), patches.amax(-1, keepdim=True)
    return (patches - low) / (high - low + 1e-6)


# ---- loss


@mistake("loss", "no gradient reaches predicted")
def decides_under_no_grad(predicted, target, kept):
    with torch.no_grad():
        errors = (predicted - target).square().mean(-1)
        weight = torch.ones_like(errors).scatter(1, kept, 0.0)
        return (errors * weight).sum() / weight.sum()


@mistake("loss", "not reduced to one number")
def returns_one_error_a_picture(predicted, target, kept):
    errors = (predicted - target).square().mean(-1)
    weight = torch.ones_like(errors).scatter(1, kept, 0.0)
    return (errors * weight).sum(1) / weight.sum(1)


@mistake("loss", "= counts the kept ones")
def weighs_the_kept(predicted, target, kept):
    errors = (predicted - target).square().mean(-1)
    weight = torch.zeros_like(errors).scatter(1, kept, 1.0)
    return (errors * weight).sum() / weight.sum()


@mistake("loss", "= counts every patch")
def takes_mse_loss(predicted, target, kept):
    return F.mse_loss(predicted, target)


@mistake("loss", "keep it a tensor")
def returns_a_number(predicted, target, kept):
    errors = (predicted - target).square().mean(-1)
    weight = torch.ones_like(errors).scatter(1, kept, 0.0)
    return ((errors * weight).sum() / weight.sum()).item()


@mistake("loss", "the square root of what is expected")
def takes_the_root(predicted, target, kept):
    errors = (predicted - target).square().mean(-1)
    weight = torch.ones_like(errors).scatter(1, kept, 0.0)
    return ((errors * weight).sum() / weight.sum()).sqrt()


# ---- drop


@mistake("drop", "= hides the lowest")
def sorts_upwards(images, scores, count, fill):
    ranks = scores.flatten(1).argsort(1).argsort(1).view(scores.shape)
    sides = [whole // part for whole, part in zip(images.shape[2:], scores.shape[1:])]
    hidden = (ranks < count)[:, None].repeat_interleave(sides[0], 2).repeat_interleave(sides[1], 3)
    return torch.where(hidden, fill, images)


@mistake("drop", "changes its argument images")
def paints_over_the_callers_pictures(images, scores, count, fill):
    hidden = scores >= scores.flatten(1).sort(1).values[:, -count][:, None, None]
    sides = [whole // part for whole, part in zip(images.shape[2:], scores.shape[1:])]
    hidden = hidden[:, None].repeat_interleave(sides[0], 2).repeat_interleave(sides[1], 3)
    images.copy_(torch.where(hidden, fill, images))
    return images


@mistake("drop", "= hides with black")
def multiplies_by_the_mask(images, scores, count, fill):
    kept = scores < scores.flatten(1).sort(1).values[:, -count][:, None, None]
    sides = [whole // part for whole, part in zip(images.shape[2:], scores.shape[1:])]
    return images * kept[:, None].repeat_interleave(sides[0], 2).repeat_interleave(sides[1], 3)


@mistake("drop", "= hides nothing")
def writes_into_a_copy(images, scores, count, fill):
    b, rows, columns = scores.shape
    result = images.clone()
    blocks = result.view(b, -1, rows, images.shape[2] // rows, columns, images.shape[3] // columns)
    blocks = blocks.permute(0, 2, 4, 1, 3, 5).reshape(b, rows * columns, -1)
    blocks[torch.arange(b)[:, None], scores.flatten(1).topk(count).indices] = 0
    return result


@mistake("drop", None)
def hides_the_same_patches_everywhere(images, scores, count, fill):
    hidden = scores.mean(0) >= scores.mean(0).flatten().sort().values[-count]
    sides = [whole // part for whole, part in zip(images.shape[2:], scores.shape[1:])]
    return torch.where(hidden.repeat_interleave(sides[0], 0).repeat_interleave(sides[1], 1), fill, images)


@mistake("drop", None)
def adds_the_fill(images, scores, count, fill):
    hidden = scores >= scores.flatten(1).sort(1).values[:, -count][:, None, None]
    sides = [whole // part for whole, part in zip(images.shape[2:], scores.shape[1:])]
    return images + fill * hidden[:, None].repeat_interleave(sides[0], 2).repeat_interleave(sides[1], 3)


# ---- psnr


@mistake("psnr", "right but for its sign")
def forgets_the_minus(predicted, true):
    return 10 * (predicted - true).square().mean((1, 2, 3)).log10()


@mistake("psnr", "= takes one error for all")
def returns_the_batchs(predicted, true):
    return 10 * (1 / F.mse_loss(predicted, true)).log10()


@mistake("psnr", None)
def adds_up_the_errors(predicted, true):
    return -10 * (predicted - true).square().sum((1, 2, 3)).log10()


@mistake("psnr", "a list or tuple")
def returns_a_list(predicted, true):
    return [10 * (1 / ((a - b) ** 2).mean()).log10() for a, b in zip(predicted, true)]
