"""Lab 5, exercise `gather`: each picture's own tokens, by their numbers."""

import torch
import torch.nn.functional as F

HINTS = (
    "Row b of the result holds tokens of picture b only, and of each token all D numbers. Which index says the "
    "picture, and which the patch?",
    "result[b, i] = tokens[b, indices[b, i]]. Either index with two tensors that broadcast to [B, K], or use "
    "`torch.gather` along dimension 1, which wants an index for every single number of the result.",
    "`tokens[torch.arange(len(tokens))[:, None], indices]`; or `tokens.gather(1, indices[:, :, None].expand(-1, -1, "
    "tokens.shape[2]))`.",
)


def gather(tokens, indices):
    everywhere = indices[:, :, None].expand(-1, -1, tokens.shape[2])  # B,K,D: the same patch for every channel
    return tokens.gather(1, everywhere)


def by_two_indices(tokens, indices):
    return tokens[torch.arange(len(tokens), device=tokens.device)[:, None], indices]


def along_a_dimension(tokens, indices):
    return torch.take_along_dim(tokens, indices.unsqueeze(-1), dim=1)


def by_a_product(tokens, indices):
    return F.one_hot(indices, tokens.shape[1]).to(tokens.dtype) @ tokens


def picture_by_picture(tokens, indices):
    return torch.stack([one[chosen] for one, chosen in zip(tokens, indices)])


def takes_the_first_pictures_patches(tokens, indices):
    """You take the same patches, those of the first row of indices, from every picture. Each picture has a row of its
    own."""
    return tokens[:, indices[0]]


def takes_them_from_the_first_picture(tokens, indices):
    """All your tokens come from the first picture. In a flattened batch, picture b begins at b * N: add that to its
    indices, or do without flattening."""
    return tokens.flatten(0, 1)[indices]


def takes_every_choice_from_every_picture(tokens, indices):
    """`tokens[:, indices]` takes every picture's choice from every picture, B * B rows. Row b of `indices` belongs to
    picture b alone."""
    return tokens[:, indices]


def takes_one_channel_only(tokens, indices):
    """One number of each token is there, the rest is missing: `gather` gives as many numbers as the index has. Expand
    the index over all D channels."""
    return tokens.gather(1, indices[:, :, None])


def repeats_the_indices_in_the_wrong_order(tokens, indices):
    """Your index for the D channels of one token names different patches: `repeat` and `view` put the numbers in
    another order. `indices[:, :, None].expand(-1, -1, D)` says the same patch D times."""
    channels = tokens.shape[2]
    return tokens.gather(1, indices.repeat(1, channels).view(*indices.shape, channels))


def puts_them_in_the_order_of_the_picture(tokens, indices):
    """The tokens come in the order of their places, as a mask gives them. Wanted is the order in which `indices` names
    them."""
    return gather(tokens, indices.sort(dim=1).values)


def masks_instead_of_removing(tokens, indices):
    """You set the other tokens to zero: all N are still there, and the network would compute on all of them. Wanted are
    K tokens."""
    stays = torch.zeros(tokens.shape[:2], dtype=tokens.dtype).scatter(1, indices, 1.0)
    return tokens * stays[:, :, None]
