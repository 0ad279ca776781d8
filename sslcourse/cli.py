"""The command `sslcourse`: each subcommand's module is imported only when it is called."""

from __future__ import annotations

import argparse
import importlib
import sys

# name -> (module that offers add_arguments(parser) and main(arguments) -> exit status, one line of help)
COMMANDS = {
    "doctor": ("sslcourse.commands.doctor", "print what a bug report needs"),
    "build": ("sslcourse.commands.build", "make labs and solution notebooks from their sources"),
    "grade": ("sslcourse.commands.grade", "grade submitted notebooks"),
    "train": ("sslcourse.commands.train", "train a self-supervised method and write a report page"),
    "demo": ("sslcourse.commands.demo", "take Lab 1 as two students, grade both, write a page"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return its exit status.

    >>> main(["doctor", "--help"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    SystemExit: 0
    """
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


if __name__ == "__main__":
    sys.exit(main())
