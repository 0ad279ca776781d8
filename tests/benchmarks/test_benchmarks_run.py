"""Each benchmark of the methods runs in its tiny form and writes the rows that it promises; no speed is asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "benchmarks"


def rows_of(script, tmp_path):
    path = tmp_path / "figures.json"
    command = [sys.executable, FOLDER / f"{script}.py", "--smoke", "--rounds", "1", "--json", path]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    written = json.loads(path.read_text())
    assert "torch" in written["machine"]
    for row in written["rows"]:
        assert {"name", "ours", "theirs", "ratio", "spread"} <= set(row)
        assert row["spread"][0] <= row["ratio"] <= row["spread"][1]
    return {row["name"]: row for row in written["rows"]}


def test_step_compares_equal_steps(tmp_path):
    rows = rows_of("step", tmp_path)
    assert list(rows) == ["fp32", "as_shipped", "keep_0.5"]
    ours, theirs = rows["fp32"]["losses"]
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_removal_has_a_row_for_each_part_and_keep_rate(tmp_path):
    rows = rows_of("removal", tmp_path)
    assert len([name for name in rows if "student" in name]) == len([name for name in rows if ", step" in name]) == 15
    assert rows["2 globals alone, step, keep 1.0"]["theirs"] == 1
    assert any(name.startswith("inference") for name in rows)


def test_the_bare_loop_ends_with_the_weights_that_fit_has(tmp_path):
    for row in rows_of("overhead", tmp_path).values():
        assert 0 < row["data_wait"] < 1


def test_memory_of_a_side_is_measured_in_its_process():
    command = [sys.executable, FOLDER / "memory.py", "--measure", "theirs", "fp32", "1.0", "1", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout.split()[-1]) > 0
