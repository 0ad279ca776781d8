"""NT-Xent over two processes equals the one loss of the double batch, in value and in gradient."""

import pytest
import torch

from sslcourse.losses import nt_xent

# Run by each of the processes: a linear map under DistributedDataParallel, this process's half of the batch.
WORKER = """
from torch.nn.parallel import DistributedDataParallel
from sslcourse.losses import nt_xent

model = torch.nn.Linear(5, 4, bias=False, dtype=torch.float64)
model.load_state_dict({"weight": data["weight"]})
model = DistributedDataParallel(model)
for decoupled in (False, True):
    z1, z2 = model(torch.cat([mine(data["x1"]), mine(data["x2"])])).chunk(2)
    z1.retain_grad(), z2.retain_grad()
    loss = nt_xent(z1, z2, 0.2, gather=True, decoupled=decoupled)
    model.zero_grad()
    loss.backward()
    out[decoupled] = {"loss": loss.detach(), "z1": z1.grad, "z2": z2.grad, "weight": model.module.weight.grad}
"""


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(n, 5, generator=generator, dtype=torch.float64)
        for name, n in [("weight", 4), ("x1", 6), ("x2", 6)]
    }


@pytest.fixture(scope="module")
def results(two_processes, data):
    return two_processes(WORKER, data)


@pytest.mark.parametrize("decoupled", [False, True])
def test_two_processes_equal_the_double_batch(results, data, decoupled):
    ours = [result[decoupled] for result in results]
    weight, x1, x2 = data["weight"].clone().requires_grad_(), data["x1"], data["x2"]
    z1, z2 = x1 @ weight.T, x2 @ weight.T
    z1.retain_grad(), z2.retain_grad()
    loss = nt_xent(z1, z2, 0.2, decoupled=decoupled)
    loss.backward()
    exact = {"rtol": 1e-12, "atol": 1e-13}
    torch.testing.assert_close((ours[0]["loss"] + ours[1]["loss"]) / 2, loss.detach(), **exact)
    for rank in range(2):
        # parameters: DistributedDataParallel's mean makes it the gradient of the big batch's loss
        torch.testing.assert_close(ours[rank]["weight"], weight.grad, **exact)
        # embeddings: the gradient of the sum of both processes' values, twice that of their mean
        torch.testing.assert_close(ours[rank]["z1"], 2 * z1.grad.chunk(2)[rank], **exact)
        torch.testing.assert_close(ours[rank]["z2"], 2 * z2.grad.chunk(2)[rank], **exact)


def test_gather_without_processes_changes_nothing():
    z1, z2 = torch.randn(4, 3), torch.randn(4, 3)
    assert torch.equal(nt_xent(z1, z2, 0.2, gather=True), nt_xent(z1, z2, 0.2))
