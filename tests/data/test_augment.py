"""The batched augmentation against Pillow, torchvision and slow references; its draws; what it must never do."""

import colorsys
import itertools
import math

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as vision
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sslcourse.data.augment import Augmentation, Draws, apply, augment, draw
from sslcourse.data.color import YIQ, color_maps, hue_rotation, solarize

PILLOW = 1.5 / 255  # Pillow rounds to whole levels after each axis
EXACT = 2e-6  # the same arithmetic in float32
LUMA = 2e-4  # torchvision's luma weights sum to 0.9999, ours to 1
SIZES = [(48, 40, 24), (32, 32, 32), (30, 44, 64), (96, 96, 96), (200, 224, 112), (224, 224, 224), (300, 260, 100)]


def photos(count=4, height=48, width=48, low=0.0, high=1.0, seed=0):
    """Smooth random pictures in [low, high]."""
    rough = torch.rand(count, 3, 9, 9, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(rough, (height, width), mode="bicubic").clamp(0, 1)
    return low + (high - low) * smooth


def random_boxes(count, height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    low, span = torch.rand(2, count, 2, generator=generator)
    sides = torch.tensor([height, width])
    extent = (1 + (0.2 + 0.8 * span) * (sides - 1)).long()
    start = (low * (sides - extent + 1)).long()
    return torch.cat([start, extent], dim=1)


def crop(images, boxes, size, flips=None):
    return apply(images, Draws(size, boxes, torch.zeros(len(images), dtype=torch.bool) if flips is None else flips))


def blur(images, sigma, radius):
    side, count = images.shape[-1], len(images)
    boxes = torch.tensor([[0, 0, side, side]] * count)
    return apply(images, Draws(side, boxes, torch.zeros(count, dtype=torch.bool), radius, sigma=sigma))


def recolor(images, **steps):
    linear, pull = color_maps(**steps)
    pixels = images.flatten(2)
    return (linear @ pixels + pull @ pixels.mean(2, keepdim=True)).view_as(images)


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_crop_and_flip_are_pillows(height, width, size):
    images = photos(4, height, width).mul(255).round().byte()
    boxes, flips = random_boxes(4, height, width), torch.tensor([False, True, False, True])
    views = crop(images, boxes, size, flips)
    for image, (top, left, tall, wide), flip, view in zip(images, boxes.tolist(), flips, views, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy()).crop((left, top, left + wide, top + tall))
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
        if flip:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        expected = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
        torch.testing.assert_close(view, expected, atol=PILLOW, rtol=0)


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_crop_is_torchvisions_on_floats(height, width, size):
    images, boxes = photos(3, height, width), random_boxes(3, height, width, seed=1)
    views = crop(images, boxes, size)
    for image, box, view in zip(images, boxes.tolist(), views, strict=True):
        expected = vision.resized_crop(image, *box, [size, size], antialias=True)
        torch.testing.assert_close(view, expected, atol=EXACT, rtol=0)


def test_crop_of_everything_at_its_own_size_changes_nothing():
    images = photos(2, 100, 100)
    boxes = torch.tensor([[0, 0, 100, 100]] * 2)
    torch.testing.assert_close(crop(images, boxes, 100), images, atol=EXACT, rtol=0)


def test_crop_of_one_pixel_fills_the_view():
    images = photos(1, 16, 16)
    views = crop(images, torch.tensor([[3, 5, 1, 1]]), 8)
    torch.testing.assert_close(views, images[:, :, 3:4, 5:6].expand(-1, -1, 8, 8))


@pytest.mark.parametrize(("side", "radius"), [(32, 6), (7, 6), (96, 6), (100, 11), (224, 3)])
def test_blur_is_torchvisions(side, radius):
    images = photos(4, side, side)
    sigma = torch.tensor([0.1, 0.7, 2.0, 0.0])
    views = blur(images, sigma, radius)
    for image, one, view in zip(images, sigma.tolist(), views, strict=True):
        expected = vision.gaussian_blur(image, [2 * radius + 1] * 2, [one] * 2) if one else image
        torch.testing.assert_close(view, expected, atol=EXACT, rtol=0)


def test_blur_that_mirrors_too_far_is_refused():
    with pytest.raises(ValueError, match="radius"):
        blur(photos(1, 8, 8), torch.tensor([1.0]), 8)


@pytest.mark.parametrize(
    ("step", "theirs"),
    [
        ("brightness", vision.adjust_brightness),
        ("contrast", vision.adjust_contrast),
        ("saturation", vision.adjust_saturation),
    ],
)
def test_one_color_step_is_torchvisions_where_nothing_clips(step, theirs):
    images = photos(3, low=0.35, high=0.6)
    factors = torch.tensor([0.6, 1.0, 1.4])
    views = recolor(images, **{step: factors})
    for image, factor, view in zip(images, factors.tolist(), views, strict=True):
        torch.testing.assert_close(view, theirs(image, factor), atol=LUMA, rtol=0)
        levels = image.mul(255).round().byte()
        pillow = theirs(Image.fromarray(levels.permute(1, 2, 0).numpy()), factor)
        pillow = torch.from_numpy(np.array(pillow)).permute(2, 0, 1) / 255
        torch.testing.assert_close(view, pillow, atol=2.5 / 255, rtol=0)  # levels in, the mean and the result rounded


def test_grayscale_is_torchvisions():
    images = photos(2)
    views = recolor(images, grayscale=torch.tensor([True, False]))
    torch.testing.assert_close(views[0], vision.rgb_to_grayscale(images[0], 3), atol=LUMA, rtol=0)
    torch.testing.assert_close(views[1], images[1], atol=EXACT, rtol=0)


def test_hue_is_a_rotation_in_yiq():
    images = photos(2, 6, 5)
    turns = torch.tensor([0.07, -0.31])
    views = recolor(images, hue=turns)
    for image, turn, view in zip(images.double(), turns.tolist(), views, strict=True):
        for row in range(6):
            for column in range(5):  # pixel by pixel: the chroma is a complex number, the hue its angle
                luma, i, q = (np.array(YIQ) @ image[:, row, column].numpy()).tolist()
                turned = complex(i, q) * complex(math.cos(2 * math.pi * turn), -math.sin(2 * math.pi * turn))
                expected = np.linalg.solve(np.array(YIQ), [luma, turned.real, turned.imag])
                assert np.allclose(view[:, row, column].numpy(), expected, atol=1e-5)


def test_hue_turns_the_way_of_hsv_and_keeps_greys():
    red = torch.tensor([0.8, 0.2, 0.2])
    for turn in (0.1, -0.1, 1 / 3):
        turned = (hue_rotation(torch.tensor([turn]))[0] @ red).clamp(0, 1)
        hue = colorsys.rgb_to_hsv(*turned.tolist())[0]
        assert abs((hue - turn + 0.5) % 1 - 0.5) < 0.07  # YIQ's circle is not HSV's, but near it
    greys = hue_rotation(torch.rand(5)) @ torch.full((3, 1), 0.4)
    torch.testing.assert_close(greys, torch.full((5, 3, 1), 0.4))


@pytest.mark.parametrize(("height", "width", "size"), [(48, 40, 24), (96, 96, 96), (160, 224, 100)])
def test_the_whole_sequence_is_torchvisions_where_nothing_clips(height, width, size):
    """Every step one after the other, in each image's own order, the contrast's mean taken where it stands."""
    images = photos(8, height, width, low=0.35, high=0.6)
    settings = Augmentation(size, color=1, brightness=0.2, contrast=0.3, saturation=0.3, hue=0, blur=0.8)
    draws = draw(settings, 8, height, width, torch.Generator().manual_seed(1))
    views = apply(images, draws)
    for index, image in enumerate(images):
        expected = vision.resized_crop(image, *draws.boxes[index].tolist(), [size, size], antialias=True)
        if draws.flips[index]:
            expected = vision.hflip(expected)
        steps = (
            lambda x, i=index: vision.adjust_brightness(x, draws.brightness[i].item()),
            lambda x, i=index: vision.adjust_contrast(x, draws.contrast[i].item()),
            lambda x, i=index: vision.adjust_saturation(x, draws.saturation[i].item()),
            lambda x: x,
        )
        for step in draws.order[index].tolist():
            expected = steps[step](expected)
        if draws.grayscale[index]:
            expected = vision.rgb_to_grayscale(expected, 3)
        if draws.sigma[index]:
            expected = vision.gaussian_blur(expected, [2 * draws.radius + 1] * 2, [draws.sigma[index].item()] * 2)
        torch.testing.assert_close(views[index], expected, atol=LUMA, rtol=0)


def test_composed_matrix_is_the_steps_one_by_one():
    """With hue in: the matrix of the sequence against the matrices of the steps, each with the mean at its place."""
    images = photos(6)
    generator = torch.Generator().manual_seed(2)
    factors = {name: 0.5 + torch.rand(6, generator=generator) for name in ("brightness", "contrast", "saturation")}
    factors["hue"] = torch.rand(6, generator=generator) - 0.5
    order = torch.rand(6, 4, generator=generator).argsort(1)
    views = recolor(images, order=order, **factors)
    for index in range(6):
        expected = images[index : index + 1]
        for step in order[index].tolist():
            name = ("brightness", "contrast", "saturation", "hue")[step]
            one = {name: factors[name][index : index + 1]}
            expected = recolor(expected, **one)
        torch.testing.assert_close(views[index : index + 1], expected, atol=1e-5, rtol=0)


def test_solarize_is_torchvisions_and_comes_last():
    images = photos(2)
    views = solarize(images, torch.tensor([True, False]))
    torch.testing.assert_close(views[0], vision.solarize(images[0], 0.5))
    torch.testing.assert_close(views[1], images[1])
    settings = Augmentation(16, color=0, grayscale=0, blur=0, solarize=1)
    draws = draw(settings, 2, 48, 48, torch.Generator().manual_seed(0))
    cropped = crop(images, draws.boxes, 16, draws.flips)
    torch.testing.assert_close(apply(images, draws), solarize(cropped, torch.tensor([True, True])), atol=EXACT, rtol=0)


@pytest.mark.parametrize("size", [32, 100])
def test_uint8_and_float_give_the_same_view_and_chunks_do_not_show(size, monkeypatch):
    images = photos(9, 70, 60).mul(255).round().byte()
    draws = draw(Augmentation(size, solarize=0.3), 9, 70, 60, torch.Generator().manual_seed(3))
    views = apply(images, draws)
    assert views.dtype == torch.float32 and views.shape == (9, 3, size, size)
    assert views.min() >= 0 and views.max() <= 1
    torch.testing.assert_close(views, apply(images.float() / 255, draws), atol=1e-5, rtol=0)
    kept = views.clone()
    monkeypatch.setattr("sslcourse.data.augment.CHUNK", 3 * size * size * 4)
    torch.testing.assert_close(apply(images, draws), kept, atol=EXACT, rtol=0)
    torch.testing.assert_close(views, kept, atol=0, rtol=0)  # the working memory is not what is given out


class Allocated(TorchDispatchMode):
    """The bytes of each memory that an operator makes anew."""

    def __init__(self):
        super().__init__()
        self.bytes = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        def memory(tree):
            leaves = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
            return {leaf.untyped_storage().data_ptr(): leaf.untyped_storage().nbytes() for leaf in leaves}

        out = function(*args, **(kwargs or {}))
        given = memory((args, kwargs))
        self.bytes += [size for place, size in memory(out).items() if place not in given]
        return out


@pytest.mark.parametrize("size", [32, 64])
def test_the_working_memory_is_kept(size):
    """On a CPU fresh pages cost as much as the arithmetic, and malloc takes them for each block above 128 KiB."""
    images = torch.randint(0, 256, (2**18 // size**2, 3, size, size), dtype=torch.uint8)
    settings, generator = Augmentation(size), torch.Generator().manual_seed(0)
    augment(images, settings, generator)
    with Allocated() as allocated:
        views = augment(images, settings, generator)
    assert [each for each in allocated.bytes if each > 2**17] == [views.untyped_storage().nbytes()]


def test_every_image_has_its_own_draw_and_leaves_the_others_alone():
    one = photos(1, 40, 40).expand(64, -1, -1, -1)
    views = augment(one, Augmentation(24), torch.Generator().manual_seed(0))
    assert len({view.numpy().tobytes() for view in views}) == 64
    draws = draw(Augmentation(24), 64, 40, 40, torch.Generator().manual_seed(0))
    torch.testing.assert_close(apply(one[5:9], draws[5:9]), views[5:9], atol=EXACT, rtol=0)


def test_same_generator_same_views_and_the_global_one_is_left_alone():
    images = photos(8, 40, 40)
    state = torch.random.get_rng_state()
    first, again, other = (augment(images, Augmentation(), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_draws_have_the_distribution_that_the_settings_name():
    settings = Augmentation(size=32, scale=(0.2, 0.9), hue=0.1, solarize=0.3)
    count = 4000
    draws = draw(settings, count, 64, 80, torch.Generator().manual_seed(0))
    top, left, tall, wide = draws.boxes.double().unbind(1)
    assert (top >= 0).all() and (left >= 0).all() and (top + tall <= 64).all() and (left + wide <= 80).all()
    area, ratio = tall * wide / (64 * 80), wide / tall
    assert 0.19 < area.min() and area.max() < 0.92
    assert 0.7 < ratio.min() and ratio.max() < 1.4
    near = pytest.approx
    assert draws.flips.double().mean().item() == near(0.5, abs=0.04)
    assert draws.grayscale.double().mean().item() == near(0.2, abs=0.03)
    assert draws.solarize.double().mean().item() == near(0.3, abs=0.03)
    assert (draws.sigma > 0).double().mean().item() == near(0.5, abs=0.04)
    assert (draws.hue != 0).double().mean().item() == near(0.8, abs=0.03)
    changed = draws.brightness[draws.hue != 0]
    assert 0.6 <= changed.min() < 0.62 and 1.38 < changed.max() <= 1.4
    assert (draws.brightness[draws.hue == 0] == 1).all()
    assert {tuple(row) for row in draws.order.tolist()} == set(itertools.permutations(range(4)))


def test_boxes_are_distributed_as_torchvisions():
    from torchvision.transforms import RandomResizedCrop

    torch.manual_seed(0)
    image = torch.zeros(3, 40, 96)  # long: some attempts do not fit
    theirs = torch.tensor(
        [RandomResizedCrop.get_params(image, (0.2, 1.0), (3 / 4, 4 / 3)) for _ in range(4000)]
    ).double()
    ours = draw(Augmentation(), 4000, 40, 96, torch.Generator().manual_seed(0)).boxes.double()
    assert (ours.mean(0) - theirs.mean(0)).abs().max() < 1.5
    assert (ours.std(0) - theirs.std(0)).abs().max() < 1.0


def test_an_image_too_long_for_any_box_gets_the_largest_centred_one():
    draws = draw(Augmentation(scale=(1.0, 1.0)), 3, 10, 200, torch.Generator().manual_seed(0))
    assert draws.boxes.tolist() == [[0, 93, 10, 13]] * 3


def test_without_color_only_crops_flips_and_blurs():
    images = torch.full((8, 3, 32, 32), 0.3) * torch.tensor([1.0, 2, 3]).reshape(1, 3, 1, 1)
    plain = Augmentation(solarize=0.5).without_color()
    assert plain.blur == 0.5 and plain.flip == 0.5
    views = augment(images, plain, torch.Generator().manual_seed(0))
    torch.testing.assert_close(views, images, atol=EXACT, rtol=0)


class Watch(TorchDispatchMode):
    """Refuses what waits for the device, has a shape that depends on data, or mixes devices."""

    FORBIDDEN = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "equal")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        assert name not in self.FORBIDDEN, f"{name} waits for the device"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("size", [32, 96])
def test_nothing_waits_for_the_device(size):
    """On `meta` there are no values: whatever looks at one fails. The draws come from a CPU generator."""
    images = torch.empty(4, 3, 64, 72, dtype=torch.uint8, device="meta")
    settings = Augmentation(size, solarize=0.2)
    generator = torch.Generator().manual_seed(0)
    with Watch():
        views = augment(images, settings, generator)
    assert views.device.type == "meta" and views.shape == (4, 3, size, size)
    expected = torch.Generator().manual_seed(0)
    augment(photos(4, 64, 72), settings, expected)
    assert torch.equal(generator.get_state(), expected.get_state())  # the same draws, whatever the device


def test_draws_survive_the_move():
    draws = draw(Augmentation(solarize=0.5), 5, 40, 40, torch.Generator().manual_seed(0))
    moved = draws.to("meta")
    assert all(value.device.type == "meta" for value in moved._tensors().values())
    for name, value in draws._tensors().items():
        assert getattr(moved, name).dtype == value.dtype and getattr(moved, name).shape == value.shape


def test_autocast_does_not_reach_the_pixels():
    images, boxes = photos(3, 40, 40), random_boxes(3, 40, 40)
    settings, sigma = Augmentation(24), torch.full((3,), 1.5)
    plain = augment(images, settings, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augment(images, settings, torch.Generator().manual_seed(0)), plain)
        cast = crop(images, boxes, 24), blur(images, sigma, 6)
    assert torch.equal(cast[0], crop(images, boxes, 24)) and torch.equal(cast[1], blur(images, sigma, 6))


@pytest.mark.gpu
def test_views_on_a_gpu_are_the_cpus():
    images = photos(16, 64, 64).mul(255).byte()
    settings = Augmentation(48, solarize=0.2)
    cpu = augment(images, settings, torch.Generator().manual_seed(0))
    gpu = augment(images.cuda(), settings, torch.Generator().manual_seed(0))
    close = (gpu.cpu() - cpu).abs() < 1e-4
    assert close.double().mean() > 0.999  # a pixel at solarize's threshold may fall on the other side


def test_empty_batches_and_modes():
    assert augment(torch.empty(0, 3, 16, 16), Augmentation(8), torch.Generator()).shape == (0, 3, 8, 8)
    images = photos(2, 20, 20)
    with torch.inference_mode():
        inside = augment(images, Augmentation(8), torch.Generator().manual_seed(0))
    assert torch.equal(inside, augment(images, Augmentation(8), torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"scale": (0.5, 0.2)},
        {"scale": (0.0, 1.0)},
        {"ratio": (0, 1)},
        {"flip": 1.5},
        {"color": -0.1},
        {"hue": 0.6},
        {"brightness": 1.1},
        {"blur_sigma": (2.0, 0.1)},
    ],
)
def test_impossible_settings_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Augmentation(**wrong)


def test_wrong_inputs_are_refused():
    draws = draw(Augmentation(8), 2, 16, 16)
    with pytest.raises(ValueError, match="one draw for each image"):
        apply(photos(3, 16, 16), draws)
    with pytest.raises(ValueError, match="B,3,H,W"):
        apply(torch.zeros(2, 1, 16, 16), draws)
    with pytest.raises(TypeError, match="uint8"):
        crop(torch.zeros(1, 3, 8, 8, dtype=torch.int64), torch.tensor([[0, 0, 8, 8]]), 8)
