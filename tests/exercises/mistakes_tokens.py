"""Mistakes that people make in Lab 0, and what they must be told: see `mistakes.py`."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

MISTAKES: list[tuple[str, object, str | None]] = []


def mistake(exercise, told):
    def add(function):
        MISTAKES.append((f"tokens.{exercise}", function, told))
        return function

    return add


def cut(images, p):
    """[B, C, h, p, w, p]"""
    b, c, height, width = images.shape
    return images.reshape(b, c, height // p, p, width // p, p)


# ---- patchify


@mistake("patchify", "dimensions 1 and 2 should be one")
def leaves_rows_and_columns_apart(images, patch):
    return cut(images, patch).permute(0, 2, 4, 3, 5, 1).flatten(3)


@mistake("patchify", "= puts the channels first")
def unfolds(images, patch):
    return F.unfold(images, patch, stride=patch).mT


@mistake("patchify", None)
def forgets_to_turn_the_unfolded(images, patch):
    return F.unfold(images, patch, stride=patch).unflatten(1, (images.shape[1], -1)).transpose(1, 2).flatten(1, 2)


@mistake("patchify", "= only reshapes")
def views_with_a_number_of_patches(images, patch):
    b, c, height, width = images.shape
    return images.reshape(b, (height // patch) * (width // patch), -1)


@mistake("patchify", "`reshape` copies")
def views_what_was_permuted(images, patch):
    x = cut(images, patch).permute(0, 2, 4, 3, 5, 1)
    return x.view(len(images), -1, patch * patch * images.shape[1])


@mistake("patchify", "= puts the channels first")
def slices_and_flattens(images, patch):
    _, _, height, width = images.shape
    return torch.stack(
        [
            images[:, :, y : y + patch, x : x + patch].flatten(1)
            for y in range(0, height, patch)
            for x in range(0, width, patch)
        ],
        dim=1,
    )


@mistake("patchify", "torch.stack(..., dim=1)")
def returns_a_list_of_patches(images, patch):
    _, _, height, width = images.shape
    corners = [(y, x) for y in range(0, height, patch) for x in range(0, width, patch)]
    return [images[:, :, y : y + patch, x : x + patch].movedim(1, -1).flatten(1) for y, x in corners]


@mistake("patchify", None)
def takes_one_pixel_a_patch(images, patch):
    return images[:, :, ::patch, ::patch].flatten(2).mT.repeat(1, 1, patch * patch)


# ---- unpatchify


@mistake("unpatchify", "expected shape (1, 1, 4, 4)")
def forgets_the_channels_place(patches, patch, height, width):
    x = patches.reshape(len(patches), height // patch, width // patch, patch, patch, -1).transpose(2, 3)
    return x.reshape(len(patches), height, width, -1)


@mistake("unpatchify", "= joins before it moves")
def moves_the_channels_only(patches, patch, height, width):
    x = patches.reshape(len(patches), height // patch, width // patch, patch, patch, -1).movedim(-1, 1)
    return x.reshape(len(patches), -1, height, width)


# ---- attention


@mistake("attention", "= does not scale")
def is_plain_dot_product_attention(q, k, v):
    return (q @ k.transpose(1, 2)).softmax(-1) @ v


@mistake("attention", "= takes the softmax over the queries")
def takes_dimension_one(q, k, v):
    return F.softmax(q @ k.transpose(1, 2) / math.sqrt(q.size(-1)), dim=1) @ v


@mistake("attention", "do not fit together")
def turns_all_dimensions_of_the_keys(q, k, v):
    return (q @ k.permute(2, 1, 0) / math.sqrt(q.size(-1))).softmax(-1) @ v


@mistake("attention", "do not fit together")
def leaves_the_keys_as_they_are(q, k, v):
    return (q @ k / math.sqrt(q.size(-1))).softmax(-1) @ v


@mistake("attention", "Let softmax")
def takes_exponentials(q, k, v):
    e = (q @ k.mT / math.sqrt(q.size(-1))).exp()
    return e / e.sum(-1, keepdim=True) @ v


@mistake("attention", None)
def returns_weights_of_the_first_query(q, k, v):
    weights = (q @ k.mT / math.sqrt(q.size(-1))).softmax(-1)
    return (weights[:, :1] @ v).expand(-1, q.shape[1], -1)


@mistake("attention", "no gradient reaches")
def looks_without_learning(q, k, v):
    with torch.no_grad():
        return (q @ k.mT / math.sqrt(q.size(-1))).softmax(-1) @ v


@mistake("attention", "= divides by the number of queries")
def takes_the_length(q, k, v):
    return (q @ k.mT / q.size(1) ** 0.5).softmax(-1) @ v


# ---- object_share


@mistake("object_share", "float32")
def is_in_double(mask, patch):
    return cut(mask[:, None].double(), patch).mean((1, 3, 5)).flatten(1)


@mistake("object_share", "floating-point numbers")
def takes_the_mean_of_booleans(mask, patch):
    return cut(mask[:, None], patch).mean((1, 3, 5)).flatten(1)


@mistake("object_share", "dimensions 1 and 2 should be one")
def keeps_the_grid(mask, patch):
    return cut(mask[:, None].float(), patch).mean((1, 3, 5))


@mistake("object_share", "is 1 for every input")
def asks_whether_there_is_any(mask, patch):
    return cut(mask[:, None].float(), patch).amax((1, 3, 5)).flatten(1)


@mistake("object_share", "= counts the pixels")
def sums(mask, patch):
    return cut(mask[:, None].float(), patch).sum((1, 3, 5)).flatten(1)


# ---- knn_vote


def neighbours(features, bank, k):
    return (F.normalize(features, dim=1) @ F.normalize(bank, dim=1).T).topk(k, dim=1)


@mistake("knn_vote", "= overwrites earlier votes")
def adds_with_an_index(features, bank, labels, k, temperature):
    top, index = neighbours(features, bank, k)
    votes = top.new_zeros(len(features), int(labels.max()) + 1)
    votes[torch.arange(len(votes))[:, None], labels[index]] += (top / temperature).softmax(1)
    return votes


@mistake("knn_vote", "= asks the furthest")
def sorts_upwards(features, bank, labels, k, temperature):
    cosines = F.normalize(features, dim=1) @ F.normalize(bank, dim=1).T
    index = cosines.argsort(dim=1)[:, :k]
    weights = (cosines.gather(1, index) / temperature).softmax(1)
    return weights.new_zeros(len(features), int(labels.max()) + 1).scatter_add(1, labels[index], weights)


@mistake("knn_vote", "`exp` is where it begins")
def divides_exponentials(features, bank, labels, k, temperature):
    top, index = neighbours(features, bank, k)
    weights = (top / temperature).exp()
    votes = weights.new_zeros(len(features), int(labels.max()) + 1).scatter_add(1, labels[index], weights)
    return votes / votes.sum(1, keepdim=True)


@mistake("knn_vote", "one too many was reduced")
def returns_the_class(features, bank, labels, k, temperature):
    top, index = neighbours(features, bank, k)
    return F.one_hot(labels[index]).sum(1).argmax(1)


@mistake("knn_vote", "one softmax too many")
def ends_in_a_softmax(features, bank, labels, k, temperature):
    top, index = neighbours(features, bank, k)
    weights = (top / temperature).softmax(1)
    return weights.new_zeros(len(features), int(labels.max()) + 1).scatter_add(1, labels[index], weights).softmax(1)


@mistake("knn_vote", "counted from 0")
def has_a_column_for_each_class_that_occurs(features, bank, labels, k, temperature):
    top, index = neighbours(features, bank, k)
    votes = top.new_zeros(len(features), len(labels.unique()))
    return votes.scatter_add(1, labels[index], (top / temperature).softmax(1))


@mistake("knn_vote", "dtypes of two tensors differ")
def votes_in_float32(features, bank, labels, k, temperature):
    top, index = neighbours(features, bank, k)
    votes = torch.zeros(len(features), int(labels.max()) + 1)
    return votes.scatter_add(1, labels[index], (top / temperature).softmax(1))


# ---- linear_cka


@mistake("linear_cka", "= does not centre")
def forgets_the_mean(x, y):
    return ((x.T @ y).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())).item()


@mistake("linear_cka", "shapes of two tensors do not fit")
def multiplies_across_the_pictures(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return ((x @ y.T).norm() ** 2 / ((x @ x.T).norm() * (y @ y.T).norm()) + (x @ y).sum()).item()


@mistake("linear_cka", "= takes the root")
def divides_by_roots(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return ((x.T @ y).norm() / ((x.T @ x).norm() * (y.T @ y).norm()).sqrt()).item()


@mistake("linear_cka", "1 minus what is expected")
def is_a_distance(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return 1 - ((x.T @ y).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())).item()


@mistake("linear_cka", None)
def compares_the_pictures_only(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return ((x @ x.T) * (y @ y.T)).mean().item()


@mistake("linear_cka", "changes its arguments x, y")
def centres_in_place(x, y):
    x -= x.mean(0)
    y -= y.mean(0)
    return ((x.T @ y).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())).item()
