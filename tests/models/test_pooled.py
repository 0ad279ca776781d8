"""Convolutional networks of timm as encoders: their features, their stem on small images, and frozen statistics."""

import pytest
import timm
import torch
from torch import nn

from sslcourse.models import PooledEncoder, build_encoder, make_teacher, update_ema


def test_features_are_those_of_the_timm_model_on_normalised_images():
    torch.manual_seed(0)
    encoder = build_encoder("test_resnet", image_size=64).eval()
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(encoder.features(images), encoder.model((images - 0.5) / 0.25))
    assert encoder.dim == encoder.features(images).shape[1] and encoder.name == "test_resnet"
    with pytest.raises(ValueError, match="must be float B,3,H,W"):
        encoder.features(images[0])


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_mambaout"])  # the last is channels-last
def test_the_map_is_what_the_network_pools(name):
    encoder = build_encoder(name, 64).eval()
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        found = encoder.feature_map(images)
        assert found.shape[2:] == (2, 3)
        as_timm = found if name != "test_mambaout" else found.permute(0, 2, 3, 1)
        torch.testing.assert_close(encoder.model.forward_head(as_timm), encoder.features(images))


def test_small_images_get_a_stem_that_keeps_their_resolution():
    small, large = build_encoder("resnet18", 32), build_encoder("resnet18", 64)
    images = torch.rand(2, 3, 32, 32)
    assert small.model.forward_features(images).shape == (2, 512, 4, 4)
    assert large.model.forward_features(images).shape == (2, 512, 1, 1)


def test_building_moves_no_statistics_and_leaves_the_encoder_in_training_mode():
    encoder, plain = build_encoder("resnet18", 64), timm.create_model("resnet18", num_classes=0)
    assert encoder.training and torch.equal(encoder.model.bn1.running_mean, plain.bn1.running_mean)
    assert encoder.model.bn1.num_batches_tracked == 0


def test_frozen_statistics_do_not_move_in_training_and_a_teacher_keeps_them():
    encoder = build_encoder("test_resnet", 64, frozen_statistics=True)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in encoder.modules())
    before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    teacher = make_teacher(encoder)
    for image_count in (1, 4):  # also a single image: nothing depends on the batch
        encoder.train().features(torch.rand(image_count, 3, 64, 64)).sum().backward()
    update_ema(teacher, encoder, 0.5)
    for name, buffer in [*encoder.named_buffers(), *teacher.named_buffers()]:
        assert torch.equal(buffer, before[name]), name


def test_a_network_without_one_vector_an_image_is_refused():
    with pytest.raises(ValueError, match="'resnet18' .a Identity. does not turn an image into one vector"):
        PooledEncoder(nn.Identity(), "resnet18", 32)
