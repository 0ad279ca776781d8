"""What can be proved of a GPU step without a GPU: the whole SimCLR step runs on `meta`, on one device, without a copy.

On `meta` an `.item()`, a shape that depends on data or a copy to the processor raises. A dispatch mode sees what meta
allows: operators that mix devices, and factories or copies on another device inside the step.
"""

import pytest
import torch
from harness import OneDevice

from sslcourse.training.runtime import make_runtime
from sslcourse.training.state import FitSettings, TrainingState


@pytest.fixture
def run(textures, simclr):
    settings = FitSettings(steps=3, batch_size=16)
    return TrainingState(simclr(), textures(32), settings, make_runtime("meta", "fp32"))


def test_the_whole_step_runs_on_meta(run):
    for _ in range(3):
        views = run.step_once()
    assert run.step == 3 and views.device.type == "meta" and views.shape == (2, 16, 3, 16, 16)
    assert all(metrics.device.type == "meta" for metrics in run.window.waiting)
    assert not run.optimizer.defaults["fused"] and run.generators["views"].device.type == "cpu"


def test_the_step_stays_on_one_device(run):
    for _ in range(2):
        with OneDevice(drawing=True) as drawing:
            views = run.draw_views()
        with OneDevice() as updating:
            metrics = run.update(views)
            run.window.add(metrics)
        assert drawing.calls > 10 and updating.calls > 100


@pytest.mark.parametrize(
    "wrong",
    [
        lambda z1, z2, temperature: (z1 * z2).sum() + (z1 * torch.ones(z1.shape)).sum(),  # another device
        lambda z1, z2, temperature: (z1 * torch.ones(z1.shape).to(z1.device)).sum(),  # a copy in every step
        lambda z1, z2, temperature: (z1 @ z2.T)[
            torch.arange(len(z1)), torch.arange(len(z1))
        ].sum(),  # indices from there
        lambda z1, z2, temperature: z1.sum() * z1.sum().item(),  # a wait for the device
        lambda z1, z2, temperature: z1[z1 > 0].sum(),  # a shape that depends on data
    ],
    ids=["mixed", "copied", "indices", "item", "mask"],
)
def test_the_test_sees_what_it_must_see(run, textures, simclr, wrong):
    guilty = TrainingState(simclr(loss=wrong), textures(32), run.settings, run.runtime)
    views = guilty.draw_views()
    with pytest.raises((AssertionError, RuntimeError, NotImplementedError)), OneDevice():
        guilty.update(views)


def test_a_checkpoint_of_another_kind_of_device_is_continued_and_said(run, textures, simclr, capsys):
    state = TrainingState(simclr(), textures(32), run.settings, make_runtime("cpu", "fp32")).state_dict()
    state |= {"device": "cuda", "step": 2}
    states = state["generators"][0]
    state["generators"] = [{name: torch.zeros(16, dtype=torch.uint8) for name in states}]  # as CUDA's look
    resumed = TrainingState(simclr(), textures(32), run.settings, make_runtime("cpu", "fp32"))
    before = {name: generator.get_state() for name, generator in resumed.generators.items()}
    resumed.load_state_dict(state)
    assert "cuda" in (said := capsys.readouterr().out) and "cpu" in said
    assert all(not torch.equal(before[name], generator.get_state()) for name, generator in resumed.generators.items())
    resumed.step_once()
