"""fp16 with a gradient scaler, as on Colab's T4: every method steps as in fp32, and outlives an overflow."""

import pytest
import torch

from sslcourse.training.recipes import METHODS, build_method, find_recipe
from sslcourse.training.runtime import Runtime
from sslcourse.training.settings import FitSettings
from sslcourse.training.state import TrainingState

pytestmark = pytest.mark.slow
SETTINGS = FitSettings(steps=8, batch_size=16, warmup_steps=0, learning_rate=1e-3)


def step(run):
    """The loss and the gradient's norm of one step."""
    run.step_once()
    run.window.read()
    return [dict(zip(run.window.names, run.window.values[-1]))[name] for name in ("loss", "gradient_norm")]


@pytest.mark.parametrize("kind", METHODS)
def test_every_method_steps_in_fp16(kind, textures):
    """On the CPU's fp16 kernels, with torch's own scaler."""
    full, half = (
        TrainingState(
            build_method(find_recipe(kind, scale="smoke", image_size=32)),
            textures(32, size=32),
            SETTINGS,
            Runtime(torch.device("cpu"), precision),
        )
        for precision in ("fp32", "fp16")
    )
    half.scaler.load_state_dict(half.scaler.state_dict() | {"scale": 1024.0})  # at 65,536 LoGo's first step is skipped
    (loss, norm), (half_loss, half_norm) = step(full), step(half)
    assert half_loss == pytest.approx(loss, rel=0.01) and half_norm == pytest.approx(norm, rel=0.05)
    assert all(value < float("inf") for _ in range(2) for value in step(half))
    assert {parameter.dtype for parameter in half.parameters} == {torch.float32}

    before = [parameter.detach().clone() for parameter in half.parameters]
    half.scaler.update(1e30)  # every gradient overflows
    assert step(half)[0] < float("inf") and half.scaler.get_scale() < 1e30
    assert all(map(torch.equal, before, half.parameters)), "a step with infinite gradients was taken"
    half.scaler.update(1024.0)
    step(half)
    assert all(parameter.isfinite().all() for parameter in half.parameters)
    assert not all(map(torch.equal, before, half.parameters))
