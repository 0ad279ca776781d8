"""The autograder's two scripts, in a root like Gradescope's: Docker's capabilities, and no new namespaces."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from every_lab import ROOT

from sslcourse.cli import main
from sslcourse.exercises import LABS
from sslcourse.grading import bubblewrap, sandbox, seccomp

LAB = LABS["contrastive"]
AS_ROOT = os.name != "nt" and os.geteuid() == 0 and sandbox.available()[0]
# What Docker leaves root by default, as far as it matters here.
DOCKER = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "SYS_CHROOT")
LOOK = """
import os
seen = []
for place in ("/autograder/source/course", "/autograder/results"):
    try:
        seen.append(os.listdir(place))
    except PermissionError:
        pass
try:
    seen.append(open("/autograder/results/results.json", "w"))
except PermissionError:
    pass
def positive_index(n):
    assert not seen and os.getuid() > 0
    return torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
"""


@pytest.fixture
def autograder(tmp_path):
    """The folder /autograder as Gradescope makes it from the zip."""
    assert main(["autograder", "contrastive", "--out", str(tmp_path / "autograder.zip")]) == 0
    folder = tmp_path / "autograder"
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        archive.extractall(folder / "source")
    assert (tmp_path / "autograder.zip").stat().st_size < 8 * 2**20
    for name in ("submission", "results"):
        (folder / name).mkdir()
    shutil.copy(folder / "source" / "run_autograder", folder)
    for script in (folder / "run_autograder", folder / "source" / "setup.sh"):
        script.chmod(0o755)
    return folder


def run_in_root(folder, *command, tools=()):
    """Run a command in a root with this machine's system and Python and, at /autograder, the folder."""
    argv = [
        "bwrap",
        "--die-with-parent",
        "--unshare-pid",
        "--unshare-net",
        "--cap-drop",
        "ALL",
        "--ro-bind",
        "/usr",
        "/usr",
    ]
    argv += [word for name in DOCKER for word in ("--cap-add", f"CAP_{name}")]
    for name in ("lib", "lib32", "lib64", "bin", "sbin"):
        argv += ["--symlink", f"usr/{name}", f"/{name}"] if os.path.islink(f"/{name}") else []
    argv += [
        "--dir",
        "/etc",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
        "--perms",
        "755",
        "--tmpfs",
        "/opt",
    ]
    for bound in bubblewrap._bound_directories():
        for above in reversed(Path(bound).parents[:-1]):
            argv += ["--perms", "755", "--dir", str(above)]
        argv += ["--ro-bind", bound, bound]
    argv += ["--bind", str(folder), "/autograder", *tools, "--chdir", "/autograder"]
    filter_end, filter_start = os.pipe()
    with open(filter_start, "wb") as pipe:
        pipe.write(seccomp.program())
    done = subprocess.run(
        [*argv, "--seccomp", str(filter_end), "--clearenv", "--setenv", "PATH", "/opt/tools:/usr/bin:/bin", *command],
        pass_fds=[filter_end],
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(filter_end)
    return done


def environment_like_this_one(home):
    """A virtual environment in `home` that finds this one's libraries, wherever it is put."""
    executable, path = bubblewrap.interpreter()
    libraries = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    libraries.mkdir(parents=True)
    (libraries / "these.pth").write_text("".join(f"{entry}\n" for entry in path if os.path.isdir(entry)))
    (home / "pyvenv.cfg").write_text(f"home = {os.path.dirname(executable)}\n")
    (home / "bin").mkdir()
    (home / "bin" / "python").symlink_to(executable)
    return home


def test_the_zip_holds_what_gradescope_wants_and_no_networks(autograder):
    names = {path.name for path in (autograder / "source").iterdir()}
    assert names == {"setup.sh", "run_autograder", "requirements.txt", "course"}
    wanted = (autograder / "source" / "requirements.txt").read_text()
    assert "nbformat" in wanted
    assert "torch" not in wanted
    assert not list((autograder / "source").rglob("*.safetensors"))


@pytest.mark.skipif(not AS_ROOT, reason="needs root, as in Gradescope's container, and bubblewrap to make one like it")
def test_setup_installs_and_closes_the_course(autograder, tmp_path):
    """Without a network: apt-get and pip only say what they were asked for."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (
        ("apt-get", 'echo "apt-get $*"'),
        (
            "python3.13",
            'case "$*" in *venv*/opt*) mkdir -p /opt/sslcourse/bin; cp /opt/tools/pip /opt/sslcourse/bin;; esac',
        ),
        ("pip", 'echo "pip $*"'),
    ):
        (tools / name).write_text(f"#!/bin/bash\n{text}\n")
        (tools / name).chmod(0o755)
    done = run_in_root(autograder, "source/setup.sh", tools=["--ro-bind", str(tools), "/opt/tools"])
    assert done.returncode == 0, done.stderr
    assert "apt-get install -y --no-install-recommends bubblewrap" in done.stdout
    assert "pip install --no-cache-dir -r /autograder/source/requirements.txt" in done.stdout
    assert (autograder / "source").stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.skipif(not AS_ROOT, reason="needs root, as in Gradescope's container, and bubblewrap to make one like it")
def test_a_submission_is_graded_and_sees_neither_answers_nor_results(autograder, tmp_path):
    notebook = nbformat.read(ROOT / "solutions" / "01_contrastive.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "contrastive-positives":
            cell.source = LOOK
    nbformat.write(notebook, autograder / "submission" / "lab (1).ipynb")
    (autograder / "submission" / "helper.py").write_text("x = 1")
    tools = ["--ro-bind", str(environment_like_this_one(tmp_path / "environment")), "/opt/sslcourse"]
    done = run_in_root(autograder, "./run_autograder", tools=tools)
    assert (autograder / "results" / "results.json").exists(), done.stdout + done.stderr
    results = json.loads((autograder / "results" / "results.json").read_text())
    assert results["score"] == LAB.points, done.stdout + done.stderr
    assert sandbox.SENTENCES["account"] in results["output"]
    by_name = {test["name"]: test for test in results["tests"]}
    assert by_name["contrastive.positives"]["score"] == 1
