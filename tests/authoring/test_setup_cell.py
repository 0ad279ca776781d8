"""The setup cell finds the package in a checkout and where it is installed; on Colab pip installs it, and only it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sslcourse
from sslcourse.authoring.address import Address
from sslcourse.authoring.setup_cell import setup_text

PACKAGE = Path(sslcourse.__file__).parent

# A Python to which the course is unknown: the way it is installed here is taken off the path.
UNKNOWN = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
sys.path = [place for place in sys.path if place != {root!r}]
"""
FAKE_PIP = """
import json, os, pathlib, sys
pathlib.Path("pip_was_given.json").write_text(json.dumps(sys.argv[1:]))
os.symlink({package!r}, os.path.join({site!r}, "sslcourse"))
if {torch!r}:
    place = pathlib.Path({site!r}, "torch-" + {torch!r} + ".dist-info")
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\\nName: torch\\nVersion: " + {torch!r} + "\\n")
"""


def run(folder, text, site=None, known=False):
    before = "" if known else UNKNOWN.format(root=str(PACKAGE.parent))
    environment = {**os.environ, "PYTHONPATH": str(site or ""), "PYTHONDONTWRITEBYTECODE": "1"}
    code = before + text + "\nimport sslcourse.notebook\nprint('found', sslcourse.notebook.__file__)"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def lab(tmp_path):
    folder = tmp_path / "labs"
    folder.mkdir()
    return folder


def test_in_a_checkout_the_package_beside_the_labs_is_taken(lab):
    (lab.parent / "sslcourse").symlink_to(PACKAGE)
    done = run(lab, setup_text(Address("ada/course"), ""))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"found {lab.parent / 'sslcourse' / 'notebook' / '__init__.py'}\n"


def test_an_installed_package_is_taken(lab):
    done = run(lab, setup_text(Address("ada/course"), ""), known=True)
    assert done.returncode == 0, done.stderr
    assert str(PACKAGE) in done.stdout


def fake_pip(tmp_path, torch=""):
    site = tmp_path / "site"
    (site / "pip").mkdir(parents=True)
    (site / "pip" / "__init__.py").touch()
    script = FAKE_PIP.format(package=str(PACKAGE), site=str(site), torch=torch)
    (site / "pip" / "__main__.py").write_text(script)
    return site


@pytest.mark.parametrize("clone", [False, True], ids=["alone", "beside a clone"])
def test_on_colab_pip_gets_the_one_address_and_no_dependencies(lab, tmp_path, clone):
    if clone:
        (lab / "sslcourse" / "labs").mkdir(parents=True)  # looks like an empty package
    done = run(lab, setup_text(Address("ada/course", "v1"), ""), site=fake_pip(tmp_path))
    assert done.returncode == 0, done.stderr
    given = (lab / "pip_was_given.json").read_text()
    assert given == '["install", "-q", "--no-deps", "git+https://github.com/ada/course@v1"]'
    assert "as before" in done.stdout and str(tmp_path / "site" / "sslcourse") in done.stdout


def test_a_changed_torch_is_said(lab, tmp_path):
    done = run(lab, setup_text(Address("ada/course"), ""), site=fake_pip(tmp_path, torch="9.9.9"))
    assert "torch is now 9.9.9: restart!" in done.stdout, done.stderr


def test_without_an_address_it_says_what_to_do(lab):
    done = run(lab, setup_text(Address("OWNER/NAME"), ""))
    assert done.returncode != 0 and "open this notebook in a checkout" in done.stdout
    assert "ModuleNotFoundError" in done.stderr


def test_it_is_short():
    assert len(setup_text(Address("ada/course"), "").strip().splitlines()) <= 22
