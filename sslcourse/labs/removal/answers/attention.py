"""Lab 5, exercise `attention`: one row of the attention matrix, without its first entry, averaged over the heads."""

import torch
import torch.nn.functional as F

HINTS = (
    "Only one query matters, that of the class token, which is token 0. What does it compare itself with, and over "
    "which of those does the softmax run? What is left out of the result?",
    "a = softmax over j = 0..N of q_0 . k_j / sqrt(d), for each picture and head; the result is the mean of a over the "
    "heads, without a_0.",
    "`logits = q[:, :, :1] @ k.transpose(-2, -1) / q.shape[-1] ** 0.5` is [B, H, 1, 1 + N]; take `.softmax(-1)`, "
    "then the entries `[:, :, 0, 1:]`, then the mean over dimension 1.",
)


def cls_attention(q, k):
    logits = q[:, :, :1] @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # B,H,1,1+N
    return logits.softmax(-1)[:, :, 0, 1:].mean(1)


def by_an_einsum(q, k):
    weights = torch.einsum("bhqd,bhkd->bhqk", q, k).div(q.size(-1) ** 0.5).softmax(dim=-1)
    return weights[:, :, 0, 1:].mean(dim=1)


def by_the_fused_function(q, k):
    identity = torch.eye(k.shape[2], dtype=k.dtype).expand(*k.shape[:2], -1, -1)
    return F.scaled_dot_product_attention(q, k, identity)[:, :, 0].mean(1)[:, 1:]


def head_by_head(q, k):
    heads = [(k[:, h] * q[:, h, :1]).sum(-1) * q.shape[3] ** -0.5 for h in range(q.shape[1])]
    return sum(one.log_softmax(1).exp()[:, 1:] for one in heads) / len(heads)


def _weights(q, k):
    return (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)  # B,H,1+N,1+N


def forgets_the_scale(q, k):
    """You leave out the division by sqrt(d). Without it the softmax is much too sharp, and it is not what the network
    itself computes."""
    return cls_attention(q * q.shape[-1] ** 0.5, k)


def divides_by_the_width(q, k):
    """You divide the logits by d. It is the square root of d by which the network divides them."""
    return cls_attention(q * q.shape[-1] ** -0.5, k)


def lets_the_rows_sum_to_one(q, k):
    """You divide the mean by its sum over the patches, so that each row sums to 1. What the class token gives to itself
    is missing in a row, and that is as it should be."""
    scores = cls_attention(q, k)
    return scores / scores.sum(1, keepdim=True)


def takes_the_strongest_head(q, k):
    """You take the highest of the heads, patch by patch. Asked for is their mean."""
    return _weights(q, k)[:, :, 0, 1:].amax(1)


def takes_the_first_head_only(q, k):
    """You use one head, the first. Asked for is the mean over all heads."""
    return _weights(q, k)[:, 0, 0, 1:]


def leaves_the_class_token_out_of_the_softmax(q, k):
    """Your softmax runs over the patches only. The class token looks at itself as well: take the softmax over all 1 + N
    tokens first, and then leave its entry out. Each row then sums to less than 1."""
    return (q[:, :, :1] @ k[:, :, 1:].transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)[:, :, 0].mean(1)


def looks_from_the_patches(q, k):
    """That is how much each patch looks at the class token. Asked for is how much the class token looks at each patch:
    the first *row* of the matrix, not its first column."""
    return _weights(q, k)[:, :, 1:, 0].mean(1)


def takes_the_mean_before_the_softmax(q, k):
    """You average the heads' logits and take one softmax. Each head has a softmax of its own; the mean is over the
    attention that comes out."""
    return (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).mean(1).softmax(-1)[:, 0, 1:]


def averages_over_all_tokens(q, k):
    """You average over the rows: that is how much a patch is looked at by all tokens. Only the class token's row
    counts, number 0."""
    return _weights(q, k).mean((1, 2))[:, 1:]


def normalises_over_the_queries(q, k):
    """Your softmax runs over the queries. It belongs on the last dimension, the keys: the attention of one token sums
    to 1."""
    return (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-2)[:, :, 0, 1:].mean(1)


def keeps_the_class_token(q, k):
    """The first entry of your rows is the class token's attention to itself. It is no patch: leave it out (after the
    softmax)."""
    return _weights(q, k)[:, :, 0].mean(1)


def leaves_the_heads_apart(q, k):
    """Each head by itself is right. Wanted is one row of scores a picture: the mean over the heads."""
    return _weights(q, k)[:, :, 0, 1:]


def exchanges_queries_and_keys(q, k):
    """Queries and keys are exchanged: it is the class token's *query* that meets the *keys* of all tokens."""
    return cls_attention(k, q)
