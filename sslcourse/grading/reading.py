"""Read a submission in a process of its own, with limits: whatever a file does to its reader, the grader goes on.

That process starts without torch and runs no student code. It gets the file as its standard input and what is asked
for as JSON, and it writes JSON.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from sslcourse.grading.as_json import from_plain, to_plain
from sslcourse.grading.cells import MAX_FILE, Unreadable, read_cells, too_large
from sslcourse.grading.intake import Submission, find_answers, guess_lab
from sslcourse.grading.outputs import Finding, find_findings
from sslcourse.grading.student import RECURSION
from sslcourse.grading.unpack import ADVICE, is_archive, members
from sslcourse.grading.written import Part, find_written

CPU_SECONDS = 10
WALL_SECONDS = 120  # the machine may be busy
MEMORY = 2**30
MAX_REPLY = 96 * 2**20
_TOO_MUCH = (
    "The notebook cannot be read within {}. Look for a cell or an output of monstrous size; clear the outputs (in"
    " Jupyter: Edit, Clear Outputs of All Cells), save it and hand it in again."
)


@dataclass(frozen=True)
class Asked:
    """What is looked for: of each lab, the names of the functions and the texts of the written questions, by id.

    `lab` is the only lab that counts, or None where it is to be found out.
    """

    functions: dict[str, dict[str, str]]
    questions: dict[str, dict[str, str]]
    lab: str | None = None


@dataclass(frozen=True)
class Reading:
    """What was found in a notebook: the lab, the answers, the parts of each written one, and the experiments' findings;
    or why there is no grade.

    `inside` is its path in an archive, and `changed` the time that the archive gives for it.
    """

    lab: str = ""
    submission: Submission | None = None
    written: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    problem: str = ""
    inside: tuple[str, ...] = ()
    changed: float = 0.0


@dataclass(frozen=True)
class Contents:
    """What is in a file that was handed in: at least one reading, and of an archive the files that are no notebooks,
    each as (path in the archive, reason).
    """

    readings: list[Reading]
    others: list[tuple[tuple[str, ...], str]] = field(default_factory=list)


def read_submission(file: BinaryIO, asked: Asked) -> Contents:
    """Read an open file within the limits; never raises for what is in it."""
    if os.fstat(file.fileno()).st_size > MAX_FILE:
        return Contents([Reading(problem=too_large())])
    package = Path(__file__).parents[2]
    with tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as reply:
        request.write(json.dumps(to_plain(asked)).encode())
        request.seek(0)
        try:
            process = subprocess.run(
                [sys.executable, "-P", "-m", "sslcourse.grading.reading", str(request.fileno())],
                stdin=file,
                stdout=reply,
                stderr=subprocess.DEVNULL,
                pass_fds=[request.fileno()],
                env=os.environ | {"PYTHONPATH": str(package), "PYTHONHASHSEED": "0"},
                timeout=WALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Contents([Reading(problem=_TOO_MUCH.format(f"{WALL_SECONDS} seconds"))])
        if process.returncode != 0:
            limits = f"{CPU_SECONDS} seconds of processor time and {MEMORY >> 20} MiB of memory"
            return Contents([Reading(problem=_TOO_MUCH.format(limits))])
        reply.seek(0)
        return from_plain(Contents, json.load(reply))


def main(request: int) -> None:
    """In the process of its own: read the file at the standard input, and write what was found."""
    _limit()
    sys.setrecursionlimit(RECURSION)
    gc.disable()  # it would look at every object of a large file again and again; the limit on memory is enough
    with open(request, encoding="utf-8") as file:
        asked = from_plain(Asked, json.load(file))
    content = sys.stdin.buffer.read(MAX_FILE + 1)
    contents = _unpack(content, asked) if is_archive(content) else Contents([_read(content, asked)])
    json.dump(to_plain(contents), sys.stdout)


def _unpack(content: bytes, asked: Asked) -> Contents:
    readings: list[Reading] = []
    others: list[tuple[tuple[str, ...], str]] = []
    for member in members(content):
        if member.content:
            reading = replace(_read(member.content, asked), inside=member.inside, changed=member.changed)
            if reading.submission:
                reading.submission.repairs.insert(0, "The notebook was in a zip archive; it was taken out of it.")
            readings.append(reading)
        else:
            others.append((member.inside, member.problem or "The file is empty."))
    if not readings:
        telling = next((reason for _, reason in others if reason != "Not a notebook."), "")
        readings = [Reading(problem=telling or f"The archive holds no notebook. {ADVICE}")]
    return Contents(readings, others)


def _read(content: bytes, asked: Asked) -> Reading:
    try:
        return _find(content, asked)
    except Unreadable as error:
        return Reading(problem=str(error))


def _find(content: bytes, asked: Asked) -> Reading:
    cells, repairs = read_cells(content)
    lab = asked.lab or guess_lab(cells, asked.functions)
    if lab is None:
        names = ", ".join(asked.functions)
        raise Unreadable(f"Nothing of any known lab ({names}) was found in this notebook. Is it the right file?")
    submission = find_answers(cells, asked.functions[lab])
    submission.repairs[:0] = repairs
    return Reading(lab, submission, find_written(cells, asked.questions[lab]), find_findings(cells))


def _limit() -> None:
    if sys.platform == "win32":  # only the wall clock binds there
        return
    import resource

    for limit, most in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_REPLY, MAX_REPLY))


if __name__ == "__main__":
    main(int(sys.argv[1]))
