"""The widgets without a front end: a control that is set redraws the picture."""

import math

import ipywidgets
import pytest
import torch

from sslcourse.data.augment import Augmentation
from sslcourse.labs.contrastive.widgets import AugmentationExplorer, TemperatureExplorer
from sslcourse.losses.contrastive import nt_xent


def stripes(count=3, size=16):
    """Images that differ in colour and are not the same when mirrored."""
    generator = torch.Generator().manual_seed(0)
    colours = torch.randint(60, 250, (count, 3, 1, 1), generator=generator)
    ramp = torch.linspace(0.2, 1, size).view(1, 1, 1, size)
    return (colours * ramp).expand(count, 3, size, size).to(torch.uint8)


@pytest.fixture()
def views():
    return AugmentationExplorer(stripes(), ["one", "two", "three"], Augmentation(size=12))


@pytest.fixture()
def temperature():
    generator = torch.Generator().manual_seed(1)
    z1, z2 = torch.randn(2, 4, 6, generator=generator)
    return TemperatureExplorer(z1, z2, torch.rand(2, 4, 3, 8, 8, generator=generator))


CHANGES = {"image": 2, "scale": 0.9, "colour": 0.0, "greyscale": 1.0, "blur": 0.0, "flip": 1.0, "draw": 7}


def each_control_changes_the_picture(explorer, changes):
    """One explorer for all: drawing it is what takes the time."""
    assert changes.keys() == explorer.controls.keys()
    for name, value in changes.items():
        before = explorer.picture.value
        explorer.controls[name].value = value
        assert explorer.picture.value != before, name


@pytest.mark.slow
def test_every_control_of_the_augmentation_changes_the_picture(views):
    assert '<img alt="4 images' in views.picture.value
    each_control_changes_the_picture(views, CHANGES)


@pytest.mark.slow
def test_every_control_of_the_temperature_changes_the_picture(temperature):
    each_control_changes_the_picture(temperature, {"temperature": 0.02, "anchor": 3})


@pytest.mark.slow
def test_embeddings_may_be_on_an_accelerator(accelerator, temperature):
    z1, z2 = torch.randn(2, 4, 6).to(accelerator)
    moved = TemperatureExplorer(z1.requires_grad_(), z2, temperature.views.unflatten(0, (2, 4)).to(accelerator))
    for name, value in {"temperature": 0.02, "anchor": 3}.items():
        before = moved.picture.value
        moved.controls[name].value = value
        assert moved.picture.value != before


def test_controls_start_at_the_given_settings():
    given = Augmentation(size=12, scale=(0.3, 1.0), brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05, blur=0.1)
    assert AugmentationExplorer(stripes(), ["a", "b", "c"], given).settings() == given
    plain = given.without_color()
    settings = AugmentationExplorer(stripes(), ["a", "b", "c"], plain).settings()
    assert settings.color == 0 and settings.grayscale == 0


def test_the_colours_of_two_views_agree_more_without_colour_changes(views):
    with_colour, _ = views.agreement(views.settings(), 0)
    views.controls["colour"].value = 0.0
    views.controls["greyscale"].value = 0.0
    without, other = views.agreement(views.settings(), 0)
    assert without > with_colour + 0.05
    assert without > other


def test_weights_are_a_softmax_over_the_other_views(temperature):
    weights = temperature.log_weights().exp()
    torch.testing.assert_close(weights.sum(1), torch.ones(8, dtype=torch.float64))
    assert (weights.diagonal() == 0).all()
    temperature.controls["temperature"].value = 10**0.5
    warm = temperature.log_weights().exp()[~torch.eye(8, dtype=torch.bool)]
    temperature.controls["temperature"].value = 0.01
    cold = temperature.log_weights().exp().amax(1)
    assert (warm - 1 / 7).abs().max() < 0.06, "a high temperature makes all weights alike"
    assert cold.median() > 0.99, "a low temperature leaves only the nearest view"


@pytest.mark.parametrize("tau", [0.05, 0.2, 1.0])
def test_the_loss_shown_is_nt_xent(tau):
    generator = torch.Generator().manual_seed(2)
    z1, z2 = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64)
    explorer = TemperatureExplorer(z1, z2, torch.rand(2, 5, 3, 8, 8, generator=generator), temperature=tau)
    assert explorer.loss() == pytest.approx(nt_xent(z1, z2, explorer.value("temperature")).item(), abs=1e-9)
    assert f"ln {2 * 5 - 1} = {math.log(9):.3f}" in explorer.readout.value


def test_a_front_end_gets_the_widget_and_every_other_page_a_picture(views):
    bundle = views.bundle()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == views.box.model_id
    assert '<img alt="4 images' in bundle["text/html"] and "Agreement" in bundle["text/html"]
    assert "Agreement" in bundle["text/plain"] and "<" not in bundle["text/plain"]


def test_only_core_widgets(views, temperature):
    for explorer in (views, temperature):
        for widget in (explorer.box, explorer.picture, explorer.readout, *explorer.controls.values()):
            assert isinstance(widget, ipywidgets.Widget)
            assert widget._model_module in ("@jupyter-widgets/base", "@jupyter-widgets/controls")


def test_refusals():
    with pytest.raises(ValueError, match="at least two images"):
        AugmentationExplorer(stripes(1), ["one"])
    with pytest.raises(ValueError, match="a name for each"):
        AugmentationExplorer(stripes(3), ["one"])
    with pytest.raises(ValueError, match="N,D with N >= 2"):
        TemperatureExplorer(torch.randn(1, 3), torch.randn(1, 3), torch.rand(2, 1, 3, 8, 8))
    with pytest.raises(ValueError, match="2,N,3,h,w"):
        TemperatureExplorer(torch.randn(4, 3), torch.randn(4, 3), torch.rand(2, 3, 3, 8, 8))
