"""Features of a set: evaluation mode inside, everything as before outside, batches and sizes without effect."""

import pytest
import torch
from torch import nn

from sslcourse.data import ImageSet
from sslcourse.evaluation import evaluate_knn, extract_features
from sslcourse.models import ConvNet, build_encoder


class Recorder(nn.Module):
    """An encoder that remembers what it was shown."""

    def __init__(self):
        super().__init__()
        self.frozen, self.dropout, self.seen, self.dim = nn.Dropout(), nn.Dropout(0.5), [], 3
        self.scale = nn.Parameter(torch.ones(()))

    def features(self, images):
        self.seen.append((images.shape, images.dtype, torch.is_grad_enabled(), self.training))
        return self.dropout(images.mean((2, 3)) * self.scale)


def photos(n=10, size=8, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, size, size), generator=g, dtype=torch.uint8)


def test_modes_are_put_back_for_every_part():
    encoder = Recorder().train()
    encoder.frozen.eval()
    features = extract_features(encoder, photos(), batch_size=4)
    assert [shape[0] for shape, *_ in encoder.seen] == [4, 4, 2]
    assert all(row[1:] == (torch.float32, False, False) for row in encoder.seen)
    assert encoder.training and encoder.dropout.training and not encoder.frozen.training
    assert features.shape == (10, 3) and not features.requires_grad and features.device.type == "cpu"
    torch.testing.assert_close(features, photos().float().mean((2, 3)) / 255)


def test_modes_are_put_back_after_an_error():
    encoder = Recorder().train()
    encoder.features = lambda images: 1 / 0
    with pytest.raises(ZeroDivisionError):
        extract_features(encoder, photos())
    assert encoder.training and encoder.dropout.training


def test_batch_statistics_are_not_touched():
    encoder = ConvNet(8, 3)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    whole = extract_features(encoder, photos(9, 16))
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())
    torch.testing.assert_close(extract_features(encoder, photos(9, 16), batch_size=2), whole, rtol=1e-4, atol=1e-5)


def test_image_sets_float_images_and_sizes():
    encoder = build_encoder("vit_64x2_p8", image_size=16)
    images = photos(4, 16)
    plain = extract_features(encoder, images)
    torch.testing.assert_close(extract_features(encoder, images.float() / 255), plain)
    held = ImageSet(images, torch.zeros(4, dtype=torch.int64), ("x",), "toy")
    assert torch.equal(extract_features(encoder, held, size=16), plain)
    big = images.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert extract_features(encoder, big, size=16).shape == plain.shape
    with pytest.raises(ValueError, match="multiples of the patch side 8; got 20 x 20"):
        extract_features(encoder, photos(4, 20))


def test_half_precision_encoders_give_float32():
    assert extract_features(ConvNet(8, 2).bfloat16().float(), photos()).dtype == torch.float32

    class Half(Recorder):
        def features(self, images):
            return super().features(images).bfloat16()

    assert extract_features(Half(), photos()).dtype == torch.float32


def test_refusals():
    for images in (torch.zeros(3, 8, 8), torch.zeros(2, 1, 8, 8), torch.zeros(0, 3, 8, 8)):
        with pytest.raises(ValueError, match="N,3,H,W"):
            extract_features(Recorder(), images)
    with pytest.raises(ValueError, match="batch_size must be at least 1; got 0"):
        extract_features(Recorder(), photos(), batch_size=0)


def test_evaluate_knn_tells_colours_apart():
    def colours(count, seed):
        g = torch.Generator().manual_seed(seed)
        labels = torch.arange(count) % 3
        images = torch.randint(0, 60, (count, 3, 8, 8), generator=g, dtype=torch.uint8)
        images[torch.arange(count), labels] += 150
        return ImageSet(images, labels, ("red", "green", "blue"), "toy")

    assert evaluate_knn(Recorder(), colours(30, 0), colours(12, 1), k=5) == 1.0
    with pytest.raises(ValueError, match="between 1 and the 30 training rows; got k=31"):
        evaluate_knn(Recorder(), colours(30, 0), colours(12, 1), k=31)
