"""NT-Xent over two processes equals the one loss of the double batch, in value and in gradient."""

import os
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist

from sslcourse.losses import nt_xent

# Run by each of the processes: a linear map under DistributedDataParallel, this process's half of the batch.
WORKER = """
import sys, torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from sslcourse.losses import nt_xent

rank, world, store, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=world)
data = torch.load(out + "/in.pt", weights_only=True)
model = torch.nn.Linear(5, 4, bias=False, dtype=torch.float64)
model.load_state_dict({"weight": data["weight"]})
model = DistributedDataParallel(model)
x1, x2 = (view.chunk(world)[rank] for view in (data["x1"], data["x2"]))
z1, z2 = model(torch.cat([x1, x2])).chunk(2)
z1.retain_grad(), z2.retain_grad()
loss = nt_xent(z1, z2, 0.2, gather=True)
loss.backward()
torch.save({"loss": loss.detach(), "z1": z1.grad, "z2": z2.grad, "weight": model.module.weight.grad}, f"{out}/{rank}.pt")
dist.destroy_process_group()
"""


@pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="this torch has no gloo")
def test_two_processes_equal_the_double_batch(tmp_path):
    generator = torch.Generator().manual_seed(0)
    weight, x1, x2 = (torch.randn(n, 5, generator=generator, dtype=torch.float64) for n in (4, 6, 6))
    torch.save({"weight": weight, "x1": x1, "x2": x2}, tmp_path / "in.pt")
    arguments = [sys.executable, "-c", WORKER]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [*arguments, str(rank), "2", str(tmp_path / "store"), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for rank in range(2)
    ]
    try:
        for worker in workers:
            stderr = worker.communicate(timeout=120)[1]
            assert worker.returncode == 0, stderr
    finally:
        for worker in workers:
            worker.kill()
    ours = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]

    weight.requires_grad_()
    z1, z2 = x1 @ weight.T, x2 @ weight.T
    z1.retain_grad(), z2.retain_grad()
    loss = nt_xent(z1, z2, 0.2)
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
