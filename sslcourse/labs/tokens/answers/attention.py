"""Lab 0, exercise `attention`: what each query takes from all values."""

import math

import torch

HINTS = (
    "For each query: how well does every key fit (a dot product each), what share of the attention is that (a "
    "softmax), and what is the mean of the values with these shares?",
    "out = softmax(Q K^T / sqrt(d)) V, where the softmax runs over the keys and d is the width of a query.",
    "`scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5` has shape [B, M, N]; `scores.softmax(dim=-1)` makes each "
    "query's row sum to 1; multiply it by v with `@`.",
)
# Rounding errors of scores of 100 are exponentiated.
TOLERANCES = {torch.float64: (1e-5, 1e-7), torch.float32: (5e-4, 5e-5)}


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # B,M,N
    return scores.softmax(dim=-1) @ v


def by_the_library(q, k, v):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v)


def by_einsum(q, k, v):
    scores = torch.einsum("bmd,bnd->bmn", q, k) * q.shape[2] ** -0.5
    weights = (scores - scores.logsumexp(dim=2, keepdim=True)).exp()
    return torch.einsum("bmn,bne->bme", weights, v)


def _attended(scores, v):
    return scores.softmax(dim=-1) @ v


def does_not_scale(q, k, v):
    """You do not scale the scores. Divide them by the square root of the width of a query: otherwise they grow with the
    width, and the softmax sees the largest only."""
    return _attended(q @ k.mT, v)


def divides_by_the_width(q, k, v):
    """You divide by the width d. A sum of d products of independent numbers has a spread of sqrt(d): that is what is
    divided by."""
    return _attended(q @ k.mT / q.shape[-1], v)


def divides_by_the_number_of_queries(q, k, v):
    """You divide by the square root of the number of queries. It is the *width* of a query, `q.shape[-1]`, that makes
    dot products large."""
    return _attended(q @ k.mT / math.sqrt(q.shape[-2]), v)


def takes_the_softmax_over_the_queries(q, k, v):
    """Your softmax runs over the queries, so each key's column sums to 1. Every *query* shares out its attention among
    the keys: `dim=-1` of [B, M, N]."""
    return (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-2) @ v


def leaves_out_the_softmax(q, k, v):
    """There is no softmax: the weights can be negative and do not sum to 1. Take it of the scores, over the keys."""
    return q @ k.mT / math.sqrt(q.shape[-1]) @ v


def returns_the_mean_of_the_keys(q, k, v):
    """You average the keys. The weights say how well each key fits; what is handed over are the *values*."""
    return _attended(q @ k.mT / math.sqrt(q.shape[-1]), k)
