"""The counted operations are those that run, and the predicted speed-ups those of the closed form and the published
table.
"""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sslcourse.models import Decoder, PrunedEncoder, build_encoder
from sslcourse.pruning import (
    block_flops,
    closed_form_speed_up,
    decoder_flops,
    encoder_flops,
    keep_count,
    predicted_speed_up,
    pruned_encoder_flops,
    select,
    step_cost,
)

SHAPE = {"patches": 64, "dim": 96, "depth": 4, "patch_values": 192}


def counted(function):
    """Operations of one call; attention must be unfused, for the counter does not know every fused kernel."""
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def encoder_of(**options):
    encoder = build_encoder("vit_96x4_p8", image_size=64, **options)
    for block in encoder.vit.blocks:
        block.attn.fused_attn = False
    return encoder


@pytest.mark.parametrize("keep", [64, 32, 5])
@pytest.mark.parametrize("registers", [0, 3])
def test_encoder(keep, registers):
    encoder, images = encoder_of(reg_tokens=registers), torch.rand(2, 3, 64, 64)
    kept = select(torch.zeros(2, 64), keep, "random")
    expected = 2 * encoder_flops(**SHAPE, keep=keep, prefix=1 + registers)
    assert counted(lambda: encoder(images, kept)) == expected


def test_block_by_another_ratio():
    encoder, images = encoder_of(depth=1, mlp_ratio=2.0), torch.rand(1, 3, 64, 64)
    assert counted(lambda: encoder(images)) == block_flops(65, 96, 2.0) + 2 * 64 * 192 * 96


def test_the_attention_row_is_cheap():
    """Well under one percent of a teacher with twelve blocks; its scores are no matrix product and do not count."""
    encoder, images = encoder_of(depth=12), torch.rand(1, 3, 64, 64)
    extra = counted(lambda: encoder(images, attention=True)) - counted(lambda: encoder(images))
    assert extra == 2 * (65 + 1) * 96**2 and extra < 0.01 * counted(lambda: encoder(images))


@pytest.mark.parametrize("cls", [False, True])
def test_decoder(cls):
    decoder = Decoder(96, (8, 8), 8, dim=48, depth=2, heads=2)
    for block in decoder.blocks:
        block.attn.fused_attn = False
    patches, kept = torch.randn(2, 20, 96), select(torch.zeros(2, 64), 20, "random")
    token = torch.randn(2, 96) if cls else None
    expected = 2 * decoder_flops(64, 96, 48, 2, keep=20, prefix=int(cls), out_values=192)
    assert counted(lambda: decoder(patches, kept, token)) == expected


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("keep_rate", [0.4, 1.0])
def test_pruning_inside_the_network(fuse, keep_rate):
    pruned, images = PrunedEncoder(encoder_of(reg_tokens=1), (1, 3), keep_rate, fuse=fuse), torch.rand(2, 3, 64, 64)
    expected = pruned_encoder_flops(**SHAPE, layers=(1, 3), keep_rate=keep_rate, fuse=fuse, prefix=2)
    assert counted(lambda: pruned(images)) == 2 * expected
    if keep_rate == 1:
        assert expected == encoder_flops(**SHAPE, prefix=2)


def test_a_whole_step():
    """Two globals, three 32-pixel locals, decoder; a backward pass is two forward passes, but for what needs no
    gradient.
    """
    student, decoder = encoder_of(), Decoder(96, (8, 8), 8, dim=48, depth=2, heads=2)
    teacher = encoder_of()
    for block in decoder.blocks:
        block.attn.fused_attn = False
    globals_, locals_ = torch.rand(2, 3, 64, 64), torch.rand(3, 3, 32, 32)

    def step():
        with torch.no_grad():
            scores = teacher(globals_, attention=True).attention
        kept = select(scores, 32, "low")
        tokens = student(globals_, kept)
        decoded = decoder(tokens.patches, kept, tokens.cls)
        (decoded.pixels.sum() + student.features(locals_).sum()).backward()

    cost = step_cost(0.5, **SHAPE, local_crops=3, local_patches=16, decoder_depth=2, decoder_dim=48, out_values=192)
    assert counted(step) == pytest.approx(cost.total, rel=0.02)


@pytest.mark.parametrize("keep_rate", [1.0, 0.75, 0.5, 0.35, 0.25])
def test_the_closed_form_is_a_special_case(keep_rate):
    """Two globals, no prefix, and a width at which attention between tokens costs nothing beside the linear layers."""
    shape = {"patches": 400, "dim": 10**7, "depth": 12, "prefix": 0}
    assert predicted_speed_up(keep_rate, **shape) == pytest.approx(closed_form_speed_up(keep_rate), rel=1e-4)
    decoder = {"decoder_depth": 3, "decoder_dim": 5 * 10**6}
    share = decoder_flops(400, 10**7, 5 * 10**6, 3, keep=keep_count(400, keep_rate), prefix=0) / encoder_flops(
        400, 10**7, 12, prefix=0
    )
    predicted = predicted_speed_up(keep_rate, **shape, **decoder)
    assert predicted == pytest.approx(closed_form_speed_up(keep_rate, share), rel=1e-4)
    assert predicted == pytest.approx(4 / (3 * keep_rate + 1 + 3 * share), rel=1e-4)


@pytest.mark.parametrize(
    ("shape", "local_crops", "expected"),
    [
        ({"patches": 196, "dim": 384, "depth": 12, "local_patches": 36}, 0, [1.25, 1.63, 2.00, 2.33, 3.12]),
        ({"patches": 196, "dim": 384, "depth": 12, "local_patches": 36}, 8, [1.15, 1.34, 1.49, 1.60, 1.80]),
        ({"patches": 64, "dim": 192, "depth": 12, "local_patches": 16}, 0, [1.24, 1.61, 1.98, 2.28, 3.06]),
        ({"patches": 64, "dim": 192, "depth": 12, "local_patches": 16}, 8, [1.12, 1.28, 1.39, 1.47, 1.62]),
    ],
)
def test_figures_worked_out_independently(shape, local_crops, expected):
    """ViT-S/16 at 224 + 96 and ViT-Ti/8 at 64 + 32 pixels, keep rates .75 to .1."""
    for keep_rate, speed_up in zip((0.75, 0.5, 0.35, 0.25, 0.1), expected, strict=True):
        # the table takes shares of a patch, removal keeps the next whole number
        whole = keep_rate * shape["patches"] % 1 == 0
        predicted = predicted_speed_up(keep_rate, **shape, local_crops=local_crops)
        assert predicted == pytest.approx(speed_up, abs=0.0051 if whole else 0.11)


def test_removal_never_exceeds_fourfold_and_decoders_and_locals_eat_it():
    base = {"patches": 196, "dim": 384, "depth": 12}
    assert (
        1 == predicted_speed_up(1.0, **base) < predicted_speed_up(0.5, **base) < predicted_speed_up(0.006, **base) < 4
    )
    with_decoder = predicted_speed_up(0.5, **base, decoder_depth=4, decoder_dim=192, out_values=768)
    with_locals = predicted_speed_up(0.5, **base, local_crops=8, local_patches=36)
    assert max(with_decoder, with_locals) < predicted_speed_up(0.5, **base)


def test_refusals():
    with pytest.raises(ValueError, match="keep must lie in 1..64; got 65"):
        encoder_flops(64, 96, 4, keep=65)
    with pytest.raises(ValueError, match="keep_rate must lie in"):
        step_cost(0.0, patches=64, dim=96, depth=4)
    with pytest.raises(ValueError, match="local_crops=2 need local_patches"):
        step_cost(0.5, patches=64, dim=96, depth=4, local_crops=2)
    with pytest.raises(ValueError, match="got 1.5 and 0"):
        closed_form_speed_up(1.5)
