"""Lab 5, exercise `keep`: the numbers of the patches with the highest scores, in the order of their places."""

import torch

HINTS = (
    "Two questions in turn: which patches have the highest scores, and in which order do their numbers come out? Each "
    "picture has a choice of its own.",
    "`scores.topk(keep, dim=1)` has values and indices. The indices come by falling score; wanted are they by rising "
    "number.",
    "`scores.topk(keep, dim=1).indices.sort(dim=1).values`: `sort` has values and indices, too, and here the values "
    "are the patches' numbers.",
)


def keep_highest(scores, keep):
    highest = scores.topk(keep, dim=1).indices  # B,keep, by falling score
    return highest.sort(dim=1).values


def by_argsort(scores, keep):
    order = torch.argsort(scores, dim=1, descending=True, stable=True)
    return torch.sort(order[:, :keep], dim=1)[0]


def by_the_rank_of_each(scores, keep):
    rank = (scores[:, None, :] > scores[:, :, None]).sum(2)  # how many are higher
    return (rank >= keep).to(torch.uint8).argsort(dim=1, stable=True)[:, :keep]


def row_by_row(scores, keep):
    rows = [sorted(range(len(row)), key=row.__getitem__)[-keep:] for row in scores.tolist()]
    return torch.tensor([sorted(row) for row in rows])


def leaves_them_in_the_order_of_their_scores(scores, keep):
    """The right patches, by falling score: that is how `topk` and `argsort` give them. Sort the numbers, so that what
    stays is in the order of the picture."""
    return scores.topk(keep, dim=1).indices


def returns_positions_in_the_list(scores, keep):
    """You sort the right numbers and then take `.indices` of that sort: these are positions in the short list. The
    numbers of the patches are the sort's `.values`."""
    return scores.topk(keep, dim=1).indices.sort(dim=1).indices


def keeps_the_lowest(scores, keep):
    """These are the patches with the *lowest* scores, those that should go. `topk` takes the largest unless you say
    otherwise; `argsort` begins with the smallest."""
    return keep_highest(-scores, keep)


def chooses_alike_for_all_pictures(scores, keep):
    """You choose the same patches for every picture. The object is elsewhere in each: work along dimension 1, row by
    row."""
    return keep_highest(scores.mean(0, keepdim=True).expand_as(scores), keep)


def removes_as_many_as_should_stay(scores, keep):
    """`keep` says how many patches stay; you remove that many."""
    return keep_highest(scores, scores.shape[1] - keep)


def returns_the_scores(scores, keep):
    """These are the highest scores. Wanted are the *numbers* of the patches that have them: the indices."""
    return scores.topk(keep, dim=1).values


def counts_from_one(scores, keep):
    """Every number is one too high: patches are counted from 0."""
    return keep_highest(scores, keep) + 1
