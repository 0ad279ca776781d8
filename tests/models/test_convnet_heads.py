"""The convolutional encoder and the projection head: shapes, gradients, modes, refusals."""

import copy

import pytest
import torch
from torch import nn

from sslcourse.evaluation import effective_rank, extract_features
from sslcourse.models import ConvNet, ProjectionHead


@pytest.mark.parametrize(("width", "depth", "size"), [(8, 3, 32), (16, 4, 64), (4, 1, 9)])
def test_features_have_the_promised_width(width, depth, size):
    encoder = ConvNet(width, depth)
    features = encoder.features(torch.rand(2, 3, size, size))
    assert features.shape == (2, encoder.dim) and features.dtype == torch.float32
    assert torch.equal(encoder.eval()(torch.ones(1, 3, size, size)), encoder.features(torch.ones(1, 3, size, size)))


def test_every_parameter_of_the_convnet_gets_a_gradient():
    torch.manual_seed(0)
    encoder = ConvNet(8, 3)
    features = encoder.features(torch.rand(4, 3, 32, 32))
    (features * torch.randn_like(features)).sum().backward()
    assert all(parameter.grad.any() for parameter in encoder.parameters())


def test_memory_format_changes_speed_only():
    torch.manual_seed(0)
    encoder = ConvNet(8, 3).eval()
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(encoder(images), encoder(images.to(memory_format=torch.channels_last)))


def test_taking_the_maximum_first_starts_as_if_it_came_last():
    torch.manual_seed(0)
    conv, pool, norm, relu = ConvNet(32, 2).train().stages[0]
    x = conv(torch.randn(64, 3, 16, 16))
    first = relu(norm(pool(x)))
    last = pool(relu(nn.BatchNorm2d(32)(x)))
    # neighbours share pixels and are a little less spread than four independent values
    assert first.mean().item() == pytest.approx(last.mean().item(), rel=0.1)
    assert first.std().item() == pytest.approx(last.std().item(), rel=0.1)


def test_an_untrained_encoder_is_a_random_network_and_not_nearly_constant():
    """Evaluated with running statistics that nothing has updated, it must not drown in its own bias."""
    torch.manual_seed(0)
    images = torch.nn.functional.interpolate(torch.rand(200, 3, 8, 8), size=32, mode="bilinear")
    features = extract_features(ConvNet(16, 4), images)
    assert effective_rank(features) > 8
    assert (features.std(0) > 1e-4).float().mean() > 0.5


def test_a_dilated_convnet_is_the_strided_one_at_more_places():
    torch.manual_seed(0)
    strided, images = ConvNet(4, 5).eval(), torch.rand(2, 3, 32, 48)
    coarse = strided.feature_map(images)
    assert coarse.shape == (2, 64, 2, 3) and torch.equal(coarse.mean((2, 3)), strided.features(images))
    for halvings in range(4):
        dilated = ConvNet(4, 5, halvings=halvings).eval()
        dilated.load_state_dict(strided.state_dict())
        fine, step = dilated.feature_map(images), 2 ** (4 - halvings)
        assert fine.shape == (2, 64, 2 * step, 3 * step)
        torch.testing.assert_close(fine[:, :, ::step, ::step], coarse)
    with pytest.raises(ValueError, match=r"halvings must lie in 0\.\.4, the depth less 1; got 5"):
        ConvNet(4, 5, halvings=5)


def test_convnet_meta_and_copy():
    with torch.device("meta"):
        assert ConvNet(8, 3).features(torch.rand(2, 3, 32, 32)).shape == (2, ConvNet(8, 3).dim)
    encoder = ConvNet(8, 3).eval()
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(copy.deepcopy(encoder)(images), encoder(images))


def test_convnet_refuses_wrong_images():
    for images, message in [
        (torch.rand(3, 32, 32), r"B,3,H,W .*got \(3, 32, 32\)"),
        (torch.rand(1, 3, 2, 2), "at least"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "float in .* got torch.uint8"),
    ]:
        with pytest.raises(ValueError, match=message):
            ConvNet(8, 4).features(images)


def test_convnet_refuses_wrong_settings():
    with pytest.raises(ValueError, match="width and depth must be at least 1; got width=0"):
        ConvNet(0)


def test_heads_of_every_kind():
    for norm in ["batch", "group", "layer", "none"]:
        for layers in [1, 2, 3]:
            torch.manual_seed(0)
            head = ProjectionHead(10, 32, 6, layers=layers, norm=norm)
            linear = [part for part in head if isinstance(part, nn.Linear)]
            assert len(linear) == layers and sum(isinstance(part, nn.ReLU) for part in head) == layers - 1
            assert all((part.bias is None) == (norm != "none") for part in linear[:-1]) and linear[-1].bias is not None
            out = head(torch.randn(8, 10))
            assert out.shape == (8, 6)
            (out * torch.randn_like(out)).sum().backward()
            assert all(parameter.grad.any() for parameter in head.parameters())


def test_only_batch_norm_lets_images_see_each_other():
    torch.manual_seed(0)
    features = torch.randn(8, 10)
    for norm in ("batch", "group", "layer", "none"):
        head = ProjectionHead(10, 32, 6, norm=norm)
        alone = torch.allclose(head(features)[:4], head(features[:4]), atol=1e-6)
        assert alone == (norm != "batch")


def test_group_norm_falls_back_to_one_group():
    assert ProjectionHead(4, 48, 2, norm="group")[1].num_groups == 3
    assert ProjectionHead(4, 10, 2, norm="group")[1].num_groups == 1


def test_head_refusals():
    with pytest.raises(ValueError, match="norm must be one of batch, group, layer, none; got 'instance'"):
        ProjectionHead(4, 4, 4, norm="instance")
    with pytest.raises(ValueError, match="layers must be at least 1; got 0"):
        ProjectionHead(4, 4, 4, layers=0)
