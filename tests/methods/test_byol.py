"""BYOL: the loss written out, each row of the papers' tables as the network that it describes, and which of them
collapse.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from small_methods import GLOBAL, byol, double, draw, make, train, trained

from sslcourse.losses import nt_xent
from sslcourse.methods import BYOLSettings
from sslcourse.methods.byol import log_partition

ROWS = {
    "BYOL": {},
    "EMA 0.9": {"momentum": 0.9, "momentum_schedule": "fixed"},
    "constant random target": {"momentum": 1},
    "stop-gradient copy; SimSiam": {"momentum": 0, "projector_layers": 3, "output_norm": "batch"},
    "no EMA, no stop-gradient": {"momentum": 0, "stop_gradient": False},
    "EMA, no predictor": {"predictor": False},
    "stop-gradient, no predictor": {"predictor": False, "momentum": 0},
    "theta, no predictor": {"predictor": False, "momentum": 0, "stop_gradient": False},
    "fixed random predictor": {"momentum": 0, "train_predictor": False},
    "faster predictor": {"momentum": 0, "predictor_lr_scale": 10.0},
    "BYOL with negatives": {"negatives": 1.0},
    "SimCLR with EMA": {"negatives": 1.0, "predictor": False},
    "negatives, stop-gradient, predictor": {"negatives": 1.0, "momentum": 0},
    "SimCLR": {"negatives": 1.0, "predictor": False, "momentum": 0, "stop_gradient": False},
    "GroupNorm in the heads": {"head_norm": "group"},
    "LayerNorm in the heads": {"head_norm": "layer"},
    "no norm in the heads": {"head_norm": "none"},
    "BatchNorm in the projector alone": {"predictor_norm": "none"},
    "SimSiam, BatchNorm everywhere": {"momentum": 0, "output_norm": "batch", "predictor_output_norm": "batch"},
}


def of(**settings):
    torch.manual_seed(0)
    return byol(settings.pop("head_norm", "batch"), **settings)


def plain(**settings):
    """Heads without norm, in float64: what one image gives does not depend on the others."""
    return of(head_norm="none", **settings).double()


def gradients(loss, method):
    return torch.autograd.grad(loss, list(trained(method).values()), allow_unused=True, retain_graph=True)


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.9, 0])
def test_the_loss_is_that_of_the_paper_image_by_image(momentum):
    method = plain(momentum=momentum)
    train(method.float(), steps=1)  # online and target differ
    views = double(draw(method.double()))
    total = 0
    for first, second in (views, views.flip(0)):
        for one, other in zip(first, second, strict=True):
            prediction = method.predictor(method.projector(method.encoder(one[None]).cls))[0]
            encoder, projector = method.encoder, method.projector
            if momentum:
                encoder, projector = method.teacher_encoder, method.teacher_projector
            target = projector(encoder(other[None]).cls)[0].detach()
            total = total + (prediction / prediction.norm() - target / target.norm()).square().sum()
    expected = total / (2 * len(views[0]))
    loss, _ = method(views)
    torch.testing.assert_close(loss, expected)
    assert_same(gradients(loss, method), gradients(expected, method))


def test_without_stop_gradient_both_branches_get_gradients():
    with_stop, without = plain(momentum=0), plain(momentum=0, stop_gradient=False)
    views = double(draw(without))
    assert torch.equal(with_stop(views)[0], without(views)[0])  # the value is the same, the gradient is not
    z = without.projector(without.encoder(views.flatten(0, 1)).cls)
    p = without.predictor(z)
    expected = (2 - 2 * F.cosine_similarity(p, torch.cat([z[8:], z[:8]]))).mean()
    ours = gradients(without(views)[0], without)
    assert_same(ours, gradients(expected, without))
    stopped = gradients(with_stop(views)[0], with_stop)
    assert not torch.allclose(ours[0], stopped[0], rtol=1e-3)


def test_each_row_is_the_network_it_describes():
    for name in ROWS:
        settings = ROWS[name]
        method = of(**settings)
        train(method, steps=1)
        assert (method.predictor is None) == (settings.get("predictor") is False)
        assert (method.teacher_encoder is None) == (settings.get("momentum") == 0) == (method.teacher_pairs() == [])
        norms = {type(module).__name__ for head in (method.projector, method.predictor) if head for module in head}
        wanted = {"group": "GroupNorm", "layer": "LayerNorm", "none": None}.get(
            settings.get("head_norm"), "BatchNorm1d"
        )
        assert norms & {"BatchNorm1d", "GroupNorm", "LayerNorm"} == ({wanted} if wanted else set())


def test_each_head_has_the_norms_that_it_is_given():
    def norms(head):
        return [type(module).__name__ for module in head if not isinstance(module, torch.nn.Linear | torch.nn.ReLU)]

    method = of(head_norm="none", predictor_norm="batch")
    assert norms(method.projector) == [] and norms(method.predictor) == ["BatchNorm1d"]
    method = of(predictor_norm="none", predictor_output_norm="layer")
    assert norms(method.projector) == ["BatchNorm1d"] and norms(method.predictor) == ["LayerNorm"]


def test_negatives_without_predictor_and_target_are_simclr():
    method = plain(negatives=1.0, predictor=False, momentum=0, stop_gradient=False, temperature=0.3)
    views = double(draw(method))
    z = method.projector(method.encoder(views.flatten(0, 1)).cls)
    expected = 2 + 2 * 0.3 * nt_xent(*z.chunk(2), 0.3)
    loss, _ = method(views)
    torch.testing.assert_close(loss, expected)
    assert_same(gradients(loss, method), gradients(expected, method))


def test_the_log_partition_leaves_out_the_view_itself_only():
    generator = torch.Generator().manual_seed(0)
    queries, keys = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    slow = 0
    for i in range(6):
        others = [F.cosine_similarity(queries[i], keys[j], dim=0) / 0.2 for j in range(6) if j != i]
        slow += math.log(sum(math.exp(other) for other in others)) / 6
    assert log_partition(3 * queries, keys, 0.2).item() == pytest.approx(slow, rel=1e-12)


def test_momentum_one_is_a_constant_random_target():
    method = of(momentum=1)
    before = [parameter.clone() for parameter in method.teacher_encoder.parameters()]
    train(method, steps=3)
    assert method.momentum == 1
    assert all(torch.equal(*pair) for pair in zip(before, method.teacher_encoder.parameters(), strict=True))


def test_the_momentum_is_scheduled_or_fixed():
    method, fixed = of(momentum=0.9), of(momentum=0.9, momentum_schedule="fixed")
    seen = []
    for step in (0, 5, 9):
        method.begin_step(step, 10), fixed.begin_step(step, 10)
        seen.append(method.momentum)
        assert fixed.momentum == 0.9
    assert seen[0] == 0.9 and seen[1] == pytest.approx(0.95) and 0.99 < seen[2] < 1


@pytest.mark.parametrize("name", ["simclr", "byol"])
def test_micro_batches_give_the_mean_of_what_each_would_give_alone(name):
    """The images of the other micro-batches reach neither negatives nor batch statistics."""
    whole, parts = make(name).double(), make(f"{name} micro-batches").double()
    views = double(draw(whole))
    alone = [whole(views[:, start : start + 4])[0] for start in (0, 4)]
    loss, metrics = parts(views)
    torch.testing.assert_close(loss, torch.stack(alone).mean())
    assert_same(gradients(loss, parts), gradients(torch.stack(alone).mean(), whole))
    assert not torch.isclose(loss, whole(views)[0]) and not metrics["positive_cosine"].requires_grad


def test_a_batch_that_is_no_multiple_of_the_micro_batch_is_refused():
    with pytest.raises(ValueError, match="multiple of micro_batch=3 images; got 8"):
        method = of(micro_batch=3)
        method(draw(method))
    with pytest.raises(ValueError, match="micro_batch must be at least 2"):
        of(micro_batch=1)


def test_a_fixed_predictor_stays_and_rates_go_to_the_optimiser():
    method = of(momentum=0, train_predictor=False)
    before = [parameter.clone() for parameter in method.predictor.parameters()]
    train(method, steps=2)
    assert all(torch.equal(*pair) for pair in zip(before, method.predictor.parameters(), strict=True))
    assert method.optimizer_groups() == [] == of().optimizer_groups()
    projector, predictor = of(projector_lr_scale=3.0, predictor_lr_scale=10.0).optimizer_groups()
    assert projector["lr_scale"] == 3 and predictor["lr_scale"] == 10 and not predictor["constant_lr"]
    (constant,) = of(predictor_constant_lr=True).optimizer_groups()
    assert constant["constant_lr"] and constant["lr_scale"] == 1


def test_the_second_view_may_have_its_own_augmentation():
    inverted = GLOBAL.without_color()
    method = of(augmentation=inverted, second_augmentation=BYOLSettings().augmentation.__class__(size=32, solarize=1.0))
    bright = torch.full((4, 3, 40, 40), 255, dtype=torch.uint8)
    views = method.draw_views(bright, torch.Generator().manual_seed(0))
    assert views[0].min() > 0.99 and views[1].max() < 0.99


def test_settings_that_cannot_be_are_refused():
    for settings, message in [
        ({"stop_gradient": False}, "momentum=0"),
        ({"momentum": 1.1}, "momentum must lie in 0..1"),
        ({"momentum_schedule": "linear"}, "cosine, fixed"),
        ({"negatives": -1.0}, "must not be negative"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"predictor_lr_scale": 0.0}, "predictor_lr_scale"),
        ({"head_norm": "instance"}, "batch, group, layer, none"),
    ]:
        with pytest.raises(ValueError, match=message):
            of(**settings)


def spread_after(steps, **settings):
    """The mean cosine of different images after training on 16 plain colours: 1 is collapse."""
    method = of(**settings)
    colors = torch.randint(0, 256, (16, 3, 1, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pictures = colors.expand(-1, -1, 40, 40)
    optimizer = torch.optim.Adam(trained(method).values(), lr=3e-3)
    for step in range(steps):
        method.begin_step(step, steps)
        loss, metrics = method(method.draw_views(pictures, torch.Generator().manual_seed(step)))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        method.end_step()
    return metrics["negative_cosine"].item()


@pytest.mark.slow
def test_alignment_alone_makes_one_point_of_all_images_and_negatives_or_byol_do_not():
    alone = {"momentum": 0, "predictor": False, "stop_gradient": False}
    collapsed, contrasted, byol_ = (spread_after(30, **row) for row in (alone, {**alone, "negatives": 1.0}, {}))
    assert collapsed > 0.97 and contrasted < 0.85 and byol_ < 0.4, (collapsed, contrasted, byol_)


def test_simclr_and_byol_take_the_same_views():
    assert torch.equal(draw(make("simclr")), draw(make("byol")))


def test_the_predictor_may_be_narrower_than_the_projector():
    predictor = byol("batch", predictor_hidden_dim=4).predictor
    assert [layer.weight.shape for layer in predictor if hasattr(layer, "in_features")] == [(4, 16), (16, 4)]
