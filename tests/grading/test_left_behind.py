"""What runs leave to those after and beside them: folders, half-written files, records, user ids."""

import errno
import fcntl
import json
import subprocess
import sys

import pytest
from toy_lab import LAB

from sslcourse.exercises import Lab
from sslcourse.grading import records, run, scratch
from sslcourse.grading.run import grade_paths
from sslcourse.grading.scratch import Scratch
from sslcourse.grading.submission import grade_student
from sslcourse.grading.users import User

TOY = {"labs": {"toy": LAB}, "unsafe": True, "progress": False}


def test_no_two_boxes_have_one_user_id_whichever_process_made_them():
    """The kernel counts processes by user id: with one id, one submission's would be taken from another."""
    mine = [User() for _ in range(3)]
    code = "from sslcourse.grading.users import User; print(*[each.id for each in [User() for _ in range(5)]])"
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ids = [user.id for user in mine] + [int(id) for id in theirs]
    assert len(set(ids)) == 8 and all(61_200 <= id < 65_200 for id in ids)
    for user in mine:
        user.close()


def test_a_temporary_folder_without_locks_is_an_error_and_no_endless_loop(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.EBADF, "as NFS says for a folder")

    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="set TMPDIR to a folder on a local disk"):
        Scratch()
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_living_run_is_not_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    living = Scratch()
    dead = tmp_path / f"{scratch.PREFIX}dead"
    dead.mkdir()
    (tmp_path / f"{scratch.PREFIX}link").symlink_to("/")
    command = [sys.executable, "-c", "from sslcourse.grading.scratch import sweep; sweep()"]
    subprocess.run(command, check=True, env={"TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)})
    assert living.path.is_dir() and not dead.exists()
    living.close()
    assert not living.path.exists()


def test_only_our_own_half_written_files_are_cleared_away(tmp_path):
    theirs = [tmp_path / ".cache.tmp", tmp_path / "photos" / ".a.png.0123abcd.tmp", tmp_path / ".a.0123ABCD.tmp"]
    ours = [tmp_path / ".grades.csv.0123abcd.tmp", tmp_path / "records" / ".a.json.0123abcd.tmp"]
    for file in theirs + ours:
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    with records.alone_in(tmp_path):
        assert [file.exists() for file in theirs + ours] == [True] * 3 + [False] * 2


@pytest.fixture
def begun(tmp_path):
    """Grades three hand-ins into one folder; returns the seed, and when each record was written."""
    (tmp_path / "in").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "in" / f"{name}.ipynb").write_text("{")

    def grade(**options):
        grade_paths([tmp_path / "in"], tmp_path / "out", **(TOY | options))
        written = {file.stem: file.stat().st_mtime_ns for file in (tmp_path / "out" / "records").iterdir()}
        return json.loads((tmp_path / "out" / "run.json").read_text())["seed"], written

    return grade


def test_whom_the_grader_failed_on_is_graded_again_and_nobody_else(begun, tmp_path, monkeypatch):
    def fails(student, terms):
        if student.name == "b":
            raise RuntimeError("a bug of ours")
        return grade_student(student, terms)

    with monkeypatch.context() as patched:
        patched.setattr(run, "grade_student", fails)
        seed, first = begun()
        assert "The grader itself failed on 1 student" in (tmp_path / "out" / "index.html").read_text()
    again, second = begun()
    assert again == seed
    assert [name for name in first if first[name] != second[name]] == ["b"]
    assert "failed on" not in (tmp_path / "out" / "index.html").read_text()
    assert begun()[0] != seed  # all were graded: a run anew


def test_a_run_that_was_killed_before_its_report_writes_it(begun, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run, "write_class_report", killed)
        with pytest.raises(KeyboardInterrupt):
            begun()
    assert not (tmp_path / "out" / "class.html").exists()
    written = {file.stem: file.stat().st_mtime_ns for file in (tmp_path / "out" / "records").iterdir()}
    assert begun()[1] == written
    assert (tmp_path / "out" / "class.html").exists()


def test_a_run_does_not_go_on_with_what_was_graded_by_another_lab(begun, tmp_path):
    tasks = tmp_path / "tasks.py"
    tasks.write_text("# as it was")
    edited = type("Edited", (Lab,), {"box_files": {"toy/tasks.py": tasks}})(**vars(LAB))
    options = {"labs": {"toy": edited}, "seed": 1}
    file = tmp_path / "out" / "run.json"

    def after_a_kill():
        file.write_text(json.dumps(json.loads(file.read_text()) | {"is_finished": False}))
        return begun(**options)[1]

    _, first = begun(**options)
    assert after_a_kill() == first
    tasks.write_text("# edited")
    assert not after_a_kill().items() & first.items()


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"key": 1}', "\udcff", "whole, of another"])
def test_a_damaged_record_is_graded_again_and_one_of_nobody_is_removed(tmp_path, damage):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b", "gone"):
        (folder / f"{name}.ipynb").write_text("{")
    grade_paths([folder], out, seed=1, **TOY)
    told = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(told | {"is_finished": False}))  # as if it had been killed
    (folder / "gone.ipynb").unlink()
    good, other = (out / "records" / f"{name}.json" for name in ("a", "b"))
    whole, text = good.read_text(), other.read_text() if damage.startswith("whole") else damage
    good.write_text(text, errors="surrogateescape")
    assert [grade.student for grade in grade_paths([folder], out, **TOY)] == ["a", "b"]
    assert good.read_text() == whole
    assert sorted(file.name for file in (out / "records").iterdir()) == ["a.json", "b.json"]
