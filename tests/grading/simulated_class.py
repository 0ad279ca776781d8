"""A class whose marks are known beforehand: graded, killed, resumed, graded again; all gradebooks must be equal.

    python tests/grading/simulated_class.py 200 --kills 2 --workers 2

Hand-ins are solutions, right variants, wrong answers, attacks, damaged files, versions, empty labs and notebooks that
lost their metadata, over all labs in turn.
"""

# ruff: noqa: E402
import argparse
import csv
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from every_lab import ROOT, SOURCES
from hostile.forging import ANYWHERE

from sslcourse.exercises import LABS
from sslcourse.exercises.judge import attempt

SECONDS = 5.0  # an exercise: for attacks that never end
DAMAGED = (b"", b"{", b"\x89PNG\r\n", b'{"cells": []}', b"[" * 10_000, "\N{SNOWMAN}".encode("utf-16"), b"{}")
Known = dict[tuple[str, str], float]  # (student, exercise) -> points; of a file that cannot be read (student, "") -> 0


def make_class(folder: Path, count: int) -> Known:
    """Write `count` hand-ins below `folder`, each in a folder of its own; returns their marks."""
    known: Known = {}
    turns = {lab: islice(kinds(lab), 3 * at, None) for at, lab in enumerate(SOURCES)}
    for number, lab in enumerate(islice(cycle(SOURCES), count)):
        student = f"s{number:03d}"
        (folder / student).mkdir(parents=True)
        next(turns[lab])(folder / student / "lab.ipynb", student, known)
    return known


def kinds(lab: str):
    """Functions (file, student, known) that hand something in, of one kind after another."""
    solution, empty = (ROOT / folder / f"{SOURCES[lab].stem}.ipynb" for folder in ("solutions", "labs"))
    exercises = LABS[lab].exercises
    full = {id: exercise.task.points for id, exercise in exercises.items()}
    variants = cycle((id, answer) for id, each in exercises.items() for answer in each.variants)
    wrong = cycle((id, answer) for id, each in exercises.items() for answer in each.wrong)
    attacks = cycle((id, attack) for attack, id in zip(sorted(ANYWHERE), cycle(exercises)))
    damaged = cycle(DAMAGED)

    def write(content, marks):
        def hand_in(file, student, known):
            file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
            known |= {(student, id): points for id, points in marks.items()}

        return hand_in

    def versions(file, student, known):
        write(notebook(solution), full)(file.with_name("lab (1).ipynb"), student, known)
        write(notebook(empty), full)(file, student, known)
        os.utime(file, (1e9, 1e9))

    while True:
        yield write(notebook(solution), full)
        id, answer = next(variants)
        yield write(answered(solution, id, alone(exercises[id], answer)), full)
        for _ in range(3):
            id, answer = next(wrong)
            points = attempt(exercises[id], answer, seed=1).points
            yield write(answered(solution, id, alone(exercises[id], answer)), full | {id: points})
        id, attack = next(attacks)
        source = ANYWHERE[attack][0].replace("{function}", exercises[id].task.function)
        yield write(answered(solution, id, source), full | {id: 0.0})
        yield write(next(damaged), {"": 0.0})
        yield versions
        yield write(notebook(empty), dict.fromkeys(full, 0.0))
        yield write(notebook(solution, keep_metadata=False), full)


def notebook(file: Path, keep_metadata: bool = True) -> dict:
    """A built notebook without its outputs."""
    found = json.loads(file.read_text(encoding="utf-8"))
    for cell in found["cells"]:
        cell |= {"outputs": []} if cell["cell_type"] == "code" else {}
        cell |= {} if keep_metadata else {"metadata": {}}
    return found


def answered(file: Path, id: str, source: str) -> dict:
    """The notebook with another answer to one exercise."""
    found = notebook(file)
    for cell in found["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == id.replace(".", "-"):
            cell["source"] = source
    return found


def alone(exercise, answer) -> str:
    """A cell that holds one of the course's answers with everything that it uses; the reference gets another name."""
    function = exercise.task.function
    text = re.sub(rf"\b{function}\b", "as_it_should_be", inspect.getsource(inspect.getmodule(answer)))
    return f"{text}\n\n{function} = {answer.__name__}\n"


def gradebook(out: Path) -> Known:
    """The marks of a run, without written answers. Raises AssertionError where somebody has a row twice."""
    found: Known = {}
    with open(out / "grades.csv", newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if row["status"] not in ("to_mark", "marked"):
                key = row["id"], row["exercise"]
                assert key not in found, f"{key} is there twice"
                found[key] = float(row["points"] or 0)
    return found


def command(folder: Path, out: Path, workers: int) -> list[str]:
    """The words that grade the class."""
    words = [sys.executable, "-m", "sslcourse", "grade", str(folder), "--out", str(out)]
    return [*words, "--workers", str(workers), "--timeout", str(SECONDS)]


def grade(folder: Path, out: Path, workers: int, temporary: Path) -> str:
    """Grade to the end; returns what was said."""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    ended = subprocess.run(command(folder, out, workers), env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def peak_memory(said: str) -> str:
    """What the grader said of it."""
    return next(line for line in said.splitlines() if line.startswith("Peak memory"))


def grade_until(count: int, folder: Path, out: Path, workers: int, temporary: Path) -> None:
    """Grade until there are `count` records, then kill the grader, and wait until nothing of it runs."""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(command(folder, out, workers), env=environment, stdout=subprocess.DEVNULL)
    while len(records(out)) < count:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for _ in range(3000):  # a minute: the machine may be busy
        if not any(str(out) in line or str(temporary) in line for line in command_lines()):
            return
        time.sleep(0.02)
    raise AssertionError("processes of a grader that was killed go on")


def command_lines() -> list[str]:
    """The command lines of all processes."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            pass
    return found


def records(out: Path) -> dict[str, int]:
    """When each record was written."""
    return {file.name: file.stat().st_mtime_ns for file in (out / "records").glob("*.json")}


def main() -> None:
    """Make the class, grade it with kills, grade it again, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, temporary = Path(name, "class"), Path(name, "tmp")
        temporary.mkdir()
        began = time.monotonic()
        known = make_class(folder, given.count)
        print(f"{given.count} hand-ins made in {time.monotonic() - began:.0f} s", flush=True)
        first, began = Path(name, "first"), time.monotonic()
        kept: dict[str, int] = {}
        for kill in range(1, given.kills + 1):
            grade_until(kill * given.count // (given.kills + 1), folder, first, given.workers, temporary)
            written = records(first)
            assert kept.items() <= written.items(), "something was graded twice"
            kept = written
            print(f"killed with {len(kept)} records after {time.monotonic() - began:.0f} s", flush=True)
        print(peak_memory(grade(folder, first, given.workers, temporary)))
        print(f"graded after {time.monotonic() - began:.0f} s", flush=True)
        again = sum(records(first)[name] != when for name, when in kept.items())
        print(f"{again} of {len(kept)} records of before were written again: what was cut short, alone", flush=True)
        began = time.monotonic()
        print(peak_memory(grade(folder, Path(name, "second"), given.workers, temporary)))
        print(f"graded a second time in {time.monotonic() - began:.0f} s", flush=True)
        differ = [(key, known.get(key), book.get(key)) for book in map(gradebook, (first, Path(name, "second")))
                  for key in known | book if known.get(key) != book.get(key)]  # fmt: skip
        print("\n".join(map(str, differ)) or f"both gradebooks equal the known one: {len(known)} marks")
        print("left in the temporary folder:", sorted(path.name for path in temporary.iterdir()) or "nothing")
        sys.exit(bool(differ))


if __name__ == "__main__":
    main()
