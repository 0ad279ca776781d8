"""The combined method: each part written out, every combination of its switches, and DINO, iBOT and MAE inside it."""

from dataclasses import replace
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from small_methods import (
    CROPS,
    PIXELS,
    combined,
    dino,
    distillation,
    double,
    draw,
    ibot,
    train,
    trained,
    vit,
    vit_with_stem,
)

from sslcourse.losses import normalize_patches, patchify, sinkhorn
from sslcourse.methods import Combined, CombinedSettings, Removal
from sslcourse.methods.combined_settings import PATCH_LOSSES, RECONSTRUCTIONS
from sslcourse.methods.ibot import MaskedCrops
from sslcourse.models import build_encoder
from sslcourse.models.convnet import ConvNet
from sslcourse.pruning.select import POLICIES

# Every pair of two switches' settings occurs, once with the class token and once without.
GRID = [
    (policy, patch_loss, RECONSTRUCTIONS[(p + sign * q) % 4], sign == 1)
    for (p, policy), (q, patch_loss) in product(enumerate(POLICIES), enumerate(PATCH_LOSSES))
    for sign in (1, -1)
]


def different(method):
    """The method after a step, so that student and teacher differ, in float64 and eval mode: rows by themselves."""
    train(method, steps=1)
    return method.double().eval()


def allowed(policy, patch_loss, reconstruction, cls):
    if policy == "none" and {"removed", "both"} & {patch_loss, reconstruction}:
        return False
    return cls or patch_loss != "off" or reconstruction != "off"


def test_combinations_that_mean_nothing_are_refused():
    for policy, patch_loss, reconstruction, cls in product(POLICIES, PATCH_LOSSES, RECONSTRUCTIONS, (True, False)):
        switches = {"patch_loss": patch_loss, "reconstruction": reconstruction, "cls": cls}
        if allowed(policy, **switches):
            CombinedSettings(removal=Removal(policy), **switches)
            continue
        with pytest.raises(ValueError, match="nothing to learn from|choose one of off, (kept|masked), (masked|all)"):
            CombinedSettings(removal=Removal(policy), **switches)


def test_what_is_switched_on_is_trained_and_what_is_off_is_not_there():
    for policy, patch_loss, reconstruction, cls in [row for row in GRID if allowed(*row)]:
        method = combined("layer", policy=policy, patch_loss=patch_loss, reconstruction=reconstruction, cls=cls)
        views = draw(method, count=4)
        loss, metrics = method(views)
        loss.backward()
        assert all(
            parameter.grad is not None and parameter.grad.isfinite().all() for parameter in trained(method).values()
        )
        wanted = {"cls_loss": cls, "patch_loss": patch_loss != "off", "reconstruction_loss": reconstruction != "off"}
        assert {name for name in metrics if name.endswith("_loss")} == {name for name, on in wanted.items() if on}
        assert loss.item() == pytest.approx(sum(metrics[name].item() for name, on in wanted.items() if on), rel=1e-6)
        # what is off is not there
        assert (method.head is not None) == cls and (method.decoder is not None) == (
            reconstruction != "off" or patch_loss in ("removed", "both")
        )
        assert (method.mask_token is not None) == ("masked" in (patch_loss, reconstruction))
        assert (method.teacher_encoder is None) == (not cls and patch_loss == "off" and policy in ("none", "random"))
        assert views.local_views.shape[0] == (2 if cls else 0)


def chosen(method, views):
    """What the teacher says of the global crops, and which patches stay, crop by crop."""
    crops = views.global_views.flatten(0, 1)
    teacher = method.teacher_encoder(crops, attention=True)
    return crops, teacher, [sorted(row.argsort(descending=True)[: method.keep].tolist()) for row in teacher.attention]


def student_tokens(method, crop, keep):
    return method.encoder(crop[None], torch.tensor([keep]))


def soft_cross_entropy(targets, logits):
    return -(targets * F.log_softmax(logits / 0.1, -1)).sum(-1)


@pytest.mark.parametrize("patch_loss", ["kept", "removed", "both"])
def test_the_losses_are_those_of_the_formulas_crop_by_crop(patch_loss):
    method = different(
        combined("batch", patch_loss=patch_loss, cls_weight=0.3, patch_weight=0.5, reconstruction_weight=2.0)
    )
    views = double(draw(method, count=3))
    crops, teacher, kept = chosen(method, views)
    assert method.keep == 8 and all(len(keep) == 8 for keep in kept)
    cls_targets = sinkhorn(method.teacher_head(teacher.cls), 0.04).unflatten(0, (2, 3))
    student_cls, errors, tokens, wanted = [], [], [], []
    for number, (crop, keep) in enumerate(zip(crops, kept, strict=True)):
        gone = [n for n in range(16) if n not in keep]
        student = student_tokens(method, crop, keep)
        student_cls.append(student.cls[0])
        decoded = method.decoder(student.patches, torch.tensor([keep]), student.cls)
        target = normalize_patches(patchify(crop[None], 8))
        errors.append((decoded.pixels[0, gone] - target[0, gone]).square().mean())
        if patch_loss in ("kept", "both"):
            tokens.append(student.patches[0])
            wanted.append(teacher.patches[number, keep])
        if patch_loss in ("removed", "both"):
            tokens.append(method.to_encoder(decoded.tokens[0, gone]))
            wanted.append(teacher.patches[number, gone])
    patch_targets = sinkhorn(method.teacher_head(torch.cat(wanted)), 0.04)
    patch_loss_value = soft_cross_entropy(patch_targets, method.head(torch.cat(tokens))).mean()
    local = [method.encoder(view).cls for view in views.local_views]
    student_cls = [*torch.stack(student_cls).chunk(2), *local]
    crosses = [
        soft_cross_entropy(cls_targets[t], method.head(student_cls[s])).mean()
        for s in range(4)
        for t in range(2)
        if s != t
    ]
    expected = 0.3 * sum(crosses) / 6 + 0.5 * patch_loss_value + 2 * torch.stack(errors).mean()
    loss, metrics = method(views)
    assert metrics["cls_loss"].item() == pytest.approx((sum(crosses) / 6).item(), rel=1e-8)
    assert metrics["patch_loss"].item() == pytest.approx(patch_loss_value.item(), rel=1e-8)
    assert metrics["reconstruction_loss"].item() == pytest.approx(torch.stack(errors).mean().item(), rel=1e-8)
    torch.testing.assert_close(loss, expected)
    parameters = list(trained(method).values())
    ours, theirs = torch.autograd.grad(loss, parameters), torch.autograd.grad(expected, parameters)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-11)


@pytest.mark.parametrize("policy", ["none", "random"])
@pytest.mark.parametrize("reconstruction", ["masked", "all"])
def test_reconstruction_needs_no_removal(policy, reconstruction):
    method = different(combined("layer", policy=policy, patch_loss="masked", reconstruction=reconstruction))
    views = double(draw(method, count=2))
    crops, noise, masks = (each.flatten(0, 1) for each in (views.global_views, views.noise, views.masks))
    everything = list(range(16))
    errors, tokens, wanted = [], [], []
    for number, crop in enumerate(crops):
        keep = everything
        if policy == "random":
            keep = sorted(noise[number].argsort(descending=True)[:8].tolist())
        hidden = [keep[i] for i in range(len(keep)) if masks[number, i]]
        assert len(hidden) == round(0.3 * len(keep))
        mask = torch.tensor([[n in hidden for n in range(16)]])
        indices = torch.tensor([keep])
        student = method.encoder(crop[None], indices, mask=mask, mask_token=method.mask_token)
        decoded = method.decoder(student.patches, indices if policy == "random" else None, student.cls)
        target = normalize_patches(patchify(crop[None], 8))
        where = hidden if reconstruction == "masked" else everything
        errors.append((decoded.pixels[0, where] - target[0, where]).square().mean())
        tokens.append(student.patches[0, [keep.index(n) for n in hidden]])
        wanted.append(method.teacher_encoder(crop[None]).patches[0, hidden])
    targets = sinkhorn(method.teacher_head(torch.cat(wanted)), 0.04)
    _, metrics = method(views)
    assert metrics["reconstruction_loss"].item() == pytest.approx(torch.stack(errors).mean().item(), rel=1e-8)
    expected = soft_cross_entropy(targets, method.head(torch.cat(tokens))).mean()
    assert metrics["patch_loss"].item() == pytest.approx(expected.item(), rel=1e-8)


def same_weights(method, other):
    missing, unexpected = method.load_state_dict(other.state_dict(), strict=False)
    assert not missing and not unexpected
    return method


def test_with_the_class_token_alone_it_is_dino():
    method = combined("batch", policy="none", patch_loss="off", reconstruction="off")
    plain = same_weights(dino("batch"), method)
    views = draw(method)
    assert torch.equal(method(views)[0], plain(views)[0])


def test_with_masked_patches_and_no_removal_it_is_ibot():
    method = combined("batch", policy="none", patch_loss="masked", reconstruction="off", mask_kind="block")
    plain = same_weights(ibot("batch", mask_ratio=(5 / 16, 5 / 16), mask_probability=1.0), method)
    views = draw(method)
    assert (views.masks.sum(-1) == 5).all()  # round(0.3 * 16)
    expected, _ = plain(MaskedCrops(views.global_views, views.local_views, views.masks, views.noise))
    torch.testing.assert_close(method(views)[0], expected)


def test_random_removal_and_pixels_alone_are_mae_without_a_teacher():
    method = combined("batch", policy="random", keep_rate=0.25, reconstruction="removed", **PIXELS)
    assert method.teacher_pairs() == [] and method.representation is method.encoder and method.prototypes is None
    assert {name.split(".")[0] for name in trained(method)} == {"encoder", "decoder"}
    assert method.keep == 4 and draw(method).local_views.shape[0] == 0


@pytest.mark.parametrize("encoder", [vit, vit_with_stem])
def test_what_was_removed_reaches_targets_but_not_the_student(encoder):
    method = combined("layer", encoder=encoder, policy="random", patch_loss="off").eval()
    views = draw(method)
    passed = method.encode(views)
    gone = torch.ones(16, 16, dtype=torch.bool).scatter(1, passed.keep_indices, False)
    blocks = gone.view(2, 8, 1, 4, 1, 4, 1).expand(-1, -1, 3, -1, 8, -1, 8).reshape(2, 8, 3, 32, 32)
    after = method.encode(views._replace(global_views=torch.where(blocks, 1 - views.global_views, views.global_views)))
    assert torch.equal(passed.keep_indices, after.keep_indices) and passed.student.patches.shape == (16, 8, 64)
    torch.testing.assert_close(passed.student.cls, after.student.cls)
    torch.testing.assert_close(passed.decoded.pixels, after.decoded.pixels)
    assert not torch.allclose(passed.teacher.cls, after.teacher.cls, atol=1e-3)


def test_policies_remove_what_their_names_say():
    kept = {}
    for policy in ("low", "high", "random"):
        torch.manual_seed(0)
        method = combined("batch", policy=policy).eval()
        views = draw(method)
        passed = method.encode(views)
        attention = method.teacher_encoder(passed.crops, attention=True).attention
        kept[policy] = attention.gather(1, passed.keep_indices).sum(1)
        assert passed.keep_indices.shape == (16, 8)
    total = attention.sum(1)
    assert (kept["low"] > kept["random"] - 1e-6).all() and (kept["random"] > kept["high"] - 1e-6).all()
    torch.testing.assert_close(kept["low"] + kept["high"], total)


def test_removal_is_random_for_the_warm_up_with_the_same_shape():
    method = combined("batch", removal_warmup=0.5)
    views, noisy = draw(method), combined("batch", policy="random")  # the noise decides, not the weights
    kept = []
    for step in (0, 4, 5, 9):
        method.begin_step(step, 10)
        kept.append(method.encode(views).keep_indices)
    assert torch.equal(kept[0], kept[1]) and torch.equal(kept[2], kept[3]) and not torch.equal(kept[1], kept[2])
    assert torch.equal(kept[0], noisy.encode(views).keep_indices)


def test_the_keep_rate_falls_in_a_few_levels():
    method = combined("batch", keep_rate=0.25, keep_levels=3, patch_loss="removed", reconstruction="masked")
    seen = []
    for step in range(20):
        method.begin_step(step, 20)
        views = draw(method, count=2)
        assert views.masks.shape[-1] == method.keep
        loss, _ = method(views)
        assert loss.isfinite()
        seen.append(method.keep)
    assert seen == sorted(seen, reverse=True) and set(seen) == {15, 10, 4} and seen[10:] == [4] * 10


def test_separate_heads_are_built_when_asked_for_and_used():
    method = combined("batch", shared_head=False)
    assert method.patch_head is not None and len(method.teacher_pairs()) == 3
    assert len(method.optimizer_groups()[0]["params"]) == 2
    alone = combined("batch", cls=False)
    assert alone.head is None and alone.patch_head is not None and len(alone.teacher_pairs()) == 2


def test_the_decoder_can_have_a_rate_of_its_own():
    assert all("lr_scale" not in group for group in combined("batch").optimizer_groups())
    method = combined("batch", decoder_lr_scale=5.0)
    (group,) = [group for group in method.optimizer_groups() if "lr_scale" in group]
    assert group["lr_scale"] == 5.0
    assert {id(each) for each in group["params"]} == {id(each) for each in method.decoder.parameters()}
    without = combined("batch", reconstruction="off", decoder_lr_scale=5.0)
    assert all("lr_scale" not in group for group in without.optimizer_groups())
    with pytest.raises(ValueError, match="decoder_lr_scale must be positive; got 0"):
        CombinedSettings(decoder_lr_scale=0)


def test_prototypes_stand_still_at_first():
    method = combined("batch", {"freeze_prototypes": 0.2})
    drawn = method.head.prototypes.detach().clone()
    train(method, steps=2, learning_rate=0.5)
    assert torch.equal(method.head.prototypes, drawn)
    train(method, steps=1, first=2, learning_rate=0.5)
    assert not torch.equal(method.head.prototypes, drawn)


def test_a_preview_shows_what_is_kept_masked_and_reconstructed():
    method = combined("batch", patch_loss="masked")
    before = {key: value.clone() for key, value in method.state_dict().items()}
    whole = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    pictures = method.preview(whole, torch.Generator().manual_seed(0))
    assert set(pictures) == {"kept patches", "masked patches", "reconstruction"}
    for picture in pictures.values():
        assert picture.shape == whole.shape and 0 <= picture.min() and picture.max() <= 1
    hidden = (patchify(pictures["kept patches"], 8) == 0.5).all(-1)
    assert (hidden.sum(1) == 8).all()
    same = (patchify(pictures["reconstruction"], 8) - patchify(whole, 8)).abs().amax(-1) < 1e-6
    assert torch.equal(same, ~hidden)
    assert method.training and all(torch.equal(before[key], value) for key, value in method.state_dict().items())
    larger = combined("batch", policy="none", reconstruction="all").preview(torch.rand(2, 3, 50, 50))
    assert set(larger) == {"reconstruction"} and larger["reconstruction"].shape == (2, 3, 32, 32)


def test_pixels_as_they_are_are_a_target_too():
    method = different(combined("layer", policy="none", reconstruction="all", normalize_targets=False, **PIXELS))
    views = double(draw(method, count=2))
    crops = views.global_views.flatten(0, 1)
    tokens = method.encoder(crops)
    wanted = (method.decoder(tokens.patches, None, tokens.cls).pixels - patchify(crops, 8)).square().mean()
    assert method(views)[1]["reconstruction_loss"].item() == pytest.approx(wanted.item(), rel=1e-8)
    whole = crops[:2]
    shown = patchify(method.preview(whole)["reconstruction"], 8)
    tokens = method.encoder(whole)
    torch.testing.assert_close(shown, method.decoder(tokens.patches, None, tokens.cls).pixels.clamp(0, 1))


@pytest.mark.parametrize("normalize_targets", [True, False])
def test_reconstruction_errors_are_pixel_errors_where_patches_were_removed(normalize_targets):
    method = different(combined("layer", policy="random", normalize_targets=normalize_targets))
    whole = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = method.reconstruction_errors(whole, torch.Generator().manual_seed(5))
    removed = (patchify(method.preview(whole, torch.Generator().manual_seed(5))["kept patches"], 8) == 0.5).all(-1)
    rows = {name: [] for name in found}
    for image, hidden in zip(whole, removed):
        keep = [n for n in range(16) if not hidden[n]]
        tokens = method.encoder(image[None], torch.tensor([keep]))
        decoded = method.decoder(tokens.patches, torch.tensor([keep]), tokens.cls).pixels[0]
        mean_colour = image.mean((1, 2))[:, None, None].expand_as(image)
        for n in sorted(set(range(16)) - set(keep)):
            true = patchify(image[None], 8)[0, n]
            guess = decoded[n]
            if normalize_targets:
                guess = guess * (true.var() + 1e-6).sqrt() + true.mean()
            rows["predicted"].append((guess - true).square().mean().item())
            rows["patch_mean"].append(true.var(correction=0).item())
            rows["image_mean"].append((patchify(mean_colour[None], 8)[0, n] - true).square().mean().item())
    assert len(rows["predicted"]) == 3 * 8
    for name, errors in rows.items():
        assert found[name] == pytest.approx(sum(errors) / len(errors), rel=1e-6), name


def test_there_are_no_reconstruction_errors_without_reconstruction():
    assert combined("layer", reconstruction="off").reconstruction_errors(torch.rand(2, 3, 32, 32)) is None


@pytest.mark.slow
def test_pixel_reconstruction_learns():
    method, seen = combined("batch", policy="none", reconstruction="all", **PIXELS), []
    optimizer = torch.optim.Adam(trained(method).values(), lr=3e-3)
    train(method, steps=10, optimizer=optimizer, each=lambda _, loss, metrics: seen.append(loss.item()))
    assert seen[-1] < seen[0] - 0.05, seen


def test_settings_that_cannot_be_are_refused():
    for settings, message in [
        ({"policy": "some"}, "low, random, high, none"),
        ({"patch_loss": "all"}, "off, kept, removed, both, masked"),
        ({"reconstruction": "kept"}, "off, removed, masked, all"),
        ({"mask_kind": "grid"}, "block, random"),
        ({"keep_rate": 0.0}, "keep_rate must lie in"),
        ({"mask_ratio": 1.0}, "mask_ratio must lie in"),
        ({"keep_levels": 0}, "keep_levels"),
        ({"removal_warmup": 1.5}, "removal_warmup"),
        ({"cls_weight": 0.0}, "left out by its switch"),
        ({"cls": False, "patch_loss": "off", "reconstruction": "off"}, "nothing to learn from"),
        ({"policy": "none", "reconstruction": "removed"}, "choose one of off, masked, all"),
        ({"keep_rate": 1.0, "reconstruction": "off", "patch_loss": "removed"}, "choose one of off, kept, masked"),
        ({"mask_kind": "block", "patch_loss": "masked"}, "choose mask_kind='random'"),
        ({"crops": replace(CROPS, global_crops=1, local_crops=0)}, "does not learn from itself"),
    ]:
        with pytest.raises(ValueError, match=message):
            combined("batch", **settings)


def test_rates_that_change_nothing_on_so_few_patches_are_refused():
    with pytest.raises(ValueError, match="keeps all 16 patches"):
        combined("batch", keep_rate=0.99)
    with pytest.raises(ValueError, match="masks none of 8 patches"):
        combined("batch", mask_ratio=0.05, patch_loss="masked")
    with pytest.raises(TypeError, match="works on patch tokens"):
        Combined(ConvNet(8))
    with pytest.raises(ValueError, match="no multiple"):
        large = replace(CROPS, global_crop=replace(CROPS.global_crop, size=44))
        Combined(build_encoder("vit_64x2_p8", 32), CombinedSettings(crops=large, distillation=distillation()))
