"""Corruptions against slow references, and severities that only get worse."""

import colorsys
import io

import numpy as np
import pytest
import torch
from harness import Colours
from PIL import Image

from sslcourse.data import ImageSet
from sslcourse.evaluation.corruptions import CHUNK, CORRUPTIONS, SEVERITIES, corrupt, corruption_table


def pictures(n=6, size=32, seed=0):
    """Smooth pictures with an edge, and some detail."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 5, 5, generator=generator)
    images = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    images[:, :, size // 2 :] = 1 - images[:, :, size // 2 :]
    images = images + 0.05 * torch.randn(n, 3, size, size, generator=generator)
    return (images * 255).clamp(0, 255).to(torch.uint8)


def colours(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = torch.randint(60, 100, (count, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images[torch.arange(count), labels] += 80
    return ImageSet(images, labels, ("red", "green", "blue"), "toy")


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_is_further_from_the_picture(name):
    images = pictures()
    before = images.clone()
    distances = []
    for severity in SEVERITIES:
        changed = corrupt(images, name, severity, generator())
        assert changed.dtype == torch.uint8 and changed.shape == images.shape
        distances.append((changed.double() - images.double()).square().mean().item())
    assert distances[0] > 0 and distances == sorted(set(distances)) and torch.equal(images, before)


def test_brightness_adds_to_the_value_of_hsv():
    images = pictures(1, 8)
    images[0, :, 0, 0] = 0
    changed = corrupt(images, "brightness", 3)
    for before, after in zip(images[0].flatten(1).T.tolist(), changed[0].flatten(1).T.tolist()):
        hue, saturation, value = colorsys.rgb_to_hsv(*(level / 255 for level in before))
        expected = colorsys.hsv_to_rgb(hue, saturation, min(value + 0.3, 1))
        assert after == pytest.approx([255 * level for level in expected], abs=0.51)


def test_contrast_and_noise_are_numbers_of_their_definition():
    images = pictures()
    unit = images.double() / 255
    mean = unit.mean((2, 3), keepdim=True)
    found = corrupt(images, "contrast", 2).double() / 255
    torch.testing.assert_close(found, mean + 0.3 * (unit - mean), rtol=0, atol=0.51 / 255)
    grey = torch.full((20, 3, 32, 32), 128, dtype=torch.uint8)
    for severity, sigma in ((1, 0.04), (5, 0.18)):
        assert corrupt(grey, "noise", severity, generator()).double().std() / 255 == pytest.approx(sigma, rel=0.02)


def test_blur_is_that_of_pillow_and_grows_with_the_image():
    images = pictures(1, 64)
    array = images[0].permute(1, 2, 0).numpy()
    ours = corrupt(images, "blur", 5)[0].double()
    spots = []
    for size in (32, 64, 128):  # the width of a point after the blur, relative to the image
        point = torch.zeros(1, 3, size, size, dtype=torch.uint8)
        point[..., size // 2 - size // 16 : size // 2 + size // 16, :] = 255
        profile = corrupt(point, "blur", 5)[0, 0, :, size // 2].double()
        place = torch.arange(size).double() / size
        centre = (profile * place).sum() / profile.sum()
        spots.append(((profile * (place - centre).square()).sum() / profile.sum()).sqrt().item())
    assert spots == pytest.approx([spots[1]] * 3, rel=0.02)
    from PIL import ImageFilter

    other = np.asarray(Image.fromarray(array).filter(ImageFilter.GaussianBlur(3)))
    difference = (ours - torch.from_numpy(other.copy()).permute(2, 0, 1).double())[:, 12:-12, 12:-12].abs()
    assert difference.mean() < 2  # levels; Pillow's is an approximation by boxes


def test_jpeg_is_pillows_file_and_pixelate_makes_blocks():
    images = pictures(2)
    for picture, found in zip(images, corrupt(images, "jpeg", 4)):
        file = io.BytesIO()
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=40)
        assert np.array_equal(np.asarray(Image.open(file)), found.permute(1, 2, 0).numpy())
    blocks = corrupt(images, "pixelate", 2).unfold(2, 2, 2).unfold(3, 2, 2)
    means = images.double().unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))
    assert (blocks == blocks[..., :1, :1]).all() and (blocks[..., 0, 0] - means).abs().max() <= 0.51


def test_chunks_change_nothing_and_noise_is_drawn_by_the_generator():
    images = pictures(3, 8).repeat(CHUNK // 3 + 2, 1, 1, 1)
    for name in ("blur", "jpeg"):
        assert torch.equal(corrupt(images, name, 2)[-3:], corrupt(images[-3:], name, 2))
    assert torch.equal(corrupt(images, "noise", 2, generator()), corrupt(images, "noise", 2, generator()))


def test_the_table_says_what_is_lost():
    train, test = colours(30), colours(12, seed=1)
    rows = corruption_table(Colours(), train, test, k=5)
    assert len(rows) == 1 + len(CORRUPTIONS) * 5 and rows[0]["accuracy"] == 1.0
    found = {(row["corruption"], row["severity"]): row["accuracy"] for row in rows}
    assert all(found[name, severity] == 1.0 for name in ("blur", "pixelate", "low_resolution") for severity in (1, 3))
    assert all(row["relative"] == row["accuracy"] for row in rows)
    wrong = ImageSet(test.images, (test.labels + 1) % 3, test.classes, "wrong")
    assert np.isnan(corruption_table(Colours(), train, wrong, corruptions=["blur"], k=5)[1]["relative"])


def test_on_an_accelerator(accelerator):
    here = corruption_table(Colours(), colours(30), colours(12, seed=1), severities=[5], k=5)
    there = corruption_table(
        Colours().to(accelerator), colours(30).to(accelerator), colours(12, seed=1).to(accelerator), severities=[5], k=5
    )
    assert [row["accuracy"] for row in there] == pytest.approx([row["accuracy"] for row in here], abs=0.1)


def test_refusals():
    with pytest.raises(ValueError, match="corruption must be one of noise, .*; got 'fog'"):
        corruption_table(Colours(), colours(3), colours(3), corruptions=["fog"])
    with pytest.raises(ValueError, match="severity must be one of 1 to 5; got 0"):
        corrupt(pictures(), "blur", 0)
    with pytest.raises(ValueError, match="images must be uint8"):
        corrupt(pictures().float(), "blur", 1)
