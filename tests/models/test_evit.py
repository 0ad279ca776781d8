"""In-network removal is the plain encoder at keep rate 1, and keeps the right patches."""

import copy
import math

import pytest
import torch
from torch import nn

from sslcourse.models import PrunedEncoder, build_encoder
from sslcourse.pruning import cls_attention


def encoder_of(**options):
    torch.manual_seed(0)
    encoder = build_encoder("vit_96x4_p8", image_size=32, **options)
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.2)
    return encoder.eval()


@pytest.mark.parametrize("options", [{}, {"reg_tokens": 2, "pre_norm": True}], ids=str)
def test_keep_rate_one_is_the_plain_encoder(options):
    encoder, images = encoder_of(**options), torch.rand(2, 3, 32, 32)
    tokens, pruned = encoder(images), PrunedEncoder(encoder, (0, 2), keep_rate=1.0)(images)
    assert torch.equal(pruned.cls, tokens.cls) and torch.equal(pruned.patches, tokens.patches)
    assert torch.equal(pruned.keep_indices, torch.arange(16).expand(2, -1))
    none = PrunedEncoder(encoder, (), keep_rate=0.5)
    assert torch.equal(none.features(images), tokens.cls)


@pytest.mark.parametrize(
    ("fuse", "keep_rate", "layers"),
    [(False, 0.3, (1,)), (True, 0.5, (0, 2, 3)), (False, 0.9, (0, 2, 3)), (True, 0.9, (1,))],
)
def test_counts(fuse, keep_rate, layers):
    expected = 16
    for _ in layers:
        expected = math.ceil(keep_rate * expected)
    pruned = PrunedEncoder(encoder_of(), layers, keep_rate, fuse=fuse)
    seen = []
    for block in pruned.encoder.vit.blocks:
        block.mlp.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
    tokens = pruned(torch.rand(2, 3, 32, 32))
    assert tokens.patches.shape == (2, expected, 96) and tokens.keep_indices.shape == (2, expected)
    assert seen[-1] == 1 + expected + fuse and len(seen) == 4  # one fused token, however many layers made it


@pytest.mark.parametrize("fuse", [False, True])
def test_against_a_slow_network(fuse):
    """Image by image and patch by patch, with the weights of unfused attention."""
    encoder, images = encoder_of(reg_tokens=1).double(), torch.rand(2, 3, 32, 32, dtype=torch.float64)
    pruned = PrunedEncoder(encoder, (1, 2), keep_rate=0.5, fuse=fuse)(images)
    prefix, patches = encoder.embed(images)
    for b in range(2):
        x = torch.cat([prefix[b], patches[b]])
        numbers, fused = list(range(16)), []  # row 2 + i of x is patch numbers[i]; the fused token comes last
        for layer, block in enumerate(encoder.vit.blocks):
            rows = cls_attention(block, x[None], 1)[0].tolist()  # as if the register were a patch too
            attention = rows[1:]
            x = x + block.attn(block.norm1(x[None]))[0]
            if layer in (1, 2):
                count = math.ceil(0.5 * len(numbers))
                order = sorted(range(len(numbers)), key=lambda i: -attention[i])
                keep, drop = sorted(order[:count]), order[count:] + ([len(numbers)] if fused else [])
                merged = sum(attention[i] * x[2 + i] for i in drop)
                x = torch.stack([x[0], x[1], *(x[2 + i] for i in keep), *([merged] if fuse else [])])
                numbers, fused = [numbers[i] for i in keep], [1] if fuse else []
            x = x + block.mlp(block.norm2(x))
        x = encoder.vit.norm(x)
        assert pruned.keep_indices[b].tolist() == numbers
        torch.testing.assert_close(pruned.cls[b], x[0])
        torch.testing.assert_close(pruned.patches[b], x[2 : 2 + len(numbers)])


def test_the_encoder_is_shared():
    encoder = encoder_of()
    pruned = PrunedEncoder(encoder, (1,), 0.5)
    assert [id(p) for p in pruned.parameters()] == [id(p) for p in encoder.parameters()]
    pruned.features(torch.rand(2, 3, 32, 32)).square().sum().backward()
    assert encoder.vit.blocks[0].attn.qkv.weight.grad.any() and encoder.vit.patch_embed.proj.weight.grad.any()
    assert (pruned.dim, pruned.num_patches, pruned.patch_size, pruned.grid) == (96, 16, 8, (4, 4))


def test_other_sizes_meta_copies_and_autocast():
    encoder = encoder_of()
    pruned = PrunedEncoder(encoder, (1, 2), 0.5)
    images = torch.rand(2, 3, 32, 48)
    assert pruned(images).patches.shape == (2, 6, 96)
    assert torch.equal(copy.deepcopy(pruned)(images).cls, pruned(images).cls)
    meta = copy.deepcopy(pruned).to("meta")(torch.rand(2, 3, 32, 32, device="meta"))
    assert all(t.is_meta for t in meta)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert pruned(images).cls.isfinite().all()


@pytest.mark.slow
def test_compiles_once():
    torch._dynamo.reset()
    pruned, images = PrunedEncoder(encoder_of(depth=2), (1,), 0.5), torch.rand(2, 3, 32, 48)
    compiled = torch.compile(pruned, fullgraph=True, backend="aot_eager")
    for _ in range(2):
        for ours, plain in zip(compiled(images), pruned(images)):
            torch.testing.assert_close(ours, plain)
    with torch._dynamo.config.patch(error_on_recompile=True):
        compiled(torch.rand(2, 3, 32, 48)).cls.sum().backward()


def test_refusals():
    encoder = encoder_of()
    for layers in ((4,), (-1,), (1, 1)):
        with pytest.raises(ValueError, match="layers must be different block numbers in 0..3"):
            PrunedEncoder(encoder, layers, 0.5)
    with pytest.raises(ValueError, match="keep_rate must lie in"):
        PrunedEncoder(encoder, (1,), 0.0)
