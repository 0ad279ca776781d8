"""Lab 4's references beside the package's own losses, and beside slow readings of the papers' formulas."""

from __future__ import annotations

import math

import pytest
import torch

from sslcourse.evaluation import segmentation
from sslcourse.exercises import find
from sslcourse.losses import distillation

CENTER, SINKHORN, CLS, PATCH, IOU = (
    find(f"two_levels.{name}").reference for name in ("center", "sinkhorn", "cls", "patch", "iou")
)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def probabilities(*shape, seed=1):
    return (2 * drawn(*shape, seed=seed)).softmax(-1)


def test_centring_is_the_packages():
    logits, center = drawn(2, 5, 7), drawn(7, seed=1)
    torch.testing.assert_close(CENTER(logits, center, 0.04), distillation.centered_softmax(logits, center, 0.04))


@pytest.mark.parametrize("iterations", [1, 3, 10])
@pytest.mark.parametrize("temperature", [0.3, 0.05])
def test_sinkhorn_is_the_packages(iterations, temperature):
    logits = drawn(9, 5).tanh()
    torch.testing.assert_close(
        SINKHORN(logits, temperature, iterations), distillation.sinkhorn(logits, temperature, iterations)
    )


def test_sinkhorn_keeps_its_sums_at_a_low_temperature_in_float32():
    logits = drawn(64, 16).tanh().float()
    logits[:, 3] -= 3.0  # far from every row
    shares = SINKHORN(logits, 0.01, 300)
    torch.testing.assert_close(shares.sum(1), torch.ones(64))
    assert shares.isfinite().all() and (shares.sum(0) / 4 - 1).abs().max() < 0.02


@pytest.mark.parametrize(("s", "t"), [(2, 2), (6, 2), (4, 3)])
def test_the_loss_of_class_tokens_is_the_packages(s, t):
    student, teacher = drawn(s, 4, 6), probabilities(t, 4, 6)
    expected = distillation.view_cross_entropy(0.1 * student, teacher, 0.1)
    torch.testing.assert_close(CLS(student, teacher), expected)


def test_the_loss_of_patches_is_the_packages():
    student, teacher = drawn(4, 9, 6), probabilities(4, 9, 6)
    mask = torch.rand(4, 9, generator=torch.Generator().manual_seed(0)) < 0.4
    mask[2] = False
    expected = distillation.patch_cross_entropy(0.1 * student, teacher, mask, 0.1)
    torch.testing.assert_close(PATCH(student, teacher, mask), expected)


def test_ones_own_view_and_visible_places_count_for_nothing_at_all():
    student, teacher = drawn(3, 4, 6).requires_grad_(), probabilities(2, 4, 6)
    other = teacher.clone()
    other[0] = probabilities(4, 6, seed=5)
    one, two = (torch.autograd.grad(CLS(student, goal), student)[0] for goal in (teacher, other))
    assert torch.equal(one[0], two[0]) and not torch.equal(one[1], two[1])
    patches, goals = drawn(2, 5, 6).requires_grad_(), probabilities(2, 5, 6)
    mask = torch.tensor([[True, False, False, True, False], [False] * 5])
    gradient = torch.autograd.grad(PATCH(patches, goals, mask), patches)[0]
    assert (gradient[~mask] == 0).all() and (gradient[mask] != 0).all()


def test_iou_is_the_packages():
    generator = torch.Generator().manual_seed(0)
    true, predicted = (torch.randint(0, 4, (3, 6, 6), generator=generator) for _ in range(2))
    assert math.isclose(IOU(predicted, true, 7), segmentation.mean_iou(predicted, true))
