"""Lab 1, exercise `similarity`: the cosine of every view with every view."""

import torch
import torch.nn.functional as F

HINTS = (
    "The cosine of two vectors is the dot product of their directions, that is of the vectors scaled to length 1. All "
    "dot products of a set of rows are one matrix product.",
    "With z the 2n rows of z1 and z2, and u_i = z_i / |z_i|, the matrix is U U^T.",
    "`z = torch.cat([z1, z2])`; divide z by its row lengths (`z.norm(dim=1, keepdim=True)`, or `F.normalize(z, "
    "dim=1)`); return the product of z with its transpose.",
)


def cosine_similarity_matrix(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)  # 2n,d
    return z @ z.T


def by_lengths(z1, z2):
    z = torch.cat([z1, z2])
    lengths = z.pow(2).sum(dim=1).sqrt()
    return torch.einsum("id,jd->ij", z, z) / torch.outer(lengths, lengths)


def by_blocks(z1, z2):
    def block(a, b):
        return F.cosine_similarity(a[:, None, :], b[None, :, :], dim=2)

    return torch.cat([torch.cat([block(a, z1), block(a, z2)], dim=1) for a in (z1, z2)])


def takes_dot_products(z1, z2):
    """These are dot products of the embeddings as they came: their lengths are still in. Scale every row to length 1
    first; the diagonal then is 1."""
    z = torch.cat([z1, z2])
    return z @ z.T


def normalises_the_columns(z1, z2):
    """You scale the columns (one feature over all views) to length 1. Each *row* is an embedding: normalise along
    `dim=1`."""
    z = F.normalize(torch.cat([z1, z2]), dim=0)
    return z @ z.T


def divides_by_the_norm_of_the_whole_matrix(z1, z2):
    """You divide by one norm, that of the whole matrix. Every row has a length of its own: `z.norm(dim=1,
    keepdim=True)`."""
    z = torch.cat([z1, z2])
    z = z / z.norm()
    return z @ z.T


def makes_the_entries_sum_to_one(z1, z2):
    """You divide each row by the sum of its absolute values (p=1). The length of a vector is the square root of the sum
    of squares (p=2)."""
    z = F.normalize(torch.cat([z1, z2]), p=1, dim=1)
    return z @ z.T


def compares_the_two_views_only(z1, z2):
    """You compare first views with second views only. SimCLR compares all 2n views with each other: put z2 below z1
    first."""
    return F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T


def joins_along_the_features(z1, z2):
    """You join z1 and z2 along the features, which makes n longer embeddings. Join them along `dim=0`: 2n
    embeddings."""
    z = F.normalize(torch.cat([z1, z2], dim=1), dim=1)
    return z @ z.T


def interleaves_the_views(z1, z2):
    """Your rows are ordered view 1 of image 0, view 2 of image 0, view 1 of image 1 ... Here all of z1 comes first,
    then all of z2."""
    z = torch.stack([z1, z2], dim=1).flatten(0, 1)
    return cosine_similarity_matrix(z, z[:0])
