"""The course checkpoints: weights survive the round trip, damaged files are refused, the cards of shipped ones are true."""

import pytest
import torch

from sslcourse.training.experiment import train_recipe
from sslcourse.training.images import load_images
from sslcourse.training.pretrained import LARGEST, course_checkpoints, load_course_method, save_course_method
from sslcourse.training.recipes import METHODS, find_recipe
from sslcourse.training.scores import figures_of

TINY = {"steps": 2, "batch_size": 8, "count": 32, "bank": 32, "held_out": 16, "log_every": 1, "encoder": "vit_64x2_p8"}


@pytest.fixture(scope="module", params=METHODS)
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    recipe = find_recipe(request.param, **TINY, seed=3)
    trained = train_recipe(recipe, folder / "run", progress=False)
    save_course_method(
        "mine", trained.method, recipe, trained.summary, trained.images, about={"command": "so"}, folder=folder
    )
    return folder, recipe, trained


def test_the_trained_method_comes_back(saved):
    folder, recipe, trained = saved
    assert course_checkpoints(folder) == ("mine",)
    method, loaded_recipe, card = load_course_method("mine", folder)
    assert loaded_recipe == recipe and not method.training and type(method) is type(trained.method)
    pictures = trained.images.held_out.batch(torch.arange(4))
    with torch.no_grad():
        wanted = trained.method.eval().representation.features(pictures)
        found = method.representation.features(pictures)
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0.02)
    for teacher, student in method.teacher_pairs():
        assert all(torch.equal(a, b) for a, b in zip(teacher.state_dict().values(), student.state_dict().values()))
    assert card["command"] == "so" and card["seed"] == 3 and card["knn_curve"][-1][0] == 2
    assert card["bytes"] == (folder / "mine.safetensors").stat().st_size <= LARGEST


def test_the_figures_of_the_card_are_those_of_the_file(saved):
    folder, _, trained = saved
    trained_again = load_course_method("mine", folder)
    assert figures_of(trained_again.method, trained.images) == trained_again.card["figures"]


def test_a_damaged_file_and_another_name_are_refused(saved):
    folder, _, _ = saved
    with pytest.raises(ValueError, match="'mein'; did you mean 'mine'"):
        load_course_method("mein", folder)
    path = folder / "mine.safetensors"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(ValueError, match="does not match its card"):
            load_course_method("mine", folder)
    finally:
        path.write_bytes(whole)


def test_weights_that_half_precision_does_not_hold_are_refused(saved, tmp_path):
    _, recipe, trained = saved
    parameter = next(trained.method.representation.parameters())
    kept = parameter.detach().clone()
    with torch.no_grad():
        parameter.view(-1)[0] = 1e6
    try:
        with pytest.raises(ValueError, match="half precision"):
            save_course_method(
                "big", trained.method, recipe, trained.summary, trained.images, about={}, folder=tmp_path
            )
        assert not list(tmp_path.iterdir())
    finally:
        with torch.no_grad():
            parameter.copy_(kept)


@pytest.fixture(scope="module")
def objects():
    return load_images(find_recipe("simclr").data)


def test_every_method_has_a_checkpoint():
    assert set(course_checkpoints()) == {*METHODS, "reconstruction"}


@pytest.mark.slow
@pytest.mark.parametrize("name", course_checkpoints())
def test_a_shipped_checkpoint_is_as_good_as_its_card_says(name, objects):
    method, recipe, card = load_course_method(name)
    assert recipe.data == find_recipe("simclr").data
    found = figures_of(method, objects)
    assert set(found) == set(card["figures"])
    for figure in ("knn", "linear_probe", "attention_recall"):  # another processor rounds otherwise
        assert found[figure] == pytest.approx(card["figures"][figure], abs=0.01), figure
    for rule, error in found.get("reconstruction_errors", {}).items():
        assert error == pytest.approx(card["figures"]["reconstruction_errors"][rule], rel=0.02), rule
    assert card["bytes"] <= LARGEST and card["seconds"] <= 30 * 60 and card["command"] and card["alarms"] == []
    better = "linear_probe" if name == "reconstruction" else "knn"
    assert found[better] > card["figures_untrained"][better] + 0.05
