"""kill -9 in mid-run, then the same call again: the weights of the undisturbed run, bit for bit."""

import json
import subprocess
import sys
import textwrap

import pytest
import torch

pytestmark = pytest.mark.slow

# One process that imports once and forks a child for each run of a plan, before it has computed anything itself.
SCRIPT = textwrap.dedent(
    """
    import json, os, signal, sys
    from pathlib import Path
    import torch
    from torch import nn
    from sslcourse.data.augment import Augmentation
    from sslcourse.data.imageset import ImageSet
    from sslcourse.methods import SimCLR, SimCLRSettings
    from sslcourse.models.convnet import ConvNet
    from sslcourse.training import FitSettings, fit
    from sslcourse.training.recipes import build_method, find_recipe

    class Dropped(ConvNet):  # dropout draws from torch's global generator, which must be resumed as well
        def features(self, images):
            return nn.functional.dropout(super().features(images), 0.2, self.training)

    def train(out, kill_at, steps, precision, weights, recipe):
        torch.manual_seed(0)
        drawn = torch.Generator().manual_seed(1)
        images = torch.randint(0, 256, (50, 3, 32, 32), dtype=torch.uint8, generator=drawn)
        if recipe:
            method = build_method(find_recipe(scale="smoke", image_size=32, **recipe))
        else:
            method = SimCLR(Dropped(8, depth=3), SimCLRSettings(augmentation=Augmentation(size=16)))
        torch.manual_seed(int.from_bytes(os.urandom(4), "little"))  # what the caller drew before must not matter

        def on_log(row):
            if row["step"] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        # 3 batches an epoch; log lines, checkpoints and epochs out of step with each other
        settings = FitSettings(
            steps=steps, batch_size=16, log_every=4, checkpoint_every=5, device="cpu", precision=precision
        )
        image_set = ImageSet(images, torch.zeros(50, dtype=torch.int64), ("any",), "noise")
        rows = fit(method, image_set, settings, out=out, on_log=on_log, progress=False)
        torch.save({"method": method.state_dict(), "losses": [row["loss"] for row in rows]}, weights)

    torch.set_num_threads(1)
    for run in json.loads(sys.argv[1]):
        if run.pop("cut", False):
            newest = max(Path(run["out"]).glob("checkpoint-*.pt"))
            newest.write_bytes(newest.read_bytes()[:1000])
        child = os.fork()
        if child == 0:
            try:
                train(**run)
                code = 0
            except BaseException as problem:
                print(repr(problem))
                code = 1
            sys.stdout.flush()
            os._exit(code)
        status = os.waitpid(child, 0)[1]
        print("ended:", os.waitstatus_to_exitcode(status), flush=True)
    """
)


def carry_out(tmp_path, *plan):
    """Run the plan; returns (output, weights by run where it came to its end)."""
    names = [str(tmp_path / f"{index}.pt") for index in range(len(plan))]
    runs = [
        {
            "kill_at": 0,
            "steps": 24,
            "precision": "fp32",
            "recipe": None,
            **run,
            "out": str(tmp_path / run["out"]),
            "weights": name,
        }
        for run, name in zip(plan, names, strict=True)
    ]
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(runs)], capture_output=True, text=True, timeout=500, check=True
    )
    ended = [int(line.split()[1]) for line in process.stdout.splitlines() if line.startswith("ended:")]
    assert ended == [-9 if run.get("kill_at") else 0 for run in plan], process.stdout + process.stderr
    results = [
        torch.load(name, weights_only=True) if code == 0 else None for name, code in zip(names, ended, strict=True)
    ]
    return process.stdout, results


def assert_same(first, second):
    assert first["losses"] == second["losses"]
    assert all(torch.equal(first["method"][name], second["method"][name]) for name in first["method"])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_killed_twice_and_resumed_is_bit_identical(tmp_path, precision):
    plan = [
        {"out": "undisturbed"},
        {"out": "killed", "kill_at": 8},
        {"out": "killed", "kill_at": 16},
        {"out": "killed"},
    ]
    _, results = carry_out(tmp_path, *({**run, "precision": precision} for run in plan))
    assert_same(results[0], results[3])


def test_a_checkpoint_damaged_by_the_crash_costs_only_its_steps(tmp_path):
    plan = [{"out": "undisturbed"}, {"out": "killed", "kill_at": 16}, {"out": "killed", "cut": True}]
    said, results = carry_out(tmp_path, *plan)
    assert "is damaged and is not used" in said and "checkpoint-00000015" in said
    assert_same(results[0], results[2])


# What each method remembers between steps: targets and their centres, teachers, predictors, the affinity, mask tokens,
# the schedules of temperatures, of frozen prototypes and of removal.
METHODS = {
    "byol": {"kind": "byol", "predictor_constant_lr": True},
    "byol without a target": {"kind": "byol", "momentum": 0.0},
    "dino": {"kind": "dino", "temperature_warmup": 0.5, "first_teacher_temperature": 0.02, "freeze_prototypes": 0.3},
    "dino centred": {"kind": "dino", "targets": "centering", "head_norm": "layer"},
    "dino on a network of timm": {"kind": "dino", "encoder": "test_resnet"},
    "byol on frozen statistics": {"kind": "byol", "encoder": "test_resnet", "frozen_statistics": True},
    "ibot": {"kind": "ibot", "targets": "centering", "shared_head": False},
    "ibot with removal": {"kind": "ibot", "policy": "low", "removal_warmup": 0.5},
    "logo": {"kind": "logo", "local": "learned", "policy": "high", "removal_warmup": 0.5},
    "logo of cosines": {"kind": "logo", "similarity": "cosine", "local": "repel", "output_norm": "batch"},
    "combined": {"kind": "combined", "removal_warmup": 0.5, "keep_levels": 3, "targets": "centering"},
    "combined with masks": {"kind": "combined", "policy": "random", "patch_loss": "masked", "reconstruction": "all"},
    "mae": {"kind": "combined", "policy": "random", "cls": False, "patch_loss": "off", "keep_rate": 0.25},
}


@pytest.fixture(scope="module")
def every_method(tmp_path_factory):
    """Each method undisturbed, killed, and resumed: one process for all of them."""
    plan = []
    for name, recipe in METHODS.items():  # killed after the checkpoint of step 5, while it warms up
        run = {"recipe": recipe, "steps": 12}
        plan += [{"out": f"{name} undisturbed", **run}, {"out": name, **run, "kill_at": 8}, {"out": name, **run}]
    _, results = carry_out(tmp_path_factory.mktemp("methods"), *plan)
    return {name: (results[3 * index], results[3 * index + 2]) for index, name in enumerate(METHODS)}


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_resumed_bit_identical(every_method, name):
    undisturbed, resumed = every_method[name]
    assert_same(undisturbed, resumed)
