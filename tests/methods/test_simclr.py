"""SimCLR: its forward step against the pieces it is made of, its switches, and what a training run relies on."""

import math

import pytest
import torch
import torch._dynamo.testing
from torch import nn

from sslcourse.data.augment import Augmentation
from sslcourse.losses.contrastive import alignment_only, nt_xent
from sslcourse.methods import SimCLR, SimCLRSettings
from sslcourse.models import build_encoder
from sslcourse.models.convnet import ConvNet

PLAIN = Augmentation(size=16)


def make(seed=0, loss=None, **settings):
    torch.manual_seed(seed)
    return SimCLR(ConvNet(8, depth=3), SimCLRSettings(augmentation=PLAIN, **settings), loss=loss)


@pytest.fixture
def images():
    return torch.randint(0, 256, (12, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def views(images):
    return make().draw_views(images, torch.Generator().manual_seed(1))


def test_views_are_float_in_0_1_differ_and_repeat_with_the_generator(images, views):
    assert views.shape == (2, 12, 3, 16, 16) and views.dtype == torch.float32
    assert 0 <= views.min() and views.max() <= 1
    assert not torch.equal(views[0], views[1])
    assert torch.equal(views, make().draw_views(images, torch.Generator().manual_seed(1)))


def test_the_loss_is_nt_xent_of_the_projections(views):
    method = make(temperature=0.3).eval()  # eval: each view by itself must then give the same as both at once
    loss, metrics = method(views)
    z1, z2 = (method.head(method.encoder.features(view)) for view in views)
    assert loss.item() == pytest.approx(nt_xent(z1, z2, 0.3).item(), rel=1e-5)
    unit1, unit2 = nn.functional.normalize(z1, dim=1), nn.functional.normalize(z2, dim=1)
    assert metrics["positive_cosine"].item() == pytest.approx((unit1 * unit2).sum(1).mean().item(), rel=1e-4)


def test_both_views_go_through_in_one_forward(views):
    method = make()
    seen = []
    method.encoder.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0].shape))
    method(views)
    assert seen == [(24, 3, 16, 16)]


def test_metrics_are_detached_scalars(views):
    _, metrics = make()(views)
    assert set(metrics) == {"positive_cosine", "negative_cosine", "contrastive_accuracy", "channel_std"}
    assert all(value.ndim == 0 and not value.requires_grad for value in metrics.values())


def test_every_parameter_gets_a_gradient(views):
    method = make()
    method(views)[0].backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in method.parameters())


def test_without_negatives_the_loss_is_alignment_alone(views):
    method = make(negatives=False, temperature=0.5).eval()
    loss, _ = method(views)
    z1, z2 = (method.head(method.encoder.features(view)) for view in views)
    assert loss.item() == pytest.approx(alignment_only(z1, z2, 0.5).item(), rel=1e-5)


def test_the_students_loss_is_called_with_float32_pairs_and_the_temperature(views):
    def loss(z1, z2, temperature):
        seen.append((z1.shape, z2.shape, z1.dtype, temperature, torch.is_autocast_enabled("cpu")))
        return (z1 - z2).square().mean()

    seen = []
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, _ = make(loss=loss, temperature=0.7)(views)
    assert seen == [((12, 128), (12, 128), torch.float32, 0.7, False)] and value.requires_grad


def test_a_loss_that_is_no_scalar_is_refused(views):
    with pytest.raises(TypeError, match=r"shape \(12,\)"):
        make(loss=lambda z1, z2, temperature: (z1 - z2).square().mean(1))(views)
    with pytest.raises(TypeError, match="NoneType"):
        make(loss=lambda z1, z2, temperature: None)(views)


def test_a_loss_of_ones_own_and_no_negatives_do_not_go_together():
    with pytest.raises(ValueError, match="negatives=False"):
        make(loss=nt_xent, negatives=False)


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature"):
        SimCLRSettings(temperature=temperature)


@pytest.mark.parametrize("negatives", [True, False])
def test_bf16_autocast_gives_finite_losses_near_those_of_float32(views, negatives):
    exact, _ = make(negatives=negatives)(views)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, metrics = make(negatives=negatives)(views)
    loss.backward()
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(exact.item(), abs=0.1)
    assert all(math.isfinite(value.item()) and value.dtype == torch.float32 for value in metrics.values())


@pytest.mark.slow
def test_the_forward_compiles_in_one_graph_and_only_once(views):
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    plain, compiled = make(), torch.compile(make(), fullgraph=True, backend=counter)
    for _ in range(3):
        expected, _ = plain(views)
        loss, metrics = compiled(views)
        loss.backward()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5) and "contrastive_accuracy" in metrics
    assert counter.frame_count == 1


def test_it_takes_a_vit(images):
    method = SimCLR(build_encoder("vit_96x4_p8", 32), SimCLRSettings(augmentation=Augmentation(size=32)))
    loss, _ = method(method.draw_views(images, torch.Generator().manual_seed(0)))
    loss.backward()
    assert loss.isfinite()


def test_diagnose_changes_nothing_and_sees_collapse(views):
    method = make()
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    healthy = method.diagnose(views)
    assert method.training
    assert all(torch.equal(before[name], tensor) for name, tensor in method.state_dict().items())
    assert healthy["channel_std_healthy"].item() == pytest.approx(128**-0.5)
    with torch.no_grad():
        method.head[-1].weight.zero_()
    assert method.diagnose(views)["projection_rank"].item() == pytest.approx(1.0, abs=1e-3)
    assert healthy["projection_rank"].item() > 2


def test_a_printed_method_tells_its_settings_and_loss():
    assert "temperature=0.3" in repr(make(temperature=0.3)) and "loss=nt_xent" in repr(make())
