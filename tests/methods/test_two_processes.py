"""Two processes with half of the batch each train as one process with all of it does: every method, in float64.

Their gradients are averaged by plain DistributedDataParallel, which does not look for unused parameters and leaves
buffers alone; what else must cross (negatives, keys, Sinkhorn's sums, the centre, the affinity's other images) the
methods see to. BatchNorm, which sees one process's part only, is replaced by another norm.
"""

from pathlib import Path

import pytest
import torch
from harness import run_two_processes
from small_methods import VARIANTS, double, draw, make, map_views, trained

pytestmark = pytest.mark.slow

COUNT, STEPS = 6, 2  # images: three for each process, so that halves of a batch are no whole number of images
NAMES = [name for name in VARIANTS if "cnn" not in name and "micro-batches" not in name]

WORKER = """
from torch.nn.parallel import DistributedDataParallel
from test_two_processes import NAMES, run

try:
    run("simclr micro-batches", part=slice(4 * rank, 4 * rank + 4))
except ValueError as error:
    out["micro-batches"] = str(error)
for name in NAMES:
    out[name] = run(
        name, part=slice(3 * rank, 3 * rank + 3),
        wrap=lambda method: DistributedDataParallel(method, find_unused_parameters=False, broadcast_buffers=False),
    )
"""


def run(name, part=slice(None), wrap=lambda method: method):
    """Two steps on this part of the batch; the state afterwards, and the last loss."""
    method = make(name, norm="group").double()
    forward = wrap(method)
    optimizer = torch.optim.AdamW(trained(method).values(), lr=1e-2)
    for step in range(STEPS):
        method.begin_step(step, STEPS)
        views = map_views(double(draw(method, COUNT, seed=step)), lambda each: each[:, part])
        loss, _ = forward(views)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        method.end_step()
    return {**method.state_dict(), "loss": loss.detach()}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The states that each of the two processes ended with, all cases in one run of them."""
    here = Path(__file__).parent
    return run_two_processes(WORKER, tmp_path_factory.mktemp("processes"), path=(here, here.parent))


@pytest.mark.parametrize("name", NAMES)
def test_two_halves_train_as_the_whole(both, name):
    whole = run(name)
    first, second = (states[name] for states in both)
    exact = {"rtol": 0, "atol": 1e-10}
    torch.testing.assert_close((first.pop("loss") + second.pop("loss")) / 2, whole.pop("loss"), **exact)
    untrained = make(name, norm="group").double().state_dict()
    assert any(not torch.equal(untrained[key], value) for key, value in whole.items())
    for key, value in whole.items():
        torch.testing.assert_close(first[key], value, **exact, msg=lambda text, key=key: f"{key}: {text}")
        assert torch.equal(first[key], second[key]), f"{key} differs between the processes"


def test_micro_batches_are_refused_because_processes_share_their_negatives(both):
    for states in both:
        assert "micro_batch=4 needs one process; there are 2" in states["micro-batches"]
