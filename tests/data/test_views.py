"""Two views of a batch."""

import pytest
import torch

from sslcourse.data.augment import Augmentation, augment
from sslcourse.data.views import two_views


def test_two_views_are_two_augmentations_in_turn():
    images = torch.randint(0, 256, (6, 3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    settings = Augmentation(16)
    views = two_views(images, settings, torch.Generator().manual_seed(5))
    assert views.shape == (2, 6, 3, 16, 16) and views.dtype == torch.float32
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(views, torch.stack([augment(images, settings, generator) for _ in range(2)]))
    assert not torch.equal(views[0], views[1])


def test_the_second_view_may_have_settings_of_its_own():
    images = torch.rand(6, 3, 24, 24)
    still = Augmentation(24, scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0, blur=0).without_color()
    views = two_views(images, Augmentation(24), torch.Generator().manual_seed(0), second=still)
    torch.testing.assert_close(views[1], images, atol=1e-6, rtol=0)
    assert not torch.allclose(views[0], images, atol=1e-2)


def test_views_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="one size"):
        two_views(torch.rand(2, 3, 24, 24), Augmentation(16), second=Augmentation(24))


def test_views_on_meta():
    assert (
        two_views(torch.empty(2, 3, 24, 24, device="meta"), Augmentation(16), torch.Generator()).device.type == "meta"
    )
