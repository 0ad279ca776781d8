"""benchmarks/checkpoints.py: trains what is missing, writes it with its card, and is not finished by a run that was
stopped.
"""

import sys

import pytest
from benchmark_scripts import TINY, load_script

from sslcourse.training.pretrained import load_course_method


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
