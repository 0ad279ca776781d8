"""The contrastive losses against slow references, closed forms, their invariants and finite differences."""

import math
from functools import partial

import pytest
import torch
from torch.nn.functional import normalize

from sslcourse.losses import alignment, alignment_only, nt_xent, uniformity


def draw(n=6, d=5, seed=0, dtype=torch.float64, requires_grad=False):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator, dtype=dtype).requires_grad_(requires_grad) for _ in range(2)]


def slow_nt_xent(z1, z2, temperature, decoupled=False):
    """Equation 1 of the paper, one scalar at a time; decoupled: the partner is left out of the sum."""
    views = torch.cat([z1, z2]).tolist()
    n = len(z1)

    def sim(a, b):
        dot = norm_a = norm_b = 0.0
        for x, y in zip(a, b, strict=True):
            dot, norm_a, norm_b = dot + x * y, norm_a + x * x, norm_b + y * y
        return dot / math.sqrt(norm_a * norm_b)

    total = 0.0
    for i in range(2 * n):
        j = i + n if i < n else i - n
        others = [math.exp(sim(views[i], views[k]) / temperature) for k in range(2 * n) if k != i]
        if decoupled:
            others.remove(math.exp(sim(views[i], views[j]) / temperature))
        total -= math.log(math.exp(sim(views[i], views[j]) / temperature) / sum(others))
    return total / (2 * n)


def test_nt_xent_equals_the_triple_loop():
    for temperature in [0.1, 0.5, 1.0]:
        for n in [1, 2, 7]:
            z1, z2 = draw(n)
            torch.testing.assert_close(
                nt_xent(z1, z2, temperature).item(), slow_nt_xent(z1, z2, temperature), rtol=1e-12, atol=1e-12
            )


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("n", [2, 7])
def test_decoupled_equals_the_triple_loop(n, temperature):
    z1, z2 = draw(n, requires_grad=True)
    ours = nt_xent(z1, z2, temperature, decoupled=True)
    torch.testing.assert_close(ours.item(), slow_nt_xent(z1, z2, temperature, decoupled=True), rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, temperature, decoupled=True), (z1, z2))


def test_decoupled_identical_embeddings_cost_the_log_of_the_negatives():
    for n in [2, 8, 100]:
        z = torch.ones(n, 16, dtype=torch.float64)
        assert nt_xent(z, z, 0.1, decoupled=True).item() == pytest.approx(math.log(2 * n - 2), abs=1e-12)


def test_decoupling_removes_the_fading_of_the_gradient():
    """Equation 4 of DCL: a pair that agrees has a gradient near 0 in NT-Xent, by its own term in the denominator."""
    z1 = torch.eye(4, dtype=torch.float64).requires_grad_()
    z2 = (torch.eye(4) + 0.1 * torch.eye(4).roll(1, 0)).double()
    coupled, decoupled = (
        torch.autograd.grad(nt_xent(z1, z2, 0.1, decoupled=each), z1)[0].norm() for each in (False, True)
    )
    assert decoupled > 100 * coupled


def test_decoupled_needs_two_images():
    with pytest.raises(ValueError, match="at least 2 images"):
        nt_xent(*draw(1), decoupled=True)


def test_nt_xent_gradient_by_finite_differences():
    z1, z2 = draw(4, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, 0.3), (z1, z2))
    # and against the slow reference itself, so that value and gradient cannot be wrong together
    gradient = torch.autograd.grad(nt_xent(z1, z2, 0.3), z1)[0]
    step = torch.zeros_like(z1)
    step[2, 1] = 1e-6
    slope = (slow_nt_xent(z1 + step, z2, 0.3) - slow_nt_xent(z1 - step, z2, 0.3)) / 2e-6
    assert slope == pytest.approx(gradient[2, 1].item(), rel=1e-6)


def test_identical_embeddings_cost_the_log_of_the_candidates():
    for n in [1, 2, 8, 100]:
        z = torch.randn(1, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64).expand(n, -1)
        assert nt_xent(z, z, 0.1).item() == pytest.approx(math.log(2 * n - 1), abs=1e-12)


def test_perfect_orthogonal_pairs_have_the_closed_form():
    z = torch.eye(5, dtype=torch.float64)
    expected = math.log(math.exp(1 / 0.5) + 8) - 1 / 0.5
    assert nt_xent(z, z, 0.5).item() == pytest.approx(expected, abs=1e-12)


def test_nt_xent_invariants():
    z1, z2 = draw(8)
    value = nt_xent(z1, z2, 0.2)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64))[0]
    scale = torch.linspace(0.1, 30, 8, dtype=torch.float64)[:, None]
    for same in (
        nt_xent(z2, z1, 0.2),
        nt_xent(z1[order], z2[order], 0.2),
        nt_xent(z1 @ turn, z2 @ turn, 0.2),
        nt_xent(z1 * scale, z2 / scale, 0.2),
    ):
        torch.testing.assert_close(same, value, rtol=1e-12, atol=1e-12)
    assert (nt_xent(z1, z2[order], 0.2) - value).abs() > 1e-3  # pairs matter


def test_low_temperature_is_stable():
    z1, z2 = draw(32, 16, dtype=torch.float32, requires_grad=True)
    loss = nt_xent(z1, z2, 0.01)
    loss.backward()
    assert loss.isfinite() and z1.grad.isfinite().all() and z1.grad.abs().sum() > 0
    exact = nt_xent(z1.detach().double(), z2.detach().double(), 0.01)
    torch.testing.assert_close(loss.detach().double(), exact, rtol=1e-5, atol=1e-5)


def test_half_precision_is_computed_in_float32():
    for dtype in [torch.bfloat16, torch.float16]:
        z1, z2 = (z.to(dtype) for z in draw(64, 32, dtype=torch.float32))
        for loss in (nt_xent, partial(nt_xent, decoupled=True), alignment_only, alignment):
            value = loss(z1, z2)
            assert value.dtype == torch.float32
            torch.testing.assert_close(value.double(), loss(z1.double(), z2.double()), rtol=1e-5, atol=1e-6)
        assert uniformity(z1).dtype == torch.float32
        assert nt_xent(*draw()).dtype == torch.float64


def test_autocast_does_not_reach_the_matrix_product():
    z1, z2 = draw(64, 32, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values = [nt_xent(z1, z2, 0.05), uniformity(z1)]
    for value, plain in zip(values, [nt_xent(z1, z2, 0.05), uniformity(z1)], strict=True):
        assert value.dtype == torch.float32
        assert torch.equal(value, plain)


def test_zero_rows_do_not_make_nan():
    z1, z2 = draw(4, requires_grad=True)
    with torch.no_grad():
        z1[0] = 0
    nt_xent(z1, z2).backward()
    assert z1.grad.isfinite().all() and z2.grad.isfinite().all()


def test_runs_on_meta_and_compiles_whole():
    z = torch.randn(4, 8, device="meta")
    assert nt_xent(z, z).shape == uniformity(z).shape == alignment_only(z, z).shape == ()
    assert nt_xent(z, z, decoupled=True).shape == ()
    z1, z2 = draw(4, dtype=torch.float32)
    compiled = torch.compile(nt_xent, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(z1, z2, 0.2), nt_xent(z1, z2, 0.2))


def test_nt_xent_is_alignment_plus_the_mean_log_denominator():
    z1, z2 = draw(6)
    z = normalize(torch.cat([z1, z2]), dim=1)
    logits = (z @ z.T / 0.2)[~torch.eye(12, dtype=torch.bool)].view(12, 11)
    torch.testing.assert_close(nt_xent(z1, z2, 0.2), alignment_only(z1, z2, 0.2) + logits.logsumexp(1).mean())


def test_alignment_only_extremes_and_gradient():
    z1, z2 = draw(4, requires_grad=True)
    assert alignment_only(z1, 2 * z1, 0.2).item() == pytest.approx(-5)
    assert alignment_only(z1, -z1, 0.2).item() == pytest.approx(5)
    assert torch.autograd.gradcheck(alignment_only, (z1, z2))


def test_alignment_and_uniformity_equal_slow_references():
    z1, z2 = draw(7)
    u1, u2 = normalize(z1, dim=1), normalize(z2, dim=1)
    pairs = [sum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True)) for x, y in zip(u1, u2, strict=True)]
    assert alignment(z1, z2).item() == pytest.approx(sum(pairs) / 7, abs=1e-12)
    potentials = []
    for i in range(7):
        for j in range(i):
            squared = sum((float(a) - float(b)) ** 2 for a, b in zip(u1[i], u1[j], strict=True))
            potentials.append(math.exp(-2 * squared))
    assert uniformity(z1).item() == pytest.approx(math.log(sum(potentials) / 21), abs=1e-12)


def test_uniformity_closed_forms_and_gradient():
    assert uniformity(torch.ones(5, 3, dtype=torch.float64)).item() == pytest.approx(0, abs=1e-12)
    assert uniformity(torch.eye(6, dtype=torch.float64), t=3.0).item() == pytest.approx(
        -6
    )  # all squared distances are 2
    assert torch.autograd.gradcheck(uniformity, (draw(4, requires_grad=True)[0],))


def test_wrong_shapes_are_refused_with_what_was_given():
    for loss in [nt_xent, alignment_only, alignment]:
        for shapes in [((4, 3), (5, 3)), ((4, 3), (4, 2)), ((4,), (4,)), ((0, 3), (0, 3)), ((2, 4, 3), (2, 4, 3))]:
            with pytest.raises(ValueError, match="N,D") as caught:
                loss(*(torch.zeros(shape) for shape in shapes))
            assert str(shapes[0]) in str(caught.value)


def test_a_temperature_that_is_not_positive_is_refused():
    for temperature in [0, -0.1, math.nan]:
        for loss in (nt_xent, alignment_only):
            with pytest.raises(ValueError, match="temperature must be positive"):
                loss(*draw(), temperature)


def test_uniformity_refusals():
    with pytest.raises(ValueError, match="at least 2 rows"):
        uniformity(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="t must be positive"):
        uniformity(torch.zeros(2, 3), t=0)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize("decoupled", [False, True])
def test_equals_lightly_with_gradient(temperature, decoupled):
    oracle = pytest.importorskip("lightly.loss", reason="lightly serves as an oracle in tests only")
    z1, z2 = draw(16, 8, dtype=torch.float32, requires_grad=True)
    ours = nt_xent(z1, z2, temperature, decoupled=decoupled)
    theirs = (oracle.DCLLoss if decoupled else oracle.NTXentLoss)(temperature=temperature)(z1, z2)
    torch.testing.assert_close(ours, theirs)
    for gradient, other in zip(*(torch.autograd.grad(loss, (z1, z2)) for loss in (ours, theirs)), strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-6)
