"""A step of every variant of every method on an accelerator: nothing of the CPU meets what is there."""

import pytest
import torch
from small_methods import CONVOLUTIONAL, VARIANTS, images, make, map_views, trained

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", [*VARIANTS, *CONVOLUTIONAL])
def test_two_steps_stay_there(name, accelerator):
    method = make(name).to(accelerator)
    generator = torch.Generator(accelerator).manual_seed(0)
    optimizer = torch.optim.SGD(trained(method).values(), lr=1e-2)
    for step in range(2):
        method.begin_step(step, 10)
        views = method.draw_views(images().to(accelerator), generator)
        map_views(views, lambda each: each if each.device.type == accelerator.type else pytest.fail("a view is here"))
        loss, metrics = method(views)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        method.end_step()
        found = {name: value.device.type for name, value in metrics.items()}
        assert loss.isfinite() and set(found.values()) == {accelerator.type}, found
    assert all(isinstance(float(value), float) for value in method.diagnose(views).values())
