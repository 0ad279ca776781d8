"""Similarity of crops by overlap and of augmented views, against encoders whose answer is known and slow formulas."""

import math

import pytest
import torch
import torch.nn.functional as F
from harness import Colours
from torch import nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import two_views
from sslcourse.evaluation.features import extract_features
from sslcourse.evaluation.invariance import alignment_uniformity, crop_similarity, cut, draw_corners, shared
from sslcourse.models import ConvNet, build_encoder


class Places(nn.Module):
    """Which places of the image a crop shows: the features of two crops have their share of pixels as cosine."""

    def features(self, images):
        return F.one_hot((images[:, 0] * 255).round().long().flatten(1), 256).sum(1)


class Constant(nn.Module):
    """One point for everything: the trivial shortcut."""

    def features(self, images):
        return torch.ones(len(images), 4, device=images.device)


def numbered(count=6):
    """Images of 16 x 12 pixels, each with its own number."""
    return torch.arange(16 * 12, dtype=torch.uint8).view(1, 1, 16, 12).repeat(count, 3, 1, 1)


def noise(count=40, side=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, side, side), generator=generator, dtype=torch.uint8)


def test_overlap_is_that_of_sets_of_pixels():
    corners = draw_corners(2000, (16, 12), 6, torch.Generator().manual_seed(0))
    crops = cut(numbered(1).expand(2000, -1, -1, -1), corners, 6)[:, :, 0].flatten(2)
    found = shared(corners, 6)
    for (one, other), share, ((top, left), _) in zip(crops.tolist(), found.tolist(), corners.tolist()):
        assert one == [12 * (top + i) + left + j for i in range(6) for j in range(6)]
        assert len({*one} & {*other}) / 36 == share
    assert (found == 0).double().mean() == pytest.approx(0.1, abs=0.06)  # rounding adds some
    assert found[found > 0].mean() == pytest.approx(0.5, abs=0.03)
    large = shared(draw_corners(20000, (128, 128), 64, torch.Generator().manual_seed(0)), 64)
    assert torch.histc(large[large > 0], 5, 0, 1) / 18000 == pytest.approx(0.2 * torch.ones(5), abs=0.02)


def test_cosines_of_an_encoder_that_knows_its_place():
    found = crop_similarity(Places(), numbered(), side=6, pairs=50)
    torch.testing.assert_close(found.cosine, found.share, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.iou, found.share * 36 / (72 - found.share * 36))
    rows = found.curve(4)
    assert len(rows) == 5 and rows[0]["share"] == 0 and sum(row["pairs"] for row in rows) == 300
    for row, low in zip(rows[1:], (0, 0.25, 0.5, 0.75)):
        here = (found.share > low) & (found.share <= low + 0.25)
        assert row["cosine"] == pytest.approx(found.share[here].mean().item(), abs=1e-6)
        assert row["relative"] == pytest.approx((row["cosine"] - found.floor) / (1 - found.floor))


def test_the_floor_is_the_mean_over_crops_of_different_images():
    torch.manual_seed(0)
    encoder, images = ConvNet(4, 3), noise(5)
    found = crop_similarity(encoder, images, side=16, pairs=3)
    corners = draw_corners(15, (32, 32), 16, torch.Generator().manual_seed(0))
    crops = cut(images.repeat_interleave(3, 0), corners, 16).flatten(0, 1)
    features = extract_features(encoder, crops).double()
    owner = [number // 6 for number in range(30)]
    cosines = [
        F.cosine_similarity(features[i], features[j], dim=0).item()
        for i in range(30)
        for j in range(i)
        if owner[i] != owner[j]
    ]
    assert found.floor == pytest.approx(sum(cosines) / len(cosines))
    own = F.cosine_similarity(features[0::2], features[1::2])
    torch.testing.assert_close(found.cosine, own)


def test_a_shortcut_is_seen():
    found = crop_similarity(Constant(), noise(4), side=8)
    assert found.floor == pytest.approx(1) and found.curve()[0]["cosine"] == pytest.approx(1)
    assert crop_similarity(Colours(), noise(4), side=8, size=24).cosine.shape == (16,)


def test_alignment_and_uniformity_are_wang_and_isolas():
    torch.manual_seed(0)
    encoder, images, how = ConvNet(4, 3), noise(30), Augmentation(size=24)
    found = alignment_uniformity(encoder, images, how, generator=torch.Generator().manual_seed(5))
    views = two_views(images, how, torch.Generator().manual_seed(5))
    x, y = (F.normalize(extract_features(encoder, view).double(), dim=1) for view in views)
    assert found.alignment == pytest.approx((x - y).norm(dim=1).pow(2).mean().item(), rel=1e-4)
    spread = [torch.pdist(each).pow(2).mul(-2).exp().mean().log().item() for each in (x, y)]
    assert found.uniformity == pytest.approx(sum(spread) / 2, rel=1e-4)
    collapsed = alignment_uniformity(Constant(), images, how)
    assert collapsed.alignment == 0 and collapsed.uniformity == pytest.approx(0, abs=1e-6)
    assert found == alignment_uniformity(encoder, images, how, generator=torch.Generator().manual_seed(5))


def test_on_an_accelerator(accelerator):
    torch.manual_seed(0)
    encoder, images = build_encoder("vit_64x2_p8", 32), noise(6)
    here = crop_similarity(encoder, images, side=16), alignment_uniformity(encoder, images, Augmentation(size=32))
    encoder.to(accelerator)
    for given in (images, images.to(accelerator)):
        there = crop_similarity(encoder, given, side=16)
        torch.testing.assert_close(there.cosine, here[0].cosine, atol=1e-5, rtol=0)
        assert there.floor == pytest.approx(here[0].floor, abs=1e-5)
        found = alignment_uniformity(encoder, given, Augmentation(size=32))
        assert all(math.isclose(a, b, abs_tol=1e-3) for a, b in zip(found, here[1]))


def test_refusals():
    with pytest.raises(ValueError, match="at least 2 images N,3,H,W and 1 pair of each are needed; got"):
        crop_similarity(Constant(), noise(1), side=8)
    with pytest.raises(ValueError, match="side must be at most half of the images' 32 x 32; got 17"):
        crop_similarity(Constant(), noise(2), side=17)
    with pytest.raises(ValueError, match="at least 2 rows"):
        alignment_uniformity(Constant(), noise(1), Augmentation(size=8))
