"""Sinkhorn's normalisation against loops, its limit, lightly's, and what must hold for any logits."""

import math

import pytest
import torch
from harness import OneDevice

from sslcourse.losses import sinkhorn, view_cross_entropy


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def slow(logits, temperature, iterations, weights=None):
    """exp, then columns and rows in turn, one scalar at a time."""
    table = [[math.exp(x / temperature) for x in row] for row in logits.tolist()]
    weights = [1.0] * len(table) if weights is None else weights.tolist()
    for _ in range(iterations):
        for k in range(len(table[0])):
            total = sum(w * row[k] for w, row in zip(weights, table, strict=True))
            for row in table:
                row[k] /= total
        table = [[x / sum(row) for x in row] for row in table]
    return torch.tensor(table, dtype=torch.float64)


def in_logarithms(logits, temperature, iterations):
    scores = logits.double() / temperature
    for _ in range(iterations):
        scores = scores - scores.logsumexp(0)
        scores = scores - scores.logsumexp(1, keepdim=True)
    return scores.exp()


def test_equals_the_loop():
    for shape in [(6, 4), (3, 8), (1, 5), (5, 1)]:
        for iterations in [1, 3]:
            logits = draw(*shape)
            torch.testing.assert_close(
                sinkhorn(logits, 0.3, iterations), slow(logits, 0.3, iterations), rtol=1e-11, atol=0
            )
            weights = draw(shape[0], seed=1).abs()
            ours = sinkhorn(logits, 0.3, iterations, weights)
            torch.testing.assert_close(ours, slow(logits, 0.3, iterations, weights), rtol=1e-11, atol=0)


def test_equals_lightly():
    oracle = pytest.importorskip("lightly.loss.swav_loss", reason="lightly serves as an oracle in tests only")
    logits = draw(12, 7)
    torch.testing.assert_close(sinkhorn(logits, 0.25), oracle.sinkhorn(logits.clone(), 3, 0.25))
    # SwAV as a whole: each global crop's targets by themselves, then every other crop's cross-entropy to them
    student = draw(5, 12, 7, seed=1).requires_grad_()
    targets = torch.stack([sinkhorn(each.detach(), 0.25) for each in student[:2]])
    ours = view_cross_entropy(student, targets, 0.125)
    theirs = oracle.SwaVLoss(0.125, 3, 0.25)(list(student[:2]), list(student[2:]))[0]
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(loss, student)[0] for loss in (ours, theirs)))


def test_rows_sum_to_one_and_columns_to_their_share():
    logits = torch.nn.functional.normalize(draw(256, 32), dim=1)
    three, many = sinkhorn(logits, 0.05), sinkhorn(logits, 0.05, iterations=200)
    for shares in (three, many):
        torch.testing.assert_close(shares.sum(1), torch.ones(256, dtype=torch.float64))
    share = torch.full((32,), 256 / 32, dtype=torch.float64)
    torch.testing.assert_close(many.sum(0), share, rtol=1e-6, atol=0)
    torch.testing.assert_close(three.sum(0), share, rtol=0.2, atol=0)
    assert (torch.softmax(logits / 0.05, 1).sum(0) / share - 1).abs().max() > 0.2  # without it they differ more


def test_one_prototype_that_always_wins_is_shared():
    logits = draw(64, 8) + torch.tensor([9.0, 0, 0, 0, 0, 0, 0, 0])
    assert sinkhorn(logits, 0.1, 50).sum(0).sub(8).abs().max() < 0.5


def test_a_shift_of_a_column_changes_nothing_that_of_a_row_nothing_in_the_end():
    logits, rows, columns = draw(9, 5), draw(9, 1, seed=1), draw(5, seed=2)
    torch.testing.assert_close(sinkhorn(logits + columns, 0.2), sinkhorn(logits, 0.2))
    torch.testing.assert_close(sinkhorn(logits + rows, 0.2, 500), sinkhorn(logits, 0.2, 500))


def test_weighted_rows_equal_the_rows_alone():
    for seed in range(3):
        logits = draw(20, 6, seed=seed)
        mask = torch.rand(20, generator=torch.Generator().manual_seed(seed)) < 0.4
        ours = sinkhorn(logits, 0.05, weights=mask)
        torch.testing.assert_close(ours[mask], sinkhorn(logits[mask], 0.05))
        torch.testing.assert_close(ours.sum(1), torch.ones(20, dtype=torch.float64))  # the others get targets too
        changed = logits.clone()
        changed[~mask] += 7 * draw(int((~mask).sum()), 6, seed=9)
        torch.testing.assert_close(sinkhorn(changed, 0.05, weights=mask)[mask], ours[mask])


def test_a_weight_of_two_is_a_row_given_twice():
    logits = draw(5, 4)
    ours = sinkhorn(logits, 0.2, weights=torch.tensor([2.0, 1, 1, 1, 1]))
    torch.testing.assert_close(ours, sinkhorn(torch.cat([logits, logits[:1]]), 0.2)[:5])


def test_no_row_that_counts_means_all_count():
    logits = draw(5, 4)
    torch.testing.assert_close(sinkhorn(logits, 0.2, weights=torch.zeros(5)), sinkhorn(logits, 0.2))


def test_float32_is_stable_at_any_temperature():
    for temperature in [0.05, 0.005, 1e-4]:
        logits = torch.nn.functional.normalize(draw(64, 16, dtype=torch.float32), dim=1)
        mask = torch.arange(64) % 3 == 0
        for weights in (None, mask):
            shares = sinkhorn(logits, temperature, weights=weights)
            assert shares.dtype == torch.float32 and shares.isfinite().all()
            torch.testing.assert_close(shares.sum(1), torch.ones(64))
        if temperature > 1e-3:
            torch.testing.assert_close(
                sinkhorn(logits, temperature).double(), in_logarithms(logits, temperature, 3), rtol=1e-3, atol=1e-5
            )


def test_input_kept_no_gradient_half_precision_and_meta():
    logits = draw(8, 4, dtype=torch.float32).requires_grad_()
    before = logits.detach().clone()
    assert not sinkhorn(logits, 1.0).requires_grad and torch.equal(logits, before)
    assert sinkhorn(logits.bfloat16(), 0.1).dtype == torch.float32
    assert sinkhorn(logits.double(), 0.1).dtype == torch.float64
    away, mask = torch.empty(8, 4, device="meta"), torch.empty(8, dtype=torch.bool, device="meta")
    with OneDevice():
        assert sinkhorn(away, 0.1).shape == sinkhorn(away, 0.1, weights=mask).shape == (8, 4)


def test_refusals():
    for shape in [(4,), (2, 3, 4), (0, 4)]:
        with pytest.raises(ValueError, match="R,K") as caught:
            sinkhorn(torch.zeros(shape), 0.1)
        assert str(shape) in str(caught.value)
    with pytest.raises(ValueError, match="weights must be R=4"):
        sinkhorn(torch.zeros(4, 3), 0.1, weights=torch.ones(3))
    with pytest.raises(ValueError, match="iterations must be at least 1"):
        sinkhorn(torch.zeros(4, 3), 0.1, iterations=0)
    with pytest.raises(ValueError, match="temperature must be positive"):
        sinkhorn(torch.zeros(4, 3), 0)
