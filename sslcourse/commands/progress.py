"""`sslcourse progress`: how far a student has come in all labs, from the file that the notebooks keep."""

import argparse
import os
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `sslcourse progress`."""
    words = "the file beside the notebooks, sslcourse_progress.json (default: the one here, or in labs/)"
    parser.add_argument("file", nargs="?", type=Path, help=words)


def main(arguments: argparse.Namespace) -> int:
    """Print the table of all labs; 2 where the file that was named is not there."""
    from sslcourse.notebook import state
    from sslcourse.notebook.stages import course_progress

    if arguments.file is not None and not arguments.file.is_file():
        print(f"sslcourse progress: there is no file {arguments.file}", file=sys.stderr)
        return 2
    places = [arguments.file, state.place()[0], Path("labs") / state.FILE_NAME]
    found = next((place for place in places if place is not None and place.is_file()), None)
    if found is None:
        print(f"No lab has been begun here: there is no {state.FILE_NAME}, nor one in labs/.")
    else:
        os.environ["SSLCOURSE_PROGRESS"] = str(found)
    course_progress()
    return 0
