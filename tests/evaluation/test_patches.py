"""Features of places, from encoders of every kind, on one grid."""

import pytest
import torch

from sslcourse.data import ImageSet
from sslcourse.evaluation.patches import extract_patches, to_grid
from sslcourse.evaluation.segmentation import segmentation_probe
from sslcourse.models import ConvNet, PrunedEncoder, build_encoder

ENCODERS = ("vit_64x2_p8", "vit_64x2_p8_conv", "convnet_4", "convnet_4_dilated", "test_resnet")


def squares(count, seed=0, sides=(32, 48)):
    """A bright square on dark noise, with its mask."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 60, (count, 3, *sides), generator=generator, dtype=torch.uint8)
    mask = torch.zeros(count, *sides, dtype=torch.bool)
    for image, own in zip(images, mask):
        top, left = (8 * torch.randint(3, (2,), generator=generator)).tolist()
        own[top : top + 16, left : left + 16] = True
        image[:, own] += 180
    return ImageSet(images, torch.zeros(count, dtype=torch.int64), ("square",), "toy", {"mask": mask})


def test_the_encoders_own_grid_row_by_row():
    torch.manual_seed(0)
    images = squares(3)
    vit = build_encoder("vit_64x2_p8", 32).eval()
    with torch.no_grad():
        tokens = vit(images.images.float() / 255).patches
    assert torch.equal(extract_patches(vit, images, batch_size=3), tokens)
    convnet = ConvNet(4, 3)
    maps = convnet.eval().feature_map(images.images.float() / 255)  # 3,16,8,12
    assert torch.equal(extract_patches(convnet, images.images)[:, 12 + 5], maps[:, :, 1, 5])


@pytest.mark.parametrize("name", ENCODERS)
def test_every_kind_comes_to_one_grid_and_goes_into_the_probe(name):
    torch.manual_seed(0)
    encoder, train, test = build_encoder(name, 32), squares(40), squares(20, seed=1)
    found = [extract_patches(encoder, each, (4, 6)) for each in (train, test)]
    assert found[0].shape[:2] == (40, 24) and found[0].dtype == torch.float32
    probe = segmentation_probe(found[0], train.extras["mask"], found[1], test.extras["mask"], (4, 6), epochs=20)
    assert probe.mean_iou > 0.5  # all background: 1/2 (1 - 1/6) = .42, and an untrained network sees brightness
    assert encoder.training


def test_finer_maps_are_averaged_and_coarser_ones_interpolated():
    maps = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    averaged = to_grid(maps, (4, 3))
    for row in range(4):
        for column in range(3):
            cell = maps[:, :, 2 * row : 2 * row + 2, 4 * column : 4 * column + 4]
            torch.testing.assert_close(averaged[:, :, row, column], cell.mean((2, 3)))
    enlarged = to_grid(maps[:, :, :1, :2], (1, 8))[:, :, 0]  # centres of the two lie at 2 and 6 of 8
    weight = ((torch.arange(8) + 0.5 - 2) / 4).clamp(0, 1)
    left, right = maps[:, :, 0, :1], maps[:, :, 0, 1:2]
    torch.testing.assert_close(enlarged, left * (1 - weight) + right * weight)
    mixed = to_grid(maps[:, :, :, :2], (4, 8))
    assert mixed.shape == (2, 3, 4, 8)
    torch.testing.assert_close(to_grid(maps, (5, 7)).mean((2, 3)), maps.mean((2, 3)), atol=0.02, rtol=0)


def test_on_an_accelerator(accelerator):
    torch.manual_seed(0)
    images = squares(3)
    for name in ("vit_64x2_p8", "convnet_4_dilated"):
        encoder = build_encoder(name, 32)
        here = extract_patches(encoder, images, (4, 6))
        there = extract_patches(encoder.to(accelerator), images, (4, 6))
        assert there.device.type == "cpu"
        torch.testing.assert_close(there, here)


def test_refusals():
    encoder = build_encoder("vit_64x2_p8", 32)
    with pytest.raises(TypeError, match="a PrunedEncoder has no feature_map"):
        extract_patches(PrunedEncoder(encoder, (1,)), squares(1))
    with pytest.raises(ValueError, match=r"grid must be \(rows, columns\), both at least 1; got \(0, 4\)"):
        extract_patches(encoder, squares(1), (0, 4))
