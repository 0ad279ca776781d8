"""Masks, other image sizes, the convolutional stem, and one compiled graph for each crop size."""

import copy

import pytest
import torch
from timm.layers import resample_abs_pos_embed
from timm.models import VisionTransformer
from torch import nn

from sslcourse.models import ConvStem, TokenEncoder, build_encoder
from sslcourse.models.positions import resample_position


def encoder_of(name="vit_64x2_p8", image_size=32, **options):
    torch.manual_seed(0)
    encoder = build_encoder(name, image_size, **options)
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.2)
    return encoder.eval()


def mask_of(*rows, patches=16):
    return torch.tensor([[number in row for number in range(patches)] for row in rows])


# --- the plain ViT


@pytest.mark.parametrize("options", [{}, {"reg_tokens": 2}, {"no_embed_class": True, "qk_norm": True}], ids=str)
def test_keep_rate_one_is_the_plain_vit_exactly(options):
    encoder, images = encoder_of(**options), torch.rand(2, 3, 32, 32)
    plain = encoder.vit.forward_features((images - encoder.mean) / encoder.std)
    everything = torch.arange(16).expand(2, -1)
    none = torch.zeros(2, 16, dtype=torch.bool)
    for tokens in (
        encoder(images),
        encoder(images, everything),
        encoder(images, attention=True),
        encoder(images, mask=none, mask_token=torch.ones(64)),
    ):
        assert torch.equal(tokens.cls, plain[:, 0])
        assert torch.equal(tokens.patches, plain[:, encoder.vit.num_prefix_tokens :])


def test_order_of_kept_patches_leaves_the_class_token():
    encoder, images = encoder_of(reg_tokens=1), torch.rand(2, 3, 32, 32)
    keep = torch.tensor([[3, 0, 9, 12], [15, 7, 8, 1]])
    order = torch.tensor([2, 0, 3, 1])
    one, two = encoder(images, keep, attention=True), encoder(images, keep[:, order], attention=True)
    torch.testing.assert_close(one.cls, two.cls, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(one.patches[:, order], two.patches, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(one.attention[:, order], two.attention, rtol=1e-5, atol=1e-6)


# --- masks


def test_masked_patches_are_replaced_and_keep_their_place():
    encoder, images = encoder_of(), torch.rand(2, 3, 32, 32)
    mask, token = mask_of({0, 5}, {1, 2, 15}), torch.randn(64)
    _, patches = encoder.embed(images, mask, token)
    _, plain = encoder.embed(images)
    position = encoder.vit.pos_embed[0, 1:]
    for b in range(2):
        for n in range(16):
            expected = token + position[n] if mask[b, n] else plain[b, n]
            torch.testing.assert_close(patches[b, n], expected, rtol=1e-6, atol=1e-6)
    # whatever the masked patches show, the output is the same; and it depends on the token
    other = images.clone()
    other[0, :, :8, :8] = 0.0  # patch 0 of image 0
    assert torch.equal(
        encoder(images, mask=mask, mask_token=token).cls, encoder(other, mask=mask, mask_token=token).cls
    )
    assert not torch.allclose(
        encoder(images, mask=mask, mask_token=-token).cls, encoder(images, mask=mask, mask_token=token).cls
    )


def test_mask_token_gets_a_gradient_and_masked_pixels_get_none():
    encoder = encoder_of()
    images, token = torch.rand(1, 3, 32, 32, requires_grad=True), torch.zeros(64, requires_grad=True)
    encoder(images, mask=mask_of({0, 5}), mask_token=token).cls.square().sum().backward()
    silent = images.grad.abs().sum((0, 1)).view(4, 8, 4, 8).sum((1, 3)).flatten() == 0
    assert silent.nonzero().flatten().tolist() == [0, 5] and token.grad.any()


def test_masks_and_kept_patches_together():
    encoder, images, token = encoder_of(), torch.rand(2, 3, 32, 32), torch.randn(64)
    keep = torch.tensor([[0, 3, 5], [2, 4, 6]])
    visible = encoder(images, keep, mask=mask_of({1, 2}, {0, 15}), mask_token=token)  # only removed ones are masked
    assert torch.equal(visible.cls, encoder(images, keep).cls)


def test_wrong_masks_are_refused():
    encoder, images, token = encoder_of(), torch.rand(2, 3, 32, 32), torch.zeros(64)
    for mask in (mask_of({1}), mask_of({1}, {2}).float(), mask_of({1}, {2}, patches=9)):
        with pytest.raises(ValueError, match=r"mask must be bool of shape \(2, 16\)"):
            encoder(images, mask=mask, mask_token=token)
    for arguments in ({"mask": mask_of({1}, {2})}, {"mask_token": token}):
        with pytest.raises(ValueError, match="come together"):
            encoder(images, **arguments)
    with pytest.raises(ValueError, match=r"mask_token must be of shape \(64,\); got \(1, 64\)"):
        encoder(images, mask=mask_of({1}, {2}), mask_token=token[None])


# --- other image sizes


@pytest.mark.parametrize("new", [(2, 2), (4, 4), (3, 5), (8, 8), (1, 9)])
@pytest.mark.parametrize("old", [(4, 4), (2, 8)])
def test_resampling_equals_timm(old, new):
    torch.manual_seed(0)
    position = torch.randn(1, old[0] * old[1], 12)
    expected = resample_abs_pos_embed(position, new_size=list(new), old_size=list(old), num_prefix_tokens=0)
    if expected is position and old != new:
        pytest.skip("this timm (1.0.15) takes any grid with as many patches for the same one")
    torch.testing.assert_close(resample_position(position, old, new), expected, rtol=1e-5, atol=1e-6)
    double = resample_position(position.double(), old, new)
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), expected, rtol=1e-5, atol=1e-6)


def test_resampling_is_nothing_at_its_own_size_and_stays_exact_under_autocast():
    position = torch.randn(1, 16, 12)
    assert resample_position(position, (4, 4), (4, 4)) is position
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(resample_position(position, (4, 4), (3, 3)), resample_position(position, (4, 4), (3, 3)))
        inside = resample_position(position, (4, 4), (3, 3))
    assert torch.equal(inside, resample_position(position, (4, 4), (3, 3))) and inside.dtype == torch.float32
    assert resample_position(position.bfloat16(), (4, 4), (3, 3)).dtype == torch.bfloat16


def test_resampling_passes_the_gradient_of_the_interpolation():
    position = torch.randn(1, 16, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: resample_position(p, (4, 4), (2, 3)), position)


def test_a_matrix_first_met_in_inference_mode_serves_in_training():
    position = torch.randn(1, 16, 3, requires_grad=True)
    with torch.inference_mode():
        resample_position(position, (4, 4), (7, 3))
    resample_position(position, (4, 4), (7, 3)).sum().backward()
    assert position.grad.any()


def test_sizes_of_images():
    encoder = encoder_of(reg_tokens=1)
    for height, width in ((32, 32), (64, 24), (8, 16)):
        images = torch.rand(2, 3, height, width)
        assert encoder.grid_of(images) == (height // 8, width // 8)
        assert encoder(images).patches.shape == (2, height * width // 64, 64)
    with pytest.raises(ValueError, match="multiples of the patch side 8; got 36 x 32"):
        encoder(torch.rand(1, 3, 36, 32))
    fixed = build_encoder("vit_64x2_p8", 32, dynamic_img_size=False)
    with pytest.raises(ValueError, match="built for images of 32 x 32 pixels; got 64 x 64"):
        fixed(torch.rand(1, 3, 64, 64))
    assert torch.equal(build_encoder("vit_tiny_patch16_224", 32).vit.pos_embed, torch.ones(0)) is False
    assert build_encoder("vit_tiny_patch16_224", 32)(torch.rand(1, 3, 48, 48)).patches.shape == (1, 9, 192)


def test_no_position_embedding_at_all():
    encoder = TokenEncoder(
        VisionTransformer(
            img_size=16, patch_size=4, embed_dim=12, depth=1, num_heads=3, num_classes=0, pos_embed="none"
        )
    )
    assert encoder(torch.rand(2, 3, 16, 16)).patches.shape == (2, 16, 12)


# --- convolutional stem


@pytest.mark.parametrize("name", ["vit_64x2_p8_conv", "vit_96x4_p4_conv"])
def test_conv_stem_trains_every_parameter_at_any_size(name):
    encoder = build_encoder(name, image_size=32, depth=1)
    assert isinstance(encoder.vit.patch_embed, ConvStem) and encoder.grid == (32 // encoder.patch_size,) * 2
    tokens = encoder(torch.rand(2, 3, 32, 16), attention=True)
    assert tokens.patches.shape[1] == 32 * 16 // encoder.patch_size**2 == tokens.attention.shape[1]
    sum((t * torch.randn_like(t)).sum() for t in tokens[:2]).backward()
    assert [key for key, value in encoder.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_conv_stem_puts_patches_where_they_are():
    """A bright spot inside one patch changes that patch most, and none further away than its neighbours."""
    stem = ConvStem(img_size=64, patch_size=8, embed_dim=32)
    for stage in stem.stages:
        if isinstance(stage, nn.Sequential):
            stage[2] = nn.Identity()  # a group norm sees the whole image
    dark, spot = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    spot[:, :, 18:22, 42:46] = 1.0  # row 2, column 5
    change = (stem(spot) - stem(dark)).norm(dim=2).view(8, 8)
    assert change.flatten().argmax() == 2 * 8 + 5
    far = torch.ones(8, 8, dtype=torch.bool)
    far[1:4, 4:7] = False
    assert (change[far] == 0).all()


@pytest.mark.parametrize("ways", ["removed", "masked", "both"])
def test_conv_stem_knows_nothing_of_removed_and_masked_pixels(ways):
    encoder, images, token = encoder_of("vit_64x2_p8_conv"), torch.rand(2, 3, 32, 32), torch.randn(64)
    removed, masked = mask_of({0, 5, 9}, {3, 14, 15}), mask_of({2, 6}, {1, 8})
    arguments, gone = {}, torch.zeros(2, 16, dtype=torch.bool)
    if ways != "masked":
        arguments["keep_indices"], gone = (~removed).nonzero()[:, 1].view(2, 13), gone | removed
    if ways != "removed":
        arguments |= {"mask": masked, "mask_token": token}
        gone = gone | masked
    images.requires_grad_(True)
    tokens = encoder(images, **arguments)
    (tokens.cls.square().sum() + tokens.patches.square().sum()).backward()
    touched = images.grad.abs().sum(1).view(2, 4, 8, 4, 8).sum((2, 4)).flatten(1) > 0
    assert torch.equal(touched, ~gone)


def test_conv_stem_sees_the_same_when_all_is_kept():
    encoder, images = encoder_of("vit_64x2_p8_conv"), torch.rand(2, 3, 32, 32)
    none = torch.zeros(2, 16, dtype=torch.bool)
    plain = encoder(images)
    for tokens in (
        encoder(images, torch.arange(16).expand(2, -1)),
        encoder(images, mask=none, mask_token=torch.ones(64)),
    ):
        assert torch.equal(tokens.cls, plain.cls) and torch.equal(tokens.patches, plain.patches)


def test_conv_stem_refusals():
    with pytest.raises(ValueError, match="patch side of 2, 4, 8, 16, ...; got 14"):
        ConvStem(patch_size=14)
    with pytest.raises(ValueError, match="unknown encoder 'vit_tiny_patch16_224_conv'; .* each also with _conv"):
        build_encoder("vit_tiny_patch16_224_conv")


# --- devices, copies, compilers


@pytest.mark.parametrize("name", ["vit_64x2_p8", "vit_64x2_p8_conv"])
def test_runs_on_meta_and_copies(name):
    encoder = build_encoder(name, image_size=32).to("meta")
    keep = torch.zeros(2, 5, dtype=torch.int64, device="meta")
    mask, token = torch.zeros(2, 64, dtype=torch.bool, device="meta"), torch.zeros(64, device="meta")
    tokens = encoder(torch.rand(2, 3, 64, 64, device="meta"), keep, mask=mask, mask_token=token, attention=True)
    assert all(t.is_meta for t in tokens) and tokens.attention.shape == (2, 5)

    encoder, images = encoder_of(name), torch.rand(2, 3, 16, 16)
    assert torch.equal(copy.deepcopy(encoder)(images).cls, encoder(images).cls)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_64x2_p8", "vit_64x2_p8_conv"])
def test_compiles_whole_and_once_for_each_kind_of_crop(name):
    torch._dynamo.reset()
    encoder = encoder_of(name, depth=1).train()
    compiled = torch.compile(encoder, fullgraph=True, backend="aot_eager")
    token = torch.randn(64, requires_grad=True)

    kept = {"keep_indices": torch.tensor([[0, 5, 6], [1, 2, 9]])}
    kinds = [(32, 2, kept | {"mask": mask_of({1, 2}, {5}), "mask_token": token})]
    if name == "vit_64x2_p8":
        kinds += [(16, 3, {}), (32, 2, kept | {"attention": True})]

    def crops():
        for size, batch, arguments in kinds:
            yield torch.rand(batch, 3, size, size), arguments

    for _ in range(2):
        for images, arguments in crops():
            for ours, plain in zip(compiled(images, **arguments), encoder(images, **arguments), strict=True):
                torch.testing.assert_close(ours, plain)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for images, arguments in crops():
            compiled(images, **arguments).cls.sum().backward()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                assert encoder(images, **arguments).cls.isfinite().all()
