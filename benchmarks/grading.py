"""Seconds that one submission takes: `sslcourse grade` beside `nbgrader autograde` and `otter run`.

    python benchmarks/grading.py --tools ENVIRONMENT/bin --json grading.json

Everything counts: starting, importing torch, writing what was found. The submissions are copies of Lab 1's solution,
all right, judged on the same cases by the same code. nbgrader and otter run whole notebooks, so there are two tables:
as handed in, with the experiments at scale `smoke`, and with experiments, widgets and predictions taken out, which is
fairer to them. All take one submission after the other, in one process; `--workers 2` adds ours in two.

nbgrader and otter-grader are looked for in `--tools`, an environment of their own that also sees torch and the course.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import machine

from sslcourse.exercises import LABS
from sslcourse.files import write_atomically

ROOT = Path(__file__).parents[1]
LAB = LABS["contrastive"]
NAME = "lab"
TAKEN_OUT = {"experiment", "widget", "predict"}  # tags of cells
PASSES = "from sslcourse.exercises import find\nfrom sslcourse.exercises.judge import attempt\n"
PASSES += "assert attempt(find({id!r}), {function}).points == {points:g}"


def notebook(is_whole: bool) -> dict:
    """Lab 1's solution as it is handed in, without outputs; or without the cells that no grader needs."""
    found = json.loads((ROOT / "solutions" / "01_contrastive.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in found["cells"] if is_whole or TAKEN_OUT.isdisjoint(cell["metadata"].get("tags", ()))]
    for cell in cells:
        cell |= {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    return found | {"cells": cells}


def run(words: list[object], folder: Path, progress: Path) -> None:
    """Run a command quietly; raises RuntimeError with what it said when it fails."""
    environment = {**os.environ, "SSLCOURSE_SCALE": "smoke", "SSLCOURSE_PROGRESS": str(progress)}
    environment["PYTHONPATH"] = str(ROOT)
    ended = subprocess.run(
        list(map(str, words)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{words[:3]} failed:\n{(ended.stdout + ended.stderr)[-3000:]}")


class Ours:
    """`sslcourse grade`."""

    def __init__(self, folder: Path, nb: dict, count: int, workers: int):
        self.folder, self.workers = folder, workers
        for number in range(count):
            write(folder / "in" / f"s{number}" / f"{NAME}.ipynb", nb)

    def grade(self) -> None:
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        words = [sys.executable, "-m", "sslcourse", "grade", "in", "--out", "out", "--workers", self.workers]
        run(words, self.folder, self.folder / "progress.json")
        rows = (self.folder / "out" / "grades.csv").read_text(encoding="utf-8-sig").splitlines()
        assert not any(",failed," in row or ",error," in row for row in rows), rows


class Nbgrader:
    """`nbgrader autograde`: cells with an assertion for each exercise, in the place of the lab's checks."""

    def __init__(self, folder: Path, nb: dict, count: int, tools: Path):
        self.folder, self.tool = folder, tools / "nbgrader"
        (folder / "nbgrader_config.py").parent.mkdir(parents=True)
        (folder / "nbgrader_config.py").write_text(
            "c = get_config()\nc.CourseDirectory.course_id = 'course'\nc.ExecutePreprocessor.timeout = 600\n"
        )
        tests = _with_tests(nb)
        write(folder / "source" / NAME / f"{NAME}.ipynb", tests)
        run([self.tool, "generate_assignment", NAME, "--create"], folder, folder / "progress.json")
        handed_in = json.loads((folder / "release" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
        for cell, solved in zip(handed_in["cells"], tests["cells"], strict=True):
            cell["source"] = solved["source"]
        for number in range(count):
            write(folder / "submitted" / f"s{number}" / NAME / f"{NAME}.ipynb", handed_in)

    def grade(self) -> None:
        shutil.rmtree(self.folder / "autograded", ignore_errors=True)
        run([self.tool, "autograde", NAME, "--force"], self.folder, self.folder / "progress.json")
        run([self.tool, "export", "--to", "grades.csv"], self.folder, self.folder / "progress.json")
        scores = {row.split(",")[-2] for row in (self.folder / "grades.csv").read_text().splitlines()[1:]}
        assert scores == {str(LAB.points)}, scores


class Otter:
    """`otter run` for each notebook: a test file for each exercise."""

    def __init__(self, folder: Path, nb: dict, count: int, tools: Path):
        self.folder, self.tool, self.count = folder, tools / "otter", count
        for id, task in LAB.tasks.items():
            lines = PASSES.format(id=id, function=task.function, points=task.points).splitlines()
            code = "\n".join(f">>> {line}" for line in lines)
            case = {"code": code, "hidden": False, "locked": False}
            suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
            name = id.partition(".")[2]
            test = {"name": name, "points": task.points, "suites": [suite]}
            (folder / "tests").mkdir(parents=True, exist_ok=True)
            (folder / "tests" / f"{name}.py").write_text(f"OK_FORMAT = True\ntest = {test!r}\n")
        run([self.tool, "generate", "-t", "tests", "-o", "autograder.zip"], folder, folder / "progress.json")
        for number in range(count):
            write(folder / f"s{number}.ipynb", nb)

    def grade(self) -> None:
        for number in range(self.count):
            words = [self.tool, "run", "-a", "autograder.zip", "-o", f"out{number}", f"s{number}.ipynb"]
            (self.folder / f"out{number}").mkdir(exist_ok=True)
            run(words, self.folder, self.folder / "progress.json")
            results = json.loads((self.folder / f"out{number}" / "results.json").read_text())
            score = sum(test.get("score", 0) for test in results["tests"])
            assert score == LAB.points, results


def write(path: Path, nb: dict) -> None:
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(nb), encoding="utf-8")


def _with_tests(nb: dict) -> dict:
    """The notebook as nbgrader's instructor has it: answers are solutions, checks are tests with points."""
    marks = {id.replace(".", "-"): (id, task) for id, task in LAB.tasks.items()}
    cells = json.loads(json.dumps(nb["cells"]))
    for cell in cells:
        fields = cell["metadata"].get("nbgrader", {})
        mark = fields.get("grade_id", "")
        if mark in marks:
            fields |= {"grade": False, "solution": True, "locked": False}
            fields.pop("points", None)
        elif mark.removeprefix("check-") in marks:
            id, task = marks[mark.removeprefix("check-")]
            fields |= {"grade": True, "solution": False, "locked": True, "points": task.points}
            cell["source"] = PASSES.format(id=id, function=task.function, points=task.points)
        elif fields.get("grade"):
            cell["metadata"].pop("nbgrader")  # a written question: a person's points
        fields.pop("checksum", None)
    return nb | {"cells": cells}


def seconds(grade: Callable[[], None], count: int) -> float:
    """How long one of `count` submissions takes."""
    began = time.perf_counter()
    grade()
    return (time.perf_counter() - began) / count


def main() -> None:
    """Time all of them in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds (default %(default)s)")
    parser.add_argument("--smoke", action="store_true", help="one submission, once: shows that the script runs")
    parser.add_argument("--count", type=int, default=10, help="submissions without experiments (default %(default)s)")
    parser.add_argument("--whole", type=int, default=3, help="submissions with experiments (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="of the second row of ours (default %(default)s)")
    parser.add_argument("--tools", type=Path, default=Path(sys.executable).parent, help="folder of nbgrader and otter")
    given = parser.parse_args()
    rows, tools = [], given.tools.absolute()
    print("  ".join(f"{key}: {value}" for key, value in machine().items()))
    for is_whole, wanted in ((False, given.count), (True, given.whole)):
        if not wanted:
            continue
        count, rounds = (1, 1) if given.smoke else (wanted, given.rounds)
        what = "as handed in" if is_whole else "experiments taken out"
        with tempfile.TemporaryDirectory() as name:
            nb, folder = notebook(is_whole), Path(name)
            sides = {
                "sslcourse": Ours(folder / "ours", nb, count, 1),
                f"sslcourse, {given.workers} workers": Ours(folder / "both", nb, count, given.workers),
                "nbgrader": Nbgrader(folder / "nbgrader", nb, count, tools),
                "otter": Otter(folder / "otter", nb, count, tools),
            }
            times: dict[str, list[float]] = {side: [] for side in sides}
            for _ in range(rounds):
                for side, grader in sides.items():
                    times[side].append(seconds(grader.grade, count))
        print(f"\n{what}, {count} submissions, {rounds} rounds: seconds a submission, and how many times ours")
        for side, all_times in times.items():
            ratios = [theirs / ours for theirs, ours in zip(all_times, times["sslcourse"], strict=True)]
            row = {
                "name": f"{what}: {side}",
                "seconds": round(statistics.median(all_times), 2),
                "ratio": round(statistics.median(ratios), 2),
                "spread": [round(min(ratios), 2), round(max(ratios), 2)],
            }
            print(
                f"{side:30s}{row['seconds']:8.2f}{row['ratio']:8.2f}   {row['spread'][0]}-{row['spread'][1]}",
                flush=True,
            )
            rows.append(row)
    if given.json:
        write_atomically(given.json, json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
