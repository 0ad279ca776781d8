"""Taking patches out of a set of tokens and putting them back: every shape is known beforehand."""

import torch
from torch import Tensor


def gather_tokens(tokens: Tensor, indices: Tensor) -> Tensor:
    """The tokens `B,K,D` at `indices` (int64 `B,K`) of `tokens` `B,N,D`; with its gradient.

    Raises ValueError when the indices are not int64 `B,K`. Their values are not checked, because that would wait for
    the device. Source: He et al. 2022 (MAE), section 3.

    >>> gather_tokens(torch.arange(4.0).view(1, 4, 1), torch.tensor([[3, 1]])).flatten().tolist()
    [3.0, 1.0]
    """
    if tokens.ndim != 3:
        raise ValueError(f"tokens must be B,N,D; got {tuple(tokens.shape)}")
    _check_indices(indices, len(tokens))
    return tokens.gather(1, indices[:, :, None].expand(-1, -1, tokens.shape[2]))  # B,K,D


def removed_mask(keep_indices: Tensor, num_patches: int) -> Tensor:
    """True where a patch was removed, bool `B,N`, from the kept ones `B,K`.

    >>> removed_mask(torch.tensor([[0, 2]]), 4).tolist()
    [[False, True, False, True]]
    """
    _check_indices(keep_indices)
    if keep_indices.shape[1] > num_patches:
        raise ValueError(f"{keep_indices.shape[1]} patches cannot be kept of {num_patches}")
    everything = torch.ones(len(keep_indices), num_patches, dtype=torch.bool, device=keep_indices.device)
    return everything.scatter(1, keep_indices, False)


def removed_indices(keep_indices: Tensor, num_patches: int) -> Tensor:
    """The numbers of the removed patches, int64 `B,N-K`, ascending; the kept ones must differ within a row.

    >>> removed_indices(torch.tensor([[0, 2]]), 4).tolist()
    [[1, 3]]
    """
    removed = removed_mask(keep_indices, num_patches)
    # A stable sort puts the removed ones first, in their order: unlike nonzero, the shape depends on no value.
    order = removed.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
    return order[:, : num_patches - keep_indices.shape[1]]


def restore_tokens(kept: Tensor, keep_indices: Tensor, num_patches: int, fill: Tensor) -> Tensor:
    """All tokens `B,N,D`: the kept ones `B,K,D` at their places `keep_indices` `B,K`, `fill` everywhere else.

    `fill` is one token `D` (a mask token), or one for each place, `B,N,D`; it gets a gradient where it is seen. The
    result has the wider of the two dtypes. Raises ValueError on shapes that do not fit.

    Source: He et al. 2022 (MAE), section 3, "MAE decoder".

    >>> kept, places = torch.tensor([[[5.0], [7.0]]]), torch.tensor([[0, 2]])
    >>> restore_tokens(kept, places, 4, fill=torch.zeros(1)).flatten().tolist()
    [5.0, 0.0, 7.0, 0.0]
    """
    if kept.ndim != 3:
        raise ValueError(f"kept must be B,K,D; got {tuple(kept.shape)}")
    batch, count, dim = kept.shape
    _check_indices(keep_indices, batch, count)
    if count > num_patches:
        raise ValueError(f"{count} patches cannot be kept of {num_patches}")
    if fill.shape not in ((dim,), (batch, num_patches, dim)):
        raise ValueError(f"fill must be ({dim},) or ({batch}, {num_patches}, {dim}); got {tuple(fill.shape)}")
    dtype = torch.promote_types(kept.dtype, fill.dtype)  # under autocast the kept tokens may be half precision
    places = keep_indices[:, :, None].expand(-1, -1, dim)
    return fill.to(dtype).expand(batch, num_patches, dim).scatter(1, places, kept.to(dtype))


def _check_indices(indices: Tensor, batch: int | None = None, count: int | None = None) -> None:
    fits = indices.ndim == 2 and batch in (None, len(indices)) and count in (None, indices.shape[1])
    if indices.dtype != torch.int64 or not fits:
        wanted = f"({'B' if batch is None else batch}, {'K' if count is None else count})"
        raise ValueError(f"keep_indices must be int64 of shape {wanted}; got {indices.dtype} {tuple(indices.shape)}")
