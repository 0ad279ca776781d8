"""The collapse meters against slow references and the cases that are known by hand."""

import math

import pytest
import torch

from sslcourse.evaluation import (
    centered_rank,
    channel_std,
    contrastive_accuracy,
    effective_rank,
    pair_cosines,
    spectrum,
)


def draw(n=6, d=5, seed=0, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=g, dtype=dtype) for _ in range(2)]


def slow_cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.hypot(*a) / math.hypot(*b)


def test_effective_rank_is_exact_on_known_spectra():
    g = torch.Generator().manual_seed(0)
    left = torch.linalg.qr(torch.randn(9, 4, generator=g, dtype=torch.float64))[0]
    right = torch.linalg.qr(torch.randn(4, 4, generator=g, dtype=torch.float64))[0]
    for values in ([1, 1, 1, 1], [8, 4, 2, 2], [1, 0, 0, 0], [1000, 1, 1e-3, 0]):
        z = left @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ right
        torch.testing.assert_close(spectrum(z), torch.tensor(values, dtype=torch.float64), rtol=1e-9, atol=1e-10)
        shares = [v / sum(values) for v in values if v]
        expected = math.exp(-sum(p * math.log(p) for p in shares))
        assert effective_rank(z).item() == pytest.approx(expected, rel=1e-9)
        for scale in (1e-12, 1e6):
            assert effective_rank(z * scale).item() == pytest.approx(expected, rel=1e-8)


def test_effective_rank_at_its_ends():
    assert effective_rank(torch.eye(7)).item() == pytest.approx(7, rel=1e-5)
    assert effective_rank(torch.outer(torch.randn(9), torch.randn(4))).item() == pytest.approx(1, rel=1e-4)
    assert effective_rank(torch.ones(1, 4)).item() == pytest.approx(1)
    assert effective_rank(torch.zeros(3, 4)).item() == 0
    assert effective_rank(torch.randn(3, 100)) <= 3


def test_features_that_are_not_finite_give_nan_and_no_error():
    z = torch.randn(5, 3)
    z[2, 1] = torch.inf
    assert spectrum(z).isnan().all() and effective_rank(z).isnan()


def test_effective_rank_is_not_centred():
    z = torch.eye(4, dtype=torch.float64)
    assert effective_rank(z) - centered_rank(z) > 0.9


def test_channel_std_of_a_healthy_and_of_a_collapsed_representation():
    z = torch.randn(4000, 64, generator=torch.Generator().manual_seed(0))
    assert channel_std(z).item() == pytest.approx(1 / 8, rel=0.02)
    signs = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert channel_std(signs).item() == pytest.approx(1 / math.sqrt(2))  # mean zero: exactly 1 / sqrt(D)
    assert channel_std(torch.randn(1, 8).expand(10, -1)).item() == pytest.approx(0, abs=1e-6)
    # one line used in both directions: the mean over channels sees the partial collapse
    line = torch.randn(100, 1, generator=torch.Generator().manual_seed(0)) * torch.eye(64)[:1]
    assert channel_std(line).item() < 0.25 / 8


def test_channel_std_equals_a_slow_reference():
    z = draw(8, 3)[0]
    unit = [[x / math.hypot(*row) for x in row] for row in z.tolist()]
    columns = list(zip(*unit, strict=True))
    stds = [math.sqrt(sum((x - sum(c) / 8) ** 2 for x in c) / 8) for c in columns]
    assert channel_std(z).item() == pytest.approx(sum(stds) / 3)


def test_pair_cosines_equal_a_slow_reference():
    z1, z2 = draw()
    views = z1.tolist() + z2.tolist()
    positive = [slow_cosine(views[i], views[i + 6]) for i in range(6)]
    negative = [slow_cosine(views[i], views[j]) for i in range(12) for j in range(12) if (i - j) % 6]
    values = pair_cosines(z1, z2)
    assert values[0].item() == pytest.approx(sum(positive) / 6)
    assert values[1].item() == pytest.approx(sum(negative) / len(negative))
    one_point = torch.ones(4, 3)
    assert [round(v.item(), 5) for v in pair_cosines(one_point, one_point)] == [1, 1]


def test_contrastive_accuracy_equals_a_slow_reference():
    for seed in range(6):
        z1, z2 = draw(5, 3, seed)
        z2 = z1 + 0.6 * z2
        views = z1.tolist() + z2.tolist()
        right = 0
        for i in range(10):
            partner = (i + 5) % 10
            others = [slow_cosine(views[i], views[k]) for k in range(10) if k not in (i, partner)]
            right += slow_cosine(views[i], views[partner]) > max(others)
        assert contrastive_accuracy(z1, z2).item() == pytest.approx(right / 10)


def test_identical_embeddings_are_no_success():
    """A matrix product may round equal rows differently at the edges of its tiles; that must not look like a find."""
    for dtype in [torch.float32, torch.float64, torch.bfloat16]:
        for n, d in [(2, 3), (7, 5), (64, 33), (256, 128)]:
            z = torch.randn(1, d, generator=torch.Generator().manual_seed(n)).to(dtype).expand(n, -1)
            assert contrastive_accuracy(z, z).item() == 0
            assert contrastive_accuracy(z * 1.0, z * 3.0).item() == 0


def test_a_duplicated_image_ties_with_its_own_positive():
    z = torch.eye(4)
    z[1] = z[0]  # images 0 and 1 look the same: neither finds its partner for sure
    assert contrastive_accuracy(z, z).item() == 0.5


def test_contrastive_accuracy_by_chance():
    z = torch.randn(2, 2000, 64, generator=torch.Generator().manual_seed(0))
    groups = [contrastive_accuracy(a, b) for a, b in zip(z[0].split(4), z[1].split(4), strict=True)]
    assert torch.stack(groups).mean().item() == pytest.approx(1 / 7, abs=0.02)


def test_meters_are_detached_scalars():
    z1, z2 = (z.requires_grad_() for z in draw(8, 4))
    meters = [channel_std(z1), effective_rank(z1), *pair_cosines(z1, z2), contrastive_accuracy(z1, z2)]
    assert all(value.shape == () and not value.requires_grad for value in meters)


def test_collapse_is_seen():
    healthy, collapsed = draw(64, 16), [1 + 1e-3 * z for z in draw(64, 16)]
    assert effective_rank(healthy[0]) > 4 * effective_rank(collapsed[0])
    assert channel_std(collapsed[0]) < 0.01 / 4 < channel_std(healthy[0])  # healthy is 1 / sqrt(16)
    assert pair_cosines(*collapsed)[1] > 0.99 and pair_cosines(*healthy)[1] < 0.2


def test_step_meters_never_wait_for_values():
    z = torch.randn(8, 4, device="meta")
    for value in (channel_std(z), *pair_cosines(z, z), contrastive_accuracy(z, z)):
        assert value.is_meta


def test_refusals():
    for meter in (channel_std, spectrum, effective_rank):
        for shape in ((4,), (0, 4), (2, 3, 4)):
            with pytest.raises(ValueError, match="N,D"):
                meter(torch.zeros(shape))
    for meter in (pair_cosines, contrastive_accuracy):
        for shapes in (((1, 4), (1, 4)), ((3, 4), (2, 4))):
            with pytest.raises(ValueError, match="N >= 2"):
                meter(*(torch.zeros(s) for s in shapes))
