"""The token encoder is timm's own forward, and keeping patches is a gather in front of block 0."""

import copy
import itertools

import pytest
import timm
import torch
from timm.models import VisionTransformer
from torch import nn

from sslcourse.models import TokenEncoder, build_encoder
from sslcourse.models.build import CONFIGURATIONS

SMALL = {"img_size": 16, "patch_size": 4, "embed_dim": 12, "depth": 2, "num_heads": 3, "num_classes": 0}
SWITCHES = [  # every pair of two switches' settings occurs
    {"reg_tokens": 3 * a, "no_embed_class": b, "qk_norm": c, "init_values": 0.1 if a ^ b else None, "pre_norm": a ^ c}
    for a, b, c in itertools.product((False, True), repeat=3)
]
VARIANTS = SWITCHES + [
    {"pos_embed": "none"},
    {"final_norm": False},
    {"dynamic_img_size": True},
    {"global_pool": "avg", "fc_norm": True},
]


def encoder_of(options, **small):
    torch.manual_seed(0)
    vit = VisionTransformer(**{**SMALL, **small, **options})
    for parameter in vit.parameters():  # so that no embedding is zero and no scale is one
        nn.init.normal_(parameter, std=0.3)
    return TokenEncoder(vit, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)).eval()


def timm_forward(encoder, images):
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3)))
    return encoder.vit.forward_features((images - mean) / std)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_all_patches_equal_timm_exactly(options):
    encoder, images = encoder_of(options), torch.rand(2, 3, 16, 16)
    expected = timm_forward(encoder, images)
    prefix = 1 + options.get("reg_tokens", 0)
    if expected.shape[1] == 16:
        pytest.skip("this timm (1.0.15) forgets the class token when there is no position embedding")
    everything = torch.arange(16).expand(2, -1)
    for tokens in (encoder(images), encoder(images, keep_indices=everything)):
        assert torch.equal(tokens.cls, expected[:, 0])
        assert torch.equal(tokens.patches, expected[:, prefix:])
    assert torch.equal(encoder.features(images), expected[:, 0])


@pytest.mark.parametrize("options", SWITCHES[::2] + VARIANTS[-1:], ids=str)
def test_kept_patches_equal_an_encoder_that_only_has_those(options):
    """Cut the image's kept patches out one by one and embed each alone: the slow way to the same tokens."""
    encoder, images = encoder_of(options), torch.rand(2, 3, 16, 16)
    keep = torch.tensor([[3, 0, 9], [15, 7, 8]])
    vit = encoder.vit
    normal = (images - encoder.mean) / encoder.std
    prefix_positions = 0 if vit.no_embed_class else vit.num_prefix_tokens
    rows = []
    for b in range(2):
        prefix = [vit.cls_token[0, 0]] + ([] if vit.reg_token is None else list(vit.reg_token[0]))
        for i in range(prefix_positions):
            prefix[i] = prefix[i] + vit.pos_embed[0, i]
        for number in keep[b].tolist():
            top, left = 4 * (number // 4), 4 * (number % 4)
            patch = vit.patch_embed.proj(normal[b : b + 1, :, top : top + 4, left : left + 4]).flatten()
            prefix.append(vit.patch_embed.norm(patch) + vit.pos_embed[0, prefix_positions + number])
        rows.append(torch.stack(prefix))
    expected = vit.norm(vit.blocks(vit.norm_pre(torch.stack(rows))))
    tokens = encoder(images, keep_indices=keep)
    torch.testing.assert_close(tokens.cls, expected[:, 0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(tokens.patches, expected[:, vit.num_prefix_tokens :], rtol=1e-4, atol=1e-5)


def test_order_of_kept_patches_moves_with_them_and_leaves_the_class_token():
    encoder, images = encoder_of({"reg_tokens": 2}).double(), torch.rand(2, 3, 16, 16, dtype=torch.float64)
    keep = torch.tensor([[3, 0, 9], [15, 7, 8]])
    one, two = encoder(images, keep), encoder(images, keep.flip(1))
    torch.testing.assert_close(one.cls, two.cls)
    torch.testing.assert_close(one.patches, two.patches.flip(1))


def test_removed_patches_change_nothing_and_get_no_gradient():
    encoder = encoder_of({})
    images = torch.rand(1, 3, 16, 16, requires_grad=True)
    keep = torch.tensor([[0, 5]])
    encoder(images, keep).cls.sum().backward()
    touched = images.grad.abs().sum(1)[0].view(4, 4, 4, 4).sum((1, 3)).flatten().nonzero().flatten()
    assert touched.tolist() == [0, 5]


def test_training_mode_draws_as_timm_does():
    encoder = encoder_of({"pos_drop_rate": 0.2, "drop_path_rate": 0.3, "proj_drop_rate": 0.1}).train()
    images = torch.rand(2, 3, 16, 16)
    torch.manual_seed(1)
    expected = timm_forward(encoder, images)
    torch.manual_seed(1)
    tokens = encoder(images)
    assert torch.equal(torch.cat([tokens.cls[:, None], tokens.patches], 1), expected)
    encoder.vit.set_grad_checkpointing()
    torch.manual_seed(1)
    assert torch.equal(encoder(images).cls, expected[:, 0])


def test_dynamic_sizes_equal_timm():
    encoder = encoder_of({"dynamic_img_size": True, "reg_tokens": 1})
    for size in ((16, 16), (8, 8), (24, 12)):
        images = torch.rand(2, 3, *size)
        tokens = encoder(images)
        ours = torch.cat([tokens.cls[:, None], tokens.patches], 1)
        theirs = timm_forward(encoder, images)[:, [0, *range(2, 2 + size[0] * size[1] // 16)]]
        if size == (16, 16):
            assert torch.equal(ours, theirs)
        else:  # the same interpolation, as a matrix: sums are rounded in another order
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="multiples of the patch side 4; got 10 x 16"):
        encoder(torch.rand(1, 3, 10, 16))


def test_attributes():
    encoder = build_encoder("vit_96x4_p8", image_size=64)
    assert (encoder.dim, encoder.num_patches, encoder.patch_size, encoder.grid) == (96, 64, 8, (8, 8))
    assert len(encoder.vit.blocks) == 4 and encoder.vit.blocks[0].attn.num_heads == 3
    assert all("head" not in name for name, _ in encoder.named_parameters())  # nothing that never gets a gradient


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_trains_every_parameter(name):
    encoder = build_encoder(name, image_size=32, depth=2)
    tokens = encoder(torch.rand(2, 3, 32, 32))
    # a random direction: the plain sum of a layer norm's output does not depend on what came before
    generator = torch.Generator().manual_seed(0)
    sum((t * torch.randn(t.shape, generator=generator)).sum() for t in tokens[:2]).backward()
    silent = [key for key, value in encoder.named_parameters() if value.grad is None or not value.grad.any()]
    assert silent == []
    assert encoder.dim % 32 == 0


def test_runs_on_meta_and_copies():
    shapes = build_encoder("vit_64x2_p8", image_size=32).to("meta")
    tokens = shapes(torch.rand(2, 3, 32, 32, device="meta"), torch.zeros(2, 5, dtype=torch.int64, device="meta"))
    assert tokens.cls.shape == (2, 64) and tokens.patches.shape == (2, 5, 64) and tokens.cls.is_meta

    encoder, images = encoder_of({"reg_tokens": 2}), torch.rand(2, 3, 16, 16)
    twin = copy.deepcopy(encoder)
    with torch.no_grad():
        encoder.vit.cls_token.add_(1)
    assert not torch.equal(twin.features(images), encoder.features(images))
    twin.load_state_dict(encoder.state_dict())
    assert torch.equal(twin.features(images), encoder.features(images))


def test_builds_on_meta():
    try:
        with torch.device("meta"):
            VisionTransformer(**SMALL)
    except RuntimeError as error:  # timm 1.0.15 reads numbers while it builds; `.to("meta")` works with every release
        pytest.skip(f"this timm does not build on meta: {error}")
    with torch.device("meta"):
        assert build_encoder("vit_64x2_p8").features(torch.rand(2, 3, 64, 64)).is_meta


def test_runs_under_autocast():
    encoder = encoder_of({})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert encoder(torch.rand(1, 3, 16, 16)).patches.isfinite().all()


def test_wrong_images_are_refused():
    for images, message in [
        (torch.rand(1, 3, 32, 32), "built for images of 16 x 16 pixels; got 32 x 32"),
        (torch.rand(3, 16, 16), r"float B,3,H,W .* got torch.float32 \(3, 16, 16\)"),
        (torch.rand(1, 1, 16, 16), "float B,3,H,W"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), "got torch.uint8"),
    ]:
        with pytest.raises(ValueError, match=message):
            encoder_of({})(images)


def test_wrong_keep_indices_are_refused():
    for keep in [torch.zeros(1, 2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64), torch.ones(2, 16).bool()]:
        with pytest.raises(ValueError, match=r"keep_indices must be int64 of shape \(2, K\)"):
            encoder_of({})(torch.rand(2, 3, 16, 16), keep)


def test_models_it_cannot_take_apart_are_refused():
    with pytest.raises(TypeError, match="got ResNet"):
        TokenEncoder(timm.create_model("resnet18"))
    with pytest.raises(ValueError, match="no class token"):
        TokenEncoder(VisionTransformer(**SMALL, class_token=False, global_pool="avg"))
    with pytest.raises(ValueError, match="drops patches itself"):
        TokenEncoder(VisionTransformer(**SMALL, patch_drop_rate=0.5))


def test_build_by_timm_name_and_its_refusals(monkeypatch):
    encoder = build_encoder("vit_tiny_patch16_224", image_size=64)
    assert (encoder.dim, encoder.num_patches, encoder.patch_size) == (192, 16, 16)
    with pytest.raises(ValueError, match="unknown encoder 'vit_96'; ours are vit_64x2_p8"):
        build_encoder("vit_96")
    with pytest.raises(ValueError, match="no pretrained weights for 'vit_96x4_p8'"):
        build_encoder("vit_96x4_p8", pretrained=True)

    # What happens without a network, wherever this runs: timm's own download is what fails.
    def no_network(*args, **kwargs):
        raise OSError("network is unreachable")

    monkeypatch.setattr("timm.models._builder.load_pretrained", no_network)
    with pytest.raises(ConnectionError, match="weights of 'vit_tiny_patch16_224' could not be had .*unreachable"):
        build_encoder("vit_tiny_patch16_224", pretrained=True)


@pytest.mark.slow
def test_networks_that_are_no_encoder_are_refused_by_name():
    for name, options, message in [
        ("vit_tiny_r_s16_p8_224", {}, "makes its patches by a HybridEmbed"),
        ("vit_tiny_patch16_224", {"patch_size": (8, 16)}, r"patches must be square; .* \(8, 16\)"),
        ("vit_64x2_p8", {"patch_size": (8, 16)}, "patches must be square"),
        ("vit_64x2_p8_conv", {"patch_size": (8, 16)}, r"patch side of 2, 4, 8, 16, ...; got \(8, 16\)"),
        ("vit_tiny_patch16_224.nonsense", {}, "the tag 'nonsense'; there are: augreg_in21k"),
        ("test_vit_relpos", {}, "is a VisionTransformerRelPos.* Choose a plain VisionTransformer"),
        ("deit_tiny_distilled_patch16_224", {}, "is a VisionTransformerDistilled.* Choose"),
        ("cait_xxs24_224", {}, "is a Cait.* Choose"),
        ("test_vit2", {}, "no class token"),
        ("vit_small_patch16_18x2_224", {}, "ParallelThingsBlock"),
        ("inception_v3", {}, "InceptionV3.* does not take images of 64 pixels"),
        ("convnet", {"pretrained": True}, "no pretrained weights for 'convnet'"),
        ("vit_tiny_patch16_224", {"frozen_statistics": True}, "is a transformer"),
    ]:
        with pytest.raises(ValueError, match=message):
            build_encoder(name, **options)


def test_an_option_that_a_model_does_not_take_is_refused():
    for name in ("vit_tiny_patch16_224", "resnet18"):
        with pytest.raises(TypeError, match=f"'{name}' does not take all of .*nonsense"):
            build_encoder(name, nonsense=1)


def test_pretrained_normalisation_comes_with_the_weights(monkeypatch):
    monkeypatch.setattr("timm.models._builder.load_pretrained", lambda *args, **kwargs: None)
    encoder = build_encoder("vit_small_patch14_dinov2", image_size=28, pretrained=True)
    assert encoder.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert encoder.std.flatten().tolist() == pytest.approx([0.229, 0.224, 0.225])
