"""The course checkpoints that are shipped: all there, as good as their cards say, and refused when damaged."""

import shutil

import pytest

from sslcourse.training.images import figures_of, load_images
from sslcourse.training.pretrained import FOLDER, course_checkpoints, load_course_method
from sslcourse.training.recipes import METHODS, find_recipe


def test_a_damaged_file_and_another_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'simcrl'; did you mean 'simclr'"):
        load_course_method("simcrl")
    for suffix in (".safetensors", ".json"):
        shutil.copy(FOLDER / f"simclr{suffix}", tmp_path)
    path = tmp_path / "simclr.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match="does not match its card"):
        load_course_method("simclr", tmp_path)


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
    assert card["bytes"] <= 2_000_000 and card["seconds"] <= 30 * 60 and card["command"] and card["alarms"] == []
    better = "linear_probe" if name == "reconstruction" else "knn"
    assert found[better] > card["figures_untrained"][better] + 0.05
