"""`sslcourse train`: what it leaves behind, that it continues, what it says to wrong words, and its form for several
processes.
"""

import json
import os
import re
import subprocess
import sys
import time

import pytest
import timm
import torch
from PIL import Image

from sslcourse.cli import main
from sslcourse.commands import train
from sslcourse.training.recipes import CPU_STEPS, METHODS

TINY = ["--scale", "smoke", "--steps", "6"]
for change in (
    "batch_size=8",
    "count=64",
    "bank=64",
    "held_out=32",
    "log_every=1",
    "checkpoint_every=2",
    "evaluate_every=3",
):
    TINY += ["--set", change]
TINY += ["--set", "precision=fp32"]


def run_train(method, out, *more):
    return main(["train", method, "--out", str(out), *TINY, *more])


@pytest.fixture(scope="module")
def combined(tmp_path_factory):
    """A finished run of the method with the most parts."""
    out = tmp_path_factory.mktemp("train") / "run"
    assert run_train("combined", out) == 0
    return out


@pytest.mark.slow
def test_a_run_leaves_log_checkpoints_summary_and_page(combined):
    names = {path.name for path in combined.iterdir()}
    assert {"log.jsonl", "summary.json", "report.html"} <= names
    assert sum(name.startswith("checkpoint-") for name in names) == 2
    rows = [json.loads(line) for line in (combined / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6] and [row["step"] for row in rows if "knn" in row] == [
        3,
        6,
    ]


@pytest.mark.slow
def test_the_summary_tells_what_a_reader_asks(combined):
    summary = json.loads((combined / "summary.json").read_text())
    rows = [json.loads(line) for line in (combined / "log.jsonl").read_text().splitlines()]
    assert summary["method"] == "combined" and summary["steps"] == 6 and summary["seed"] == 0
    assert summary["knn"] == rows[-1]["knn"] and summary["knn_curve"] == [[3, rows[2]["knn"]], [6, rows[-1]["knn"]]]
    assert 0 <= summary["knn_untrained"] <= 1 and summary["chance"] == pytest.approx(1 / 14)
    assert 0 < summary["attention_recall"] < 1 and summary["alarms"] == rows[-1].get("alarms", [])
    assert {"predicted", "image_mean", "patch_mean"} == set(summary["reconstruction_errors"])
    assert 0 <= summary["linear_probe_untrained"] <= 1 and 0 <= summary["linear_probe"] <= 1
    assert summary["recipe"]["fit"]["batch_size"] == 8 and summary["recipe"]["data"]["count"] == 64


@pytest.mark.slow
def test_the_page_needs_nothing_else_and_describes_its_pictures(combined):
    page = (combined / "report.html").read_text()
    assert not re.search(r"(src|href)=[\"'](?!data:)", page) and "<script" not in page
    alarms = json.loads((combined / "summary.json").read_text())["alarms"]
    assert ("Too short for a verdict" in page) == (not alarms) and all(f"Alarm: {name}" in page for name in alarms)
    pictures = re.findall(r"<img [^>]*>", page)
    assert len(pictures) > 10 and all(re.search(r'alt="[^"]{10,}"', picture) for picture in pictures)
    for words in (
        "kNN accuracy",
        "attention",
        "kept patches",
        "is left by the decoder",
        "reconstruction",
        "fit.batch_size",
        "ln K",
    ):
        assert words in page
    assert "nan" not in re.sub(r'src="[^"]*"', "", page).lower().replace("nanosecond", "")


@pytest.mark.slow
def test_a_finished_run_is_only_reported_again(combined, capsys):
    kept = {name: (combined / name).read_text() for name in ("log.jsonl", "summary.json")}  # when and where it was made
    assert run_train("combined", combined) == 0
    assert {name: (combined / name).read_text() for name in kept} == kept and "Open " in capsys.readouterr().out


@pytest.mark.slow
def test_another_run_does_not_mix_in(combined, capsys):
    assert run_train("combined", combined, "--seed", "3") == 2
    said = capsys.readouterr().err
    assert "other settings" in said and "seed: 0 there, 3 now" in said


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_weights(combined, tmp_path):
    command = [sys.executable, "-m", "sslcourse", "train", "combined", "--out", str(tmp_path), *TINY]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), "TQDM_DISABLE": "1"}
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)
    while not list(tmp_path.glob("checkpoint-*.pt")):  # the first is written after step 2
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "summary.json").exists()
    assert run_train("combined", tmp_path) == 0
    first, second = (
        torch.load(max(folder.glob("checkpoint-*6-*.pt")), weights_only=True)["method"]
        for folder in (combined, tmp_path)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def one_thread():
    return {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}


@pytest.mark.slow
def test_torchrun_trains_with_two_processes(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "sslcourse", "train", "simclr", "--out", str(tmp_path), *TINY]
    done = subprocess.run(command, capture_output=True, text=True, env=one_thread(), timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["processes"] == 2 and summary["steps"] == 6 and (tmp_path / "report.html").exists()
    assert done.stdout.count("Open ") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dyno"], "did you mean 'dino'? There are simclr, byol, dino, ibot, logo, combined"),
        (["dino", "--data", "object"], "did you mean 'objects'"),
        (["dino", "--data", "folder:/no/where"], "no folder or .zip"),
        (["dino", "--scale", "big"], "smoke, cpu, gpu"),
        (["dino", "--set", "momentun=0.9"], "nearest: method.distillation.momentum"),
        (["dino", "--set", "momentum=fast"], "method.distillation.momentum is a number; got 'fast'"),
        (["dino", "--set", "momentum=7"], "momentum must lie in 0..1; got 7.0"),
        (["dino", "--set", "momentum"], "--set takes NAME=VALUE"),
        (
            ["dino", "--set", "size=3"],
            "may mean method.crops.global_crop.size, method.crops.local_crop.size, data.size",
        ),
        (["dino", "--set", "steps=3", "--steps", "4"], "given twice"),
        (["dino", "--set", "device=tpu"], "device 'tpu' is not available"),
        (["dino", "--set", "encoder=vit_tiny"], "unknown encoder 'vit_tiny'"),
        (
            ["ibot", "--set", "encoder=resnet18"],
            "iBOT works on patch tokens, and 'resnet18' (a PooledEncoder) has none",
        ),
        (["combined", "--set", "encoder=resnet18"], "the combined method works on patch tokens, and 'resnet18'"),
        (["combined", "--set", "policy=lowest"], "policy must be one of low, random, high, none"),
        (["dino", "--set", "keep_rate=0.5"], "'keep_rate' is a setting of ibot, logo, combined; dino has none"),
        (["ibot", "--set", "decoder_dim=32"], "'decoder_dim' is a setting of combined; ibot has none"),
        (["logo", "--set", "policy=low", "--set", "similarity=cosine"], "choose policy='random' or 'none'"),
        (["combined", "--set", "decoder_heads=3"], "a multiple of 4 and of its number of heads; got 64 and 3 heads"),
        (["combined", "--set", "decoder_dim=0"], "a multiple of 4 and of its number of heads; got 0 and 2 heads"),
        (["dino", "--set", "bottleneck_dim=0"], "bottleneck_dim must be at least 1; got 0"),
        (["simclr", "--set", "hidden_dim=0"], "hidden_dim must be at least 1; got 0"),
        (["logo", "--set", "out_dim=0"], "out_dim must be at least 1; got 0"),
        (["dino", "--set", "bank=1"], "bank must be at least 3; got 1"),
        (["dino", "--set", "count=1"], "count must be at least 3; got 1"),
        (["dino", "--set", "image_size=abc"], "image_size is a whole number; got 'abc'"),
        (["dino", "--set", "image_size=40"], "local crops of 20 pixels are no multiple of the encoder's patches of 8"),
        (["dino", "--set", "precision=bf17"], "precision must be one of auto, fp32, bf16, fp16; got 'bf17'"),
        (["dino", "--seed", str(10**20)], "seed must lie in 0..4294967295; got 100000000000000000000"),
        (["dino", "--seed", "-1"], "seed must lie in 0..4294967295; got -1"),
        (["dino", "--set", "steps=1e3"], "fit.steps is a whole number; got '1e3'"),
        (["dino", "--set", "weight_decay=nan"], "weight_decay must not be negative; got nan"),
        (["ibot", "--set", "mask_ratio=0,0.001"], "masks none of 64 patches: raise its upper end"),
        (["byol", "--set", "second_augmentation.size=32"], "second_augmentation.size must be that of augmentation"),
    ],
)
def test_wrong_words_are_told_what_is_allowed(tmp_path, capsys, words, message):
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_folder_that_cannot_be_made_and_weights_that_cannot_be_had(tmp_path, capsys, monkeypatch):
    (tmp_path / "taken").write_text("a file")
    assert run_train("simclr", tmp_path / "taken" / "run") == 2
    assert "taken" in capsys.readouterr().err

    def unreachable(name, **options):
        raise OSError("the network is unreachable")

    monkeypatch.setattr(timm, "create_model", unreachable)
    words = ["--set", "encoder=vit_tiny_patch16_224", "--set", "pretrained=true"]
    assert run_train("dino", tmp_path / "run", *words) == 2
    assert "the pretrained weights of 'vit_tiny_patch16_224' could not be had" in capsys.readouterr().err


@pytest.mark.slow
def test_a_loss_that_diverges_is_told_and_no_page_is_written(tmp_path, capsys):
    assert run_train("simclr", tmp_path, "--set", "learning_rate=1e30", "--set", "clip_norm=none") == 1
    assert "Try" in capsys.readouterr().err and not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_a_report_that_fails_loses_no_run(tmp_path, capsys, monkeypatch):
    def broken(*arguments, **options):
        raise KeyError("a glyph")

    with monkeypatch.context() as patch:
        patch.setattr("sslcourse.training.report.write_report", broken)
        assert run_train("simclr", tmp_path) == 3
    said = capsys.readouterr().err
    assert "the run is finished and kept" in said and "a glyph" in said and "Traceback" not in said
    kept = (tmp_path / "summary.json").read_text()
    assert run_train("simclr", tmp_path) == 0 and (tmp_path / "summary.json").read_text() == kept


@pytest.mark.slow
def test_images_without_labels_and_names_that_no_terminal_shows(tmp_path, capsys):
    folder = tmp_path / os.fsdecode(b"caf\xe9 \xe7\x8c\xab")
    folder.mkdir()
    for index in range(48):
        picture = torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(index))
        Image.fromarray(picture.numpy()).save(folder / f"{index}.png")
    out = tmp_path / "out"
    words = ["--data", f"folder:{folder}", "--set", "encoder=convnet_8"]
    assert run_train("simclr", out, *words) in (0, 3)
    said = capsys.readouterr().out
    assert said.count("The images have no labels: kNN and the linear probe are left out.") == 1
    assert "accuracy" not in said and "knn" not in (out / "log.jsonl").read_text()
    summary = json.loads((out / "summary.json").read_text())
    assert not {name for name in summary if "knn" in name or "linear" in name or name == "chance"}


@pytest.mark.slow
def test_a_longer_run_is_asked_for_by_steps(tmp_path, capsys):
    assert run_train("simclr", tmp_path) == 0
    longer = [word if word != "6" else "8" for word in TINY]
    assert main(["train", "simclr", "--out", str(tmp_path), *longer]) == 0
    assert "This run of 6 steps continues at step 6 to 8" in capsys.readouterr().out
    assert run_train("simclr", tmp_path) == 2
    assert "has done 8 steps, more than the 6 asked for" in capsys.readouterr().err


def test_the_list_of_settings_is_what_set_takes(capsys):
    assert main(["train", "byol", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"fit.steps={CPU_STEPS['byol']}" in lines and any(line.startswith("method.momentum=") for line in lines)
    again = [word for line in lines for word in ("--set", line)]
    assert main(["train", "byol", "--list", *again]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_the_help_names_the_methods_there_are():
    assert train.METHODS == ", ".join(METHODS)


def test_without_out_a_run_has_a_folder_of_its_own(tmp_path, monkeypatch):
    from sslcourse.training.recipes import find_recipe

    recipe = find_recipe("dino", scale="smoke", seed=4)
    assert str(train.default_folder(recipe)) == "runs/dino-objects-smoke-4"
