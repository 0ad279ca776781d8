"""Prototype and affinity heads: unit rows, float32 logits, copies, gradients that go only where they may."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sslcourse.losses import affinity_fit_loss, frozen
from sslcourse.models import AffinityHead, ProjectionHead, PrototypeHead

SMALL = {"hidden_dim": 32, "bottleneck_dim": 8, "prototypes": 12}


def head_of(**options):
    torch.manual_seed(0)
    return PrototypeHead(10, **{**SMALL, **options})


def test_logits_are_cosines_with_unit_prototypes():
    for norm in ["batch", "group", "layer", "none"]:
        for layers in [1, 3]:
            head = head_of(norm=norm, bottleneck_norm=norm, layers=layers)
            with torch.no_grad():  # as an optimiser might leave them
                head.prototypes.mul_(torch.rand(12, 1) * 5 + 0.1)
            features = torch.randn(6, 10)
            expected = F.cosine_similarity(copy.deepcopy(head).mlp(features)[:, None], head.prototypes[None], dim=2)
            logits = head(features)
            torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)
            assert logits.dtype == torch.float32 and logits.abs().max() <= 1 + 1e-6
            (logits * torch.randn_like(logits)).sum().backward()
            assert [name for name, value in head.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_a_new_head_starts_with_unit_rows():
    torch.testing.assert_close(head_of().prototypes.norm(dim=1), torch.ones(12))


def test_leading_dimensions_are_one_batch():
    tokens = torch.randn(3, 5, 10)
    one, two = head_of(), head_of()
    assert one(tokens).shape == (3, 5, 12)
    torch.testing.assert_close(two(tokens.flatten(0, 1)).unflatten(0, (3, 5)), one.train()(tokens))
    assert torch.equal(one.mlp[1].running_mean != 0, torch.ones(32, dtype=torch.bool))


def test_copies_and_checkpoints():
    head, features = head_of().eval(), torch.randn(4, 10)
    twin = copy.deepcopy(head)
    assert torch.equal(twin(features), head(features)) and twin.prototypes is not head.prototypes
    other = PrototypeHead(10, **SMALL).eval()
    other.load_state_dict(head.state_dict())
    assert torch.equal(other(features), head(features))


def test_autocast_gives_float32_logits():
    head, features = head_of(), torch.randn(4, 10)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert head.mlp(features).dtype == torch.bfloat16
        logits = head(features.bfloat16())
    assert logits.dtype == torch.float32
    # the last product is not rounded: logits are more finely spaced than bfloat16 near 1/2
    assert not torch.equal(logits, logits.bfloat16().float())
    assert head.double()(features.double()).dtype == torch.float64


def test_runs_on_meta():
    assert head_of().to("meta")(torch.randn(4, 7, 10, device="meta")).shape == (4, 7, 12)


@pytest.mark.slow
def test_compiles_once_for_class_tokens_and_once_for_patches():
    torch._dynamo.reset()
    head = head_of(layers=2)
    compiled = torch.compile(copy.deepcopy(head), fullgraph=True, backend="aot_eager")
    for rows in (4, 9):  # class tokens, then patches
        features = torch.randn(rows, 10)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(compiled(features), head(features))
    with torch._dynamo.config.patch(error_on_recompile=True), torch.autocast("cpu", dtype=torch.bfloat16):
        compiled(torch.randn(4, 10)).sum().backward()
        compiled(torch.randn(9, 10)).sum().backward()


def test_head_refusals():
    with pytest.raises(ValueError, match="bottleneck_norm must be one of batch, group, layer, none; got 'l2'"):
        head_of(bottleneck_norm="l2")
    with pytest.raises(ValueError, match="norm must be one of"):
        head_of(norm="weight")
    with pytest.raises(ValueError, match="layers must be at least 1; got 0"):
        head_of(layers=0)
    with pytest.raises(ValueError, match="output_norm must be one of"):
        ProjectionHead(4, 4, 4, output_norm="l2")


# --- projection heads with a normalised output


def test_output_norm_of_simsiam():
    torch.manual_seed(0)
    head = ProjectionHead(10, 16, 6, layers=3, output_norm="batch")
    out = head(torch.randn(64, 10))
    torch.testing.assert_close(out.mean(0), torch.zeros(6), rtol=0, atol=1e-5)
    torch.testing.assert_close(out.std(0, correction=0), torch.ones(6), rtol=0, atol=1e-2)
    assert head[-2].bias is None and list(head[-1].parameters()) == []
    assert ProjectionHead(10, 16, 6)[-1].bias is not None


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_output_norms_that_see_one_row(norm):
    head = ProjectionHead(10, 16, 6, norm=norm, output_norm=norm)
    features = torch.randn(8, 10)
    torch.testing.assert_close(head(features)[:4], head(features[:4]))
    torch.testing.assert_close(head(features).mean(1), torch.zeros(8), rtol=0, atol=1e-5)


# --- affinity


def test_affinity_depends_on_the_pair_and_its_order():
    torch.manual_seed(0)
    affinity = AffinityHead(6, hidden_dim=16).eval()
    first, second = torch.randn(5, 6), torch.randn(5, 6)
    assert affinity(first, second).shape == (5,)
    assert not torch.allclose(affinity(first, second), affinity(second, first))
    assert not torch.allclose(affinity(first, second), affinity(first, first))
    with pytest.raises(ValueError, match=r"both must be B,dim; got \(5, 6\) and \(4, 6\)"):
        affinity(first, second[:4])


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_an_affinity_that_learned_knows_a_batch_of_pairs_of_one_image(norm):
    """Pairs of one image and of two are told apart also if a batch holds only one kind, as the encoder's step does."""
    torch.manual_seed(0)
    affinity = AffinityHead(8, hidden_dim=32, norm=norm)
    optimizer = torch.optim.Adam(affinity.parameters(), 1e-2)
    image = F.normalize(torch.randn(64, 8), dim=1)
    for _ in range(150):
        first, second = (F.normalize(image + 0.1 * torch.randn(64, 8), dim=1) for _ in range(2))
        noise = 0.1 * torch.randn(2, 64, 8)
        optimizer.zero_grad()
        affinity_fit_loss(affinity, first, second, *noise).backward()
        optimizer.step()
    assert frozen(affinity)(first, second).mean() > 1 > -1 > frozen(affinity)(first, second.roll(32, 0)).mean()


def test_an_affinity_does_not_normalise_over_the_batch():
    with pytest.raises(ValueError, match="an affinity's norm must be one of layer, group, none; got 'batch'"):
        AffinityHead(8, norm="batch")


def test_frozen_affinity_passes_gradients_to_the_projections_only():
    for norm in ["layer", "none"]:
        torch.manual_seed(0)
        affinity = AffinityHead(6, hidden_dim=16, norm=norm)
        first, second = (torch.randn(5, 6, requires_grad=True) for _ in range(2))
        before = copy.deepcopy(affinity.state_dict())
        value = frozen(affinity)(first, second)
        value.sum().backward()
        assert first.grad.any() and second.grad.any()
        assert all(parameter.grad is None for parameter in affinity.parameters())
        assert all(torch.equal(before[name], tensor) for name, tensor in affinity.state_dict().items())
        twin = [t.detach().clone().requires_grad_() for t in (first, second)]
        plain = affinity(*twin)
        plain.sum().backward()
        assert torch.equal(plain, value) and torch.equal(twin[0].grad, first.grad)
        assert isinstance(affinity.mlp[0], nn.Linear) and affinity.mlp[0].weight.grad.any()
