"""The progress file: kept across kernels, replaced whole, never in the student's way."""

import json
import os

import pytest

from sslcourse.notebook import state


def test_what_is_kept_is_read_again(progress_file):
    state.update("contrastive", "hints", "contrastive.views", 2)
    assert state.read_lab("contrastive")["hints"] == {"contrastive.views": 2}
    assert json.loads(progress_file.read_text())["format"] == state.FORMAT


def test_labs_do_not_touch_each_other():
    state.update("contrastive", "hints", "contrastive.views", 2)
    state.update("other", "hints", "other.views", 1)
    assert state.read_lab("contrastive")["hints"] == {"contrastive.views": 2}


def test_a_second_notebook_does_not_lose_what_the_first_wrote(progress_file):
    state.update("contrastive", "hints", "a", 1)
    known = json.loads(progress_file.read_text())
    known["labs"]["other"] = {"hints": {"b": 3}}  # another kernel writes
    progress_file.write_text(json.dumps(known))
    state.update("contrastive", "hints", "c", 2)
    assert state.read_lab("other")["hints"] == {"b": 3}
    assert state.read_lab("contrastive")["hints"] == {"a": 1, "c": 2}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 1}',
        '{"format": 1, "labs": []}',
        '{"format": 1, "labs": {"x": 3}}',
        "\x00\xff",
    ],
)
def test_a_damaged_file_is_said_kept_and_begun_anew(progress_file, capsys, text):
    progress_file.write_bytes(text.encode("latin-1"))
    assert state.read_lab("contrastive")["hints"] == {}
    assert "damaged" in capsys.readouterr().out
    assert progress_file.with_suffix(".damaged.json").read_bytes() == text.encode("latin-1")
    state.update("contrastive", "hints", "a", 1)
    assert state.read_lab("contrastive")["hints"] == {"a": 1}


def test_a_part_of_another_shape_is_taken_for_empty(progress_file):
    progress_file.write_text('{"format": 1, "labs": {"contrastive": {"hints": [1, 2]}}}')
    assert state.read_lab("contrastive")["hints"] == {}


def test_a_file_of_a_newer_version_is_not_overwritten(progress_file, capsys):
    progress_file.write_text('{"format": 99, "labs": {}}')
    state.read_lab("contrastive")
    assert "newer version" in capsys.readouterr().out
    assert "99" in progress_file.with_suffix(".damaged.json").read_text()


def test_where_nothing_can_be_written_it_is_said_once_and_memory_serves(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(tmp_path / "no such folder" / "progress.json"))
    state.update("contrastive", "hints", "a", 1)
    state.update("contrastive", "hints", "b", 1)
    assert capsys.readouterr().out.count("cannot be kept") == 1
    assert state.read_lab("contrastive")["hints"] == {"a": 1, "b": 1}


def test_a_failed_write_leaves_the_old_file_and_no_litter(progress_file, monkeypatch):
    state.update("contrastive", "hints", "a", 1)
    before = progress_file.read_text()

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    state.update("contrastive", "hints", "a", 2)
    assert progress_file.read_text() == before
    assert [file.name for file in progress_file.parent.iterdir()] == [progress_file.name]


def test_drive_is_taken_when_mounted_and_earlier_work_comes_along(tmp_path, monkeypatch):
    monkeypatch.delenv("SSLCOURSE_PROGRESS")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(state, "DRIVE", tmp_path / "drive")
    state.update("contrastive", "hints", "a", 1)
    assert (tmp_path / state.FILE_NAME).exists()
    (tmp_path / "drive").mkdir()
    assert state.read_lab("contrastive")["hints"] == {"a": 1}
    state.update("contrastive", "hints", "b", 1)
    assert json.loads((tmp_path / "drive" / state.FILE_NAME).read_text())["labs"]["contrastive"]["hints"] == {
        "a": 1,
        "b": 1,
    }
    assert "Drive" in state.place()[1] and str(tmp_path) not in state.place()[1]
