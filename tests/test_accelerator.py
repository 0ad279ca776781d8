"""What an accelerator allows and refuses: a GPU where there is one, and the simulated one must do the same."""

import copy
import io

import numpy as np
import pytest
import torch

ALLOWED = {
    "a number of the CPU": lambda here, there: there + torch.tensor(2.0),
    "a number of the CPU, written there": lambda here, there: there.clone().mul_(torch.tensor(2.0)),
    "indices of the CPU": lambda here, there: there[torch.tensor([0, 1])],
    "indices of the CPU, written there": lambda here, there: there.clone().index_put_((torch.tensor([0]),), there[1]),
    "a mask of the CPU": lambda here, there: there[here > 0],
    "a copy there": lambda here, there: there.clone().copy_(here),
    "a list sent there": lambda here, there: torch.tensor([1.0, 2.0], device=there.device),
    "a view there": lambda here, there: there.T.contiguous().view(2, -1)[:, ::2],
    "an operator in place on a view": lambda here, there: there.clone()[0].add_(1),
    "a shape changed in place": lambda here, there: there.clone().unsqueeze_(0) + there[None, :1],
    "a product of vectors": lambda here, there: (there[0] @ there.T).expand(2, 3),
    "random numbers there": lambda here, there: torch.rand(
        3, device=there.device, generator=torch.Generator(there.device)
    ),
    "an order drawn there": lambda here, there: torch.randperm(
        5, device=there.device, generator=torch.Generator(there.device)
    ),
    "the index of a range": lambda here, there: torch.arange(3, device=there.device),
    "zeros like those here": lambda here, there: here.new_zeros(3, device=there.device),
    "a deep copy": lambda here, there: copy.deepcopy(there),
}
REFUSED = {
    "tensors of both": lambda here, there: there + here,
    "a vector of the CPU and a number there": lambda here, there: here + there.sum(),
    "written to a number of the CPU": lambda here, there: here.sum().add_(there.sum()),
    "a list of both": lambda here, there: torch.cat([there, here]),
    "a stack with a number of the CPU": lambda here, there: torch.stack([there.sum(), here.sum()]),
    "indices there of a tensor here": lambda here, there: here[torch.tensor([0, 1]).to(there.device)],
    "values of the CPU, written there": lambda here, there: there.clone().index_put_((torch.tensor([0]),), here[1]),
    "a mask of the CPU in an operator": lambda here, there: there.masked_fill(here > 0, 0),
    "rows gathered by the CPU": lambda here, there: there.gather(0, torch.zeros(1, 4, dtype=torch.int64)),
    "weights of the CPU": lambda here, there: torch.nn.Linear(4, 2)(there),
    "numpy": lambda here, there: there.numpy(),
    "numpy, unasked": lambda here, there: np.asarray(there),
    "the CPU's generator": lambda here, there: torch.rand(3, device=there.device, generator=torch.Generator()),
    "the CPU's generator, in place": lambda here, there: there.clone().uniform_(generator=torch.Generator()),
    "its generator for the CPU": lambda here, there: torch.rand(3, generator=torch.Generator(there.device)),
    "its generator for an order on the CPU": lambda here, there: torch.randperm(
        3, generator=torch.Generator(there.device)
    ),
}


@pytest.fixture
def pair(accelerator):
    here = torch.arange(12.0).view(3, 4)
    return here, here.to(accelerator)


@pytest.mark.parametrize("what", ALLOWED)
def test_what_stays_there_is_allowed(pair, what):
    assert ALLOWED[what](*pair).device.type == pair[1].device.type


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_be_elsewhere_is_refused(pair, what):
    with pytest.raises((RuntimeError, TypeError)):
        REFUSED[what](*pair)


def test_what_is_asked_for_moves(pair, accelerator):
    here, there = pair
    for moved in (there.cpu(), there.to("cpu"), here.clone().copy_(there), torch.tensor(there.tolist())):
        assert moved.device.type == "cpu" and torch.equal(moved, here)
    assert (there.sum().item(), float(there[0, 1]), bool(there[0, 1] > 0)) == (66.0, 1.0, True)


def test_a_network_learns_there_what_it_learns_here(accelerator):
    def trained(device):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.Linear(8, 1))
        parameters = list(network.parameters())
        network.to(device)
        assert all(old is new for old, new in zip(parameters, network.parameters()))
        optimizer = torch.optim.AdamW(parameters, lr=0.1)
        rows = torch.arange(32.0).view(8, 4).to(device) / 32
        for _ in range(5):
            loss = network(rows).square().mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()

    assert trained(accelerator) == pytest.approx(trained("cpu"), rel=1e-4)


def test_what_is_saved_there_is_read_anywhere(pair):
    file = io.BytesIO()
    torch.save({"weight": torch.nn.Parameter(pair[1])}, file)
    for place, kind in ((None, pair[1].device.type), ("cpu", "cpu")):
        file.seek(0)
        found = torch.load(file, map_location=place, weights_only=True)["weight"]
        assert found.device.type == kind and torch.equal(found.cpu(), pair[0])
