"""Recipes: one for every method, scale and kind of data, each of which takes a training step."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from sslcourse.data.imageset import ImageSet
from sslcourse.training.recipes import METHODS, SCALES, build_method, find_recipe, with_changes
from sslcourse.training.runtime import make_runtime
from sslcourse.training.state import TrainingState

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize(
    ("data", "scale"), [("objects", "smoke"), ("objects", "cpu"), ("objects", "gpu"), ("cifar10", "cpu")]
)
def test_every_recipe_takes_a_step_on_meta(kind, data, scale):
    recipe = find_recipe(kind, data, scale)
    size = recipe.data.size
    images = ImageSet(torch.zeros(512, 3, size, size, dtype=torch.uint8), torch.zeros(512).long(), ("a",), "none")
    run = TrainingState(build_method(recipe), images, recipe.fit, make_runtime("meta", "fp32"))
    run.step_once()
    assert size == (32 if data == "cifar10" else 64)
    crops = getattr(recipe.method, "crops", None)
    views = [crops.global_crop.size, 2 * crops.local_crop.size] if crops else [recipe.method.augmentation.size]
    assert set(views) == {size}


def test_only_the_seed_decides_the_weights():
    def weights(**changes):
        torch.manual_seed(torch.seed() % 2**31)
        return build_method(find_recipe("dino", scale="smoke", **changes)).state_dict()

    first, again, other = weights(), weights(), weights(seed=1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_changes_by_name_reach_every_part():
    recipe = find_recipe("combined", scale="smoke", keep_rate="0.25", steps=7, encoder="vit_96x4_p8", count="none")
    assert recipe.method.removal.keep_rate == 0.25 and recipe.fit.steps == 7
    assert recipe.encoder.name == "vit_96x4_p8" and recipe.data.count is None
    assert with_changes(recipe, {"fit.steps": "9"}).fit.steps == 9


def test_one_change_sizes_images_and_views():
    recipe = find_recipe("dino", scale="cpu", image_size="96")
    crops = recipe.method.crops
    assert (recipe.data.size, crops.global_crop.size, crops.local_crop.size) == (96, 96, 48)


def test_what_makes_another_recipe_cannot_be_changed():
    with pytest.raises(ValueError, match="no setting 'data.name'"):
        with_changes(find_recipe("simclr"), {"data.name": "cifar10"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dyno",), "did you mean 'dino'"),
        (("dino", "cifar"), "did you mean 'cifar10'"),
        (("dino", "objects", "huge"), "smoke, cpu, gpu"),
    ],
)
def test_wrong_names_are_told_what_there_is(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_recipe(*arguments)


@pytest.mark.parametrize(("sides", "size"), [([(32, 32)], 32), ([(32, 32), (80, 60)], 64), ([(90, 90)], 64)])
def test_a_folder_of_small_images_gets_small_views(tmp_path, sides, size):
    for index, (width, height) in enumerate(sides * 2):
        (tmp_path / f"class{index % 2}").mkdir(exist_ok=True)
        pixels = np.zeros((height, width, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"class{index % 2}" / f"{index}.png")
    assert find_recipe("simclr", f"folder:{tmp_path}").data.size == size


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_recipe("simclr", f"folder:{tmp_path}/nowhere")


@pytest.mark.parametrize("kind", METHODS)
def test_a_recipe_can_be_written_down(kind):
    for scale in SCALES:
        assert json.loads(json.dumps(dataclasses.asdict(find_recipe(kind, scale=scale))))["kind"] == kind


@pytest.mark.parametrize("kind", ["simclr", "byol", "dino", "logo"])
def test_a_convnet_where_no_patches_are_needed(kind):
    method = build_method(find_recipe(kind, scale="smoke", encoder="convnet"))
    assert type(method.encoder).__name__ == "ConvNet"


@pytest.mark.parametrize("kind", ["ibot", "combined"])
def test_a_convnet_where_patches_are_needed_is_refused(kind):
    with pytest.raises(TypeError, match="works on patch tokens, and a ConvNet has none"):
        build_method(find_recipe(kind, scale="smoke", encoder="convnet"))
