"""Policies keep what they say, counts are static, ties and random numbers are decided in one known way."""

import math

import pytest
import torch

from sslcourse.pruning import POLICIES, keep_count, keep_rate_at, select


def scores_of(batch=6, patches=12):
    return torch.rand(batch, patches, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("keep", [1, 5, 12])
def test_low_keeps_the_highest_and_high_the_lowest(keep):
    scores = scores_of()
    for policy, sign in (("low", -1), ("high", 1)):
        kept = select(scores, keep, policy)
        assert kept.dtype == torch.int64 and kept.shape == (6, keep)
        for row, numbers in zip(scores.tolist(), kept.tolist()):
            by_score = sorted(range(12), key=lambda number: sign * row[number])
            assert numbers == sorted(by_score[:keep])


def test_equal_scores_keep_the_lower_numbers():
    flat = torch.zeros(2, 300)
    for policy in ("low", "high"):
        assert torch.equal(select(flat, 7, policy), torch.arange(7).expand(2, -1))
    assert select(torch.tensor([[0.5, 0.9, 0.5, 0.5]]), 2, "low").tolist() == [[0, 1]]


def test_low_and_high_remove_opposite_patches():
    scores = scores_of()
    low, high = select(scores, 6, "low"), select(scores, 6, "high")
    assert torch.equal(torch.cat([low, high], 1).sort(1).values, torch.arange(12).expand(6, -1))


def test_random_takes_shape_and_generator_only():
    def draw(scores, seed=1):
        return select(scores, 4, "random", torch.Generator().manual_seed(seed))

    first = draw(scores_of())
    assert torch.equal(first, draw(torch.zeros(6, 12))) and not torch.equal(first, draw(scores_of(), seed=2))
    assert (first.diff(dim=1) > 0).all() and first.min() >= 0 and first.max() < 12
    counts = torch.zeros(12)
    kept = select(torch.zeros(3000, 12), 4, "random", torch.Generator().manual_seed(0))
    counts.scatter_add_(0, kept.flatten(), torch.ones(kept.numel()))
    torch.testing.assert_close(counts / 3000, torch.full((12,), 4 / 12), rtol=0, atol=0.04)  # 4 deviations
    torch.manual_seed(3)
    one = select(torch.zeros(2, 12), 4, "random")
    torch.manual_seed(3)
    assert torch.equal(one, select(torch.zeros(2, 12), 4, "random"))


def test_none_keeps_everything():
    assert torch.equal(select(scores_of(), 3, "none"), torch.arange(12).expand(6, -1))


def test_no_gradient_passes_and_nothing_is_changed():
    scores = scores_of().requires_grad_()
    before = scores.detach().clone()
    assert not select(scores, 3, "low").requires_grad and torch.equal(scores, before)


@pytest.mark.parametrize("policy", POLICIES)
def test_shapes_need_no_values(policy):
    generator = torch.Generator().manual_seed(0)
    kept = select(torch.empty(2, 12, device="meta"), 5, policy, generator)
    assert kept.is_meta and kept.shape == (2, 12 if policy == "none" else 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(2, 4), 2, "top"), "policy must be one of low, random, high, none; got 'top'"),
        ((torch.zeros(2, 4), 0), "keep must lie in 1..4, .* got 0"),
        ((torch.zeros(2, 4), 5, "random"), "keep must lie in 1..4, .* got 5"),
        ((torch.zeros(4), 2), r"scores must be B,N; got \(4,\)"),
    ],
)
def test_wrong_selections_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        select(*arguments)


def test_counts():
    for patches in (1, 7, 10, 64, 196):
        assert keep_count(patches, 1.0) == patches and keep_count(patches, 1e-6) == 1
        for kept in range(1, patches + 1):  # a whole number stays one, however its share is rounded
            assert keep_count(patches, kept / patches) == kept
    assert keep_count(10, 0.7) == 7 and keep_count(10, 0.71) == 8
    for rate in (0, -0.5, 1.01, math.nan):
        with pytest.raises(ValueError, match="keep_rate must lie in"):
            keep_count(10, rate)
    with pytest.raises(ValueError, match="at least 1; got 0"):
        keep_count(0, 0.5)


def test_schedule_falls_from_one_to_final_in_few_levels():
    rates = [keep_rate_at(step, 1000, 0.3, end_share=0.5, levels=5) for step in range(1000)]
    assert rates[500:] == [0.3] * 500 and len(set(rates)) == 5 and all(isinstance(rate, float) for rate in rates)
    assert all(a >= b for a, b in zip(rates, rates[1:]))
    for level in range(5):  # each level is the cosine at the level's own start
        start = 125 * level
        assert rates[start] == pytest.approx(0.3 + 0.7 * (1 + math.cos(math.pi * level / 4)) / 2)
        assert start == 0 or rates[start - 1] > rates[start]


def test_schedule_edges_and_refusals():
    assert keep_rate_at(0, 4, 0.5, end_share=0) == keep_rate_at(0, 4, 0.5, end_share=1, levels=1) == 0.5
    assert {keep_rate_at(s, 9, 1.0) for s in range(9)} == {1.0}
    for change, message in (
        ({"step": 4}, "step must lie in 0..3"),
        ({"final": 0}, r"final must lie in \(0, 1\], .*final=0"),
        ({"end_share": 1.5}, "end_share=1.5"),
        ({"levels": 0}, "levels be at least 1; .*levels=0"),
    ):
        with pytest.raises(ValueError, match=message):
            keep_rate_at(**{"step": 0, "steps": 4, "final": 0.5, **change})
