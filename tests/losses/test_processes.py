"""The losses over two processes: the mean of their values and gradients is that of the double batch."""

import pytest
import torch

from sslcourse.losses import (  # noqa: F401 (BODY uses them)
    Center,
    affinity_fit_loss,
    cosine_regression,
    info_nce,
    nt_xent,
    patch_cross_entropy,
    reconstruction_loss,
    sinkhorn,
    view_cross_entropy,
)

pytestmark = pytest.mark.slow

EXACT = {"rtol": 1e-12, "atol": 1e-13}
CENTER_WEIGHTS = ("none", "some", "second half", "zero")
LOSSES = ("regression", "info_nce", "views", "patches", "pixels", "affinity")

# Both processes, and the single one that they are compared with, run this; `mine` cuts out a process's share of the
# batch.
BODY = """
out["sinkhorn"] = sinkhorn(mine(data["logits"]), 0.1)
for name in ("some rows", "last rows", "no rows"):
    out[name] = sinkhorn(mine(data["logits"]), 0.1, weights=mine(data[name]))

for name in ("none", "some", "second half", "zero"):
    center = Center(4, momentum=0.8).double()
    for logits in data["patches over steps"]:
        center.update(mine(logits), None if name == "none" else mine(data[name]))
    out["center", name] = center.value

def learn(name, loss_of, make=lambda: torch.nn.Linear(5, 4, dtype=torch.float64)):
    torch.manual_seed(0)
    model = wrap(make())
    loss = loss_of(model)
    loss.backward()
    out[name] = {"loss": loss.detach(), **{key: value.grad for key, value in unwrap(model).named_parameters()}}

x, y, mask, patches = (mine(data[name]) for name in ("x", "y", "mask", "patches"))
views, targets, patch_targets = mine(data["views"], 1), mine(data["targets"], 1), mine(data["patch targets"])
learn("regression", lambda model: cosine_regression(model(x), y))
learn("info_nce", lambda model: info_nce(model(x), y, 0.2, gather=True))
learn("views", lambda model: view_cross_entropy(model(views), targets))
learn("patches", lambda model: patch_cross_entropy(model(patches), patch_targets, mask))
learn("pixels", lambda model: reconstruction_loss(model(patches), patch_targets, mine(data["even mask"])))
for decoupled in (False, True):
    torch.manual_seed(0)
    model = wrap(torch.nn.Linear(5, 4, bias=False, dtype=torch.float64))
    z1, z2 = model(torch.cat([x, mine(data["x2"])])).chunk(2)
    z1.retain_grad(), z2.retain_grad()
    loss = nt_xent(z1, z2, 0.2, gather=True, decoupled=decoupled)
    loss.backward()
    gradients = {"weight": unwrap(model).weight.grad, "z1": z1.grad, "z2": z2.grad}
    out["nt_xent", decoupled] = {"loss": loss.detach(), **gradients}
rows = mine(data["local crops"], 1)
learn(
    "affinity",
    lambda model: affinity_fit_loss(lambda a, b: model(a, b)[:, 0], *rows, gather=True),
    lambda: torch.nn.Bilinear(4, 4, 1, dtype=torch.float64),
)
"""
WORKER = f"""
from sslcourse.losses import *
wrap, unwrap = torch.nn.parallel.DistributedDataParallel, lambda model: model.module
{BODY}
"""


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def data():
    made = {"logits": draw(12, 5), "patches over steps": draw(3, 6, 5, 4, seed=1)}
    made["some rows"] = torch.rand(12, generator=torch.Generator().manual_seed(1)) < 0.5
    made["last rows"] = torch.arange(12) >= 6  # nothing counts in the first process
    made["no rows"] = torch.zeros(12, dtype=torch.bool)
    made["some"] = torch.rand(6, 5, generator=torch.Generator().manual_seed(1))
    made["second half"] = (torch.arange(6) >= 3)[:, None].repeat(1, 5)
    made["zero"] = torch.zeros(6, 5)
    made |= {
        "x": draw(6, 5, seed=2),
        "x2": draw(6, 5, seed=9),
        "y": draw(6, 4, seed=3),
        "local crops": draw(4, 6, 4, seed=8),
    }
    made |= {"views": draw(3, 6, 5, seed=4), "targets": draw(2, 6, 4, seed=5).softmax(-1)}
    made |= {"patches": draw(6, 7, 5, seed=6), "patch targets": draw(6, 7, 4, seed=7).softmax(-1)}
    made["even mask"] = torch.arange(7) < torch.tensor([1, 2, 4, 4, 3, 0])[:, None]  # 7 patches in each process
    made["mask"] = torch.arange(7) < torch.tensor([1, 0, 2, 7, 5, 6])[:, None]  # 3 patches against 18
    return made


@pytest.fixture(scope="module")
def single(data):
    def same(model):
        return model

    found = {}
    names = {"data": data, "out": found, "mine": lambda tensor, dim=0: tensor, "wrap": same, "unwrap": same}
    exec(BODY, {**globals(), **names})
    return found


@pytest.fixture(scope="module")
def double(two_processes, data):
    return two_processes(WORKER, data)


def test_sinkhorn_shares_its_columns_over_the_processes(double, single):
    for name in ["sinkhorn", "some rows", "last rows", "no rows"]:
        torch.testing.assert_close(torch.cat([part[name] for part in double]), single[name], **EXACT)


def test_rows_that_do_not_count_may_fill_a_whole_process(double, data):
    torch.testing.assert_close(double[1]["last rows"], sinkhorn(data["logits"][6:], 0.1), **EXACT)


def test_center_is_the_mean_over_the_processes(double, single):
    for name in CENTER_WEIGHTS:
        for part in double:
            torch.testing.assert_close(part["center", name], single["center", name], **EXACT)
        assert single["center", name].any() == (name != "zero")


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_parameter_gradients_equal_the_double_batch(double, single, name):
    expected = single[name]
    torch.testing.assert_close((double[0][name]["loss"] + double[1][name]["loss"]) / 2, expected["loss"], **EXACT)
    assert double[0][name]["loss"] != double[1][name]["loss"]
    for part in double:
        for key in expected.keys() - {"loss"}:
            torch.testing.assert_close(part[name][key], expected[key], **EXACT)
            assert expected[key].any()


def test_nt_xent_over_two_processes_is_the_one_loss_of_the_double_batch(double, single):
    for decoupled in (False, True):
        ours, whole = [part["nt_xent", decoupled] for part in double], single["nt_xent", decoupled]
        torch.testing.assert_close((ours[0]["loss"] + ours[1]["loss"]) / 2, whole["loss"], **EXACT)
        for rank, part in enumerate(ours):
            # parameters: DistributedDataParallel's mean makes it the gradient of the big batch's loss
            torch.testing.assert_close(part["weight"], whole["weight"], **EXACT)
            for name in ("z1", "z2"):  # the gradient of the sum of both processes' values, twice that of their mean
                torch.testing.assert_close(part[name], 2 * whole[name].chunk(2)[rank], **EXACT)


def test_gather_without_processes_changes_nothing():
    z1, z2 = torch.randn(4, 3), torch.randn(4, 3)
    assert torch.equal(nt_xent(z1, z2, 0.2, gather=True), nt_xent(z1, z2, 0.2))
