"""Checkpoints: whole or absent, checked on load, the earlier one kept and used."""

import os

import pytest
import torch

from sslcourse.training.checkpoint import (
    SettingsChanged,
    list_checkpoints,
    load_checkpoint,
    refuse_changes,
    save_checkpoint,
)


def state(step):
    return {"step": step, "weights": {"w": torch.full((64,), float(step))}, "history": [{"loss": 0.5}]}


def test_what_was_saved_comes_back(tmp_path):
    save_checkpoint(tmp_path, state(3), 3)
    loaded = load_checkpoint(tmp_path)
    assert loaded["step"] == 3 and torch.equal(loaded["weights"]["w"], state(3)["weights"]["w"])


def test_plain_torch_load_reads_it_weights_only(tmp_path):
    path = save_checkpoint(tmp_path, state(3), 3)
    assert torch.load(path, weights_only=True)["history"] == [{"loss": 0.5}]


def test_nothing_is_none(tmp_path):
    assert load_checkpoint(tmp_path) is None and load_checkpoint(tmp_path / "nowhere") is None


def test_the_newest_two_are_kept_and_the_newest_is_loaded(tmp_path):
    for step in (5, 20, 100):
        save_checkpoint(tmp_path, state(step), step)
    assert [int(path.name.split("-")[1]) for path in list_checkpoints(tmp_path)] == [100, 20]
    assert load_checkpoint(tmp_path)["step"] == 100
    assert len(os.listdir(tmp_path)) == 2  # no temporary file left


@pytest.mark.parametrize("where", ["start", "middle", "end"])
def test_one_flipped_bit_anywhere_is_seen_and_the_earlier_one_used(tmp_path, capsys, where):
    save_checkpoint(tmp_path, state(10), 10)
    newest = save_checkpoint(tmp_path, state(20), 20)
    contents = bytearray(newest.read_bytes())
    contents[{"start": 0, "middle": len(contents) // 2, "end": -1}[where]] ^= 1
    newest.write_bytes(contents)
    assert load_checkpoint(tmp_path)["step"] == 10
    said = capsys.readouterr().out
    assert newest.name in said and "damaged" in said


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_half_written_file_is_never_loaded(tmp_path, share):
    save_checkpoint(tmp_path, state(10), 10)
    newest = save_checkpoint(tmp_path, state(20), 20)
    contents = newest.read_bytes()
    newest.write_bytes(contents[: int(len(contents) * share)])
    assert load_checkpoint(tmp_path)["step"] == 10


def test_a_damaged_one_does_not_push_out_the_good_one(tmp_path):
    save_checkpoint(tmp_path, state(10), 10)
    newest = save_checkpoint(tmp_path, state(20), 20)
    newest.write_bytes(b"")
    load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, state(30), 30)
    assert [int(path.name.split("-")[1]) for path in list_checkpoints(tmp_path)] == [30, 10]


def test_all_damaged_is_none(tmp_path):
    save_checkpoint(tmp_path, state(10), 10).write_bytes(b"")
    assert load_checkpoint(tmp_path) is None


def test_a_failed_write_leaves_the_earlier_one_and_no_litter(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, state(10), 10)

    def full(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        save_checkpoint(tmp_path, state(20), 20)
    assert load_checkpoint(tmp_path)["step"] == 10 and len(os.listdir(tmp_path)) == 1


def test_foreign_files_are_left_alone(tmp_path):
    (tmp_path / "checkpoint-notes.pt").write_text("mine")
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, state(step), step)
    assert (tmp_path / "checkpoint-notes.pt").read_text() == "mine"


def test_changes_are_named_each(tmp_path):
    with pytest.raises(SettingsChanged) as caught:
        refuse_changes({"rate": 1, "steps": 9, "same": 1}, {"rate": 2, "steps": 20, "same": 1, "new": 2}, "runs/a", 9)
    message = str(caught.value)
    assert "rate: 1 there, 2 now" in message and "new: None there, 2 now" in message and "steps" not in message
