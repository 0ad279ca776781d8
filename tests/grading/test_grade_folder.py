"""From a folder of notebooks to the gradebook."""

import csv
import html
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from toy_lab import LAB, QUESTION, RIGHT, cells_of, code, notebook, text

from sslcourse.cli import main
from sslcourse.exercises import LABS, Lab
from sslcourse.grading import bubblewrap, records, report, run, sandbox
from sslcourse.grading.host import Limits
from sslcourse.grading.results import ExerciseResult
from sslcourse.grading.run import grade_paths
from sslcourse.grading.submission import grade_student

pytestmark = pytest.mark.slow

SCRIPT = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
HERE = Path(__file__).parent
LIMITS = Limits(seconds=10.0, memory=300 * 2**20)  # nothing here is to run out of time


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A class of eight, the worst of them before the best."""
    root = tmp_path_factory.mktemp("submissions")
    bad = {
        "toy.double": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\ndef double(x):\n    os._exit(1)",
        "toy.shift": f"def shift(x):\n    print({SCRIPT!r})\n    raise ValueError({SCRIPT!r})",
        "toy.total": RIGHT["toy.total"],
    }
    cells = cells_of(bad)
    cells[-1]["source"] = SCRIPT
    (root / "a-bad.ipynb").write_text(notebook(*cells))
    (root / "b-good.ipynb").write_text(notebook(*cells_of({})))
    (root / "c-no-notebook").mkdir()
    (root / "c-no-notebook" / "answer.txt").write_text("see e-mail")
    (root / "d-broken.ipynb").write_text("{")
    (root / "e").mkdir()
    (root / "e" / "lab.ipynb").write_text(notebook(code("def double(x):\n    raise NotImplementedError", "toy.double")))
    (root / "f").mkdir()
    (root / "f" / "lab.ipynb").write_text(notebook(*[text(cell["source"]) for cell in cells_of({})]))
    luck = "random.random(), numpy.random.rand(), torch.rand(1), hash('a'), {'a', 'b', 'c'}"
    lucky = f"def double(x):\n    import random, numpy\n    print({luck})\n    return 2 * x"
    (root / "g-luck.ipynb").write_text(notebook(*cells_of({"toy.double": lucky})))
    (root / "=cmd().ipynb").write_text(notebook(code("x = 1")))
    (root / ".ipynb_checkpoints").mkdir()
    (root / ".ipynb_checkpoints" / "a-bad-checkpoint.ipynb").write_text("{}")
    return root


@pytest.fixture(scope="module")
def graded(folder, tmp_path_factory):
    if not sandbox.available()[0]:
        pytest.skip(f"no sandbox: {sandbox.available()[1]}")
    out = tmp_path_factory.mktemp("out")
    grades = grade_paths([folder], out, labs={"toy": LAB}, limits=LIMITS, workers=2, seed=7, progress=False)
    return {grade.student: grade for grade in grades}, out


def test_everybody_has_a_grade(graded):
    grades, _ = graded
    expected = {
        "a-bad": 2.0,
        "b-good": 6.0,
        "c-no-notebook": 0.0,
        "d-broken": 0.0,
        "e": 0.0,
        "f": 6.0,
        "g-luck": 6.0,
        "=cmd()": 0.0,
    }
    assert {name: grade.points for name, grade in grades.items()} == expected
    assert all(grade.max_points == 6.0 for grade in grades.values())
    assert not any(grade.is_grader_error for grade in grades.values())


def test_everybody_has_every_row(graded):
    grades, out = graded
    with open(out / "grades.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * len(grades)
    assert {"id", "student", "lab", "exercise", "points", "max_points", "status", "message"} <= set(rows[0])
    by_student = {}
    for row in rows:
        by_student.setdefault(row["student"], {})[row["exercise"]] = row
    good = by_student["b-good"]
    assert {row["status"] for id, row in good.items() if id != QUESTION.id} == {"passed"}
    assert (good[QUESTION.id]["points"], good[QUESTION.id]["status"]) == ("", "to_mark")
    assert by_student["a-bad"]["toy.shift"]["status"] == "error"
    assert by_student["a-bad"]["toy.total"]["status"] == "passed"
    assert by_student["d-broken"]["toy.total"]["status"] == "missing"
    assert "not valid JSON" in by_student["d-broken"]["toy.total"]["message"]
    assert by_student["e"]["toy.double"]["status"] == "missing"
    assert "[repaired]" in by_student["f"]["toy.double"]["message"]
    assert "'=cmd()" in by_student  # no spreadsheet runs it


def test_pages_hold_no_markup_of_a_student(graded):
    grades, out = graded
    for page in [out / "index.html", *(grade.page for grade in grades.values())]:
        shown = page.read_text()
        assert "<script" not in shown
        assert "<img" not in shown
        assert "default-src 'none'" in shown
    assert "&lt;script&gt;" in grades["a-bad"].page.read_text()


def test_pages_say_what_was_done(graded):
    grades, out = graded
    page = grades["b-good"].page.read_text()
    assert "6<span> of 8 points" in page
    assert "2 points are still to be given by a person" in page
    assert sandbox.SENTENCES[sandbox.level()] in html.unescape(page)
    assert "Names additivity." not in page  # the rubric, before anybody has marked
    assert "Because 2(a + b) = 2a + 2b." in page
    book = (out / "index.html").read_text()
    assert book.count("feedback/") == len(grades)


def test_gradescope_files(graded):
    _, out = graded
    assert not (out / "results.json").exists()  # one submission only
    result = json.loads((out / "gradescope" / "b-good.json").read_text())
    assert result["score"] == 6.0
    assert [test["name"] for test in result["tests"]] == [*RIGHT, QUESTION.id]
    assert sum(test.get("score", 0) for test in result["tests"]) == 6.0
    assert all(test["visibility"] == "visible" for test in result["tests"])


def test_no_temporary_file_is_left(graded):
    _, out = graded
    assert [path.name for path in out.rglob("*") if path.name.startswith(".")] == [".lock"]


def test_without_a_sandbox_grading_is_refused(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "_probe", lambda: (None, "bubblewrap is not installed."))
    with pytest.raises(sandbox.NoSandbox, match="--unsafe"):
        grade_paths([folder], tmp_path / "out", labs={"toy": LAB}, progress=False)
    assert not (tmp_path / "out").exists()
    assert sandbox.available() == (False, "bubblewrap is not installed.")


def test_unsafe_grades_and_says_so_everywhere(tmp_path):
    path = tmp_path / "ada.ipynb"
    wrong = "def shift(x):\n    import sslcourse.losses.contrastive\n    return x + 1"
    path.write_text(
        notebook(*cells_of({"toy.shift": wrong, "toy.double": "import os\ndef double(x):\n    os._exit(0)"}))
    )
    [grade] = grade_paths([path], tmp_path / "out", labs={"toy": LAB}, limits=LIMITS, unsafe=True, progress=False)
    assert [result.status for result in grade.results] == ["killed", "error", "passed", "to_mark"]
    assert "NOT SANDBOXED" in grade.page.read_text()
    assert "NOT SANDBOXED" in (tmp_path / "out" / "index.html").read_text()
    assert "NOT SANDBOXED" in json.loads((tmp_path / "out" / "results.json").read_text())["output"]


def changed(**attributes):
    """The toy lab with some of its attributes replaced."""
    return type("Changed", (Lab,), attributes)(**vars(LAB))


def test_a_failing_grader_still_gives_a_result(tmp_path, level, kept_servers):
    def crash(answer, inputs):
        raise RuntimeError("a bug of ours")

    exercise = LAB.exercises["toy.shift"]
    broken = replace(exercise, task=replace(exercise.task, draw_inputs=crash))
    lab = changed(exercises=LAB.exercises | {"toy.shift": broken})
    path = tmp_path / "ada.ipynb"
    path.write_text(notebook(*cells_of({})))
    [grade] = grade_paths([path], tmp_path / "out", labs={"toy": lab}, limits=LIMITS, progress=False)
    assert [result.status for result in grade.results] == ["passed", "error", "passed", "to_mark"]
    assert "not your fault" in grade.results[1].message
    assert grade.is_grader_error


def test_a_box_that_does_not_start_is_no_mark_for_the_student(tmp_path, level, kept_servers):
    path = tmp_path / "ada.ipynb"
    path.write_text(notebook(*cells_of({})))
    lab = changed(tasks_module="no_such_module", tasks=LAB.tasks)  # missing in the box alone
    [grade] = grade_paths([path], tmp_path / "out", labs={"toy": lab}, limits=LIMITS, progress=False)
    assert grade.is_grader_error
    assert "no_such_module" in grade.results[0].message


def test_the_command_refuses_an_unknown_lab_and_an_unwritable_place(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["grade", str(tmp_path), "--out", "x", "--lab", "none"])
    assert stop.value.code == 2
    (tmp_path / "file").write_text("")
    assert main(["grade", str(tmp_path), "--out", str(tmp_path / "file"), "--unsafe"]) == 2
    assert "sslcourse grade:" in capsys.readouterr().err


def test_box_lists_only_what_is_allowed(tmp_path):
    sandbox.filtered_copy(tmp_path, LAB.box_files)
    inside = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py")}
    names = {name.removeprefix("sslcourse/") for name in inside if name.startswith("sslcourse/")}
    assert names == {*sandbox.INCLUDED, "notebook/__init__.py"}
    assert not any(
        word in name for name in names for word in ("contrastive.py", "written", "judge", "compare", "losses")
    )


def test_the_labs_are_found_by_their_folders():
    lab = LABS["contrastive"]
    assert next(iter(lab.exercises)) == "contrastive.views"
    assert lab.tasks_module == "sslcourse.labs.contrastive.tasks"


def test_an_installed_copy_is_hidden_from_the_box(tmp_path, level):
    """Not editable but in site-packages, the whole package with its answers would be among the libraries."""
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    site = next((environment / "lib").glob("python3*")) / "site-packages"
    lent = [entry for entry in bubblewrap.interpreter()[1] if entry.endswith(("site-packages", "dist-packages"))]
    (site / "lent.pth").write_text("\n".join(lent))
    shutil.copytree(sandbox._PACKAGE, site / "sslcourse", ignore=shutil.ignore_patterns("__pycache__"))
    look = f"import os; print(os.listdir({str(site / 'sslcourse')!r}), os.listdir({str(site)!r}))"
    script = f"""
import sslcourse
from pathlib import Path
from sslcourse.grading import sandbox
assert sslcourse.__file__.startswith({str(site)!r}), sslcourse.__file__
box = sandbox.start({level!r}, {look!r}, Path({str(tmp_path)!r}), stdout=-1, text=True, env=sandbox.environment())
print(box.communicate()[0])
"""
    python = environment / "bin" / "python"
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    seen = subprocess.run([python, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=bare, check=False)
    assert (
        seen.stdout.strip() == "[] ['lent.pth', 'sslcourse']" or seen.stdout.strip() == "[] ['sslcourse', 'lent.pth']"
    ), seen


def test_a_mistyped_path_is_an_error(tmp_path, capsys):
    (tmp_path / "ada.ipynb").write_text("{}")
    out = tmp_path / "out"
    assert main(["grade", str(tmp_path / "ada.ipynb"), str(tmp_path / "adda.ipynb"), "--out", str(out)]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert main(["grade", str(tmp_path / "ada.ipynb"), "--student", "x", "--out", str(out)]) == 2
    assert not out.exists()


def test_the_same_seed_gives_the_same_files(graded, folder, tmp_path):
    _, first = graded
    grade_paths([folder], tmp_path, labs={"toy": LAB}, limits=LIMITS, workers=2, seed=7, progress=False)
    files = [sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file()) for out in (first, tmp_path)]
    assert files[0] == files[1]
    for name in files[0]:
        if name.name != "times.json":
            assert (first / name).read_bytes() == (tmp_path / name).read_bytes(), name
    assert json.loads((tmp_path / "run.json").read_text())["seed"] == 7


def test_the_seed_is_kept_and_shown_to_no_student(graded):
    _, out = graded
    record = json.loads((out / "run.json").read_text())
    assert record["sandbox"] == sandbox.SENTENCES[sandbox.level()]
    assert [each["path"] for each in record["listed"]] == [".ipynb_checkpoints", "c-no-notebook/answer.txt"]
    assert "answer.txt" in (out / "index.html").read_text()


def test_a_run_without_a_seed_draws_its_own(tmp_path):
    (tmp_path / "a.ipynb").write_text("{")
    seeds = set()
    for out in (tmp_path / "1", tmp_path / "2"):
        grade_paths([tmp_path / "a.ipynb"], out, labs={"toy": LAB}, unsafe=True, progress=False)
        seeds.add(json.loads((out / "run.json").read_text())["seed"])
    assert len(seeds) == 2


def test_interrupted_grading_keeps_what_is_done(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.ipynb").write_text("{")

    def interrupted(student, terms):
        if student.name == "b":
            raise KeyboardInterrupt
        return grade_student(student, terms)

    monkeypatch.setattr(run, "grade_student", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grade_paths([tmp_path], tmp_path / "out", labs={"toy": LAB}, unsafe=True, progress=False)
    assert "a.html" in [path.name for path in (tmp_path / "out" / "feedback").iterdir()]
    assert "not valid JSON" in (tmp_path / "out" / "grades.csv").read_text()


KILLED_AT = f"""
import os, sys
sys.path.insert(0, {str(HERE)!r})
import toy_lab
from sslcourse.grading import run
inner = run.grade_student
def grade_student(student, terms):
    with open(sys.argv[1] + "/graded", "a") as file:
        file.write(student.name)
    return os._exit(9) if student.name == sys.argv[2] else inner(student, terms)
run.grade_student = grade_student
options = {{"labs": {{"toy": toy_lab.LAB}}, "unsafe": True, "progress": False}}
run.grade_paths([sys.argv[1] + "/in"], sys.argv[1] + "/out", **options)
"""


def test_a_run_that_was_killed_twice_goes_on_and_grades_nobody_twice(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a", "b", "c", "d"):
        (tmp_path / "in" / f"{name}.ipynb").write_text("{")
    out, seeds = tmp_path / "out", set()

    def killed_at(name):
        command = [sys.executable, "-c", KILLED_AT, str(tmp_path), name]
        code = subprocess.run(command, check=False).returncode
        seeds.add(json.loads((out / "run.json").read_text())["seed"])
        return code

    assert killed_at("b") == 9
    assert "not valid JSON" in (out / "feedback" / "a.html").read_text()
    (out / "feedback" / ".b.html.0123abcd.tmp").write_text("half a page")
    (tmp_path / "in" / "a.ipynb").write_text("{}")  # handed in anew meanwhile
    assert killed_at("c") == 9
    assert killed_at("") == 0
    assert (tmp_path / "graded").read_text() == "ab" + "abc" + "cd"
    assert len(seeds) == 1
    with open(out / "grades.csv", newline="", encoding="utf-8-sig") as file:
        rows = [(row["student"], row["exercise"]) for row in csv.DictReader(file)]
    assert rows == sorted(set(rows)) and len({student for student, _ in rows}) == 4
    assert not list(out.rglob("*.tmp"))
    grade_paths([tmp_path / "in"], out, labs={"toy": LAB}, unsafe=True, progress=False)  # finished: a run anew
    assert json.loads((out / "run.json").read_text())["seed"] not in seeds


def test_a_page_that_cannot_be_written_stops_no_run(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.ipynb").write_text("{")
    feedback = report.pages.feedback

    def broken(grade):
        if grade.student == "b" and not grade.is_grader_error:
            raise UnicodeError("a bug of ours")
        return feedback(grade)

    monkeypatch.setattr(report.pages, "feedback", broken)
    grades = grade_paths([tmp_path], tmp_path / "out", labs={"toy": LAB}, unsafe=True, progress=False)
    assert [grade.is_grader_error for grade in grades] == [False, True, False]
    assert "a bug of ours" in (tmp_path / "out" / "grades.csv").read_text()
    assert "The grader itself failed on 1 student," in (tmp_path / "out" / "index.html").read_text()


def test_two_runs_do_not_write_to_one_folder(tmp_path, capsys):
    (tmp_path / "a.ipynb").write_text("{")
    with records.alone_in(tmp_path / "out"):
        assert main(["grade", str(tmp_path / "a.ipynb"), "--out", str(tmp_path / "out"), "--unsafe"]) == 2
    assert "another run" in capsys.readouterr().err


def test_what_was_cut_short_beside_others_is_graded_once_more_alone(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / f"{name}.ipynb").write_text(notebook(*cells_of({})))
    runs = []

    def crowded(exercise, *rest):
        runs.append(exercise.task.id)
        ended = exercise.task.id == "toy.shift" and runs.count("toy.shift") <= 2
        status, points = ("timeout", 0.0) if ended else ("passed", exercise.task.points)
        return ExerciseResult(exercise.task.id, "", points, exercise.task.points, status, "Said.")

    def in_one_process(task, things, count, *rest, **options):
        return ((number, task(thing)) for number, thing in things.items())

    monkeypatch.setattr("sslcourse.grading.submission.grade_answer", crowded)
    monkeypatch.setattr(run, "each_done", in_one_process)
    grades = grade_paths([tmp_path], tmp_path / "out", labs={"toy": LAB}, unsafe=True, workers=2, progress=False)
    assert [grade.points for grade in grades] == [6.0, 6.0]
    assert "graded once more, alone" in grades[0].page.read_text()
    assert runs.count("toy.shift") == 4
    assert not records.read_record(tmp_path / "out" / "records" / "a.json").is_cut_short
