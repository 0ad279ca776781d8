"""`sslcourse grade`: grade submitted notebooks."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sslcourse.exercises import LABS
from sslcourse.grading import sandbox
from sslcourse.grading.host import Limits
from sslcourse.grading.marks import not_given, read_marks
from sslcourse.grading.records import read_run
from sslcourse.grading.replay import replay
from sslcourse.grading.results import Grade
from sslcourse.grading.roster import read_roster
from sslcourse.grading.run import grade_paths
from sslcourse.grading.tables import moment

LISTED = 20  # files that do not count: so many are named on the terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sslcourse grade`."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a notebook, or a folder that is searched for notebooks"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="where grades.csv, index.html and the pages go")
    parser.add_argument("--lab", choices=sorted(LABS), help="which lab it is (default: found out from each notebook)")
    parser.add_argument(
        "--workers",
        type=int,
        default=min(4, os.cpu_count() or 1),
        help="submissions side by side (default %(default)s)",
    )
    parser.add_argument("--cluster", default="", metavar="ADDRESS", help="grade on the Dask cluster of this scheduler")
    parser.add_argument(
        "--timeout", type=float, default=Limits.seconds, metavar="S", help="seconds an exercise (default %(default)g)"
    )
    parser.add_argument(
        "--memory", type=int, default=Limits.memory >> 20, metavar="MIB", help="MiB an exercise (default %(default)s)"
    )
    parser.add_argument(
        "--student",
        metavar="PATTERN",
        help="regular expression with a group (?P<student>...), searched in each file's path below the folder (default:"
        " the names that Moodle, Canvas, Gradescope, Google Classroom and nbgrader give, else the first folder, else"
        " the file's name)",
    )
    parser.add_argument(
        "--roster", metavar="FILE", help="CSV with the columns id, name, e-mail and group: everybody in it has a row"
    )
    parser.add_argument(
        "--deadline",
        type=_time,
        metavar="TIME",
        help="as in '2026-11-27 23:59' (this machine's time zone, or +01:00 after it): of several versions the newest"
        " before it counts, and what came later is marked late, without taking points off",
    )
    parser.add_argument(
        "--variants",
        metavar="ROSTER",
        help="like --roster, and each student's cases have numbers of their own, drawn from seed and student id",
    )
    parser.add_argument("--seed", type=int, help="draw the inputs of an earlier run again: its run.json has the seed")
    parser.add_argument(
        "--replay",
        metavar="EXERCISE",
        help="grade this exercise of one notebook (of one in a zip: ZIP/PATH IN IT) again, on the inputs of the run in"
        " --out, and print every case with its inputs, what was expected and what came back; nothing is written",
    )
    parser.add_argument(
        "--spoken", action="store_true", help="also write three questions for a talk with each student (spoken.html)"
    )
    parser.add_argument("--unsafe", action="store_true", help="grade without a sandbox, in a machine you can lose")
    parser.add_argument(
        "--in-container",
        action="store_true",
        help="in a container for one submission: where it allows no sandbox, a user id of its own is enough",
    )


def _time(text: str) -> float:
    try:
        if len(text.strip()) <= len("2026-11-27"):  # a day alone would be over as it begins
            raise ValueError
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write it as 2026-11-27 23:59") from None


def _replay(arguments: argparse.Namespace, limits: Limits) -> int:
    if len(arguments.paths) != 1 or Path(arguments.paths[0]).is_dir():
        raise ValueError("--replay takes one notebook, as it was handed in; of one in a zip, ZIP/PATH IN IT")
    file, out = Path(arguments.paths[0]), Path(arguments.out)
    print(replay(file, out, arguments.replay, LABS, limits=limits, unsafe=arguments.unsafe))
    return 0


def main(arguments: argparse.Namespace) -> int:
    """Grade and say where the pages are. 0: all graded; 1: the grader failed on some; 2: it could not begin; 130:
    stopped.
    """
    if arguments.unsafe:
        print(f"WARNING: {sandbox.SENTENCES['unsafe']}.", file=sys.stderr)
    limits = Limits(seconds=arguments.timeout, memory=arguments.memory * 2**20)
    try:
        if arguments.replay:
            return _replay(arguments, limits)
        roster = arguments.variants or arguments.roster
        if arguments.roster not in (None, roster):
            raise ValueError("--variants names a roster itself; give one roster, not two")
        if arguments.deadline:
            print(f"Deadline: {moment(arguments.deadline)}, in this machine's time zone.", flush=True)
        grades = grade_paths(
            arguments.paths,
            arguments.out,
            lab=arguments.lab,
            workers=arguments.workers,
            cluster=arguments.cluster,
            limits=limits,
            unsafe=arguments.unsafe,
            in_container=arguments.in_container,
            student=arguments.student,
            seed=arguments.seed,
            roster=read_roster(roster) if roster else None,
            deadline=arguments.deadline,
            variants=bool(arguments.variants),
            spoken=arguments.spoken,
        )
    except (sandbox.NoSandbox, ImportError, ValueError, OSError) as error:
        print(f"sslcourse grade: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"Stopped. What was graded until then is in {arguments.out}; the same command goes on.", file=sys.stderr)
        return 130
    has_labs = len({grade.lab for grade in grades}) > 1
    for grade in grades:
        said = f"{grade.lab}: " if has_labs and grade.lab else ""
        said += grade.problem or f"{grade.points:g} of {grade.possible:g}"
        said += f", {sum(each.max_points for each in grade.to_mark):g} to be marked" if grade.to_mark else ""
        to_look = sum(bool(result.look) for result in grade.results)
        print(f"{grade.student}: {said}{f' ({to_look} to be looked at by hand)' if to_look else ''}")
    _tell_files(Path(arguments.out))
    _tell_people(grades)
    if ungiven := not_given(read_marks(Path(arguments.out)), grades):
        print(f"Marks that are kept but not given, as these are not in this run: {_some(ungiven)} (marks.csv)")
    if any(grade.to_mark for grade in grades):
        print(f"For the written answers: sslcourse mark {arguments.out}")
    print(f"Open {Path(arguments.out) / 'index.html'}")
    return 1 if any(grade.is_grader_error for grade in grades) else 0


def _tell_files(out: Path) -> None:
    """What does not count, and what lay in the out folder before."""
    record = read_run(out)
    for file in record["listed"][:LISTED]:
        print(f"{file['path']}: {file['reason']}")
    if len(record["listed"]) > LISTED:
        print(f"... and {len(record['listed']) - LISTED} more files, in files.csv")
    if record["removed"]:
        print(f"Removed, because they are not in this run: the pages of {_some(record['removed'])}")
    if record["left"]:
        print(f"{out} held other files before, which were left: {_some(record['left'])}")


def _tell_people(grades: Sequence[Grade]) -> None:
    """How the names were read, who is late, who is missing and who is not expected."""
    people = {grade.id: grade.who for grade in grades}
    schemes = Counter(who.scheme for who in people.values() if who.scheme)
    print(f"Names were read from: {', '.join(f'{scheme} ({count})' for scheme, count in schemes.most_common())}")
    for words, found in (
        ("Late, graded in full and marked late", [grade.student for grade in grades if grade.late]),
        ("No hand-in", [who.label for who in people.values() if not who.scheme]),
        ("Handed in, but not on the roster", [who.label for who in people.values() if not who.is_expected]),
        (
            "Too few points, as the grader itself failed: the same command grades these alone",
            [g.student for g in grades if g.is_grader_error],
        ),
    ):
        if found:
            print(f"{words}: {len(found)}: {_some(list(dict.fromkeys(found)))}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(names[:LISTED])}{more}"
