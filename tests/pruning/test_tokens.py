"""Gather, remove and restore are inverse to each other, with gradients where the values go."""

import pytest
import torch

from sslcourse.pruning import gather_tokens, removed_indices, removed_mask, restore_tokens, select


def drawn(batch=3, patches=10, dim=4, keep=6):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(batch, patches, dim, generator=generator, dtype=torch.float64)
    return tokens, select(torch.zeros(batch, patches), keep, "random", generator)


@pytest.mark.parametrize("keep", [1, 6, 9, 10])
def test_restoring_what_was_gathered_is_the_identity(keep):
    tokens, kept = drawn(keep=keep)
    assert torch.equal(restore_tokens(gather_tokens(tokens, kept), kept, 10, fill=tokens), tokens)
    mixed = kept.flip(1)  # order does not matter, as long as tokens and places agree
    assert torch.equal(restore_tokens(gather_tokens(tokens, mixed), mixed, 10, fill=tokens), tokens)
    back = gather_tokens(restore_tokens(gather_tokens(tokens, kept), kept, 10, fill=torch.zeros(4).double()), kept)
    assert torch.equal(back, gather_tokens(tokens, kept))


def test_against_a_loop():
    tokens, kept = drawn()
    fill = torch.arange(4.0).double()
    restored, removed, mask = (
        restore_tokens(gather_tokens(tokens, kept), kept, 10, fill),
        removed_indices(kept, 10),
        None,
    )
    mask = removed_mask(kept, 10)
    for b, numbers in enumerate(kept.tolist()):
        gone = [n for n in range(10) if n not in numbers]
        assert removed[b].tolist() == gone and mask[b].tolist() == [n in gone for n in range(10)]
        for n in range(10):
            assert torch.equal(restored[b, n], fill if n in gone else tokens[b, n])


def test_gradients_go_where_the_values_went():
    tokens, kept = drawn()
    tokens.requires_grad_()
    fill = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 10, 4, dtype=torch.float64)
    (restore_tokens(gather_tokens(tokens, kept), kept, 10, fill) * weight).sum().backward()
    gone = removed_mask(kept, 10)[:, :, None]
    assert torch.equal(tokens.grad, weight.masked_fill(gone, 0))
    torch.testing.assert_close(fill.grad, weight.masked_fill(~gone, 0).sum((0, 1)))


def test_mixed_precision_takes_the_wider():
    tokens, kept = drawn()
    half = gather_tokens(tokens, kept).bfloat16()
    assert restore_tokens(half, kept, 10, torch.zeros(4)).dtype == torch.float32


def test_shapes_need_no_values():
    tokens, kept = torch.empty(2, 10, 4, device="meta"), torch.empty(2, 6, dtype=torch.int64, device="meta")
    assert gather_tokens(tokens, kept).shape == (2, 6, 4)
    assert removed_indices(kept, 10).shape == (2, 4) and removed_mask(kept, 10).shape == (2, 10)
    assert restore_tokens(tokens[:, :6], kept, 10, tokens[0, 0]).shape == (2, 10, 4)


def test_refusals():
    tokens, kept = drawn()
    for indices in (kept.int(), kept[:2], kept[0], kept.bool()):
        with pytest.raises(ValueError, match=r"keep_indices must be int64 of shape \(3, K\)"):
            gather_tokens(tokens, indices)
    with pytest.raises(ValueError, match=r"of shape \(3, 6\)"):
        restore_tokens(tokens[:, :6], kept[:, :5], 10, tokens)
    with pytest.raises(ValueError, match=r"fill must be \(4,\) or \(3, 10, 4\); got \(3, 4\)"):
        restore_tokens(tokens[:, :6], kept, 10, tokens[:, 0])
    with pytest.raises(ValueError, match="6 patches cannot be kept of 5"):
        restore_tokens(tokens[:, :6], kept, 5, tokens[0, 0])
    with pytest.raises(ValueError, match="6 patches cannot be kept of 5"):
        removed_mask(kept, 5)
    with pytest.raises(ValueError, match="tokens must be B,N,D"):
        gather_tokens(tokens[0], kept)
    with pytest.raises(ValueError, match="kept must be B,K,D"):
        restore_tokens(tokens[0], kept, 10, tokens)
