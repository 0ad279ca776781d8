"""Lab 7, exercise `factorial`: main effects of parts and interactions of two, from all combinations."""

import torch

HINTS = (
    "For part i the table falls into two halves: without it (index 0 along axis i) and with it (index 1). For two "
    "parts there are two other halves: the cells where both are on or both off, and those where only one is.",
    "main effect of i = mean of the half with i - mean of the half without. interaction of i and j = mean of the "
    "cells where the two agree - mean of those where they differ; that is half of how much more i is worth with j "
    "than without.",
    "`table.select(i, 1)` is the half with i. `worth = table.select(i, 1) - table.select(i, 0)` has one axis less: "
    "there part j is axis j, or j - 1 if j > i. Diagonal: `worth.mean()`; else `(worth.select(at, 1) - "
    "worth.select(at, 0)).mean() / 2`.",
)


def factorial_effects(table):
    k = table.ndim
    effects = table.new_zeros(k, k)
    for i in range(k):
        worth = table.select(i, 1) - table.select(i, 0)  # of part i, in every setting of the others
        for j in range(k):
            if i == j:
                effects[i, i] = worth.mean()
            else:
                at = j - 1 if j > i else j  # axis i is gone
                effects[i, j] = (worth.select(at, 1) - worth.select(at, 0)).mean() / 2
    return effects


def by_signs(table):
    k = table.ndim
    cells = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=table.dtype)] * k)  # 2^k,k, as `flatten` goes
    result = torch.zeros(k, k, dtype=table.dtype)
    for i in range(k):
        for j in range(k):
            sign = cells[:, i] if i == j else cells[:, i] * cells[:, j]
            result[i, j] = table.flatten()[sign > 0].mean() - table.flatten()[sign < 0].mean()
    return result


def by_least_squares(table):
    k = table.ndim
    grid = torch.stack(torch.meshgrid(*[torch.tensor([0, 1])] * k, indexing="ij"), -1).reshape(-1, k)
    x = (grid * 2 - 1).to(table.dtype)
    moments = torch.einsum("ci,cj,c->ij", x, x, table.reshape(-1)) / len(x)
    return 2 * (moments - torch.diag(moments.diag()) + torch.diag(x.T @ table.reshape(-1) / len(x)))


def _cell(table, on):
    return table[tuple(int(i in on) for i in range(table.ndim))]


def _with_diagonal(table, diagonal):
    return factorial_effects(table).fill_diagonal_(0) + torch.diag(torch.stack(diagonal))


def forgets_the_half(table):
    """Your interactions are twice as large. They are *half* of how much more a part is worth with the other than
    without: so each is a mean of half the cells minus a mean of the other half, as a main effect is, and as
    uncertain."""
    effects = factorial_effects(table)
    return 2 * effects - torch.diag(effects.diag())


def turns_the_interactions_round(table):
    """Your interactions have the wrong sign. It is positive where two parts are worth *more* together: cells where both
    are on or both off, minus the others."""
    effects = factorial_effects(table)
    return 2 * torch.diag(effects.diag()) - effects


def takes_what_is_off_minus_on(table):
    """You subtract the half with a part from the half without. What a part is worth is *with* minus *without*: index 1
    minus index 0."""
    effects = factorial_effects(table)
    return effects - 2 * torch.diag(effects.diag())


def leaves_one_out(table):
    """Your main effects leave one part out of the whole. That is the part's worth beside *all* others only. Take the
    mean over every setting of the others: half of the cells minus the other half."""
    k = table.ndim
    return _with_diagonal(table, [_cell(table, {*range(k)}) - _cell(table, {*range(k)} - {i}) for i in range(k)])


def adds_one_to_nothing(table):
    """Your main effects add one part to nothing. That is its worth where all others are off. Take the mean over every
    setting of the others: half of the cells minus the other half."""
    return _with_diagonal(table, [_cell(table, {i}) - _cell(table, {}) for i in range(table.ndim)])


def divides_by_all_cells(table):
    """You divide by the number of all cells. Each half has only half of them: mean of one half minus mean of the
    other."""
    return factorial_effects(table) / 2


def adds_up_the_halves(table):
    """You subtract the sums of two halves. Take their *means*, or the effects grow with the number of parts."""
    return factorial_effects(table) * 2 ** (table.ndim - 1)


def compares_with_the_grand_mean(table):
    """Your main effect is the half with a part minus the mean of all cells, which is half of it. Subtract the half
    *without*."""
    effects = factorial_effects(table)
    return effects - torch.diag(effects.diag()) / 2


def counts_the_parts_from_behind(table):
    """Your parts are in the opposite order: part i is axis i of the table."""
    return factorial_effects(table).flip(0, 1)


def looks_at_two_parts_alone(table):
    """Your interactions are those with all other parts off. Take the mean over every setting of the others."""
    k, effects = table.ndim, factorial_effects(table)
    for i in range(k):
        for j in range(k):
            if i != j:
                apart = _cell(table, {i}) + _cell(table, {j})
                effects[i, j] = (_cell(table, {i, j}) + _cell(table, {}) - apart) / 2
    return effects


def fills_one_triangle(table):
    """On one side of the diagonal there is nothing. Row i, column j and row j, column i are the same two parts: both
    hold their interaction."""
    return factorial_effects(table).triu()


def leaves_the_interactions_out(table):
    """Off the diagonal there is nothing yet. That is where the interactions of two parts belong."""
    return torch.diag(factorial_effects(table).diag())
