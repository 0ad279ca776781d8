"""DINO: the loss written out as its triple loop, targets, schedules, and prototypes that stand still at first."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small_methods import CROPS, dino, distillation, double, draw, make, train, trained

from sslcourse.data.views import MultiCropSettings
from sslcourse.losses import sinkhorn
from sslcourse.methods import DINOSettings, Distillation
from sslcourse.methods.distillation import Targets


def different(method):
    """The method after a step, so that student and teacher differ, in float64."""
    train(method, steps=1)
    return method.double()


def cross_entropy(target, logits, temperature):
    """Of one target distribution and one row of logits, number by number."""
    log_sum = math.log(sum(math.exp(logit / temperature) for logit in logits))
    return -sum(p * (logit / temperature - log_sum) for p, logit in zip(target, logits, strict=True))


def rows(head, encoder, views):
    """Logits `[views][images][K]` as numbers, view by view."""
    return [head(encoder(view).cls).tolist() for view in views]


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_the_loss_is_every_student_crop_against_every_teacher_crop_but_its_own(norm):
    method = different(dino(norm, targets="centering")).eval()  # eval: rows do not depend on each other
    views = double(draw(method, count=3))
    student = rows(method.head, method.encoder, [*views.global_views, *views.local_views])
    teacher = rows(method.teacher_head, method.teacher_encoder, views.global_views)
    center = method.targets.center.value.tolist()
    assert any(center)
    total, pairs = 0.0, 0
    for s in range(4):
        for t in range(2):
            if s == t:
                continue
            for i in range(3):
                shifted = torch.tensor([x - c for x, c in zip(teacher[t][i], center, strict=True)], dtype=torch.float64)
                total += cross_entropy(F.softmax(shifted / 0.04, 0).tolist(), student[s][i], 0.1)
                pairs += 1
    loss, metrics = method(views)
    assert pairs == 18 and loss.item() == pytest.approx(total / pairs, rel=1e-9)
    assert metrics["cls_loss"].item() == loss.item()


def test_sinkhorn_targets_are_made_over_all_views_at_once():
    method = different(dino("batch"))
    views = double(draw(method))
    with torch.no_grad():
        logits = method.teacher_head(method.teacher_encoder(views.global_views.flatten(0, 1)).cls)
    seen = {}
    method.targets.register_forward_hook(lambda module, arguments, output: seen.update(targets=output))
    method(views)
    expected = sinkhorn(logits, 0.04).unflatten(0, (2, 8))
    torch.testing.assert_close(seen["targets"], expected)
    assert seen["targets"].sum(-1).allclose(torch.ones((), dtype=torch.float64))


def test_the_centre_moves_after_it_was_used_and_only_in_training():
    targets = Targets(distillation(targets="centering", center_momentum=0.8))
    logits = torch.randn(2, 6, 24, generator=torch.Generator().manual_seed(0))
    first = targets(logits, 0.1)
    torch.testing.assert_close(first, F.softmax(logits / 0.1, -1))
    torch.testing.assert_close(targets.center.value, 0.2 * logits.mean((0, 1)))
    kept = targets.center.value.clone()
    targets.eval()
    torch.testing.assert_close(targets(logits, 0.1), F.softmax((logits - kept) / 0.1, -1))
    assert torch.equal(targets.center.value, kept)
    assert "center.value" in targets.state_dict()


def test_local_crops_go_to_the_student_only_and_views_of_one_size_in_one_pass():
    method, seen = make("dino"), []
    for name in ("encoder", "teacher_encoder"):
        module = method.get_submodule(name)
        module.register_forward_pre_hook(lambda _, arguments, name=name: seen.append((name, tuple(arguments[0].shape))))
    method(draw(method))
    student, local = ("encoder", (16, 3, 32, 32)), ("encoder", (16, 3, 16, 16))
    assert sorted(seen) == sorted([("teacher_encoder", (16, 3, 32, 32)), student, local])


def test_the_teachers_temperature_warms_up_and_momentum_rises():
    method = dino("batch", first_teacher_temperature=0.02, temperature_warmup=0.5, momentum=0.9)
    seen = []
    for step in (0, 25, 50, 99):
        method.begin_step(step, 100)
        seen.append((method.teacher_temperature, method.momentum))
    assert [temperature for temperature, _ in seen] == pytest.approx([0.02, 0.03, 0.04, 0.04])
    assert seen[0][1] == 0.9 and seen[2][1] == pytest.approx(0.95) and seen[3][1] > 0.999
    sharp, soft = Targets(distillation(targets="centering")), torch.randn(1, 4, 24)
    assert sharp(soft, 0.02).max() > sharp(soft, 0.1).max()


def test_prototypes_stand_still_for_the_first_steps_and_the_rest_learns():
    method = dino("batch", freeze_prototypes=0.2)
    drawn = method.head.prototypes.detach().clone()
    optimizer = torch.optim.AdamW(trained(method).values(), lr=1e-2, weight_decay=0.1)
    for step in range(4):
        method.begin_step(step, 10)
        loss, _ = method(draw(method, seed=step))
        loss.backward()
        assert method.head.prototypes.grad.any()  # it takes part: several processes wait for nothing
        optimizer.step()
        optimizer.zero_grad()
        assert not torch.equal(method.head.prototypes, drawn)
        method.end_step()
        still = [torch.equal(head.prototypes, drawn) for head in (method.head, method.teacher_head)]
        assert still == ([True, True] if step < 2 else [False, False])
    assert not torch.equal(method.head.mlp[0].weight, method.teacher_head.mlp[0].weight)


def test_without_begin_step_nothing_is_frozen_or_warming_up():
    method = dino("batch", freeze_prototypes=0.5, first_teacher_temperature=0.02, temperature_warmup=1.0)
    assert not method.prototypes_frozen and method.teacher_temperature == 0.04


def test_a_uniform_student_pays_ln_k_and_meters_tell_collapse():
    method = make("dino")
    with torch.no_grad():
        method.head.prototypes.copy_(method.head.prototypes[:1].expand_as(method.head.prototypes))
    loss, metrics = method(draw(method))
    assert loss.item() == pytest.approx(math.log(24), rel=1e-5)
    assert 0 < metrics["teacher_entropy"].item() < math.log(24) and metrics["used_prototypes"].item() > 12
    # all images on one prototype: no centre and a low temperature, an encoder that says the same of each image
    one = dino("none", targets="centering", teacher_temperature=0.001, center_momentum=0.999)
    with torch.no_grad():
        for parameter in one.teacher_encoder.vit.norm.parameters():
            parameter.fill_(1.0)
        one.teacher_encoder.vit.norm.weight.zero_()
    _, metrics = one(draw(one))
    assert metrics["used_prototypes"].item() == pytest.approx(1.0, abs=0.05)
    assert metrics["teacher_entropy"].item() < 0.05


def test_sinkhorn_keeps_prototypes_in_use_where_sharpening_alone_does_not():
    used = {}
    for targets in ("sinkhorn", "centering"):
        # a centre that hardly moves is none
        method = dino("none", targets=targets, center_momentum=0.999, teacher_temperature=0.01)
        train(
            method, steps=5, each=lambda _, loss, metrics, key=targets: used.update({key: metrics["used_prototypes"]})
        )
    assert used["sinkhorn"] > 2 * used["centering"], used


def test_prototypes_take_no_weight_decay():
    method = make("dino")
    (group,) = method.optimizer_groups()
    assert group["weight_decay"] == 0 and group["params"] == [method.head.prototypes]


def test_settings_that_cannot_be_are_refused():
    for settings, message in [
        ({"targets": "softmax"}, "sinkhorn, centering"),
        ({"momentum_schedule": "step"}, "cosine, fixed"),
        ({"momentum": -0.1}, "momentum must lie in 0..1"),
        ({"center_momentum": 1.0}, "center_momentum must be below 1"),
        ({"freeze_prototypes": 2.0}, "freeze_prototypes must lie in 0..1"),
        ({"prototypes": 1}, "at least 2"),
        ({"sinkhorn_iterations": 0}, "sinkhorn_iterations"),
        ({"student_temperature": 0.0}, "student_temperature must be positive"),
        ({"teacher_temperature": -1.0}, "teacher_temperature must be positive"),
    ]:
        with pytest.raises(ValueError, match=message):
            Distillation(**settings)


def test_a_single_crop_is_refused_and_one_global_with_local_crops_is_not():
    with pytest.raises(ValueError, match="a crop does not learn from itself"):
        DINOSettings(crops=MultiCropSettings(global_crops=1, local_crops=0))
    method = dino("batch", crops=replace(CROPS, global_crops=1))
    assert method(draw(method))[0].isfinite()
