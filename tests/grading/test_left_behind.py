"""What runs leave to those after and beside them: folders, half-written files, records, user ids."""

import errno
import fcntl
import json
import subprocess
import sys

import pytest
from toy_lab import LAB

from sslcourse.grading import records, scratch
from sslcourse.grading.run import grade_paths
from sslcourse.grading.scratch import Scratch
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


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"key": 1}', "\udcff", "whole, of another"])
def test_a_damaged_record_is_graded_again_and_one_of_nobody_is_removed(tmp_path, damage):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b", "gone"):
        (folder / f"{name}.ipynb").write_text("{")
    grade_paths([folder], out, seed=1, **TOY)
    run = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(run | {"is_finished": False}))  # as if it had been killed
    (folder / "gone.ipynb").unlink()
    good, other = (out / "records" / f"{name}.json" for name in ("a", "b"))
    whole, text = good.read_text(), other.read_text() if damage.startswith("whole") else damage
    good.write_text(text, errors="surrogateescape")
    assert [grade.student for grade in grade_paths([folder], out, **TOY)] == ["a", "b"]
    assert good.read_text() == whole
    assert sorted(file.name for file in (out / "records").iterdir()) == ["a.json", "b.json"]
