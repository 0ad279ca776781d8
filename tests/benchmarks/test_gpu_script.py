"""The script for a short visit to a GPU runs as a whole in its tiny form, so that no minute there is lost to a slip."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
PARTS = ["environment", "methods", "steps", "two_views", "augmentation", "drawing", "lab", "compile", "training"]


def test_every_part_runs_dry(tmp_path):
    path = tmp_path / "gpu.json"
    command = [sys.executable, SCRIPT, "--dry", "--json", path, "--parts", ",".join(PARTS)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    rows = json.loads(path.read_text())["rows"]
    assert list(dict.fromkeys(row["part"] for row in rows)) == PARTS
    failed = [row for row in rows if "failed" in row and row.get("side") not in ("kornia", "lightly")]
    assert not failed, failed
    assert {row["name"] for row in rows if row["part"] == "training"} > {"simclr", "byol", "dino", "ibot", "logo"}
    assert all("knn" in row for row in rows if row["part"] == "training" and row["name"] != "whole part")
    graphs = [row for row in rows if row.get("kind") == "graph"]
    assert len(graphs) == 6 + 4 + 1 and all(row["images_per_second"] > 0 for row in graphs)


def test_a_part_that_dies_or_hangs_costs_only_itself(tmp_path):
    path = tmp_path / "gpu.json"
    command = [sys.executable, SCRIPT, "--parts", "drawing,environment", "--seconds", "11", "--json", path]
    done = subprocess.run([*command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = json.loads(path.read_text())["rows"]
    assert [row["part"] for row in rows if row["name"] == "whole part"] == ["drawing", "environment"]
    assert any("no time was left" in row.get("failed", "") for row in rows)
