"""iBOT: both terms written out image by image, masks that hide, heads that are shared or not."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small_methods import (
    CROPS,
    distillation,
    double,
    draw,
    ibot,
    images,
    train,
    trained,
    vit,
    vit_with_stem,
)

from sslcourse.methods import IBOT, IBOTSettings
from sslcourse.methods.ibot import MaskedCrops
from sslcourse.methods.patches import hidden_places
from sslcourse.models import build_encoder
from sslcourse.models.convnet import ConvNet

CENTERING = {"targets": "centering"}


def different(method):
    train(method, steps=1)
    return method.double()


@pytest.mark.parametrize("shared", [True, False])
def test_the_loss_is_that_of_the_paper_image_by_image(shared):
    method = different(ibot("batch", CENTERING, shared_head=shared, cls_weight=0.5, patch_weight=2.0)).eval()
    views = double(draw(method, count=4, seed=3))
    assert not views.masks.any(-1).all() and views.masks.any(), "some images are masked and some are not"
    head, teacher_head = (
        (method.head, method.teacher_head) if shared else (method.patch_head, method.teacher_patch_head)
    )
    center, patch_center = method.targets.center.value, method.patch_targets.center.value
    assert center.any() and patch_center.any() and not torch.equal(center, patch_center)
    student_cls, patch_losses = [], []
    teacher_cls = []
    for view, mask in zip(views.global_views, views.masks, strict=True):
        tokens = method.encoder(view, mask=mask, mask_token=method.mask_token)
        teacher = method.teacher_encoder(view)
        student_cls.append(method.head(tokens.cls))
        teacher_cls.append(F.softmax((method.teacher_head(teacher.cls) - center) / 0.04, -1))
        for image in range(4):
            hidden = [n for n in range(16) if mask[image, n]]
            total = 0
            for n in hidden:
                target = F.softmax((teacher_head(teacher.patches[image, [n]])[0] - patch_center) / 0.04, -1)
                total = total - (target * F.log_softmax(head(tokens.patches[image, [n]])[0] / 0.1, -1)).sum()
            patch_losses.append(total / max(1, len(hidden)))
    student_cls += [method.head(method.encoder(view).cls) for view in views.local_views]
    crosses = [
        -(teacher_cls[t] * F.log_softmax(student_cls[s] / 0.1, -1)).sum(-1).mean()
        for s in range(4)
        for t in range(2)
        if s != t
    ]
    cls_loss, patch_loss = sum(crosses) / 6, sum(patch_losses) / 8
    loss, metrics = method(views)
    assert metrics["cls_loss"].item() == pytest.approx(cls_loss.item(), rel=1e-9)
    assert metrics["patch_loss"].item() == pytest.approx(patch_loss.item(), rel=1e-9)
    torch.testing.assert_close(loss, 0.5 * cls_loss + 2 * patch_loss)
    parameters = list(trained(method).values())
    ours = torch.autograd.grad(loss, parameters, retain_graph=True)
    theirs = torch.autograd.grad(0.5 * cls_loss + 2 * patch_loss, parameters)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("encoder", [vit, vit_with_stem])
def test_what_is_under_a_mask_reaches_the_targets_but_not_the_student(encoder):
    method = ibot("layer", encoder=encoder, mask_probability=1.0).eval()
    views = draw(method)
    blocks = views.masks.view(2, 8, 1, 4, 1, 4, 1).expand(-1, -1, 3, -1, 8, -1, 8).reshape(2, 8, 3, 32, 32)
    changed = torch.where(blocks, 1 - views.global_views, views.global_views)
    student, teacher = [], []
    method.head.register_forward_hook(lambda module, arguments, output: student.append(output))
    method.teacher_head.register_forward_hook(lambda module, arguments, output: teacher.append(output))
    method(views), method(views._replace(global_views=changed))
    for before, after in zip(student[:2], student[2:], strict=True):  # class tokens, then patches
        torch.testing.assert_close(before, after, rtol=1e-5, atol=1e-5)
    for before, after in zip(teacher[:2], teacher[2:], strict=True):
        assert not torch.allclose(before, after, atol=1e-3)


@pytest.mark.parametrize("kind", ["block", "random"])
def test_masks_are_drawn_as_the_settings_say(kind):
    method = ibot("batch", mask_kind=kind, mask_ratio=(0.25, 0.5), mask_probability=0.5)
    masks = method.draw_views(images(200), torch.Generator().manual_seed(0)).masks
    assert masks.shape == (2, 200, 16) and masks.dtype == torch.bool
    counts = masks.sum(-1).flatten()
    assert 0.4 < (counts > 0).float().mean() < 0.6
    shown = counts[counts > 0]
    assert shown.max() == 8 and (shown.min() >= 4 if kind == "block" else shown.min() == 8)
    assert len({tuple(row) for row in masks.flatten(0, 1).tolist()}) > 20, "each image has its own"


def test_hidden_places_have_a_static_shape_and_hold_every_hidden_patch():
    masks = torch.rand(20, 16, generator=torch.Generator().manual_seed(0)) < 0.3
    masks[0] = False
    places, hidden = hidden_places(masks, 12)
    assert places.shape == hidden.shape == (20, 12)
    for row, place, which in zip(masks, places, hidden, strict=True):
        assert sorted(place[which].tolist()) == [n for n in range(16) if row[n]]
        assert len(set(place.tolist())) == 12
    fillers, _ = hidden_places(torch.zeros(1, 64, dtype=torch.bool), 16)  # from all over a grid of 8 x 8
    assert {number // 32 + 2 * (number % 8 // 4) for number in fillers[0].tolist()} == {0, 1, 2, 3}


def test_an_image_without_a_mask_costs_no_patch_loss_and_every_parameter_still_takes_part():
    method = ibot("batch")
    views = draw(method)
    loss, metrics = method(views._replace(masks=torch.zeros_like(views.masks)))
    loss.backward()
    assert metrics["patch_loss"].item() == 0
    assert all(parameter.grad is not None for parameter in trained(method).values())


def test_a_shared_head_is_one_and_separate_heads_are_two():
    shared, separate = ibot("batch"), ibot("batch", shared_head=False)
    assert shared.patch_head is None and len(shared.teacher_pairs()) == 2
    names = {name.split(".")[0] for name in trained(separate)} - {name.split(".")[0] for name in trained(shared)}
    assert names == {"patch_head"} and len(separate.teacher_pairs()) == 3
    (group,) = separate.optimizer_groups()
    assert len(group["params"]) == 2 and group["weight_decay"] == 0


def test_prototypes_of_both_heads_stand_still_at_first():
    method = ibot("batch", {"freeze_prototypes": 0.2}, shared_head=False)
    drawn = [head.prototypes.detach().clone() for head in (method.head, method.patch_head)]
    train(method, steps=2, learning_rate=0.5)
    assert all(torch.equal(*pair) for pair in zip(drawn, (method.head.prototypes, method.patch_head.prototypes)))
    train(method, steps=1, first=2, learning_rate=0.5)
    assert not any(torch.equal(*pair) for pair in zip(drawn, (method.head.prototypes, method.patch_head.prototypes)))


def test_patches_may_have_a_temperature_of_their_own():
    method = ibot("batch", patch_teacher_temperature=1.0)
    assert method(draw(method))[1]["patch_teacher_entropy"] > ibot("batch")(draw(method))[1]["patch_teacher_entropy"]


def test_the_patch_loss_starts_near_ln_k_of_uniform_prototypes():
    method = ibot("batch", mask_probability=1.0)
    with torch.no_grad():
        method.head.prototypes.copy_(method.head.prototypes[:1].expand_as(method.head.prototypes))
    assert method(draw(method))[1]["patch_loss"].item() == pytest.approx(math.log(24), rel=1e-5)


def test_a_preview_shows_what_is_masked():
    method = ibot("batch")
    pictures = torch.ones(3, 3, 40, 40)
    shown = method.preview(pictures, torch.Generator().manual_seed(0))["masked patches"]
    assert shown.shape == (3, 3, 32, 32) and (shown < 0.6).float().mean().item() == pytest.approx(0.5)
    assert ((shown - 0.5).abs() < 1e-6).logical_or((shown - 1).abs() < 1e-6).all()


def test_it_needs_patches_that_fit():
    with pytest.raises(TypeError, match="patch tokens, and a ConvNet"):
        IBOT(ConvNet(8))
    crops = replace(CROPS, global_crop=replace(CROPS.global_crop, size=36))
    with pytest.raises(ValueError, match="36 pixels are no multiple"):
        IBOT(build_encoder("vit_64x2_p8", 32), IBOTSettings(crops=crops, distillation=distillation()))


def test_settings_that_cannot_be_are_refused():
    for settings, message in [
        ({"mask_kind": "grid"}, "block, random"),
        ({"mask_ratio": (0.5, 0.1)}, "low <= high"),
        ({"mask_ratio": (0.0, 0.0)}, "high above 0"),
        ({"mask_probability": 0.0}, "mask_probability"),
        ({"patch_weight": 0.0}, "patch_weight must be positive"),
        ({"cls_weight": -1.0}, "cls_weight"),
        ({"patch_teacher_temperature": 0.0}, "patch_teacher_temperature"),
        ({"crops": replace(CROPS, global_crops=1, local_crops=0)}, "does not learn from itself"),
    ]:
        with pytest.raises(ValueError, match=message):
            IBOTSettings(**settings)


def test_the_views_carry_the_masks():
    views = draw(ibot("batch"))
    assert isinstance(views, MaskedCrops) and views.masks.shape == (2, 8, 16)


def test_a_step_moves_mask_token_and_centres():
    method = ibot("batch", CENTERING)
    before = method.mask_token.detach().clone()
    method.begin_step(0, 10)
    train(method, steps=1)
    method.end_step()
    assert not torch.equal(before, method.mask_token)
    assert method.targets.center.value.any() and method.patch_targets.center.value.any()
