"""What is measured of a run: figures by name that are finite, the same again, and leave the method as it was."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from sslcourse.claims import damage, masked, places, speed
from sslcourse.claims.catalogue.combined import ALL_THREE
from sslcourse.claims.measures import MEASURES, measured
from sslcourse.data.imageset import ImageSet
from sslcourse.training.experiment import build_method
from sslcourse.training.images import load_images


@pytest.fixture(scope="module")
def run():
    """An untrained method with everything switched on, and drawn objects."""
    recipe = ALL_THREE.experiment("objects", "smoke", 1).recipe
    return build_method(recipe), load_images(recipe.data)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, value in (("ROUNDS", 1), ("BATCH", 8)):
        monkeypatch.setattr(speed, name, value)


SLOW = ("parts", "training_speed", "occlusion")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in MEASURES]
)
def test_figures_are_finite_and_the_same_again_and_the_method_is_as_it_was(run, name):
    method, images = run
    before = {key: value.clone() for key, value in method.state_dict().items()}
    first, training = measured(name, method, images), method.training
    assert first and all(math.isfinite(value) for value in first.values())
    assert method.training == training
    for key, value in method.state_dict().items():
        assert torch.equal(value, before[key])
    if not MEASURES[name].timed:
        assert measured(name, method, images) == first


@pytest.mark.slow
def test_removal_saves_what_it_must_by_counted_operations(run):
    training, inference = speed.training_speed(*run), speed.inference_speed(*run)
    assert 0.05 < training["predicted_removal"] < 0.6  # at most 4 / 2.5 less 1, for a teacher that sees everything
    assert training["predicted_plain"] < training["predicted_removal"]
    assert inference["predicted_teacher"] < -0.3 and 0 < inference["predicted_in_network"] < 1


def test_attention_on_the_object_is_told_from_attention_on_the_background(run, monkeypatch):
    method, images = run
    mask = masked.masked_pictures(images)[1].extras["mask"]
    share = torch.nn.functional.avg_pool2d(mask[:, None].float(), 8).flatten(1)[:, None].repeat(1, 2, 1)
    monkeypatch.setattr(places, "extract_attention", lambda encoder, test: share)
    good = places.attention(method, images)
    monkeypatch.setattr(places, "extract_attention", lambda encoder, test: 1 - share)
    bad = places.attention(method, images)
    assert good["over_random"] > 0.3 > 0 > bad["over_random"] and good["recall_over_random"] > 0.3
    monkeypatch.setattr(places, "extract_attention", lambda encoder, test: torch.rand(share.shape))
    blind = places.attention(method, images)  # sharp or flat, what knows nothing is no better than chance
    monkeypatch.setattr(places, "extract_attention", lambda encoder, test: 1 + 0.01 * torch.rand(share.shape))
    flat = places.attention(method, images)
    assert abs(blind["over_random"]) < 0.06 and abs(flat["over_random"]) < 0.06


def test_what_is_left_of_an_encoder_that_guesses_is_nothing(run):
    images, clean = run[1], {"accuracy": 0.5}  # 14 classes
    assert damage.left({"accuracy": 1 / 14}, clean, images) == pytest.approx(0)
    assert damage.left({"accuracy": 0.5}, clean, images) == 1
    assert math.isnan(damage.left(clean, {"accuracy": 1 / 14}, images))


def test_pictures_that_lie_class_by_class_are_measured_of_every_class(run, monkeypatch):
    method, images = run
    order = images.held_out.labels.argsort()
    seen = []
    monkeypatch.setattr(damage, "COUNT", 28)
    monkeypatch.setattr(damage, "corruption_table", lambda encoder, bank, test, **how: seen.append(test.labels) or [])
    monkeypatch.setattr(damage, "fmean", lambda values: 0.0)
    damage.corruptions(method, images._replace(held_out=images.held_out.subset(order)))
    assert seen[0].bincount().tolist() == [2] * 14


def test_photographs_with_masks_stand_in_where_pictures_have_none(tmp_path, monkeypatch, run):
    """A file as COCO's: one red square on black a picture, half of them to fit on."""
    square = np.zeros((96, 96), bool)
    square[:48, 48:] = True
    path = tmp_path / "picture.png"
    Image.fromarray((square[:, :, None] * np.array([255, 0, 0])).astype(np.uint8)).save(path)
    blob = np.frombuffer(path.read_bytes(), np.uint8)
    np.savez(
        tmp_path / "objects.npz",
        blob=np.tile(blob, 4),
        offsets=np.arange(5) * len(blob),
        mask=np.tile(np.packbits(square, axis=1), (4, 1, 1)),
        split=np.array([0, 1, 0, 1], np.uint8),
        supercat=np.array([0, 1, 1, 0], np.uint8),
        supernames=np.array(["animal", "vehicle"]),
    )
    monkeypatch.setenv(masked.VARIABLE, str(tmp_path / "objects.npz"))
    masked.coco_objects.cache_clear()
    bare = run[1]._replace(held_out=ImageSet(run[1].held_out.images, run[1].held_out.labels, ("a",) * 14, "bare"))
    fit, test = masked.masked_pictures(bare)
    assert len(fit) == len(test) == 2 and test.labels.tolist() == [1, 0] and test.classes == ("animal", "vehicle")
    assert test.extras["mask"][0].nonzero().amin(0).tolist() == [0, 24]
    assert test.images[0, :, 10, 40].tolist() == [255, 0, 0] and test.images[0, :, 40, 10].tolist() == [0, 0, 0]
    masked.coco_objects.cache_clear()
    monkeypatch.delenv(masked.VARIABLE)
    with pytest.raises(FileNotFoundError, match=masked.VARIABLE):
        masked.masked_pictures(bare)
