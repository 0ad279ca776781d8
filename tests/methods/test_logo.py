"""LoGo: attractions and what local crops do to each other, written out; the affinity learns from its own loss alone."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small_methods import CROPS, double, draw, logo, train, trained
from torch import nn

from sslcourse.methods import LoGoSettings
from sslcourse.methods import method as method_module

THREE_LOCAL = replace(CROPS, local_crops=3)


def different(method):
    train(method, steps=1)
    return method.double()


def projections(method, views, predict=False):
    """Of each crop, global ones first, `B,d`."""
    crops = [*views.global_views, *views.local_views]
    projected = [method.projector(method.encoder(crop).cls) for crop in crops]
    return [method.predictor(z) for z in projected] if predict else projected


def gradients(loss, parameters):
    return torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-12)


def test_infonce_attracts_every_crop_to_every_global_key_but_its_own():
    method = different(logo("layer", local="none", temperature=0.3))
    views = double(draw(method, count=4))
    keys = [method.teacher_projector(method.teacher_encoder(view).cls).detach() for view in views.global_views]
    total, terms = 0, 0
    for q, queries in enumerate(projections(method, views)):
        for k, candidates in enumerate(keys):
            if q == k:
                continue
            for i in range(4):
                cosines = torch.stack([F.cosine_similarity(queries[i], candidates[j], dim=0) / 0.3 for j in range(4)])
                total = total + cosines.logsumexp(0) - cosines[i]
                terms += 1
    loss, metrics = method(views)
    assert terms == 4 * (2 + 4)
    torch.testing.assert_close(loss, total / terms)
    parameters = list(trained(method).values())
    assert_same(gradients(loss, parameters), gradients(total / terms, parameters))
    mixed = (2 * metrics["global_loss"] + 4 * metrics["local_global_loss"]) / 6
    torch.testing.assert_close(metrics["attraction"], mixed)


def test_cosine_attraction_predicts_projections_that_get_no_gradient():
    method = different(logo("layer", local="none", similarity="cosine"))
    assert method.teacher_pairs() == [] and method.predictor is not None
    views = double(draw(method, count=4))
    keys = [z.detach() for z in projections(method, views)[:2]]
    distances = [
        (1 - F.cosine_similarity(prediction, key, dim=1)).mean()
        for q, prediction in enumerate(projections(method, views, predict=True))
        for k, key in enumerate(keys)
        if q != k
    ]
    loss, _ = method(views)
    torch.testing.assert_close(loss, sum(distances) / 6)
    parameters = list(trained(method).values())
    assert_same(gradients(loss, parameters), gradients(sum(distances) / 6, parameters))


@pytest.mark.parametrize(("kind", "sign"), [("repel", 1), ("attract", -1)])
def test_local_crops_repel_or_attract_by_their_cosine(kind, sign):
    method = different(logo("layer", local=kind, crops=THREE_LOCAL, local_weight=0.7))
    without = logo("layer", local="none", crops=THREE_LOCAL).double()
    without.load_state_dict(method.state_dict())
    views = double(draw(method, count=4))
    local = projections(method, views)[2:]
    cosine = sum(F.cosine_similarity(local[i], local[j], dim=1).mean() for i, j in ((0, 1), (0, 2), (1, 2))) / 3
    loss, metrics = method(views)
    torch.testing.assert_close(loss, without(views)[0] + sign * 0.7 * cosine)
    torch.testing.assert_close(metrics["local_cosine"], cosine.detach())


def test_the_learned_affinity_is_lowered_by_the_encoder_and_taught_by_its_own_loss():
    method = different(logo("layer", local="learned", local_weight=0.7))
    without = logo("layer", local="none").double()
    without.load_state_dict({k: v for k, v in method.state_dict().items() if not k.startswith("affinity")})
    views = double(draw(method, count=4))
    assert views.noise.shape == (2, 4, 16)
    first, second = (F.normalize(z, dim=1) for z in projections(method, views)[2:])
    repulsion = F.softplus(method.affinity(first, second)).mean()
    a, b = first.detach(), second.detach()
    near_a, near_b = a + views.noise[0], b + views.noise[1]
    far_a, far_b = a.roll(-2, 0), b.roll(-2, 0)
    fit = sum(F.softplus(-method.affinity(*pair)).mean() for pair in ((near_a, near_b), (near_b, near_a))) / 2
    fit = fit + sum(F.softplus(method.affinity(*pair)).mean() for pair in ((a, far_b), (b, far_a))) / 2
    loss, metrics = method(views)
    assert metrics["local_loss"].item() == pytest.approx(repulsion.item(), rel=1e-9)
    assert metrics["affinity_loss"].item() == pytest.approx(fit.item(), rel=1e-9)
    torch.testing.assert_close(loss, without(views)[0] + 0.7 * repulsion + fit)
    affinity, rest = list(method.affinity.parameters()), list(method.projector.parameters())
    assert_same(gradients(loss, affinity), gradients(fit, affinity))  # from nothing else
    own = gradients(without(views)[0], list(without.projector.parameters()))
    pushed = gradients(0.7 * repulsion, rest)
    assert_same(gradients(loss, rest), [one + other for one, other in zip(own, pushed, strict=True)])


class Recorder(nn.Module):
    """An affinity that remembers what it was asked."""

    def __init__(self):
        super().__init__()
        self.weight, self.asked = nn.Parameter(torch.ones(())), []

    def forward(self, first, second):
        self.asked.append((first, second))
        return (first * second).sum(1) * self.weight


def test_same_image_and_other_image_pairs_are_what_they_say():
    method = logo("layer", crops=THREE_LOCAL, noise=0.0)
    method.affinity = Recorder()
    local = torch.eye(16)[:5].expand(3, -1, -1).clone()  # the embedding of a crop tells its image
    method.local_terms(local, torch.zeros(6, 5, 16))
    (same, _), (asked, others) = method.affinity.asked[0], method.affinity.asked[1]
    assert same.shape == (15, 16) and asked.shape == (60, 16)
    alike = (asked * others).sum(1)
    assert (alike[:30] == 1).all() and (alike[30:] == 0).all()


def test_the_noise_has_the_size_that_the_settings_say():
    method = logo("batch", noise=0.5)
    noise = torch.cat([draw(method, seed=seed).noise.flatten() for seed in range(20)])
    assert noise.std().item() == pytest.approx(0.5 / 4, rel=0.05)  # 16 dimensions
    assert draw(logo("batch", local="repel")).noise.shape == (0, 8, 16)


def test_the_momentum_encoder_moves_once_a_step(monkeypatch):
    method, calls = logo("batch"), []
    move = method_module.update_ema
    monkeypatch.setattr(method_module, "update_ema", lambda *arguments: (calls.append(arguments[0]), move(*arguments)))
    train(method, steps=3)
    assert calls == [method.teacher_encoder, method.teacher_projector] * 3


def test_the_affinity_has_a_group_of_its_own():
    (group,) = logo("batch", affinity_lr_scale=0.5).optimizer_groups()
    assert group["lr_scale"] == 0.5
    method = logo("batch")
    assert {id(p) for p in method.optimizer_groups()[0]["params"]} == {id(p) for p in method.affinity.parameters()}
    assert logo("batch", local="none").optimizer_groups() == []


def test_an_affinity_that_learned_tells_images_apart():
    method, seen = logo("batch", local_weight=0.0), []
    train(method, steps=10, learning_rate=0.1, each=lambda _, loss, now: seen.append(now["affinity_loss"].item()))
    assert min(seen[-3:]) < seen[0] and seen[0] == pytest.approx(2 * math.log(2), abs=0.5)


def test_strong_repulsion_drives_local_crops_apart_and_attraction_together():
    ends = {}
    for kind in ("repel", "attract"):
        method = logo("layer", local=kind, local_weight=5.0)
        train(
            method,
            steps=8,
            learning_rate=0.1,
            each=lambda _, loss, now, kind=kind: ends.update({kind: now["local_cosine"].item()}),
        )
    assert ends["repel"] < 0.9 < 0.99 < ends["attract"], ends


def test_settings_that_cannot_be_are_refused():
    for settings, message in [
        ({"similarity": "euclidean"}, "infonce, cosine"),
        ({"local": "push"}, "none, attract, repel, learned"),
        ({"momentum_schedule": "step"}, "cosine, fixed"),
        ({"momentum": 2.0}, "momentum must lie in 0..1"),
        ({"crops": replace(CROPS, local_crops=1)}, "needs two local crops"),
        ({"crops": replace(CROPS, local_crops=0, global_crops=1), "local": "none"}, "does not learn from itself"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"local_weight": -1.0}, "local_weight"),
    ]:
        with pytest.raises(ValueError, match=message):
            LoGoSettings(**settings)
