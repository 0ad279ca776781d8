"""The command `sslcourse`: each subcommand's module is imported only when it is called."""

import argparse
import getpass
import importlib
import os
import stat
import sys
import tempfile
from pathlib import Path

# name -> (module that offers add_arguments(parser) and main(arguments) -> exit status, one line of help)
COMMANDS = {
    "doctor": ("sslcourse.commands.doctor", "print what a bug report needs"),
    "build": ("sslcourse.commands.build", "make labs and solution notebooks from their sources"),
    "grade": ("sslcourse.commands.grade", "grade submitted notebooks"),
    "mark": ("sslcourse.commands.mark", "mark written answers in a browser, and merge the marks"),
    "train": ("sslcourse.commands.train", "train a self-supervised method and write a report page"),
    "progress": ("sslcourse.commands.progress", "show how far a student has come in all labs"),
    "claims": ("sslcourse.commands.claims", "measure what the course claims, and report the verdicts"),
    "autograder": ("sslcourse.commands.autograder", "write the zip with which Gradescope grades a lab"),
    "demo": ("sslcourse.commands.demo", "take Lab 1 as two students, grade both, write a page"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return its exit status.

    >>> main(["doctor", "--help"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    SystemExit: 0
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a character that the terminal cannot show must not stop a run
            stream.reconfigure(errors="backslashreplace")
    give_home()
    words = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="sslcourse", description="Labs on self-supervised vision learning.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in words if word in COMMANDS), None)
    for name, (module_name, help_line) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=help_line, description=help_line[0].upper() + help_line[1:] + ".")
        if name == chosen:  # the others' modules stay unimported: `doctor` must run where `build` cannot
            module = importlib.import_module(module_name)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.main)
    parsed = parser.parse_args(words)
    return parsed.run(parsed)


def give_home() -> None:
    """Set HOME and USER if they are missing, as in some containers: libraries need them for their caches."""
    if os.name == "nt":
        return
    home = os.path.expanduser("~")
    if not os.path.isabs(home) or not os.access(home, os.W_OK):
        folder = Path(tempfile.gettempdir()) / f"sslcourse-home-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            ours = folder.lstat().st_uid == os.getuid() and stat.S_ISDIR(folder.lstat().st_mode)
        except OSError:
            ours = False
        os.environ["HOME"] = str(folder) if ours else tempfile.mkdtemp(prefix="sslcourse-home-")
        print(
            f"This user has no home folder that can be written; caches are kept in {os.environ['HOME']}.",
            file=sys.stderr,
        )
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = f"user{os.getuid()}"


if __name__ == "__main__":
    sys.exit(main())
