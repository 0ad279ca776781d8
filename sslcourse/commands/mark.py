"""`sslcourse mark`: mark written answers in a browser, and put the marks into what `sslcourse grade` wrote."""

import argparse
import sys
from pathlib import Path

from sslcourse.exercises import LABS
from sslcourse.grading.marking import merge_files, write_page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sslcourse mark`."""
    parser.add_argument("out", type=Path, metavar="DIR", help="what `sslcourse grade --out DIR` wrote")
    parser.add_argument("--anonymous", action="store_true", help="codes instead of names (DIR/codes.csv says whose)")
    parser.add_argument("--lab", choices=sorted(LABS), help="only this lab's answers")
    parser.add_argument(
        "--merge", type=Path, nargs="+", metavar="CSV", help="put the marks that were saved from the page into DIR"
    )


def main(arguments: argparse.Namespace) -> int:
    """Write the marker's page, or merge marks. 0: done; 2: nothing was changed, and the message says why."""
    out = arguments.out
    try:
        if arguments.merge:
            changed = merge_files(out, arguments.merge, LABS)
            marks = f"{changed} mark{'' if changed == 1 else 's'} new or changed"
            print(f"{marks}; gradebook, pages and exports written again.\nOpen {out / 'index.html'}")
        else:
            page = write_page(out, LABS, is_anonymous=arguments.anonymous, lab=arguments.lab)
            print(f"Open {page}, save its CSV when you have marked, then: sslcourse mark {out} --merge FILE.csv")
    except (ValueError, OSError) as error:
        print(f"sslcourse mark: {error}", file=sys.stderr)
        return 2
    return 0
