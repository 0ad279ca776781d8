"""The command line: help, refusals, and a doctor that survives what it diagnoses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sslcourse.cli import COMMANDS, main
from sslcourse.commands import doctor
from sslcourse.grading.sandbox import available

ROOT = Path(__file__).parents[2]


def test_an_unknown_command_names_the_allowed_ones(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["trane"])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert "trane" in message
    assert all(name in message for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert "usage: sslcourse " + name in capsys.readouterr().out


def test_help_does_not_import_torch():
    # `sslcourse --help` must answer at once, and also where torch is broken.
    code = (
        "import sys\nfrom sslcourse.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:"
        " pass\nsys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_doctor_judges_each_part_and_lists_the_packages(capsys):
    assert main(["doctor"]) == 0  # attention is no failure
    printed = capsys.readouterr().out
    for line in (
        "python",
        "device",
        "memory",
        "cache",
        "widgets",
        "sandbox",
        "timm",
        "ipywidgets",
        "No problem found.",
    ):
        assert line in printed
    assert all(verdict in (doctor.OK, doctor.ATTENTION) for verdict, _, _ in doctor.report().values())


def raises(error):
    def broken(*arguments, **options):
        raise error

    return broken


def test_doctor_says_what_to_do(monkeypatch, tmp_path, capsys):
    installed = {"jupyterlab": "4.2.0", "jupyterlab_widgets": "1.1.11", "torch": "2.4.1+cpu"}
    monkeypatch.setattr(doctor, "version", lambda name: installed.get(name, "1.0"))
    monkeypatch.setitem(sys.modules, "torchvision.ops", None)  # an import then fails
    monkeypatch.setattr("sslcourse.training.runtime.memory_gib", lambda: 2.0)
    monkeypatch.setattr("sslcourse.training.runtime.available_cores", lambda: 0)
    monkeypatch.setattr("sslcourse.grading.sandbox.available", lambda: (False, "bubblewrap is not installed"))
    monkeypatch.setattr("sslcourse.data.cache.cache_dir", raises(OSError("no disk")))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("usage", (), {"free": 2**20}))
    monkeypatch.setattr("torch.ones", raises(RuntimeError("no kernel image is available")))
    monkeypatch.setenv("SSLCOURSE_SCALE", "huge")
    verdicts = doctor.report()
    expected = {
        "packages": (doctor.PROBLEM, "pip install --upgrade torch"),
        "torchvision": (doctor.PROBLEM, "belong to one release"),
        "device": (doctor.PROBLEM, "CUDA_VISIBLE_DEVICES"),
        "threads": (doctor.ATTENTION, "OMP_NUM_THREADS=0"),
        "memory": (doctor.ATTENTION, "smoke"),
        "cache": (doctor.PROBLEM, "bug report"),
        "disk": (doctor.PROBLEM, "make room"),
        "scale": (doctor.PROBLEM, "unset SSLCOURSE_SCALE"),
        "widgets": (doctor.PROBLEM, "pip install --upgrade ipywidgets"),
        "sandbox": (doctor.ATTENTION, "only instructors"),
    }
    for name, (verdict, advice) in expected.items():
        assert verdicts[name][0] == verdict and advice in verdicts[name][2], (name, verdicts[name])
    assert main(["doctor"]) == 1 and "7 problem(s)" in capsys.readouterr().out


@pytest.mark.slow
def test_a_user_without_name_and_home_can_train(tmp_path):
    if not available()[0]:
        pytest.skip("needs bubblewrap")
    command = ["bwrap", "--dev-bind", "/", "/", "--unshare-user", "--uid", "54321", "--gid", "54321", "--clearenv"]
    for name, value in {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ROOT,
        "TMPDIR": tmp_path,
        "OMP_NUM_THREADS": "1",
    }.items():
        command += ["--setenv", name, value]
    command += [
        sys.executable,
        "-m",
        "sslcourse",
        "train",
        "simclr",
        "--scale",
        "smoke",
        "--steps",
        "2",
        "--out",
        "run",
    ]
    command += ["--set", "count=64", "--set", "held_out=64", "--set", "encoder=convnet_8"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and (tmp_path / "run" / "report.html").exists(), done.stderr[-3000:]
    assert f"caches are kept in {tmp_path}/sslcourse-home-54321" in done.stderr and "Traceback" not in done.stderr
    assert list((tmp_path / "sslcourse-home-54321").rglob("*.safetensors"))
