"""LoGo's terms against loops, closed forms and finite differences, and who learns from which."""

import math

import pytest
import torch
from harness import OneDevice
from torch.nn.functional import normalize

from sslcourse.losses import (
    affinity_fit_loss,
    affinity_repulsion,
    cosine_regression,
    frozen,
    info_nce,
    local_dissimilarity,
)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def bilinear(dim=4):
    torch.manual_seed(0)
    return torch.nn.Bilinear(dim, dim, 1, dtype=torch.float64)


# --- InfoNCE


def slow_info_nce(queries, keys, temperature):
    total = 0.0
    for i, query in enumerate(queries):
        scores = [float(query @ key / query.norm() / key.norm()) / temperature for key in keys]
        total -= scores[i] - max(scores) - math.log(sum(math.exp(x - max(scores)) for x in scores))
    return total / len(queries)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_info_nce_equals_the_loop_with_gradient(n):
    q, k = draw(n, 5), draw(n, 5, seed=1)
    assert info_nce(q, k, 0.2).item() == pytest.approx(slow_info_nce(q, k, 0.2), abs=1e-12)
    q.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: info_nce(x, k, 0.5), (q,))


def test_info_nce_equals_lightly_with_the_keys_of_other_images_as_its_memory():
    """Row i against a memory of the other rows' keys, as MoCo; one row after the other."""
    oracle = pytest.importorskip("lightly.loss", reason="lightly serves as an oracle in tests only")
    q, k = draw(6, 5, dtype=torch.float32), draw(6, 5, seed=1, dtype=torch.float32)
    values = []
    for i in range(6):
        theirs = oracle.NTXentLoss(temperature=0.2, memory_bank_size=(5, 5))
        others = normalize(k[torch.arange(6) != i], dim=1)
        theirs.memory_bank(others, update=True)
        values.append(theirs(q[i : i + 1], k[i : i + 1]))
    torch.testing.assert_close(info_nce(q, k, 0.2), torch.stack(values).mean())


def test_info_nce_constants_invariants_and_keys_without_gradient():
    one = torch.ones(8, 3, dtype=torch.float64)
    assert info_nce(one, one).item() == pytest.approx(math.log(8), abs=1e-12)
    eye = torch.eye(5, dtype=torch.float64)
    assert info_nce(eye, eye, 0.5).item() == pytest.approx(math.log(math.exp(2) + 4) - 2, abs=1e-12)
    q, k = draw(6, 4).requires_grad_(), draw(6, 4, seed=1).requires_grad_()
    order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(info_nce(3 * q[order], k[order] / 7), info_nce(q, k))
    torch.testing.assert_close(info_nce(q, k, gather=True), info_nce(q, k))
    info_nce(q, k).backward()
    assert q.grad.any() and k.grad is None


# --- local against local


def test_local_dissimilarity_equals_the_loop_and_its_two_kinds_are_opposite():
    a, b = draw(7, 5), draw(7, 5, seed=1)
    slow = sum(float(x @ y / x.norm() / y.norm()) for x, y in zip(a, b, strict=True)) / 7
    assert local_dissimilarity(a, b).item() == pytest.approx(slow, rel=1e-12)
    torch.testing.assert_close(local_dissimilarity(a, b, "attract"), -local_dissimilarity(a, b, "repel"))
    torch.testing.assert_close(2 + 2 * local_dissimilarity(a, b, "attract"), cosine_regression(a, b))
    a.requires_grad_(), b.requires_grad_()
    assert torch.autograd.gradcheck(local_dissimilarity, (a, b))


def test_attraction_to_the_global_crop_bounds_the_repulsion():
    """If both local crops have cosine c with the global one, theirs is at least 2 c^2 - 1."""
    g = normalize(draw(500, 3), dim=1)
    away = draw(2, 500, 3, seed=1)
    away = normalize(away - (away * g).sum(-1, keepdim=True) * g, dim=-1)
    first, second = (0.9 * g + math.sqrt(1 - 0.81) * side for side in away)
    assert min(local_dissimilarity(first[i : i + 1], second[i : i + 1]) for i in range(500)) >= 2 * 0.81 - 1 - 1e-12


# --- the learned affinity


@torch.no_grad()
def slow_fit(affinity, first, second, noise_first, noise_second):
    n = len(first)
    total = 0.0
    for i in range(n):
        j = (i + n // 2) % n
        near, other = first[i] + noise_first[i], second[i] + noise_second[i]
        total += softplus(-float(affinity(near, other))) + softplus(-float(affinity(other, near)))
        total += softplus(float(affinity(first[i], second[j]))) + softplus(float(affinity(second[i], first[j])))
    return total / (2 * n)


@pytest.mark.parametrize("n", [2, 5, 6])
def test_affinity_fit_equals_the_loop(n):
    rows, affinity = draw(4, n, 4), bilinear()
    ours = affinity_fit_loss(lambda a, b: affinity(a, b)[:, 0], *rows)
    assert ours.item() == pytest.approx(slow_fit(affinity, *rows), rel=1e-12)
    gathered = affinity_fit_loss(lambda a, b: affinity(a, b)[:, 0], *rows, gather=True)
    torch.testing.assert_close(gathered, ours)


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_no_image_is_taken_for_another_one(n):
    """Also in an odd batch, which a flip would leave a fixed point in."""
    numbers = torch.arange(float(n))[:, None]
    seen = []

    def affinity(a, b):
        seen.append((a, b))
        return 0 * a[:, 0]

    assert affinity_fit_loss(affinity, *[numbers] * 2, *[0 * numbers] * 2).item() == pytest.approx(2 * math.log(2))
    a, b = seen[0]
    assert len(seen) == 1 and len(a) == 4 * n
    same, other = (a == b)[: 2 * n], (a == b)[2 * n :]
    assert same.all() and not other.any()


def test_the_fit_teaches_the_affinity_and_nothing_else():
    rows, affinity = draw(4, 6, 4).requires_grad_(), bilinear()
    loss = affinity_fit_loss(lambda a, b: affinity(a, b)[:, 0], *rows[:2], *rows[2:].detach())
    gradient = torch.autograd.grad(loss, [*affinity.parameters(), rows], allow_unused=True)
    assert gradient[0].any() and gradient[-1] is None


def test_the_repulsion_teaches_the_embeddings_and_not_a_frozen_affinity():
    first, second, affinity = draw(6, 4).requires_grad_(), draw(6, 4, seed=1).requires_grad_(), bilinear()
    head = frozen(affinity)
    loss = affinity_repulsion(lambda a, b: head(a, b)[:, 0], first, second)
    scores = [softplus(affinity(a, b).item()) for a, b in zip(first, second, strict=True)]
    assert loss.item() == pytest.approx(sum(scores) / 6, rel=1e-12)
    loss.backward()
    assert first.grad.any() and second.grad.any()
    assert all(parameter.grad is None for parameter in affinity.parameters())
    with torch.no_grad():  # it looks at the parameters of the moment, not at those it was made with
        affinity.weight.zero_(), affinity.bias.zero_()
    assert affinity_repulsion(lambda a, b: head(a, b)[:, 0], first, second).item() == pytest.approx(math.log(2))


def test_a_fitted_affinity_tells_images_apart():
    """Both steps together: the affinity learns which crops belong together, then the embeddings lower it."""
    generator = torch.Generator().manual_seed(0)
    affinity = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)).double()

    def score(a, b):
        return affinity((a - b).abs())[:, 0]

    optimizer = torch.optim.Adam(affinity.parameters(), 1e-2)
    image = draw(64, 8)
    first, second = (image + 0.1 * draw(64, 8, seed=seed) for seed in (1, 2))
    for _ in range(100):
        noise = 0.1 * torch.randn(2, 64, 8, generator=generator, dtype=torch.float64)
        loss = affinity_fit_loss(score, first, second, *noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.5 < score(first, second).mean() and score(first, second.roll(1, 0)).mean() < -0.5


# --- what all share


def losses():
    return {
        "info_nce": info_nce,
        "local_dissimilarity": local_dissimilarity,
        "affinity_repulsion": lambda a, b: affinity_repulsion(lambda x, y: (x * y).sum(1), a, b),
        "affinity_fit_loss": lambda a, b: affinity_fit_loss(lambda x, y: (x * y).sum(1), a, b, 0 * a, 0 * b),
    }


@pytest.mark.parametrize("name", losses())
def test_precision_meta_and_wrong_shapes(name):
    loss = losses()[name]
    a, b = draw(16, 8).bfloat16(), draw(16, 8, seed=1).bfloat16()
    value = loss(a, b)
    assert value.dtype == torch.float32
    rough = name.startswith("affinity")  # the affinity itself computes in what it is given
    exact = loss(a.double(), b.double())
    torch.testing.assert_close(value.double(), exact, rtol=2e-2 if rough else 1e-5, atol=1e-6)
    if not rough:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(loss(a, b), value)
    away = torch.empty(4, 3, device="meta")
    with OneDevice():
        assert loss(away, away).shape == ()
    deeper = (2, 2, 4, 3) if name == "info_nce" else (2, 4, 3)
    for shapes in [((4, 3), (5, 3)), ((4,), (4,)), ((0, 3), (0, 3)), (deeper, deeper)]:
        with pytest.raises(ValueError, match="B,D") as caught:
            loss(*(torch.zeros(shape) for shape in shapes))
        assert str(shapes[0]) in str(caught.value)


def test_info_nce_of_several_batches_at_once_is_that_of_each():
    q, k = draw(3, 6, 5), draw(3, 6, 5, seed=1)
    expected = torch.stack([info_nce(*pair, 0.3) for pair in zip(q, k)])
    for gather in (False, True):
        torch.testing.assert_close(info_nce(q, k, 0.3, gather=gather), expected)


def test_other_refusals():
    with pytest.raises(ValueError, match="temperature must be positive"):
        info_nce(draw(2, 3), draw(2, 3), 0)
    with pytest.raises(ValueError, match="one of repel, attract; got 'push'"):
        local_dissimilarity(draw(2, 3), draw(2, 3), "push")
    one = draw(1, 3)
    with pytest.raises(ValueError, match="at least 2 images"):
        affinity_fit_loss(lambda a, b: (a * b).sum(1), one, one, one, one)
    with pytest.raises(ValueError, match="noise_second"):
        affinity_fit_loss(lambda a, b: (a * b).sum(1), *[draw(4, 3)] * 3, draw(4, 2))
