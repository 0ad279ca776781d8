"""benchmarks/recipes.py: a finished run is recorded once, and the record survives a crash."""

import sys

import pytest
from benchmark_scripts import TINY, load_script

pytestmark = pytest.mark.slow


@pytest.fixture
def script(monkeypatch):
    return load_script("recipes", monkeypatch)


def call(script, monkeypatch, folder, *words):
    places = ["--record", f"{folder}/r.jsonl", "--runs", f"{folder}/runs", "--workers", "1"]
    changes = [word for pair in TINY.items() for word in ("--set", "=".join(pair))]
    monkeypatch.setattr(sys, "argv", ["recipes.py", *words, *changes, *places])
    script.main()
    return script.read_record(folder / "r.jsonl")


def test_runs_are_recorded_with_their_curve_or_failure_and_not_run_again(script, monkeypatch, tmp_path, capsys):
    words = ["simclr", "--seeds", "0", "--note", "tiny"]
    [row] = call(script, monkeypatch, tmp_path, *words)
    assert row["method"] == "simclr" and row["set"] == TINY and row["note"] == "tiny" and row["steps"] == 3
    assert row["knn_curve"][-1] == [3, row["knn"]] and row["recipe"]["fit"]["batch_size"] == 8 and row["seconds"] > 0
    assert (tmp_path / "runs" / script.Experiment(script.shown_recipe("simclr", 0, TINY)).name).is_dir()
    diverges = ["--set", "learning_rate=1e30", "--set", "clip_norm=none"]
    rows = call(script, monkeypatch, tmp_path, *words, *diverges)
    assert rows[0] == row and "NonFiniteLoss" in rows[1]["failed"] and "knn" not in rows[1]
    monkeypatch.setattr(script, "run_all", lambda runs, *rest, **options: runs and pytest.fail("run again") or [])
    assert call(script, monkeypatch, tmp_path, *words) == rows == call(script, monkeypatch, tmp_path, *words, *diverges)
    assert "(tiny)" in capsys.readouterr().out


def test_a_line_that_was_cut_off_costs_itself_alone(script, tmp_path, capsys):
    path = tmp_path / "record.jsonl"
    script.append(path, {"key": "a"})
    with open(path, "a") as file:
        file.write('{"key": "b", "kn')
    script.append(path, {"key": "c"})
    assert [row["key"] for row in script.read_record(path)] == ["a", "c"] and "damaged" in capsys.readouterr().out


def test_all_recipes_are_looked_at_before_the_first_is_run(script, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        call(script, monkeypatch, tmp_path, "simclr", "dino", "--set", "temperature=0.2")
    assert "dino has none" in capsys.readouterr().err and not (tmp_path / "runs").exists()
