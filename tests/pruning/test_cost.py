"""The counted operations are those that run, and the predicted speed-ups those of the closed form and the published
table.
"""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sslcourse.models import Decoder, PrunedEncoder, build_encoder
from sslcourse.pruning import keep_count, select
from sslcourse.pruning.cost import (
    ViTShape,
    block_flops,
    closed_form_speed_up,
    decoder_flops,
    encoder_flops,
    predicted_speed_up,
    pruned_encoder_flops,
    step_cost,
)

SHAPE = ViTShape(patches=64, dim=96, depth=4, patch_values=192)


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


@pytest.mark.parametrize(("keep", "registers"), [(64, 0), (32, 3), (5, 0)])
def test_encoder(keep, registers):
    encoder, images = encoder_of(reg_tokens=registers), torch.rand(2, 3, 64, 64)
    kept = select(torch.zeros(2, 64), keep, "random")
    expected = 2 * encoder_flops(SHAPE._replace(prefix=1 + registers), keep)
    assert counted(lambda: encoder(images, kept)) == expected


def test_block_by_another_ratio():
    encoder, images = encoder_of(depth=1, mlp_ratio=2.0), torch.rand(1, 3, 64, 64)
    assert counted(lambda: encoder(images)) == block_flops(65, 96, 2.0) + 2 * 64 * 192 * 96


def test_the_attention_row_is_cheap():
    """Well under one percent of a teacher with twelve blocks; its scores are no matrix product and do not count."""
    encoder, images = encoder_of(depth=12), torch.rand(1, 3, 64, 64)
    extra = counted(lambda: encoder(images, attention=True)) - counted(lambda: encoder(images))
    assert extra == 2 * (65 + 1) * 96**2 and extra < 0.01 * counted(lambda: encoder(images))


def test_decoder():
    decoder = Decoder(96, (8, 8), 8, dim=48, depth=2, heads=2)
    for block in decoder.blocks:
        block.attn.fused_attn = False
    patches, kept = torch.randn(2, 20, 96), select(torch.zeros(2, 64), 20, "random")
    for prefix, token in ((0, None), (1, torch.randn(2, 96))):
        expected = 2 * decoder_flops(SHAPE._replace(prefix=prefix), 48, 2, keep=20, out_values=192)
        assert counted(lambda token=token: decoder(patches, kept, token)) == expected


@pytest.mark.parametrize(("fuse", "keep_rate"), [(False, 0.4), (True, 0.4), (True, 1.0)])
def test_pruning_inside_the_network(fuse, keep_rate):
    vit = SHAPE._replace(prefix=2)
    pruned, images = PrunedEncoder(encoder_of(reg_tokens=1), (1, 3), keep_rate, fuse=fuse), torch.rand(2, 3, 64, 64)
    expected = pruned_encoder_flops(vit, layers=(1, 3), keep_rate=keep_rate, fuse=fuse)
    assert counted(lambda: pruned(images)) == 2 * expected
    if keep_rate == 1:
        assert expected == encoder_flops(vit)


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

    cost = step_cost(SHAPE, 0.5, local_crops=3, local_patches=16, decoder_depth=2, decoder_dim=48, out_values=192)
    assert counted(step) == pytest.approx(cost.total, rel=0.02)


def test_the_closed_form_is_a_special_case():
    """Two globals, no prefix, and a width at which attention between tokens costs nothing beside the linear layers."""
    vit, width = ViTShape(patches=400, dim=10**7, depth=12, prefix=0), 5 * 10**6
    for keep_rate in (1.0, 0.75, 0.5, 0.35, 0.25):
        assert predicted_speed_up(vit, keep_rate) == pytest.approx(closed_form_speed_up(keep_rate), rel=1e-4)
        share = decoder_flops(vit, width, 3, keep=keep_count(400, keep_rate)) / encoder_flops(vit)
        predicted = predicted_speed_up(vit, keep_rate, decoder_depth=3, decoder_dim=width)
        assert predicted == pytest.approx(closed_form_speed_up(keep_rate, share), rel=1e-4)
        assert predicted == pytest.approx(4 / (3 * keep_rate + 1 + 3 * share), rel=1e-4)


def test_figures_worked_out_independently():
    """ViT-S/16 at 224 + 96 and ViT-Ti/8 at 64 + 32 pixels, keep rates .75 to .1."""
    small, tiny = ViTShape(196, 384, 12), ViTShape(64, 192, 12)
    for vit, local_crops, local_patches, expected in (
        (small, 0, 36, [1.25, 1.63, 2.00, 2.33, 3.12]),
        (small, 8, 36, [1.15, 1.34, 1.49, 1.60, 1.80]),
        (tiny, 0, 16, [1.24, 1.61, 1.98, 2.28, 3.06]),
        (tiny, 8, 16, [1.12, 1.28, 1.39, 1.47, 1.62]),
    ):
        for keep_rate, speed_up in zip((0.75, 0.5, 0.35, 0.25, 0.1), expected, strict=True):
            # the table takes shares of a patch, removal keeps the next whole number
            whole = keep_rate * vit.patches % 1 == 0
            predicted = predicted_speed_up(vit, keep_rate, local_crops=local_crops, local_patches=local_patches)
            assert predicted == pytest.approx(speed_up, abs=0.0051 if whole else 0.11)


def test_removal_never_exceeds_fourfold_and_decoders_and_locals_eat_it():
    vit = ViTShape(patches=196, dim=384, depth=12)
    assert 1 == predicted_speed_up(vit, 1.0) < predicted_speed_up(vit, 0.5) < predicted_speed_up(vit, 0.006) < 4
    with_decoder = predicted_speed_up(vit, 0.5, decoder_depth=4, decoder_dim=192, out_values=768)
    with_locals = predicted_speed_up(vit, 0.5, local_crops=8, local_patches=36)
    assert max(with_decoder, with_locals) < predicted_speed_up(vit, 0.5)


def test_refusals():
    with pytest.raises(ValueError, match="keep must lie in 1..64; got 65"):
        encoder_flops(SHAPE, keep=65)
    with pytest.raises(ValueError, match="keep_rate must lie in"):
        step_cost(SHAPE, 0.0)
    with pytest.raises(ValueError, match="local_crops=2 need local_patches"):
        step_cost(SHAPE, 0.5, local_crops=2)
    with pytest.raises(ValueError, match="got 1.5 and 0"):
        closed_form_speed_up(1.5)
