"""A whole run of every method on an accelerator: rehearsal, figures, steps, checkpoints, resumption, report; and its
checkpoints on another device.
"""

import shutil
from dataclasses import replace

import pytest
import torch

from sslcourse.training.experiment import train_recipe
from sslcourse.training.images import RunImages, load_images
from sslcourse.training.recipes import METHODS, find_recipe
from sslcourse.training.report import write_report

pytestmark = pytest.mark.slow
SMALL = {"image_size": 32, "count": 32, "bank": 24, "held_out": 12, "batch_size": 8, "precision": "fp32", "steps": 4}
OFTEN = {"log_every": 1, "checkpoint_every": 2, "evaluate_every": 2}
LABELLED = "combined"  # kNN and the probe take the features of any method: once will do


def tiny(kind, **changes):
    return find_recipe(kind, scale="smoke", **SMALL, **OFTEN, **changes)


def without_labels(images):
    return replace(images, labels=torch.full_like(images.labels, -1), classes=())


def stop_after_three(row):
    if row["step"] == 3:
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", METHODS)
def test_a_run_is_made_stopped_resumed_reported_and_moved(kind, accelerator, tmp_path, capsys):
    images = load_images(tiny(kind).data)
    if kind != LABELLED:
        images = RunImages(*map(without_labels, images))

    def train(folder, on_log=None, **changes):
        return train_recipe(tiny(kind, **changes), tmp_path / folder, images=images, on_log=on_log, progress=False)

    whole = train("whole")
    assert whole.summary["device"] == accelerator.type and ("linear_probe" in whole.summary) == (kind == LABELLED)
    assert all(tensor.device.type == accelerator.type for tensor in whole.method.state_dict().values())
    assert write_report(whole, tiny(kind), tmp_path / "report.html").stat().st_size > 10_000

    with pytest.raises(KeyboardInterrupt):
        train("stopped", on_log=stop_after_three)
    shutil.copytree(tmp_path / "stopped", tmp_path / "moved")
    resumed = train("stopped")
    assert [row["loss"] for row in resumed.rows] == [row["loss"] for row in whole.rows]

    capsys.readouterr()
    moved = train("moved", device="cpu")
    assert f"on {accelerator.type} and continues as 1 process(es) on cpu" in capsys.readouterr().out
    assert [row["loss"] for row in moved.rows[:2]] == [row["loss"] for row in whole.rows[:2]]
    back = train("moved")  # finished on the CPU, read on the accelerator
    for name, tensor in back.method.state_dict().items():
        assert tensor.device.type == accelerator.type and torch.equal(tensor.cpu(), moved.method.state_dict()[name])
