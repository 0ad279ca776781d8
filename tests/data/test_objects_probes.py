"""What simple features tell of the class and of the picture, as a check on every change of the renderer.

The class must be far easier to read from edges than from colour (chance is 1/14 = .071). The families must have equal
contrast and entropy, or "easier to reconstruct" would only mean flatter.
"""

import pytest
import torch
import torch.nn.functional as F

from sslcourse.data.objects import CLASSES, DIFFICULTIES, FAMILIES, STYLE_NAMES, Difficulty, render
from sslcourse.data.objects.backgrounds import STYLES, fields
from sslcourse.data.objects.hashing import image_keys


@pytest.fixture(scope="module")
def scenes():
    return render(torch.arange(1400)), render(torch.arange(420), split="test")


def neighbours(features, labels, queries, truth, k=5):
    """Accuracy of the vote of the k nearest (cosine, centred)."""
    center = features.mean(0)
    features, queries = F.normalize(features - center, dim=1), F.normalize(queries - center, dim=1)
    nearest = labels[(queries @ features.T).topk(k).indices]
    votes = torch.zeros(len(queries), int(labels.max()) + 1).scatter_add_(1, nearest, torch.ones(nearest.shape))
    return (votes.argmax(1) == truth).float().mean().item()


def color_histogram(images):
    levels = (images // 64).long()
    cell = ((levels[:, 0] * 4 + levels[:, 1]) * 4 + levels[:, 2]).flatten(1)
    return torch.zeros(len(images), 64).scatter_add_(1, cell, torch.ones(cell.shape)).sqrt()


def gray_8x8(images):
    return F.adaptive_avg_pool2d(images.float().mean(1, keepdim=True), 8).flatten(1)


def edge_histogram(images):
    gray = images.float().mean(1)
    dx, dy = gray[:, 1:-1, 2:] - gray[:, 1:-1, :-2], gray[:, 2:, 1:-1] - gray[:, :-2, 1:-1]
    direction = (torch.atan2(dy, dx) / torch.pi * 8).floor().long() % 8
    energy = F.one_hot(direction, 8).permute(0, 3, 1, 2) * (dx * dx + dy * dy).sqrt()[:, None]
    return F.adaptive_avg_pool2d(energy, 8).flatten(1).sqrt()


def probe(scenes, feature):
    train, test = scenes
    return neighbours(feature(train.images), train.labels, feature(test.images), test.labels)


@pytest.mark.slow
def test_colour_tells_little_of_the_class_and_edges_much(scenes):
    color, gray, edges = (probe(scenes, feature) for feature in (color_histogram, gray_8x8, edge_histogram))
    print(f"class by 5NN, chance .071: colour histogram {color:.3f}, 8x8 grey {gray:.3f}, edges {edges:.3f}")
    assert color < 0.25  # what leaks is how much of the picture is the object's lightness: its area, not its hue
    assert edges > 0.75 and edges > 4 * color


@pytest.mark.slow
def test_colour_tells_which_picture_a_crop_is_from(scenes):
    """The shortcut that SimCLR's colour transforms close: two crops of one picture have the same colours."""
    images = scenes[0].images[:256]
    one, two = (color_histogram(images[:, :, a : a + 40, b : b + 40]) for a, b in ((0, 6), (22, 16)))
    found = (F.normalize(one, dim=1) @ F.normalize(two, dim=1).T).argmax(1) == torch.arange(256)
    print(f"which of 256 pictures by colour histogram of another crop: {found.float().mean():.3f}")
    assert found.float().mean() > 0.6


@pytest.mark.slow
def test_colour_tells_nothing_of_the_background_family(scenes):
    train, test = scenes
    features = [color_histogram(scene.images) for scene in scenes]
    score = neighbours(features[0], train.factors["background"], features[1], test.factors["background"])
    assert score < 0.55  # chance 1/3


def entropy(tone, contrast):
    """Bits of the 256 grey levels of fields of variance 1 `B,N` shown at a contrast."""
    levels = (tone * contrast * 255 + 128).round().clamp(0, 255).long()
    share = torch.zeros(len(tone), 256).scatter_add_(1, levels, torch.ones_like(tone)) / tone.shape[1]
    return -(share * share.clamp(min=1e-12).log2()).sum(1)


@pytest.mark.parametrize("difficulty", ["default", "small_objects"])
def test_the_families_have_equal_entropy(difficulty):
    keys, contrast = image_keys(torch.arange(64), "train", 5), DIFFICULTIES[difficulty].background_contrast
    means = {family: [] for family in FAMILIES}
    for style, name in enumerate(STYLE_NAMES):
        means[STYLES[name]].append(entropy(fields(style, keys, 64)[:, 0], contrast).mean())
    means = torch.stack([torch.stack(values).mean() for values in means.values()])
    print(dict(zip(FAMILIES, means.tolist(), strict=True)))
    assert means.max() / means.min() < 1.03


@pytest.mark.slow
def test_the_families_have_equal_contrast_in_the_pictures():
    # A tiny object and no shadow: what is measured is the background as it comes out, clipped and rounded.
    bare = Difficulty(background_contrast=0.1, size=(0.05, 0.05), rotation=0.0, shadow=(0.0, 0.0))
    scene = render(torch.arange(900), difficulty=bare)
    gray = (scene.images.float() * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1).flatten(1)
    spread = gray.masked_fill(scene.mask.flatten(1), float("nan"))
    mean = spread.nanmean(1, keepdim=True)
    contrast = ((spread - mean) ** 2).nanmean(1).sqrt() / 255
    of_family = torch.stack([contrast[scene.factors["background"] == family].mean() for family in range(3)])
    print(dict(zip(FAMILIES, of_family.tolist(), strict=True)))
    assert of_family.max() / of_family.min() < 1.05
    assert 0.085 < of_family.mean() < 0.105


def test_every_field_is_standardised():
    keys = image_keys(torch.arange(6), "val", 1)
    for style, name in enumerate(STYLE_NAMES):
        values = fields(style, keys, 48)
        assert values.shape == (6, 2, 48 * 48), name
        assert values.mean(2).abs().max() < 1e-3 and (values.square().mean(2) - 1).abs().max() < 0.01, name


def test_clutter_fills_the_plane():
    """No gaps: leaves lie everywhere, so no tone covers much of a picture."""
    keys = image_keys(torch.arange(32), "train", 2)
    for name in ("discs", "leaves", "shards"):
        tone = fields(STYLE_NAMES.index(name), keys, 64)[:, 1]  # one tint a leaf, and 0 where none is
        levels = ((tone - tone.amin(1, keepdim=True)) * 50).round().long()
        largest = torch.stack([row.bincount().max() for row in levels]) / tone.shape[1]
        assert largest.mean() < 0.35, f"{name}: one tone covers {largest.mean():.2f} of a picture"


def test_there_are_as_many_classes_as_promised():
    assert len(CLASSES) >= 12 and len(set(CLASSES)) == len(CLASSES)
