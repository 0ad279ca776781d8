"""benchmarks/recipes.py: a finished run is recorded once, an unfinished one continues, and the record survives a crash."""

import json
import math
import sys

import pytest
from benchmark_scripts import TINY, load_script


@pytest.fixture
def script(monkeypatch):
    return load_script("recipes", monkeypatch)


def call(script, monkeypatch, folder, *words):
    monkeypatch.setattr(
        sys, "argv", ["recipes.py", *words, "--record", f"{folder}/r.jsonl", "--runs", f"{folder}/runs"]
    )
    script.main()
    return script.read_record(folder / "r.jsonl")


def test_a_run_is_recorded_with_its_curve_and_not_run_again(script, monkeypatch, tmp_path, capsys):
    words = ["simclr", "--seeds", "0", *(word for pair in TINY.items() for word in ("--set", "=".join(pair)))]
    [row] = call(script, monkeypatch, tmp_path, *words, "--note", "tiny")
    assert row["method"] == "simclr" and row["set"] == TINY and row["note"] == "tiny" and row["steps"] == 3
    assert row["knn_curve"][-1] == [3, row["knn"]] and row["recipe"]["fit"]["batch_size"] == 8 and row["seconds"] > 0
    monkeypatch.setattr(script, "train_recipe", lambda *arguments, **options: pytest.fail("run again"))
    assert call(script, monkeypatch, tmp_path, *words) == [row]
    assert "tiny" in capsys.readouterr().out


def test_when_the_minutes_are_over_it_continues_next_time(script, monkeypatch, tmp_path):
    candidate = script.Candidate("simclr", TINY)
    with pytest.raises(script.OutOfTime):
        script.carry_out(candidate, tmp_path, deadline=-math.inf, progress=False)
    [folder] = tmp_path.iterdir()
    assert any(folder.glob("checkpoint-00000001-*.pt"))
    row = script.carry_out(candidate, tmp_path, deadline=math.inf, progress=False)
    assert row["steps"] == 3 and row["key"] == folder.name


def test_a_key_is_the_recipe_and_not_its_spelling(script):
    def key(**changes):
        return script.key_of(script.Candidate("dino", changes).recipe())

    assert key() == key(momentum="0.90") == key(log_every="7") and key() != key(momentum="0.5")
    assert key() != script.key_of(script.Candidate("dino", seed=1).recipe())


def test_a_line_that_was_cut_off_costs_itself_alone(script, tmp_path, capsys):
    path = tmp_path / "record.jsonl"
    script.append(path, {"key": "a"})
    with open(path, "a") as file:
        file.write('{"key": "b", "kn')
    script.append(path, {"key": "c"})
    assert [row["key"] for row in script.read_record(path)] == ["a", "c"] and "damaged" in capsys.readouterr().out


def test_candidates_from_a_file_are_looked_at_before_the_first_is_run(script, monkeypatch, tmp_path):
    lines = [{"method": "dino", "set": {"momentum": "0.9"}, "seed": 2}, {"method": "dino", "set": {"momentun": "0.9"}}]
    (tmp_path / "c.jsonl").write_text("# mine\n" + "\n".join(map(json.dumps, lines)))
    with pytest.raises(SystemExit):
        call(script, monkeypatch, tmp_path, "--candidates", str(tmp_path / "c.jsonl"))
    assert not (tmp_path / "runs").exists()


def test_a_run_that_diverges_is_recorded_as_failed(script, tmp_path):
    row = script.carry_out(
        script.Candidate("simclr", TINY | {"learning_rate": "1e30", "clip_norm": "none"}),
        tmp_path,
        math.inf,
        progress=False,
    )
    assert "failed" in row and "knn" not in row and "failed" in script.table([row])
