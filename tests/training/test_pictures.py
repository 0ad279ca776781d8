"""The report's pictures: attention that shows where, neighbours that are the nearest."""

import pytest
import torch
from toy_methods import Mean

from sslcourse.data.imageset import ImageSet
from sslcourse.figures import alt_text, heat
from sslcourse.methods import Method
from sslcourse.models import build_encoder
from sslcourse.training.images import few
from sslcourse.training.report import method_pictures, neighbour_rows


def test_the_brightest_place_is_the_one_attended_to():
    scores = torch.full((2, 16), 0.01)
    scores[0, 5], scores[1, 10] = 1.0, 0.3  # each image in its own range
    shown = heat(torch.zeros(2, 3, 16, 16), scores, (4, 4)).mean(1)  # B,H,W
    for image, patch in ((0, 5), (1, 10)):
        row, column = divmod(int(shown[image].argmax()), 16)
        assert (row // 4) * 4 + column // 4 == patch
    assert shown[0].amax() == pytest.approx(shown[1].amax().item())


def test_constant_scores_are_no_nan():
    assert heat(torch.rand(1, 3, 8, 8), torch.ones(1, 4), (2, 2)).isfinite().all()


def test_attention_for_tokens_and_previews_where_there_are_any():
    class Previewed(Method):
        def preview(self, images, generator):
            return {"kept patches": images * 0.5}

    images = torch.rand(3, 3, 32, 32)
    encoder = build_encoder("vit_64x2_p8", 32).train()
    assert list(method_pictures(Previewed(), encoder, images)) == ["image", "attention", "kept patches"]
    assert encoder.training
    assert list(method_pictures(Method(), Mean(), images)) == ["image"]


def test_neighbours_are_the_nearest_and_named():
    bright = (torch.arange(12) % 2 * 200).to(torch.uint8).view(12, 1, 1, 1).expand(12, 3, 8, 8).contiguous()
    images = ImageSet(bright, torch.arange(12) % 2, ("dark", "bright"), "toy")
    torch.manual_seed(0)
    figure = neighbour_rows(Mean(), images, images, count=2, neighbours=5)
    assert "100% of these are of the same class" in alt_text(figure)
    unlabelled = ImageSet(bright, torch.zeros(12, dtype=torch.int64), (), "toy")
    assert "class" not in alt_text(neighbour_rows(Mean(), unlabelled, unlabelled, count=2))


def test_one_image_of_each_class_before_a_second_of_any():
    images = ImageSet(torch.zeros(6, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 0, 0, 1, 2, 1]), tuple("abc"), "toy")
    assert sorted(few(images, 3).labels.tolist()) == [0, 1, 2] and few(images, 5).labels.bincount().tolist() == [
        2,
        2,
        1,
    ]
