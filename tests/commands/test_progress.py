"""`sslcourse progress`: all labs, from the file that the notebooks keep."""

import json

from sslcourse.cli import main
from sslcourse.exercises import LABS


def test_all_labs_are_shown_with_what_is_checked_and_predicted(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(tmp_path / "elsewhere.json"))
    points = {name: {"status": "passed", "points": task.points} for name, task in LABS["byol"].tasks.items()}
    labs = {
        "byol": {"tasks": points},
        "pixels": {
            "predictions": {"pixels.pair": {"choice": "a", "options": {"a": "more", "b": "less"}}},
            "measured": {"pixels.pair": {"text": "less", "answer": "b", "scale": "cpu"}},
        },
    }
    file = tmp_path / "progress.json"
    file.write_text(json.dumps({"format": 1, "labs": labs}))
    assert main(["progress", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(any(f"{lab.number} {lab.title}" in line for line in lines) for lab in LABS.values())
    own = next(line for line in lines if LABS["byol"].title in line)
    assert f"{LABS['byol'].points:g} of {LABS['byol'].points:g}" in own and "✓" in own
    assert "0 of 1" in next(line for line in lines if LABS["pixels"].title in line)


def test_a_file_that_is_not_there_is_named_and_none_at_all_is_no_error(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(tmp_path / "none.json"))
    assert main(["progress", "absent.json"]) == 2
    assert "absent.json" in capsys.readouterr().err
    assert main(["progress"]) == 0
    assert "No lab has been begun" in capsys.readouterr().out
