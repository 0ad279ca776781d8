"""Targets, centre and cross-entropies of self-distillation beside loops, lightly, closed forms, finite differences."""

import copy
import math

import pytest
import torch
from harness import OneDevice

from sslcourse.losses import Center, centered_softmax, entropy, patch_cross_entropy, view_cross_entropy

LN16 = pytest.approx(math.log(16), abs=1e-12)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def probs(*shape, seed=1):
    return (3 * draw(*shape, seed=seed)).softmax(-1)


def slow_cross_entropy(logits, target, temperature):
    """Of one distribution, one scalar at a time."""
    scaled = [x / temperature for x in logits.tolist()]
    total = math.fsum(math.exp(x - max(scaled)) for x in scaled)
    return -math.fsum(p * (x - max(scaled) - math.log(total)) for p, x in zip(target.tolist(), scaled, strict=True))


def slow_views(student, teacher, temperature):
    """Equation 3 of DINO as its three sums."""
    terms = [
        slow_cross_entropy(student[s, b], teacher[t, b], temperature)
        for t in range(len(teacher))
        for s in range(len(student))
        if s != t
        for b in range(student.shape[1])
    ]
    return sum(terms) / len(terms)


def slow_patches(student, teacher, weights, temperature):
    """iBOT's normalisation: each image by its own number of masked patches."""
    total = 0.0
    for image in range(len(student)):
        losses = [slow_cross_entropy(s, t, temperature) for s, t in zip(student[image], teacher[image], strict=True)]
        share = weights[image].tolist()
        total += sum(w * loss for w, loss in zip(share, losses, strict=True)) / max(1.0, sum(share))
    return total / len(student)


def unequal_mask(images=5, patches=12):
    return torch.arange(patches) < torch.tensor([0, 1, 3, 12, 6])[:images, None]


# --- crops


def test_views_equal_the_triple_loop():
    for crops in [(2, 2), (6, 2), (4, 1), (1, 2), (3, 3)]:
        student, teacher = draw(crops[0], 3, 7), probs(crops[1], 3, 7)
        ours = view_cross_entropy(student, teacher, 0.3)
        assert ours.item() == pytest.approx(slow_views(student, teacher, 0.3), rel=1e-12)


def test_view_gradient_by_finite_differences():
    student, teacher = draw(3, 2, 4).requires_grad_(), probs(2, 2, 4)
    assert torch.autograd.gradcheck(lambda s: view_cross_entropy(s, teacher, 0.5), (student,))
    gradient = torch.autograd.grad(view_cross_entropy(student, teacher, 0.5), student)[0]
    step = torch.zeros_like(student)
    step[0, 1, 2] = 1e-6
    with torch.no_grad():
        slope = (slow_views(student + step, teacher, 0.5) - slow_views(student - step, teacher, 0.5)) / 2e-6
    assert slope == pytest.approx(gradient[0, 1, 2].item(), rel=1e-6)


def test_dino_equals_lightly_over_three_steps():
    oracle = pytest.importorskip("lightly.loss", reason="lightly serves as an oracle in tests only")
    theirs = oracle.DINOLoss(output_dim=9, teacher_temp=0.0625, student_temp=0.125, center_momentum=0.75).double()
    center = Center(9, momentum=0.75).double()
    for step in range(3):
        student, teacher = draw(6, 4, 9, seed=step).requires_grad_(), draw(2, 4, 9, seed=10 + step)
        ours = view_cross_entropy(student, centered_softmax(teacher, center.value, 0.0625), 0.125)
        center.update(teacher)
        oracle_loss = theirs(list(teacher), list(student))
        torch.testing.assert_close(ours, oracle_loss)
        torch.testing.assert_close(*(torch.autograd.grad(loss, student)[0] for loss in (ours, oracle_loss)))
        torch.testing.assert_close(center.value, theirs.center.flatten())


def test_the_order_of_images_and_of_local_crops_does_not_matter_that_of_global_crops_does():
    student, teacher = draw(5, 6, 7), probs(2, 6, 7)
    value = view_cross_entropy(student, teacher)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(view_cross_entropy(student[:, order], teacher[:, order]), value)
    torch.testing.assert_close(view_cross_entropy(student[[0, 1, 4, 2, 3]], teacher), value)
    torch.testing.assert_close(view_cross_entropy(student[[1, 0, 2, 3, 4]], teacher[[1, 0]]), value)
    assert (view_cross_entropy(student[[1, 0, 2, 3, 4]], teacher) - value).abs() > 1e-3


# --- patches


def test_patches_equal_the_loop_with_unequal_counts():
    for kind in ["mask", "weights", "none"]:
        student, teacher = draw(5, 12, 7), probs(5, 12, 7)
        weights = {"mask": unequal_mask(), "weights": 4 * draw(5, 12, seed=2).abs(), "none": None}[kind]
        ours = patch_cross_entropy(student, teacher, weights, 0.2)
        slow = slow_patches(student, teacher, torch.ones(5, 12) if weights is None else weights.double(), 0.2)
        assert ours.item() == pytest.approx(slow, rel=1e-12)


def test_patch_normalisation_is_by_image_not_by_batch():
    """One masked patch in one image, eleven in another: both count alike."""
    student, teacher, mask = draw(2, 12, 7), probs(2, 12, 7), torch.arange(12) < torch.tensor([[1], [11]])
    losses = [patch_cross_entropy(student[i : i + 1], teacher[i : i + 1], mask[i : i + 1]) for i in range(2)]
    value = patch_cross_entropy(student, teacher, mask)
    torch.testing.assert_close(value, sum(losses) / 2)
    pooled = patch_cross_entropy(student[mask][None], teacher[mask][None])
    assert (value - pooled).abs() > 1e-2


def test_patch_gradient_and_no_gradient_outside_the_mask():
    student, teacher, mask = draw(2, 4, 3).requires_grad_(), probs(2, 4, 3), unequal_mask(3, 4)[1:]
    assert torch.autograd.gradcheck(lambda s: patch_cross_entropy(s, teacher, mask, 0.5), (student,))
    gradient = torch.autograd.grad(patch_cross_entropy(student, teacher, mask), student)[0]
    assert not gradient[~mask].any() and gradient[mask].any(-1).all()


def test_ibot_equals_lightly_with_gradient():
    oracle = pytest.importorskip("lightly.loss", reason="lightly serves as an oracle in tests only")
    theirs = oracle.IBOTPatchLoss(output_dim=9, teacher_temp=0.0625, student_temp=0.125, center_momentum=0.75).double()
    center = Center(9, momentum=0.75).double()
    mask = unequal_mask()
    for step in range(2):
        student, teacher = draw(5, 12, 9, seed=step).requires_grad_(), draw(5, 12, 9, seed=10 + step)
        ours = patch_cross_entropy(student, centered_softmax(teacher, center.value, 0.0625), mask, 0.125)
        center.update(teacher, weights=mask)
        oracle_loss = theirs(teacher[mask], student[mask], mask.view(5, 3, 4))
        torch.testing.assert_close(ours, oracle_loss)
        torch.testing.assert_close(*(torch.autograd.grad(loss, student)[0] for loss in (ours, oracle_loss)))
        torch.testing.assert_close(center.value, theirs.center.value.flatten())


def test_no_masked_patch_at_all_costs_nothing_and_is_no_nan():
    student = draw(2, 4, 3).requires_grad_()
    loss = patch_cross_entropy(student, probs(2, 4, 3), torch.zeros(2, 4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and not student.grad.any()


def test_views_may_lead_the_patches():
    student, teacher, mask = draw(2, 5, 12, 7), probs(2, 5, 12, 7), torch.stack([unequal_mask(), ~unequal_mask()])
    flat = patch_cross_entropy(student.flatten(0, 1), teacher.flatten(0, 1), mask.flatten(0, 1))
    torch.testing.assert_close(patch_cross_entropy(student, teacher, mask), flat)


# --- what both share


@pytest.mark.parametrize("constant", [0.0, -7.5, 1e4])
def test_a_uniform_student_costs_ln_k_whatever_the_target(constant):
    student = torch.full((3, 5, 16), constant, dtype=torch.float64)
    assert view_cross_entropy(student, probs(2, 5, 16)).item() == LN16
    assert patch_cross_entropy(student, probs(3, 5, 16)).item() == LN16
    assert entropy(torch.full((3, 16), 1 / 16, dtype=torch.float64)).item() == LN16


def test_entropy_is_the_floor_and_is_reached():
    target = probs(2, 5, 9)
    for seed in range(5):
        assert view_cross_entropy(draw(2, 5, 9, seed=seed), target) > entropy(target)
        assert patch_cross_entropy(draw(2, 5, 9, seed=seed), target) > entropy(target)
    swapped = 0.1 * target.log()[[1, 0]]  # student crop s has to say what teacher crop t != s says
    torch.testing.assert_close(view_cross_entropy(swapped, target, 0.1), entropy(target))
    torch.testing.assert_close(patch_cross_entropy(0.1 * target.log(), target, None, 0.1), entropy(target))


def test_entropy_of_certain_and_slow():
    assert entropy(torch.eye(4)).item() == 0
    p = probs(3, 5)
    slow = sum(-x * math.log(x) for row in p.tolist() for x in row) / 3
    assert entropy(p).item() == pytest.approx(slow, rel=1e-12)
    weights = torch.tensor([1.0, 0.0, 3.0])
    weighted = sum(weight * entropy(row).item() for weight, row in zip(weights.tolist(), p)) / 4
    assert entropy(p, weights).item() == pytest.approx(weighted, rel=1e-12) and entropy(p, 0 * weights).item() == 0


def test_nothing_is_detached_silently():
    teacher = probs(2, 3, 4).requires_grad_()
    for loss in (view_cross_entropy(draw(2, 3, 4), teacher), patch_cross_entropy(draw(2, 3, 4), teacher)):
        assert torch.autograd.grad(loss, teacher)[0].any()


def test_half_precision_is_computed_in_float32_also_inside_autocast():
    student, teacher = draw(4, 8, 64).bfloat16(), draw(4, 8, 64, seed=1).bfloat16()
    center, targets = torch.zeros(64), probs(4, 8, 64).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values = [
            view_cross_entropy(student, targets),
            patch_cross_entropy(student, targets),
            entropy(targets),
            centered_softmax(teacher, center, 0.04),
        ]
    exact = [
        view_cross_entropy(student.double(), targets.double()),
        patch_cross_entropy(student.double(), targets.double()),
        entropy(targets.double()),
        centered_softmax(teacher.double(), center, 0.04),
    ]
    for value, reference in zip(values, exact, strict=True):
        assert value.dtype == torch.float32 and reference.dtype == torch.float64
        torch.testing.assert_close(value.double(), reference, rtol=1e-5, atol=1e-6)


def test_large_logits_stay_finite():
    student = (1e4 * draw(2, 3, 8, dtype=torch.float32)).requires_grad_()
    view_cross_entropy(student, probs(2, 3, 8).float(), 0.05).backward()
    assert student.grad.isfinite().all()
    assert centered_softmax(1e4 * draw(3, 8, dtype=torch.float32), torch.zeros(8), 0.01).isfinite().all()


def test_runs_on_meta_and_compiles_whole():
    center = Center(7).to("meta")
    student, teacher = torch.empty(4, 3, 7, device="meta"), torch.empty(2, 3, 7, device="meta")
    mask = torch.empty(4, 3, dtype=torch.bool, device="meta")
    with OneDevice():
        targets = centered_softmax(teacher, center.value, 0.04)
        center.update(teacher)
        center.update(student, weights=mask)
        assert view_cross_entropy(student, targets).shape == entropy(targets).shape == ()
        assert patch_cross_entropy(student, student, mask).shape == ()
    for loss, arguments in [
        (view_cross_entropy, (draw(4, 3, 7), probs(2, 3, 7))),
        (patch_cross_entropy, (draw(5, 12, 7), probs(5, 12, 7), unequal_mask())),
    ]:
        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(*arguments), loss(*arguments))


# --- the centre


def test_center_has_the_closed_form_of_a_running_mean():
    center, batches = Center(5, momentum=0.9).double(), draw(10, 6, 5)
    for batch in batches:
        center.update(batch)
    expected = sum(0.1 * 0.9 ** (9 - n) * batch.mean(0) for n, batch in enumerate(batches))
    torch.testing.assert_close(center.value, expected)


def test_center_weights_select_rows_and_none_leave_it():
    logits, mask = draw(5, 12, 7), unequal_mask()
    weighted, chosen, every = Center(7), Center(7), Center(7)
    weighted.update(logits, weights=mask)
    chosen.update(logits[mask])
    torch.testing.assert_close(weighted.value, chosen.value)
    every.update(logits)
    torch.testing.assert_close(every.value, 0.1 * logits.mean((0, 1)).float())
    before = weighted.value.clone()
    weighted.update(logits, weights=torch.zeros(5, 12))
    assert torch.equal(weighted.value, before)


def test_center_is_a_buffer_that_is_saved_copied_and_moved_in_place():
    center = Center(4)
    assert "value" in center.state_dict() and not list(center.parameters())
    place = center.value
    center.update(draw(3, 4).bfloat16().requires_grad_())
    assert center.value is place and place.dtype == torch.float32 and not place.requires_grad and place.any()
    loaded = Center(4)
    loaded.load_state_dict(center.state_dict())
    copied = copy.deepcopy(center)
    center.update(draw(3, 4, seed=1))
    assert torch.equal(loaded.value, copied.value) and not torch.equal(loaded.value, center.value)


def test_centering_evens_out_and_sharpening_does_not():
    """Figure 7 of DINO: one prototype that always wins loses its lead to the centre."""
    logits = draw(64, 8) + torch.tensor([5.0, 0, 0, 0, 0, 0, 0, 0])
    assert centered_softmax(logits, torch.zeros(8), 0.04)[:, 0].mean() > 0.95
    assert centered_softmax(logits, logits.mean(0), 0.04)[:, 0].mean() < 0.3


# --- refusals


def test_wrong_shapes_are_refused_with_what_was_given():
    for student, teacher in [((2, 3, 4), (2, 3, 5)), ((2, 3, 4), (2, 2, 4)), ((3, 4), (3, 4)), ((2, 3, 4), (3, 4))]:
        with pytest.raises(ValueError, match="S,B,K") as caught:
            view_cross_entropy(torch.zeros(student), torch.zeros(teacher))
        assert str(student) in str(caught.value) and str(teacher) in str(caught.value)
    for student, teacher in [((2, 3, 4), (2, 3, 5)), ((2, 3, 4), (2, 4)), ((3, 4), (3, 4)), ((0, 3, 4), (0, 3, 4))]:
        with pytest.raises(ValueError, match=r"\.\.\.,N,K") as caught:
            patch_cross_entropy(torch.zeros(student), torch.zeros(teacher))
        assert str(student) in str(caught.value)
    with pytest.raises(ValueError, match=r"weights must be \(2, 3\)"):
        patch_cross_entropy(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="center must be K"):
        centered_softmax(torch.zeros(2, 4), torch.zeros(1, 4), 0.1)
    with pytest.raises(ValueError, match="K"):
        entropy(torch.zeros(0, 4))


@pytest.mark.parametrize("shape", [(1, 3, 4), (0, 3, 4), (2, 0, 4)])
def test_no_pair_of_crops_is_refused(shape):
    with pytest.raises(ValueError, match="no pair"):
        view_cross_entropy(torch.zeros(shape), torch.zeros(1, *shape[1:]))


@pytest.mark.parametrize("temperature", [0, -0.1, math.nan])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    x = torch.zeros(2, 3, 4)
    for call in (
        lambda: view_cross_entropy(x, x, temperature),
        lambda: patch_cross_entropy(x, x, None, temperature),
        lambda: centered_softmax(x, torch.zeros(4), temperature),
    ):
        with pytest.raises(ValueError, match="temperature must be positive"):
            call()


def test_center_refusals():
    with pytest.raises(ValueError, match="momentum must be"):
        Center(4, momentum=1.0)
    with pytest.raises(ValueError, match="prototypes must be"):
        Center(0)
    with pytest.raises(ValueError, match=r"logits must be \.\.\.,4"):
        Center(4).update(torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"weights must be \(2,\)"):
        Center(4).update(torch.zeros(2, 4), torch.zeros(3))
