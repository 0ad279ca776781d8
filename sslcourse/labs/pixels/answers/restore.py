"""Lab 6, exercise `restore`: kept tokens at their places, a mask token in every gap."""

import torch

HINTS = (
    "Put the kept tokens first and a mask token for every removed patch behind them: that row is in the shuffled "
    "order. Which order brings every one of them back to its place?",
    "The inverse of an order is its argsort: if `indices` says which place comes first, second, ..., then "
    "`indices.argsort(dim=1)` says where in that row each place is found.",
    "`filler = mask_token.expand(B, N - K, -1)`; `row = torch.cat([kept, filler], dim=1)`; `back = "
    "indices.argsort(dim=1)`; gather along dim 1 with `back[:, :, None].expand(-1, -1, D)`.",
)


def restore_order(kept, mask_token, indices):
    b, n = indices.shape
    filler = mask_token.expand(b, n - kept.shape[1], -1)
    row = torch.cat([kept, filler], dim=1)  # B,N,D in the shuffled order
    back = indices.argsort(dim=1)
    return row.gather(1, back[:, :, None].expand(-1, -1, row.shape[2]))


def by_writing_each_token(kept, mask_token, indices):
    rows = []
    for tokens, order in zip(kept, indices.tolist()):
        places = {place: tokens[at] for at, place in enumerate(order[: len(tokens)])}
        rows.append(torch.stack([places.get(place, mask_token) for place in range(len(order))]))
    return torch.stack(rows)


def by_a_product(kept, mask_token, indices):
    k = kept.shape[1]
    puts = torch.nn.functional.one_hot(indices[:, :k], indices.shape[1]).to(kept.dtype)  # B,K,N
    gaps = 1 - puts.sum(1)
    return torch.einsum("bkn,bkd->bnd", puts, kept) + gaps[:, :, None] * mask_token


def by_scattering(kept, mask_token, indices):
    result = mask_token.repeat(*indices.shape, 1)
    result[torch.arange(len(kept))[:, None], indices[:, : kept.shape[1]]] = kept
    return result


def _row(kept, mask_token, indices):
    """Kept tokens, then mask tokens."""
    return torch.cat([kept, mask_token.expand(len(kept), indices.shape[1] - kept.shape[1], -1)], dim=1)


def _gathered(row, order):
    return row.gather(1, order[:, :, None].expand(-1, -1, row.shape[2]))


def gathers_by_the_order_itself(kept, mask_token, indices):
    """You gather with `indices`, the order in which the patches were shuffled. That shuffles them once more; the way
    back is the inverse order, `indices.argsort(dim=1)`."""
    return _gathered(_row(kept, mask_token, indices), indices)


def leaves_the_kept_in_front(kept, mask_token, indices):
    """The kept tokens stay in front and the mask tokens behind them. Each belongs at its own place: kept token k of a
    picture at `indices[k]`."""
    return _row(kept, mask_token, indices) + 0 * mask_token


def puts_them_in_ascending_places(kept, mask_token, indices):
    """The gaps are right, but your kept tokens fill the other places from left to right, as a boolean mask does. Kept
    token k belongs at place `indices[k]`, and these places do not ascend."""
    k = kept.shape[1]
    ascending = torch.cat([indices[:, :k].sort(dim=1).values, indices[:, k:]], dim=1)
    return restore_order(kept, mask_token, ascending)


def takes_one_order_for_all(kept, mask_token, indices):
    """You use the first picture's order for all. Every picture has an order of its own, a row of `indices`."""
    return restore_order(kept, mask_token, indices[:1].expand(len(indices), -1))


def takes_the_last_as_kept(kept, mask_token, indices):
    """You put the kept tokens at the *last* K places that `indices` names. The first K were kept, and the rest
    removed."""
    return restore_order(kept, mask_token, indices.roll(kept.shape[1], 1))


def leaves_the_gaps_empty(kept, mask_token, indices):
    """The kept tokens are right, and the gaps are 0. The mask token belongs there: it says "here is something to
    paint", and it learns."""
    return restore_order(kept, 0 * mask_token, indices)
