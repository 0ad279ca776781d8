"""A recipe from start to end: which images it gets, and what TensorBoard is told where it is installed."""

import sys
import types

import pytest
import torch
from PIL import Image
from torch import nn

from sslcourse.data.imageset import ImageSet
from sslcourse.models import build_encoder
from sslcourse.training import find_recipe, train_recipe
from sslcourse.training.folder import tensorboard
from sslcourse.training.images import RunImages, few, load_images, object_recall
from sslcourse.training.recipes import DataSettings, build_method


def test_a_part_of_a_set_is_even_over_the_classes_and_the_same_each_time(textures):
    images = textures(200)
    part = few(images, 40)
    assert part.labels.bincount().tolist() == [10, 10, 10, 10]
    assert torch.equal(part.images, few(images, 40).images)
    assert few(images, None) is images and few(images, 500) is images


def test_held_out_objects_are_none_of_those_trained_on():
    images = load_images(DataSettings(size=32, count=40, bank=20, held_out=30))
    assert (len(images.train), len(images.bank), len(images.held_out)) == (40, 20, 30)
    trained = {image.numpy().tobytes() for image in images.train.images}
    assert {image.numpy().tobytes() for image in images.bank.images} <= trained
    assert not trained & {image.numpy().tobytes() for image in images.held_out.images}


def test_a_small_folder_gives_what_it_has(tmp_path, textures):
    images = textures(40)
    for index, (picture, label) in enumerate(zip(images.images, images.labels.tolist())):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / str(label) / f"{index}.png")
    loaded = load_images(DataSettings(f"folder:{tmp_path}", size=16, count=None, bank=1000, held_out=1000))
    assert len(loaded.train) + 2 * len(loaded.held_out) == 40 and len(loaded.bank) == len(loaded.train)


def test_labels_on_fewer_images_than_a_probe_needs_are_refused(tmp_path, textures):
    for place in ("train/a", "train/b", "val/a"):
        (tmp_path / place).mkdir(parents=True)
        Image.fromarray(textures(1).images[0].permute(1, 2, 0).numpy()).save(tmp_path / place / f"{place[-1]}.png")
    with (
        pytest.warns(UserWarning, match="in train, too"),
        pytest.raises(ValueError, match="has 2 labelled images .* needs 3"),
    ):
        load_images(DataSettings(f"folder:{tmp_path}", size=16, count=None))


@pytest.mark.slow
def test_the_five_lines_of_the_readme(tmp_path, textures):
    recipe = find_recipe("byol", scale="smoke", image_size=16, encoder="convnet", steps=4, batch_size=8, log_every=2)
    images = RunImages(textures(48), textures(48), textures(32, seed=1))
    trained = train_recipe(recipe, tmp_path, images=images, progress=False)
    features = trained.method.representation.features(trained.images.held_out.batch(torch.arange(8)))
    assert features.shape == (8, 256) and trained.summary["knn"] == trained.rows[-1]["knn"]
    assert "attention_recall" not in trained.summary and (tmp_path / "summary.json").exists()


def test_recall_needs_patches_and_masks(textures):
    images = textures(8, size=32)
    encoder = build_encoder("vit_64x2_p8", 32)
    assert object_recall(encoder, images) is None
    mask = torch.zeros(8, 32, 32, dtype=torch.bool)
    mask[:, :8, :8] = True  # one patch
    masked = ImageSet(images.images, images.labels, images.classes, "masked", {"mask": mask})
    assert 0 <= object_recall(encoder, masked) <= 1 and object_recall(nn.Identity(), masked) is None


def test_the_representation_is_the_methods_choice():
    method = build_method(find_recipe("dino", scale="smoke"))
    assert method.representation is method.teacher_encoder


def test_tensorboard_gets_the_numbers_where_it_is_installed(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder, purge_step):
            written.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def close(self):
            written.append("closed")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    with tensorboard(tmp_path / "tensorboard") as add:
        add({"step": 20, "loss": 0.5, "alarms": ["collapsed"]})
        add({"step": 40, "loss": 0.25})
    assert written == [(str(tmp_path / "tensorboard"), 20), ("loss", 0.5, 20), ("loss", 0.25, 40), "closed"]


def test_without_tensorboard_nothing_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # an import then fails
    with tensorboard(tmp_path / "tensorboard") as add:
        add({"step": 1, "loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_setting_is_refused_before_anything_is_loaded():
    with pytest.raises(ValueError, match="nearest: fit.steps"):
        find_recipe("simclr", stepps=3)
