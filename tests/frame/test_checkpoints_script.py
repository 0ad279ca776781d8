"""benchmarks/checkpoints.py: trains what is missing, writes it with its card, and is not finished by a run that was
stopped.
"""

import sys

import pytest
import torch
from benchmark_scripts import TINY, load_script

from sslcourse.training import find_recipe, train_recipe
from sslcourse.training.images import figures_of
from sslcourse.training.pretrained import course_checkpoints, load_course_method

pytestmark = pytest.mark.slow


@pytest.fixture
def script(monkeypatch):
    return load_script("checkpoints", monkeypatch)


def call(script, monkeypatch, folder, *words):
    changes = [word for pair in TINY.items() for word in ("--set", "=".join(pair))]
    places = ["--runs", f"{folder}/runs", "--folder", f"{folder}/there"]
    monkeypatch.setattr(sys, "argv", ["checkpoints.py", *words, *changes, *places])
    script.main()


def test_a_checkpoint_is_made_once_with_its_command(script, monkeypatch, tmp_path, capsys):
    call(script, monkeypatch, tmp_path, "reconstruction")
    method, recipe, card = load_course_method("reconstruction", tmp_path / "there")
    assert card["method"] == "combined" and not recipe.method.cls and recipe.fit.steps == card["steps"] == 3
    assert card["command"].startswith("sslcourse train combined --data objects --scale cpu --set policy=random")
    assert {"predicted", "image_mean", "patch_mean"} == set(card["figures"]["reconstruction_errors"])
    assert "reconstruction" in capsys.readouterr().out.splitlines()[-1]
    monkeypatch.setattr(script, "run", lambda *arguments, **options: pytest.fail("trained again"))
    call(script, monkeypatch, tmp_path, "reconstruction")


def test_another_name_is_refused(script, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        call(script, monkeypatch, tmp_path, "dyno")
    assert "there is no course checkpoint dyno; there are simclr" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["simclr", "byol", "combined"])
def test_the_trained_method_comes_back_with_the_figures_of_its_card(kind, script, tmp_path):
    recipe = find_recipe(kind, seed=3, **TINY)
    trained = train_recipe(recipe, tmp_path / "run", progress=False)
    parts = (trained.method, recipe, trained.summary, trained.images)
    script.save("mine", *parts, about={"command": "so"}, folder=tmp_path)
    assert course_checkpoints(tmp_path) == ("mine",)
    method, loaded_recipe, card = load_course_method("mine", tmp_path)
    assert loaded_recipe == recipe and not method.training and type(method) is type(trained.method)
    pictures = trained.images.held_out.batch(torch.arange(4))
    with torch.no_grad():
        wanted = trained.method.eval().representation.features(pictures)
        found = method.representation.features(pictures)
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0.02)
    for teacher, student in method.teacher_pairs():
        assert all(torch.equal(a, b) for a, b in zip(teacher.state_dict().values(), student.state_dict().values()))
    assert card["command"] == "so" and card["seed"] == 3 and card["knn_curve"][-1][0] == 3
    assert card["bytes"] == (tmp_path / "mine.safetensors").stat().st_size <= script.LARGEST
    assert figures_of(method, trained.images) == card["figures"]
    with torch.no_grad():
        next(trained.method.representation.parameters()).view(-1)[0] = 1e6
    with pytest.raises(ValueError, match="half precision"):
        script.save("big", *parts, about={}, folder=tmp_path)
    assert course_checkpoints(tmp_path) == ("mine",)
