"""`sslcourse autograder`: the zip that makes Gradescope grade a lab."""

import argparse
import re
import stat
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from sslcourse.exercises import LABS
from sslcourse.files import replacing

PACKAGE = Path(__file__).resolve().parents[1]
NOT_NEEDED = {".safetensors", ".jsonl", ".pyc", ".png"}  # networks and tables, which grading does without

SETUP = """\
#!/usr/bin/env bash
# Runs once, when Gradescope builds the image: as root and with the network.
set -euo pipefail
source=/autograder/source
apt-get update
apt-get install -y --no-install-recommends bubblewrap
can='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
recent() {
    for name in python3.13 python3.12 python3.11 python3; do
        "$name" -c "$can" 2> /dev/null && command -v "$name" && return
    done
    return 1
}
recent > /dev/null || apt-get install -y python3.12 python3.12-venv || apt-get install -y python3.11 python3.11-venv
"$(recent)" -m venv /opt/sslcourse
/opt/sslcourse/bin/pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision
/opt/sslcourse/bin/pip install --no-cache-dir -r "$source/requirements.txt"
# The course holds the answers. It is not installed among the libraries, and only root may read it.
chown -R 0:0 "$source"
chmod -R go-rwx "$source"
"""

RUN = """\
#!/usr/bin/env bash
# Runs for each submission, in a container of its own: as root.
set -euo pipefail
chmod 700 /autograder/source /autograder/results
export PYTHONPATH=/autograder/source/course
out=$(mktemp -d)
/opt/sslcourse/bin/python -m sslcourse grade /autograder/submission --out "$out" --lab {lab} --in-container \\
    --student '(?P<student>submission)' --workers 1
# Where there is no such file, the grader failed, and Gradescope says so instead of giving a mark.
cp "$out/results.json" /autograder/results/results.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `sslcourse autograder`."""
    parser.add_argument("lab", choices=sorted(LABS), help="the lab that the assignment on Gradescope is")
    parser.add_argument(
        "--out", type=Path, metavar="ZIP", help="the file to write (default: autograder-LAB.zip in this folder)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Write the zip and say what to do with it."""
    out = arguments.out or Path(f"autograder-{arguments.lab}.zip")
    write_autograder(arguments.lab, out)
    print(
        f"Wrote {out}. On Gradescope: a Programming Assignment worth {LABS[arguments.lab].points:g} points, Configure"
        " Autograder, upload the zip, choose Ubuntu 24.04 or 22.04 and a container with at least 3 GB of memory; then"
        " Test Autograder with the lab's solution."
    )
    return 0


def write_autograder(lab: str, out: Path) -> None:
    """Write the zip: the two scripts that Gradescope calls, what they install, and the course."""
    with replacing(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "setup.sh", SETUP, 0o755)
        _add(archive, "run_autograder", RUN.format(lab=lab), 0o755)
        _add(archive, "requirements.txt", "\n".join(requirements()) + "\n")
        for path in sorted(PACKAGE.rglob("*")):
            if path.is_file() and path.suffix not in NOT_NEEDED:
                archive.write(path, Path("course", PACKAGE.name, path.relative_to(PACKAGE)))


def requirements() -> Iterator[str]:
    """What the grader needs beside torch and torchvision, as pip takes it."""
    for requirement in requires("sslcourse") or []:
        name, _, marker = requirement.partition(";")
        if (not marker or re.search(r"""extra\s*==\s*["']grade["']""", marker)) and not name.startswith("torch"):
            yield name.strip()


def _add(archive: zipfile.ZipFile, name: str, text: str, mode: int = 0o644) -> None:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, text)
