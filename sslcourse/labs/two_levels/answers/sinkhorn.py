"""Lab 4, exercise `sinkhorn`: prototypes and rows are balanced in turn."""

import torch

HINTS = (
    "Two things are to hold: each row sums to 1, and all prototypes get the same total. Neither can be had at once, so "
    "divide by the one sum, then by the other, and again. Which of the two divisions comes last?",
    "Q = exp(logits / temperature); in each iteration Q <- Q / (sums of Q over the rows), then Q <- Q / (sums over the "
    "prototypes). At a low temperature exp overflows or all of a column becomes 0: work with log Q, where a division "
    "is a subtraction, and the logarithm of a sum of exponentials is `logsumexp`.",
    "`log_q = logits / temperature`; `iterations` times `log_q = log_q - log_q.logsumexp(dim=0, keepdim=True)`, then "
    "the same with dim=1; return `log_q.exp()`.",
)


def sinkhorn(logits, temperature, iterations):
    log_q = logits / temperature
    for _ in range(iterations):
        log_q = log_q - log_q.logsumexp(dim=0, keepdim=True)  # every prototype gets the same total
        log_q = log_q - log_q.logsumexp(dim=1, keepdim=True)  # every row sums to 1
    return log_q.exp()


def by_softmax_in_turn(logits, temperature, iterations):
    q = logits.div(temperature).log_softmax(0).log_softmax(1)
    for _ in range(1, iterations):
        q = q.log_softmax(0).log_softmax(1)
    return torch.exp(q)


def by_shares_of_the_whole(logits, temperature, iterations):
    with torch.no_grad():
        n, k = logits.shape
        scores = logits / temperature
        q = torch.exp(scores - scores.max(dim=0).values)  # a factor for each prototype, which the first division ends
        for _ in range(iterations):
            q = q / (k * q.sum(dim=0, keepdim=True))
            q = q / (n * q.sum(dim=1, keepdim=True))
        return n * q


def _in_turn(log_q, iterations, *dims):
    for _ in range(iterations):
        for dim in dims:
            log_q = log_q - log_q.logsumexp(dim=dim, keepdim=True)
    return log_q


def balances_the_rows_first(logits, temperature, iterations):
    """You divide by the rows' sums first and by the prototypes' last, so that your rows do not sum to 1. Each row is to
    be a distribution: let its division come last."""
    log_q = _in_turn(logits / temperature, iterations, 1, 0)
    return (log_q + torch.tensor(len(logits) / logits.shape[1], dtype=logits.dtype).log()).exp()


def leaves_columns_that_sum_to_one(logits, temperature, iterations):
    """Your columns sum to 1, not your rows. Rows are pictures and columns prototypes: the last division is by the sums
    of the rows, `dim=1`."""
    return _in_turn(logits / temperature, iterations, 1, 0).exp()


def ignores_the_prototypes(logits, temperature, iterations):
    """That is a softmax of each row, which lets a popular prototype win everywhere. In each iteration the prototypes
    are balanced first, by the sums over the rows (`dim=0`)."""
    return torch.softmax(logits / temperature, dim=1)


def iterates_once(logits, temperature, iterations):
    """You go through the two divisions once, however many `iterations` are asked for. Each round begins with what the
    last one left."""
    return sinkhorn(logits, temperature, 1)


def stops_one_too_soon(logits, temperature, iterations):
    """One iteration too few: `range(iterations - 1)`, or a first division that was counted as a whole round."""
    if iterations == 1:
        return torch.softmax(logits / temperature, dim=1)
    return sinkhorn(logits, temperature, iterations - 1)


def shares_out_one_in_all(logits, temperature, iterations):
    """Your shares sum to 1 over the whole matrix, so each row holds 1/n only. Each *row* is to be a distribution:
    multiply by the number of rows at the end."""
    return sinkhorn(logits, temperature, iterations) / len(logits)


def takes_out_each_rows_largest(logits, temperature, iterations):
    """You subtract each row's largest score before the first iteration. That is itself a division of the rows, and it
    comes before the prototypes' turn, so the result of few iterations changes. Take a column's largest instead, or
    work with logsumexp."""
    scores = logits / temperature
    return _in_turn(scores - scores.amax(1, keepdim=True), iterations, 0, 1).exp()


def begins_with_the_rows(logits, temperature, iterations):
    """Your rows are divided before the prototypes' first turn: by a softmax at the beginning, or because the two
    divisions change places. The result of few iterations is another then. Begin with logits / temperature itself, and
    in each iteration take the columns first."""
    return _in_turn((logits / temperature).log_softmax(1), iterations, 0, 1).exp()


def forgets_the_temperature(logits, temperature, iterations):
    """The temperature has no effect: divide the logits by it before anything else."""
    return sinkhorn(logits, 1.0, iterations)
