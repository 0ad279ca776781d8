"""The class token's attention equals row 0 of the unfused attention, and computing it disturbs nothing."""

import copy
import math

import pytest
import torch
from timm.models import VisionTransformer
from timm.models.vision_transformer import ParallelScalingBlock, ResPostBlock
from torch import nn

from sslcourse.models import TokenEncoder
from sslcourse.pruning import attention_entropy, cls_attention

VARIANTS = [
    dict(zip(("qk_norm", "qkv_bias", "reg_tokens"), values, strict=True))
    for values in ((False, False, 0), (False, True, 4), (True, False, 4), (True, True, 0))  # every pair of two occurs
]


def encoder_of(**options):
    torch.manual_seed(0)
    options = {"dynamic_img_size": True, **options}
    vit = VisionTransformer(img_size=16, patch_size=4, embed_dim=24, depth=3, num_heads=3, num_classes=0, **options)
    for name, parameter in vit.named_parameters():  # peaked attention: the rows of an untrained ViT are all alike
        nn.init.normal_(parameter, std=1.5 if "q_norm" in name or "k_norm" in name else 0.4)
    return TokenEncoder(vit).eval()


def unfused(encoder, images, **arguments):
    """Row 0 of every head's softmax in the last block, by timm's own unfused path: `B,H,N` without the prefix."""
    slow, seen = copy.deepcopy(encoder), []
    slow.vit.blocks[-1].attn.fused_attn = False
    slow.vit.blocks[-1].attn.attn_drop.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        slow(images, **arguments)
    return seen[0][:, :, 0, slow.vit.num_prefix_tokens :]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-13)])
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_equals_the_unfused_attention(options, dtype, tolerance):
    encoder, images = encoder_of(**options).to(dtype), torch.rand(2, 3, 16, 16, dtype=dtype)
    expected = unfused(encoder, images)
    assert expected.std() > 0.01  # there is something to get wrong
    for model in (encoder, copy.deepcopy(encoder)):
        with torch.no_grad():
            scores = model(images, attention=True).attention
        assert scores.dtype == dtype
        torch.testing.assert_close(scores, expected.mean(1), rtol=0, atol=tolerance)
        torch.testing.assert_close(model(images, attention=True).attention, scores, rtol=0, atol=0)  # with a graph

    inputs = []
    handle = encoder.vit.blocks[-1].register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    encoder(images)
    handle.remove()
    heads = cls_attention(encoder.vit.blocks[-1], inputs[0], encoder.vit.num_prefix_tokens, per_head=True)
    torch.testing.assert_close(encoder(images, attention="heads").attention, heads, rtol=0, atol=0)
    torch.testing.assert_close(heads, expected, rtol=0, atol=tolerance)


def test_float32_is_within_a_millionth_of_float64():
    encoder, images = encoder_of(qk_norm=True, reg_tokens=2), torch.rand(4, 3, 16, 16)
    exact = unfused(copy.deepcopy(encoder).double(), images.double()).mean(1)
    torch.testing.assert_close(encoder(images, attention=True).attention.double(), exact, rtol=0, atol=1e-6)


def test_other_rows_than_the_last_block_and_kept_patches():
    encoder, images = encoder_of(reg_tokens=1), torch.rand(2, 3, 16, 16)
    keep = torch.tensor([[1, 5, 6], [0, 9, 15]])
    scores = encoder(images, keep, attention=True).attention
    torch.testing.assert_close(scores, unfused(encoder, images, keep_indices=keep).mean(1), rtol=0, atol=1e-6)
    large = torch.rand(2, 3, 24, 24)  # another size
    torch.testing.assert_close(
        encoder(large, attention=True).attention, unfused(encoder, large).mean(1), rtol=0, atol=1e-6
    )


def test_the_ordinary_output_is_unchanged_and_stays_fused(monkeypatch):
    encoder, images = encoder_of(qk_norm=True), torch.rand(2, 3, 16, 16)
    plain = encoder(images)
    assert plain.attention is None
    fused, calls = torch.nn.functional.scaled_dot_product_attention, []
    monkeypatch.setattr(
        torch.nn.functional, "scaled_dot_product_attention", lambda *a, **k: calls.append(1) or fused(*a, **k)
    )
    with_scores = encoder(images, attention=True)
    assert len(calls) == 3  # one a block
    assert torch.equal(plain.cls, with_scores.cls) and torch.equal(plain.patches, with_scores.patches)
    assert all(block.attn.fused_attn for block in encoder.vit.blocks)


def test_training_mode_gives_scores_without_dropout():
    encoder = encoder_of(attn_drop_rate=0.5, drop_path_rate=0.0)
    x = torch.randn(2, 17, 24)
    block = encoder.vit.blocks[0]
    assert torch.equal(cls_attention(block.train(), x), cls_attention(block.eval(), x))


def test_autocast_still_gives_float32():
    encoder, images = encoder_of(), torch.rand(2, 3, 16, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = encoder(images, attention=True).attention
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, encoder(images, attention=True).attention, rtol=0.2, atol=0.02)


def test_rows_leave_the_prefix_its_share():
    encoder = encoder_of(reg_tokens=2)
    x = torch.randn(2, 3 + 16, 24)
    with_prefix = cls_attention(encoder.vit.blocks[0], x, 1).sum(1)  # registers counted as patches
    without = cls_attention(encoder.vit.blocks[0], x, 3).sum(1)
    assert (without < with_prefix).all() and (with_prefix < 1).all() and (without > 0).all()


@pytest.mark.parametrize("block_fn", [ResPostBlock, ParallelScalingBlock])
def test_other_layouts_are_refused(block_fn):
    block = block_fn(24, 3)
    with pytest.raises(TypeError, match=f"timm's Block with its Attention .* got {block_fn.__name__} with"):
        cls_attention(block, torch.randn(1, 5, 24))


def test_a_foreign_attention_and_wrong_tokens_are_refused():
    block = encoder_of().vit.blocks[0]
    with pytest.raises(ValueError, match=r"x must be B,tokens,24; got \(1, 5, 12\)"):
        cls_attention(block, torch.randn(1, 5, 12))
    for prefix in (0, 5):
        with pytest.raises(ValueError, match=f"between 1 .* and 4, .* got {prefix}"):
            cls_attention(block, torch.randn(1, 5, 24), prefix)
    with pytest.raises(TypeError, match="got Linear with NoneType"):
        cls_attention(nn.Linear(24, 24), torch.randn(1, 5, 24))
    block.attn = nn.Identity()
    with pytest.raises(TypeError, match="got Block with Identity"):
        cls_attention(block, torch.randn(1, 5, 24))


def test_entropy():
    assert attention_entropy(torch.full((3, 16), 0.02)).item() == pytest.approx(math.log(16))
    assert attention_entropy(torch.eye(4)).item() == 0
    rows = torch.rand(5, 7, dtype=torch.float64)
    slow = [-sum(v / sum(row) * math.log(v / sum(row)) for v in row) for row in rows.tolist()]
    assert attention_entropy(rows).item() == pytest.approx(sum(slow) / 5)
    with pytest.raises(ValueError, match="got a scalar"):
        attention_entropy(torch.tensor(1.0))
