"""Lab 2, exercise `influence`: how far each output moves when one row of the batch does."""

import torch

HINTS = (
    "It is an experiment: call the head once as it is, then once for each row j with that row moved, and see how far "
    "every output went.",
    "influence[i, j] = | head(z with `step` added to row j)[i] - head(z)[i] |, a length over the output's dimensions.",
    "`before = head(z)`; for each j: `moved = z.clone(); moved[j] += step`; `(head(moved) - before).norm(dim=1)` is "
    "column j: collect the columns and `torch.stack(columns, dim=1)`.",
)


def influence(head, z, step):
    before = head(z)  # n,d
    columns = []
    for j in range(len(z)):
        moved = z.clone()
        moved[j] += step
        columns.append((head(moved) - before).norm(dim=1))
    return torch.stack(columns, dim=1)


def by_masks(head, z, step):
    result = torch.zeros(len(z), len(z), dtype=z.dtype)
    with torch.no_grad():
        for j, mask in enumerate(torch.eye(len(z), dtype=z.dtype)):
            result[:, j] = (head(z + mask[:, None] * step) - head(z)).square().sum(-1).sqrt()
    return result


def by_every_pair(head, z, step):
    with torch.no_grad():
        rows = [row.clone() for row in z]
        moved = [head(torch.stack([*rows[:j], rows[j] + step, *rows[j + 1 :]])) for j in range(len(rows))]
        old = head(z)
        pairs = [[torch.dist(moved[j][i], old[i]) for j in range(len(z))] for i in range(len(z))]
    return torch.tensor(pairs, dtype=z.dtype)


def exchanges_rows_and_columns(head, z, step):
    """Rows and columns are exchanged. Column j belongs to the row that was moved, and row i to the output that is
    looked at: `torch.stack(columns, dim=1)`."""
    return influence(head, z, step).T


def leaves_the_row_moved(head, z, step):
    """The rows that were moved before are still moved when the next one is. Begin each time with a fresh `z.clone()`,
    so that one row only differs."""
    before, moved, columns = head(z), z.clone(), []
    for j in range(len(z)):
        moved[j] += step
        columns.append((head(moved) - before).norm(dim=1))
    return torch.stack(columns, dim=1)


def moves_all_rows_at_once(head, z, step):
    """You move all rows at once, so nobody can tell whose move it was. Move one row at a time, and call the head for
    each."""
    return (head(z + step) - head(z)).norm(dim=1)[:, None].repeat(1, len(z))


def looks_at_the_moved_row_only(head, z, step):
    """The diagonal is right and the rest is zero: you look at the output of the moved row only. The question is whether
    *other* outputs move with it."""
    return torch.diag(influence(head, z, step).diagonal())


def switches_the_head_to_evaluation(head, z, step):
    """You call `head.eval()`. Then BatchNorm takes stored statistics, and no row depends on another; in training, which
    is asked for here, it takes those of the batch. Leave the mode as it is."""
    was, found = head.training, influence(head.eval(), z, step)
    head.train(was)
    return found


def forgets_what_was_there_before(head, z, step):
    """That is the length of the outputs after the move. How far they *went* is the length of the difference from
    `head(z)`."""
    columns = []
    for j in range(len(z)):
        moved = z.clone()
        moved[j] += step
        columns.append(head(moved).norm(dim=1))
    return torch.stack(columns, dim=1)
