"""BYOL's regression loss."""

import math

import pytest
import torch
from harness import OneDevice
from torch.nn.functional import normalize

from sslcourse.losses import cosine_regression


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def slow(prediction, target):
    """Equation 2 of BYOL, one scalar at a time."""
    total = 0.0
    for p, z in zip(prediction.tolist(), target.tolist(), strict=True):
        norm_p, norm_z = (math.sqrt(sum(x * x for x in row)) for row in (p, z))
        total += sum((a / norm_p - b / norm_z) ** 2 for a, b in zip(p, z, strict=True))
    return total / len(prediction)


def test_equals_the_loop_with_gradient():
    p, z = draw(7, 5), draw(7, 5, seed=1)
    assert cosine_regression(p, z).item() == pytest.approx(slow(p, z), rel=1e-12)
    views = cosine_regression(torch.stack([p, z]), torch.stack([z, p]))  # the symmetric loss, halved, in one call
    assert views.item() == pytest.approx(slow(p, z), rel=1e-12)
    p.requires_grad_(), z.requires_grad_()
    assert torch.autograd.gradcheck(cosine_regression, (p, z))


def test_equals_lightly_with_gradient():
    oracle = pytest.importorskip("lightly.loss", reason="lightly serves as an oracle in tests only")
    p, z = draw(16, 8).requires_grad_(), draw(16, 8, seed=1)
    ours, theirs = cosine_regression(p, z), 2 + 2 * oracle.NegativeCosineSimilarity()(p, z)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(loss, p)[0] for loss in (ours, theirs)))


def test_extremes_and_scale():
    z = draw(6, 4)
    assert cosine_regression(3 * z, z).item() == pytest.approx(0, abs=1e-12)
    assert cosine_regression(-z, 5 * z).item() == pytest.approx(4)
    other = draw(6, 4, seed=1)
    torch.testing.assert_close(cosine_regression(other, z), (normalize(other) - normalize(z)).square().sum(1).mean())


def test_both_sides_learn_and_a_zero_row_is_no_nan():
    p, z = draw(4, 3), draw(4, 3, seed=1)
    p[0] = 0
    p.requires_grad_(), z.requires_grad_()
    cosine_regression(p, z).backward()
    assert p.grad.isfinite().all() and z.grad.isfinite().all() and z.grad[1:].abs().min() > 0


def test_precision_meta_and_compile():
    p, z = draw(64, 32).bfloat16(), draw(64, 32, seed=1).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = cosine_regression(p, z)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), cosine_regression(p.double(), z.double()), rtol=1e-5, atol=1e-6)
    away = torch.empty(4, 3, device="meta")
    with OneDevice():
        assert cosine_regression(away, away).shape == ()
    compiled = torch.compile(cosine_regression, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(p.float(), z.float()), cosine_regression(p, z))


@pytest.mark.parametrize("shapes", [((4, 3), (5, 3)), ((3,), (3,)), ((0, 3), (0, 3)), ((2, 4, 3), (4, 3))])
def test_wrong_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="one shape") as caught:
        cosine_regression(*(torch.zeros(shape) for shape in shapes))
    assert str(shapes[0]) in str(caught.value)
