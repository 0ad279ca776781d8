"""The command line: help, refusals, and a doctor that survives what it diagnoses."""

import subprocess
import sys

import pytest

from sslcourse.cli import COMMANDS, main
from sslcourse.commands import doctor


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
    code = "import sys\nfrom sslcourse.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_doctor_prints_what_a_bug_report_needs(capsys):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    for line in (
        "python",
        "cores",
        "memory",
        "device",
        "precision",
        "sandbox",
        "data cache",
        "torch",
        "timm",
        "ipywidgets",
    ):
        assert line in printed
    assert "could not be read" not in printed


def test_doctor_reports_a_part_that_fails(monkeypatch):
    def broken(name):
        raise RuntimeError("no driver")

    monkeypatch.setattr(doctor, "_compute", broken)
    assert doctor.report()["precision"] == "could not be read: RuntimeError: no driver"
