"""The pictures: shapes against brute force, parts and parameters that count, the same pixels in any batch, variants."""

import os
import subprocess
import sys

import pytest
import torch

from sslcourse.data.objects import CLASSES, PARTS, SHAPE_PARAMETERS, Difficulty, Variant, render, shapes
from sslcourse.data.objects.classes import DRAWINGS
from sslcourse.data.objects.paint import hsl

BLOCK = len(CLASSES)  # a run of so many indices holds every class


def grid(side=81, reach=2.0):
    step = torch.linspace(-reach, reach, side)
    return step.repeat(side)[None], step.repeat_interleave(side)[None]


def brute(inside, x, y):
    """Distance of every grid point to the nearest grid point of the other kind, signed: right to about a cell."""
    points = torch.stack((x[0], y[0]), dim=1)
    gaps = torch.cdist(points, points)
    other = gaps.masked_fill(inside[0][:, None] == inside[0][None], float("inf")).amin(1)
    return torch.where(inside[0], -other, other)[None]


STEPS = torch.linspace(0, 1, 200)
SHAPES = {
    "circle": (lambda x, y: shapes.circle(x, y, 0.2, -0.1, 0.7), lambda x, y: (x - 0.2) ** 2 + (y + 0.1) ** 2 < 0.49),
    "ring": (
        lambda x, y: shapes.ring(x, y, 0.0, 0.0, 0.8, 0.2),
        lambda x, y: ((x * x + y * y).sqrt() - 0.8).abs() < 0.2,
    ),
    "round_box": (
        lambda x, y: shapes.round_box(x, y, 0.9, 0.5, 0.0001),
        lambda x, y: (x.abs() < 0.9) & (y.abs() < 0.5),
    ),
    "capsule": (
        lambda x, y: shapes.capsule(x, y, -0.6, -0.3, 0.7, 0.4, 0.3),
        lambda x, y: sum((x + 0.6 - 1.3 * t) ** 2 + (y + 0.3 - 0.7 * t) ** 2 < 0.09 for t in STEPS) > 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_distances_equal_brute_force(name):
    distance, inside = SHAPES[name]
    x, y = grid()
    assert (distance(x, y) - brute(inside(x, y), x, y)).abs().max() < 0.06  # cells of 0.05


def test_ellipse_and_polygon_are_right_at_the_outline_and_never_too_steep():
    x, y = grid(161)
    for distance, inside in (
        (shapes.ellipse(x, y, 1.2, 0.5), (x / 1.2) ** 2 + (y / 0.5) ** 2 < 1),
        (
            shapes.polygon(x, y, [(-1.0, -0.5), (1.0, -0.5), (0.0, 1.0)]),
            (y > -0.5) & (3 * x + 2 * y < 2) & (-3 * x + 2 * y < 2),
        ),
    ):
        clear = distance.abs() > 1e-4
        assert torch.equal((distance < 0)[clear], inside[clear])
        near = (distance.abs() < 0.2).view(161, 161)[:, 1:]
        assert distance.view(161, 161).diff(dim=1).abs()[near].max() / 0.025 < 1.1
        assert distance.view(161, 161)[80, 80] < -0.2


def test_frame_turns_counter_clockwise():
    u, v = shapes.frame(torch.tensor([[1.0]]), torch.tensor([[2.0]]), 1.0, 1.0, torch.tensor([[torch.pi / 2]]))
    assert (u.item(), v.item()) == pytest.approx((1.0, 0.0), abs=1e-6)


def test_hsl_equals_the_standard_library():
    import colorsys

    numbers = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.tensor([colorsys.hls_to_rgb(h, light, s) for h, s, light in numbers.tolist()])
    assert torch.allclose(hsl(*numbers.unbind(1)), expected, atol=1e-5)


@pytest.mark.parametrize("drawing", DRAWINGS, ids=CLASSES)
def test_a_drawing_has_parts_and_parameters_that_count(drawing):
    assert len(drawing.parts) >= 4 and len(drawing.parameters) >= 6
    x, y = grid(61, 1.3)
    middle = torch.full((1, len(drawing.parameters)), 0.5)

    def look(numbers):
        return torch.stack([layer.distance for layer in drawing.draw(x, y, drawing.shape(numbers))])

    layers = list(drawing.draw(x, y, drawing.shape(middle)))
    assert {layer.part for layer in layers} == set(drawing.parts)
    assert all(torch.isfinite(layer.distance).all() for layer in layers)
    for column, name in enumerate(drawing.parameters):
        low, high = middle.clone(), middle.clone()
        low[0, column], high[0, column] = 0.02, 0.98
        moved = ((look(low) < 0) != (look(high) < 0)).any(0).sum().item()
        assert moved >= 4, f"{name} moves {moved} of 3721 points only"


@pytest.mark.parametrize("label", range(BLOCK), ids=CLASSES)
def test_every_part_is_seen_and_no_two_instances_are_alike(label):
    indices = torch.arange(BLOCK * 24)
    scene = SCENES(64, 24)
    rows = scene.labels == label
    assert len(indices) == len(scene.labels) and rows.sum() == 24
    parts, mask = scene.parts[rows], scene.mask[rows]
    assert torch.equal(parts > 0, mask)
    assert parts.max() <= len(PARTS[CLASSES[label]])
    for number, name in enumerate(PARTS[CLASSES[label]], start=1):
        seen = (parts == number).flatten(1).sum(1) >= 3
        assert seen.float().mean() > 0.5, f"{name} is seen in {seen.sum()} of 24 pictures"
    flat = mask.flatten(1).float()
    overlap = flat @ flat.T
    area = flat.sum(1)
    alike = overlap / (area[:, None] + area[None] - overlap) - torch.eye(24)
    assert alike.max() < 0.97, "two instances have the same silhouette"


_scenes = {}


def SCENES(size, blocks, **options):
    key = (size, blocks, repr(options))
    if key not in _scenes:
        _scenes[key] = render(torch.arange(BLOCK * blocks), size=size, **options)
    return _scenes[key]


def test_pixels_do_not_depend_on_the_batch():
    whole = SCENES(64, 24)
    order = torch.randperm(BLOCK * 24, generator=torch.Generator().manual_seed(1))[:70]
    some = render(order, size=64)
    assert (some.images.int() - whole.images[order].int()).abs().max() <= 1
    assert (some.parts != whole.parts[order]).float().mean() < 1e-4
    alone = render(order[:1], size=64)
    assert (alone.images.int() - some.images[:1].int()).abs().max() <= 1


@pytest.mark.slow
def test_pixels_do_not_depend_on_the_process_or_its_threads():
    program = (
        "import sys, torch; torch.set_num_threads(2); from sslcourse.data.objects import render;"
        "sys.stdout.buffer.write(render(torch.arange(28), size=48).images.numpy().tobytes())"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
    other = torch.frombuffer(bytearray(done.stdout), dtype=torch.uint8).view(28, 3, 48, 48)
    assert (other.int() - render(torch.arange(28), size=48).images.int()).abs().max() <= 1


@pytest.mark.parametrize("size", [32, 96, 224])
def test_another_resolution_shows_the_same_picture(size):
    small, large = render(torch.arange(BLOCK), size=32), render(torch.arange(BLOCK), size=size)
    assert large.images.shape == (BLOCK, 3, size, size)
    shrink = torch.nn.functional.interpolate(large.images.float(), size=(32, 32), mode="area")
    assert (shrink - small.images).abs().mean() < 14
    mask = torch.nn.functional.interpolate(large.mask[:, None].float(), size=(32, 32), mode="area")[:, 0] > 0.5
    agree = (mask & small.mask).sum((1, 2)) / (mask | small.mask).sum((1, 2))
    assert agree.min() > 0.6 and agree.mean() > 0.85


def test_the_object_is_as_large_as_its_factor_says_and_lies_inside():
    scene = SCENES(64, 24)
    across, down = scene.mask.any(1), scene.mask.any(2)

    def extent(line):
        place = torch.arange(64)
        return torch.where(line, place, -1).amax(1) - torch.where(line, place, 64).amin(1) + 1

    share = torch.maximum(extent(across), extent(down)) / 64 / scene.factors["size"]
    assert share.min() > 0.8 and share.max() < 1.12 and 0.97 < share.mean() < 1.05


def test_small_objects_are_small():
    area = SCENES(64, 8, difficulty="small_objects").mask.float().mean((1, 2))
    assert area.mean() < 0.4 * SCENES(64, 24).mask.float().mean()


def test_light_and_shadow():
    """The side turned to the light is brighter, and the background is darker on the side away from it."""
    plain = Difficulty(background_contrast=0.0, size=(0.6, 0.6), rotation=0.0, shadow=(0.5, 0.5))
    scene = render(torch.arange(BLOCK * 16), size=48, difficulty=plain)
    gray = scene.images.float().mean(1)
    behind = ~scene.mask
    right = torch.arange(48) >= 24
    shade = torch.stack(
        [(gray * behind * side).sum((1, 2)) / (behind * side).sum((1, 2)) for side in (right, ~right)], 1
    )
    from_right = scene.factors["light"] < 0.25
    from_left = scene.factors["light"] > 0.75
    assert (shade[from_right, 0] - shade[from_right, 1]).mean() > 0.5
    assert (shade[from_left, 1] - shade[from_left, 0]).mean() > 0.5


def test_occluders_hide_and_nothing_else_changes():
    plain, hidden = render(torch.arange(56)), render(torch.arange(56), variant=Variant(occluder_share=0.5))
    occluded = hidden.factors["occluder"]
    assert 0.25 < occluded.float().mean() < 0.75
    assert torch.equal(plain.images[~occluded], hidden.images[~occluded])
    assert not (hidden.mask & ~plain.mask).any()
    loss = 1 - hidden.mask[occluded].float().sum((1, 2)) / plain.mask[occluded].float().sum((1, 2))
    assert 0.1 < loss.mean() < 0.8 and loss.max() < 1.0


@pytest.mark.parametrize("count", [2, 3])
def test_several_objects(count):
    scene = render(torch.arange(42), variant=Variant(objects_per_image=count))
    assert scene.factors["labels"].shape == (42, count)
    assert torch.equal(scene.factors["labels"][:, 0], scene.labels)
    assert torch.equal(scene.instances > 0, scene.mask)
    for number in range(1, count + 1):
        seen = (scene.instances == number).flatten(1).sum(1)
        assert (seen > 20).float().mean() > 0.95
    assert render(torch.arange(42)).instances.max() == 1


def test_camouflage_takes_the_background_s_colours():
    def difference(variant):
        scene = render(torch.arange(56), variant=variant)
        images, mask = scene.images.float(), scene.mask[:, None].float()
        inside = (images * mask).sum((2, 3)) / mask.sum((2, 3))
        outside = (images * (1 - mask)).sum((2, 3)) / (1 - mask).sum((2, 3))
        return (inside - outside).abs().mean()

    assert difference(Variant(camouflage=True)) < 0.4 * difference(Variant())


def test_shape_parameters_are_named():
    assert set(SHAPE_PARAMETERS) == set(CLASSES)
    width = render(torch.arange(1), size=32).factors["shape"].shape[1]
    assert width == max(len(names) for names in SHAPE_PARAMETERS.values())


@pytest.mark.parametrize("options, words", [
    ({"size": 31}, "32..224"), ({"size": 225}, "32..224"),
    ({"split": "dev"}, "train, val, test"), ({"difficulty": "tiny"}, "small_objects"),
])  # fmt: skip
def test_refusals(options, words):
    with pytest.raises(ValueError, match=words):
        render(torch.arange(2), **options)


def test_no_indices_no_pictures():
    assert render(torch.arange(0)).images.shape == (0, 3, 64, 64)
