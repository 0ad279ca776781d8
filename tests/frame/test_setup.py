"""The set-up script: what is installed once is not installed again, and what a user gets wrong is named."""

import subprocess
import zlib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def fingerprint() -> str:
    """The stamp's name, made as POSIX `cksum` makes it, independently of the script's pipeline."""
    content = f"{ROOT}\n".encode() + (ROOT / "pyproject.toml").read_bytes()
    done = subprocess.run(["cksum"], input=content, capture_output=True, check=True)
    return done.stdout.decode().strip().replace(" ", "-")


def run_setup(venv: Path, python: str, purpose: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(ROOT / ".ci/setup"), str(venv), python, purpose], capture_output=True, text=True, timeout=300
    )


def test_a_finished_environment_is_left_alone(tmp_path):
    (tmp_path / f".sslcourse-test-{fingerprint()}").touch()
    before = sorted(tmp_path.iterdir())
    done = run_setup(tmp_path, "/bin/false", "demo")  # a Python that can do nothing: nothing may be asked of it
    assert done.returncode == 0, done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_changed_project_is_installed_again(tmp_path):
    (tmp_path / f".sslcourse-test-{zlib.crc32(b'another project')}").touch()
    done = run_setup(tmp_path, "/bin/false", "test")
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr


def test_an_unknown_purpose_is_refused(tmp_path):
    done = run_setup(tmp_path, "python3", "everything")
    assert done.returncode == 2
    assert "demo or test" in done.stderr and "everything" in done.stderr
