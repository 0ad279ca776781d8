"""`sslcourse mark`: mark written answers in a browser, and put a person's marks into what `sslcourse grade` wrote."""

import argparse
import sys
from pathlib import Path

from sslcourse.exercises import LABS
from sslcourse.grading.marking import give, merge_files, write_page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sslcourse mark`."""
    parser.add_argument("out", type=Path, metavar="DIR", help="what `sslcourse grade --out DIR` wrote")
    parser.add_argument("--anonymous", action="store_true", help="codes instead of names (DIR/codes.csv says whose)")
    parser.add_argument("--lab", choices=sorted(LABS), help="only this lab's answers")
    marks = parser.add_mutually_exclusive_group()
    marks.add_argument(
        "--merge", type=Path, nargs="+", metavar="CSV", help="put the marks that were saved from the page into DIR"
    )
    marks.add_argument(
        "--give",
        nargs=4,
        metavar=("STUDENT", "QUESTION", "POINTS", "REASON"),
        help="give a student points for a written question, or in place of the grader's for an exercise",
    )


def main(arguments: argparse.Namespace) -> int:
    """Write the marker's page, or merge marks. 0: done; 2: nothing was changed, and the message says why."""
    out = arguments.out
    try:
        if arguments.merge or arguments.give:
            files, given = arguments.merge or [], arguments.give
            new, changed = give(out, *given, LABS) if given else merge_files(out, files, LABS)
            print(f"{new} mark{'' if new == 1 else 's'} new, {len(changed)} changed{':' if changed else '.'}")
            print("".join(f"  {line}\n" for line in changed), end="")
            print(f"Gradebook, pages and exports were written again.\nOpen {out / 'index.html'}")
        else:
            page = write_page(out, LABS, is_anonymous=arguments.anonymous, lab=arguments.lab)
            print(f"Open {page}, save its CSV when you have marked, then: sslcourse mark {out} --merge FILE.csv")
    except (ValueError, OSError) as error:
        print(f"sslcourse mark: {error}", file=sys.stderr)
        return 2
    return 0
