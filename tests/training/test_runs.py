"""Kept runs: made once, read back, shared by two processes, refused before images are loaded; and many at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from toy_methods import killed

from sslcourse.training import Experiment, SettingsChanged, find_recipe, run, run_all, train_recipe
from sslcourse.training.folder import FolderInUse, read_summary
from sslcourse.training.images import RunImages

pytestmark = pytest.mark.slow

TINY = {"steps": 6, "batch_size": 8, "count": 64, "bank": 64, "held_out": 32, "log_every": 1, "checkpoint_every": 2}
TINY |= {"evaluate_every": 3, "precision": "fp32", "device": "cpu", "encoder": "convnet_8", "image_size": 32}


def recipe(seed=0, **changes):
    return find_recipe("simclr", scale="smoke", seed=seed, **TINY | changes)


def never():
    raise AssertionError("images were loaded")


def unloadable(recipe):
    return Experiment(recipe, "no images", load=never)


def script(tmp_path, body):
    """A program that knows `recipe` and the folder `runs`, started in a process of its own."""
    head = f"import sys, os\nsys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
    head += "from sslcourse.training import Experiment, run, run_all\nfrom test_runs import recipe\n"
    path = tmp_path / "program.py"
    path.write_text(head + "if __name__ == '__main__':\n" + "".join(f"    {line}\n" for line in body.splitlines()))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    return subprocess.Popen(
        [sys.executable, path, tmp_path / "runs"], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_a_run_is_made_once_and_read_back_without_its_images(tmp_path, monkeypatch):
    made = run(Experiment(recipe()), tmp_path, progress=False)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.*")}
    monkeypatch.setattr(Experiment, "images", lambda self, **options: never())
    again = run(Experiment(recipe(checkpoint_every=5)), tmp_path)  # how often to save makes no other run
    assert again.summary == json.loads(json.dumps(made.summary)) and again.rows == made.rows
    assert all(torch.equal(a, b) for a, b in zip(made.method.parameters(), again.method.parameters(), strict=True))
    assert {path: path.stat().st_mtime_ns for path in files} == files
    with pytest.raises(AssertionError, match="images were loaded"):
        _ = again.images


def test_a_key_is_the_recipe_the_variant_and_the_version_of_the_pictures(monkeypatch):
    keys = [Experiment(recipe(**each)).key for each in ({}, {"seed": 1}, {"temperature": 0.7}, {"count": 65})]
    keys += [Experiment(recipe(), "other loss", build=killed).key, unloadable(recipe()).key]
    assert len(set(keys)) == len(keys) and Experiment(recipe(temperature="0.30")).key == keys[0]
    monkeypatch.setattr("sslcourse.training.experiment.VERSION", -1)
    assert Experiment(recipe()).key != keys[0]
    with pytest.raises(ValueError, match="variant"):
        Experiment(recipe(), build=killed)


def test_what_is_measured_may_be_ones_own(tmp_path, textures):
    images = RunImages(textures(64), textures(64), textures(32, seed=1))
    measured = Experiment(
        recipe(image_size=16),
        images.fingerprint(),
        load=lambda: images,
        evaluate=lambda method, images: {"count": len(images.held_out)},
        figures=lambda method, images: {"weights": sum(p.square().sum().item() for p in method.parameters())},
    )
    trained = run(measured, tmp_path, progress=False)
    assert [row["count"] for row in trained.rows if "count" in row] == [32, 32]
    assert trained.summary["weights"] != trained.summary["weights_untrained"] and "knn" not in trained.summary
    assert run(measured, tmp_path).images is images


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "tpu"}, "device 'tpu' is not available"),
        ({"precision": "fp16"}, "precision 'fp16' is not available on cpu"),
        ({"device": "meta"}, "device 'meta' computes nothing"),
        ({"encoder": "resnet1800"}, "unknown encoder"),
        ({"encoder": "vit_64x2_p8", "image_size": 36}, "multiples of the patch side 8; got 36 x 36"),
        ({"encoder": "vit_64x2_p8", "data.size": 36}, "multiples of the patch side 8; got 36 x 36"),
        ({"batch_size": 65}, "batch_size must lie in 1..64"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_images_are_loaded(tmp_path, monkeypatch, changes, message):
    monkeypatch.setattr(Experiment, "images", lambda self, **options: never())
    with pytest.raises(ValueError, match=message):
        run(Experiment(recipe(**changes)), tmp_path)


def test_a_folder_that_will_not_do_is_refused_before_images_are_loaded(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run(unloadable(recipe()), tmp_path / "file")
    train_recipe(recipe(), tmp_path / "run", progress=False)
    for change, message in (({"seed": 1}, "seed: 0 there, 1 now"), ({"steps": 4}, "has done 6 steps")):
        with pytest.raises(SettingsChanged, match=message):
            train_recipe(recipe(**change), tmp_path / "run", images=None)
    with FileLock(tmp_path / "run" / ".lock"), pytest.raises(FolderInUse, match="another process is training in"):
        train_recipe(recipe(), tmp_path / "run")


def test_a_spoilt_summary_and_log_are_made_again(tmp_path, capsys):
    made = train_recipe(recipe(), tmp_path, progress=False).summary
    for spoilt in (b"[1, 2]", b'{"key": "', b"", b"null", b"\xff"):
        (tmp_path / "summary.json").write_bytes(spoilt)
        assert read_summary(tmp_path) == {} and "cannot be read and is made again" in capsys.readouterr().out
    (tmp_path / "log.jsonl").write_text('{"step": 1, "lo')
    again = train_recipe(recipe(), tmp_path, progress=False).summary
    assert again["knn"] == made["knn"] and len((tmp_path / "log.jsonl").read_text().splitlines()) == 6


def test_a_run_that_was_given_more_steps_says_so(tmp_path, capsys):
    train_recipe(recipe(), tmp_path, progress=False)
    longer = train_recipe(recipe(steps=9), tmp_path, progress=False)
    assert longer.summary["steps"] == 9 and longer.summary["continued_from"] == [6]
    assert "continues at step 6 to 9" in capsys.readouterr().out


def test_two_processes_that_want_one_run_train_it_once(tmp_path):
    body = """
    pids = []
    for _ in range(2):
        if os.fork() == 0:
            count = lambda row: pids.append(1)
            trained = run(Experiment(recipe()), sys.argv[1], wait=True, progress=False, on_log=count)
            print(len(pids), trained.summary["finished"], trained.summary["knn"], flush=True)
            os._exit(0)
    print([os.wait()[1] for _ in range(2)])
    """
    output = script(tmp_path, "\n".join(line[4:] for line in body.strip("\n").splitlines())).communicate(timeout=300)[0]
    lines = [line.split() for line in output.splitlines() if line[:1] in "06"]
    assert sorted(line[0] for line in lines) == ["0", "6"] and lines[0][1:] == lines[1][1:], output


@pytest.mark.slow
def test_runs_that_fail_stop_no_other_and_equal_ones_are_run_once(tmp_path, capsys):
    diverges, dies = recipe(learning_rate=1e30, clip_norm=None), Experiment(recipe(), "dies", build=killed)
    wanted = [Experiment(diverges), dies, Experiment(recipe()), Experiment(recipe()), Experiment(recipe(seed=1))]
    outcomes = run_all(wanted, tmp_path, workers=2, progress=False)
    assert [outcome.experiment for outcome in outcomes] == wanted
    assert "NonFiniteLoss" in outcomes[0].error and "status -9" in outcomes[1].error
    assert [len(outcome.rows) for outcome in outcomes] == [0, 0, 6, 6, 6] and outcomes[2].summary["seed"] == 0
    assert outcomes[2].summary == outcomes[3].summary != outcomes[4].summary
    said = capsys.readouterr().out
    assert said.count(" failed: ") == 2 and len(list(tmp_path.glob("*/summary.json"))) == 2
    assert run_all(wanted[2:], tmp_path)[0] == outcomes[2]  # read back: no process is started


def test_a_killed_group_of_runs_leaves_none_behind_and_continues(tmp_path):
    first = Experiment(recipe(steps=3000))
    process = script(tmp_path, "run_all([Experiment(recipe(steps=3000))], sys.argv[1], workers=1)")
    folder = tmp_path / "runs" / first.name
    while not list(folder.glob("checkpoint-*.pt")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with FileLock(folder / ".lock").acquire(timeout=60):  # the worker noticed
        done = len(list(folder.glob("checkpoint-*.pt")))
    assert 0 < done <= 2 and not (folder / "summary.json").exists()


A_CHILD_THAT_STAYS = """
import multiprocessing as mp, time
from sslcourse.training.many import work

def stays(experiment, root, **options):
    print("here", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    connection, theirs = mp.get_context("spawn").Pipe()
    mp.get_context("spawn").Process(target=work, args=(theirs, stays, None, "", False), daemon=True).start()
    time.sleep(600)
"""


def test_a_command_killed_at_once_leaves_no_process_that_goes_on(tmp_path):
    """Also where it would say nothing for long, as where a finished run is measured."""
    (tmp_path / "script.py").write_text(A_CHILD_THAT_STAYS)
    parent = subprocess.Popen([sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "here\n"
    parent.kill()
    parent.communicate(timeout=60)  # until nobody holds its output any more
