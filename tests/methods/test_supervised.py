"""Training with labels: each crop gets its image's label, through the loop that knows no labels otherwise."""

import torch
import torch.nn.functional as F
from small_methods import CROPS, images, vit

from sslcourse.data.imageset import ImageSet
from sslcourse.methods import Supervised, SupervisedSettings
from sslcourse.training.fit import fit
from sslcourse.training.settings import FitSettings


def supervised(classes=3):
    torch.manual_seed(0)
    return Supervised(vit(), SupervisedSettings(classes, CROPS))


def test_every_crop_is_classified_as_its_image():
    method, labels = supervised(), torch.tensor([0, 1, 2, 1])
    views = method.draw_views(images(4), torch.Generator().manual_seed(1), labels=labels)
    crops = [*views.global_views, *views.local_views]
    losses = [F.cross_entropy(method.head(method.encoder.features(crop)), labels) for crop in crops]
    torch.testing.assert_close(method(views)[0], torch.stack(losses).mean())


def test_the_loop_gives_the_labels_of_the_batch():
    """Bright and dark pictures are told apart after a few steps, which no wrong order of labels would allow."""
    labels = torch.arange(32) % 2
    pictures = (labels * 200)[:, None, None, None].expand(-1, 3, 32, 32).to(torch.uint8).contiguous()
    plain = {name: 0.0 for name in ("color", "grayscale", "blur")}
    crops = CROPS.__class__(
        *(crop.__class__(crop.size, crop.scale, **plain) for crop in (CROPS.global_crop, CROPS.local_crop))
    )
    torch.manual_seed(0)
    method = Supervised(vit(), SupervisedSettings(2, crops))
    rows = fit(
        method, ImageSet(pictures, labels, ("dark", "bright"), "toy"), FitSettings(12, 8, 3e-3, log_every=4), out=None,
        progress=False,
    )  # fmt: skip
    assert rows[-1]["accuracy"] == 1
