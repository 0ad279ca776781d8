"""Lab 6, exercise `drop`: so many patches of every picture are hidden, those with the highest scores."""

import torch
import torch.nn.functional as F

HINTS = (
    "Two steps: which patches of each picture have the `count` highest scores, and which pixels are theirs? A mask of "
    "the grid becomes a mask of the pixels when every entry is repeated over its patch.",
    "`top = scores.flatten(1).topk(count).indices` are the numbers of the patches; a mask [B, rows * columns] that is "
    "True there, reshaped to [B, 1, rows, columns], and each entry repeated H / rows times down and W / columns times "
    "across.",
    "`hidden = torch.zeros_like(flat, dtype=torch.bool).scatter(1, top, True)`; reshape; "
    "`.repeat_interleave(H // rows, dim=2).repeat_interleave(W // columns, dim=3)`; `torch.where(hidden, fill, "
    "images)`.",
)


def drop_patches(images, scores, count, fill):
    height, width = images.shape[2:]
    rows, columns = scores.shape[1:]
    flat = scores.flatten(1)
    top = flat.topk(count, dim=1).indices  # B,count
    hidden = torch.zeros_like(flat, dtype=torch.bool).scatter(1, top, True)
    hidden = hidden.reshape(-1, 1, rows, columns)
    hidden = hidden.repeat_interleave(height // rows, dim=2).repeat_interleave(width // columns, dim=3)
    return torch.where(hidden, fill, images)


def patch_by_patch(images, scores, count, fill):
    result, fill = images.clone(), fill.expand_as(images)
    down, across = images.shape[2] // scores.shape[1], images.shape[3] // scores.shape[2]
    for b, score in enumerate(scores):
        for place in score.flatten().argsort(descending=True)[:count].tolist():
            row, column = divmod(place, score.shape[1])
            area = (slice(row * down, (row + 1) * down), slice(column * across, (column + 1) * across))
            result[(b, slice(None), *area)] = fill[(b, slice(None), *area)]
    return result


def by_ranks_and_a_blend(images, scores, count, fill):
    ranks = (-scores.flatten(1)).argsort(1).argsort(1).view(scores.shape)
    mask = F.interpolate((ranks < count)[:, None].to(images.dtype), size=images.shape[-2:], mode="nearest")
    return mask * fill + (1 - mask) * images


def by_a_threshold(images, scores, count, fill):
    least = scores.flatten(1).sort(dim=1).values[:, -count]
    hidden = scores >= least[:, None, None]
    block = torch.ones(images.shape[2] // scores.shape[1], images.shape[3] // scores.shape[2], dtype=torch.bool)
    return torch.where(torch.stack([torch.kron(one, block) for one in hidden])[:, None], fill, images)


def _pixels(hidden, images):
    """A mask `B,rows,columns` as one of the pixels, `B,1,H,W`."""
    sides = [whole // part for whole, part in zip(images.shape[2:], hidden.shape[1:])]
    return hidden[:, None].repeat_interleave(sides[0], 2).repeat_interleave(sides[1], 3)


def _highest(scores, count):
    flat = scores.flatten(1)
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, flat.topk(count).indices, True).view(scores.shape)


def hides_the_lowest(images, scores, count, fill):
    """You hide the patches with the *lowest* scores. Those with the highest are asked for; whoever wants the others
    gives `-scores`."""
    return drop_patches(images, -scores, count, fill)


def keeps_those_and_hides_the_rest(images, scores, count, fill):
    """You keep the `count` highest and hide all others. It is these `count` that are hidden."""
    return torch.where(_pixels(_highest(scores, count), images), images, fill)


def hides_a_share_of_the_sum(images, scores, count, fill):
    """You hide patches until they hold a share of the *sum* of the scores. Where a few patches have most of it, that
    hides fewer of them in one picture than in another: `count` patches of every picture are asked for."""
    flat = scores.flatten(1)
    order = flat.argsort(1, descending=True)
    sorted_scores = flat.gather(1, order)
    before = (sorted_scores.cumsum(1) - sorted_scores) / flat.sum(1, keepdim=True)
    chosen = torch.zeros_like(flat, dtype=torch.bool).scatter(1, order, before < count / flat.shape[1])
    return torch.where(_pixels(chosen.view(scores.shape), images), fill, images)


def hides_nothing(images, scores, count, fill):
    """Nothing is hidden: you return the pictures as they came. An assignment to something that was picked out by a mask
    or a list, as `a[mask][...] = ...`, changes a copy."""
    return images.clone()


def takes_the_highest_of_the_batch(images, scores, count, fill):
    """You look for the highest scores in the whole batch, so that one picture loses many patches and another none. The
    `count` highest of *every* picture: flatten from dimension 1 on."""
    flat = scores.flatten()
    chosen = torch.zeros_like(flat, dtype=torch.bool)
    chosen[flat.topk(count * len(scores)).indices] = True
    return torch.where(_pixels(chosen.view(scores.shape), images), fill, images)


def repeats_the_grid_as_tiles(images, scores, count, fill):
    """You lay the whole grid beside itself, as `repeat` does, so that pixels are hidden all over the picture. Each
    entry stands for a block of neighbouring pixels: `repeat_interleave`."""
    hidden = _highest(scores, count)[:, None]
    return torch.where(hidden.repeat(1, 1, *[a // b for a, b in zip(images.shape[2:], hidden.shape[2:])]), fill, images)


def hides_with_black(images, scores, count, fill):
    """The right patches are hidden, but they are 0, which is black. Their place is taken by `fill`."""
    return torch.where(_pixels(_highest(scores, count), images), torch.zeros_like(fill), images)


def hides_one_patch_fewer(images, scores, count, fill):
    """One patch fewer than asked for is hidden in every picture: a comparison with the score of the last one should
    include it (>=)."""
    flat = scores.flatten(1)
    least = flat.topk(count).values[:, -1]
    return torch.where(_pixels(scores > least[:, None, None], images), fill, images)
