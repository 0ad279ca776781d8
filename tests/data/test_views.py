"""Two views of a batch; global and local crops."""

import pytest
import torch
from harness import Operators

from sslcourse.data.augment import Augmentation, apply, augment, draw
from sslcourse.data.views import MultiCropSettings, multi_crop, two_views


def test_two_views_are_two_augmentations_in_turn():
    images = torch.randint(0, 256, (6, 3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    settings = Augmentation(16)
    views = two_views(images, settings, torch.Generator().manual_seed(5))
    assert views.shape == (2, 6, 3, 16, 16) and views.dtype == torch.float32
    generator = torch.Generator().manual_seed(5)
    each = torch.stack([augment(images, settings, generator) for _ in range(2)])
    torch.testing.assert_close(views, each, atol=1e-5, rtol=0)  # a processor may add up a larger batch in another order
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


# --- global and local crops

GLOBAL, LOCAL = Augmentation(32, scale=(0.4, 1.0)), Augmentation(16, scale=(0.05, 0.4))


def pictures(count=6, size=40):
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("crops", [(2, 6), (2, 0), (1, 1), (3, 2)])
def test_multi_crop_shapes(crops):
    settings = MultiCropSettings(GLOBAL, LOCAL, global_crops=crops[0], local_crops=crops[1])
    views = multi_crop(pictures(), settings, torch.Generator().manual_seed(1))
    assert views.global_views.shape == (crops[0], 6, 3, 32, 32) and views.local_views.shape == (crops[1], 6, 3, 16, 16)
    for each in views:
        assert each.dtype == torch.float32
        assert not each.numel() or (each.min() >= 0 and each.max() <= 1)


def test_multi_crop_is_each_crop_by_itself_with_one_draw_for_a_kind():
    images, settings = pictures(), MultiCropSettings(GLOBAL, LOCAL, local_crops=3)
    views = multi_crop(images, settings, torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(1)
    for crops, each in ((views.global_views, GLOBAL), (views.local_views, LOCAL)):
        draws = draw(each, len(crops) * 6, 40, 40, generator)
        expected = [apply(images, draws[6 * n : 6 * n + 6]) for n in range(len(crops))]
        torch.testing.assert_close(crops, torch.stack(expected), atol=1e-5, rtol=0)
    again = multi_crop(images, settings, torch.Generator().manual_seed(1))
    assert torch.equal(views.global_views, again.global_views) and torch.equal(views.local_views, again.local_views)


def test_every_crop_of_every_image_is_another():
    image = pictures(1).expand(5, -1, -1, -1)
    views = multi_crop(image, MultiCropSettings(GLOBAL, LOCAL, local_crops=4), torch.Generator().manual_seed(1))
    for crops in views:
        flat = crops.flatten(0, 1).flatten(1)
        assert (torch.cdist(flat, flat) + torch.eye(len(flat)) > 1e-3).all()


def test_the_second_global_crop_alone_may_have_settings_of_its_own():
    still = Augmentation(40, scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0, blur=0).without_color()
    moving = Augmentation(40)
    images = pictures()
    settings = MultiCropSettings(moving, LOCAL, second_global=still, global_crops=3)
    views = multi_crop(images, settings, torch.Generator().manual_seed(0)).global_views
    torch.testing.assert_close(views[1], images / 255, atol=1e-6, rtol=0)
    for other in (views[0], views[2]):
        assert not torch.allclose(other, images / 255, atol=1e-2)


def test_local_crops_show_less_of_the_image():
    """On a horizontal ramp the range of values in a crop is the width that it shows."""
    ramp = torch.linspace(0, 1, 64).expand(200, 3, 64, 64)
    plain = {"blur": 0.0, "color": 0.0, "grayscale": 0.0}
    settings = MultiCropSettings(
        Augmentation(32, scale=(0.4, 1.0), **plain), Augmentation(16, scale=(0.05, 0.4), **plain)
    )
    views = multi_crop(ramp, settings, torch.Generator().manual_seed(0))
    width = [(crops.amax(-1) - crops.amin(-1)).mean().item() for crops in views]
    assert width[0] == pytest.approx(0.82, abs=0.05) and width[1] == pytest.approx(0.44, abs=0.05)


def test_multi_crop_on_meta():
    views = multi_crop(torch.empty(2, 3, 40, 40, device="meta"), MultiCropSettings(GLOBAL, LOCAL), torch.Generator())
    assert {each.device.type for each in views} == {"meta"}


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="global_crops=0"):
        MultiCropSettings(GLOBAL, LOCAL, global_crops=0)
    with pytest.raises(ValueError, match="local_crops=-1"):
        MultiCropSettings(GLOBAL, LOCAL, local_crops=-1)
    with pytest.raises(ValueError, match="one size to be stacked; got 32 and 16"):
        MultiCropSettings(GLOBAL, LOCAL, second_global=LOCAL)
    with pytest.raises(ValueError, match="second_global needs"):
        MultiCropSettings(GLOBAL, LOCAL, second_global=GLOBAL, global_crops=1)
    for make, settings in ((multi_crop, MultiCropSettings(GLOBAL, LOCAL)), (two_views, GLOBAL), (augment, GLOBAL)):
        with pytest.raises(ValueError, match="B,3,H,W"):
            make(torch.zeros(3, 40, 40), settings)
        with pytest.raises(TypeError, match="uint8"):
            make(torch.zeros(2, 3, 40, 40, dtype=torch.int64), settings)


@pytest.mark.parametrize("size", [24, 96])
def test_several_views_in_one_pass_are_those_made_one_by_one(size, monkeypatch):
    images = torch.randint(0, 256, (7, 3, 70, 70), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    draws = draw(Augmentation(size, solarize=0.3), 3 * 7, 70, 70, torch.Generator().manual_seed(1))
    apart = torch.cat([apply(images, draws[7 * view : 7 * (view + 1)]) for view in range(3)])
    torch.testing.assert_close(apply(images, draws), apart, atol=2e-6, rtol=0)
    monkeypatch.setattr("sslcourse.data.augment.CHUNK", 2 * 3 * 3 * 96 * 96)  # a few images at a time
    torch.testing.assert_close(apply(images, draws), apart, atol=2e-6, rtol=0)
    with pytest.raises(ValueError, match="7 images, 20 draws"):
        apply(images, draws[:20])


@pytest.mark.parametrize("second", [{"solarize": 0.9, "color": 0.0, "grayscale": 0.0}, {"blur": 0.0}])
def test_kinds_of_crops_join_in_one_pass_or_stay_apart_and_look_the_same(second):
    images = torch.rand(5, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    first, other, local = Augmentation(32), Augmentation(32, **second), Augmentation(16, grayscale=1.0)
    crops = multi_crop(images, MultiCropSettings(first, local, other, 3, 2), torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    apart = [augment(images, how, generator) for how in (first, other, first)]
    torch.testing.assert_close(crops.global_views, torch.stack(apart), atol=2e-6, rtol=0)
    local_draws = draw(local, 10, 40, 40, generator)
    torch.testing.assert_close(crops.local_views.flatten(0, 1), apply(images, local_draws), atol=2e-6, rtol=0)


def test_the_operators_of_eight_crops_are_few():
    """A GPU waits for its host, which launches every operator: they must not grow with the number of crops."""
    images = torch.randint(0, 256, (8, 3, 64, 64), dtype=torch.uint8)
    counts = []
    for local_crops in (2, 6):
        settings = MultiCropSettings(Augmentation(64, blur=0), Augmentation(32, blur=0), local_crops=local_crops)
        generator = torch.Generator().manual_seed(0)
        multi_crop(images, settings, generator)  # makes what is kept
        with Operators() as operators:
            multi_crop(images, settings, generator)
        counts.append(len(operators.calls))
    assert counts[0] == counts[1] <= 300


def test_an_empty_batch_has_as_many_views_as_any_other():
    nothing = torch.zeros(0, 3, 40, 40, dtype=torch.uint8)
    assert two_views(nothing, Augmentation(size=32)).shape == (2, 0, 3, 32, 32)
    crops = multi_crop(nothing, MultiCropSettings(Augmentation(size=32), Augmentation(size=16), local_crops=3))
    assert (crops.global_views.shape, crops.local_views.shape) == ((2, 0, 3, 32, 32), (3, 0, 3, 16, 16))
