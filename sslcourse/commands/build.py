"""`sslcourse build`: make the labs and the solution notebooks from their sources, or check that they are up to date."""

import argparse
import difflib
import sys
from dataclasses import replace
from pathlib import Path

from nbformat import NotebookNode

from sslcourse.authoring.address import read_address, write_address
from sslcourse.authoring.nbgrader_source import CONFIGURATION, nbgrader_source
from sslcourse.authoring.notebooks import Built, build_lab
from sslcourse.authoring.outputs import ExecutionError, carry_outputs, execute, read_built, text_of, without_outputs
from sslcourse.authoring.source import SourceError
from sslcourse.files import write_atomically


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `sslcourse build`."""
    parser.add_argument("lab", nargs="*", help="labs to build, by number or name (01, contrastive); all without it")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when a built file differs, outputs aside"
    )
    parser.add_argument(
        "--execute", action="store_true", help="run the solutions at scale smoke and keep their outputs"
    )
    parser.add_argument(
        "--repo", metavar="OWNER/NAME", help="where the course lives on GitHub, for badges and the Colab install"
    )
    parser.add_argument("--ref", help="branch or tag for the same")
    parser.add_argument(
        "--nbgrader",
        type=Path,
        metavar="COURSE",
        help="write nothing but the labs in nbgrader's form, as COURSE/source/LAB/LAB.ipynb",
    )
    parser.add_argument(
        "--solutions", type=Path, default=Path("solutions"), help="folder of the sources (default: %(default)s)"
    )
    parser.add_argument(
        "--labs", type=Path, default=Path("labs"), help="folder of the students' notebooks (default: %(default)s)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Build, check or execute; 0 when all is well, 1 when something differs or fails, 2 for a wrong command line."""
    try:
        sources = _sources(arguments.solutions, arguments.lab)
        if arguments.repo or arguments.ref:
            _set_address(arguments)
    except ValueError as error:
        print(f"sslcourse build: {error}", file=sys.stderr)
        return 2
    return max([_one(path, arguments) for path in sources])


def _set_address(arguments: argparse.Namespace) -> None:
    if arguments.check:
        raise ValueError("--repo and --ref write, --check does not: give one or the other")
    if arguments.lab or arguments.nbgrader:
        raise ValueError("a new address changes every lab: give it without naming labs, and without --nbgrader")
    address = read_address()
    address = replace(address, repository=arguments.repo or address.repository, ref=arguments.ref or address.ref)
    write_address(address)
    print(f"address: https://github.com/{address.repository}, {address.ref}")


def _sources(folder: Path, wanted: list[str]) -> list[Path]:
    found = sorted(folder.glob("[0-9][0-9]_*.py"))
    if not found:
        raise ValueError(
            f"there is no NN_name.py in {folder}; run it in the course's checkout, or name the folder with --solutions"
        )
    chosen = [path for path in found if not wanted or {path.stem, path.stem[:2], path.stem[3:]} & set(wanted)]
    missing = [word for word in wanted if not any(word in {path.stem, path.stem[:2], path.stem[3:]} for path in found)]
    if missing:
        raise ValueError(f"no lab {', '.join(missing)}; there are {', '.join(path.stem for path in found)}")
    return chosen


def _one(path: Path, arguments: argparse.Namespace) -> int:
    try:
        built = build_lab(path)
    except (SourceError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.nbgrader:
        _write_for_nbgrader(built, arguments.nbgrader)
        return 0
    files = {
        arguments.labs / f"{built.stem}.ipynb": built.student,
        arguments.solutions / f"{built.stem}.ipynb": built.solution,
    }
    if arguments.check:
        return max(_check(file, notebook) for file, notebook in files.items())
    arguments.labs.mkdir(parents=True, exist_ok=True)
    for file, notebook in files.items():
        note = ""
        if notebook is built.solution and arguments.execute:
            try:
                notebook, note = execute(notebook, arguments.solutions), " (executed at scale smoke)"
            except ExecutionError as error:
                print(f"{file}: a cell failed; the file is left as it was\n{error}", file=sys.stderr)
                return 1
        elif notebook is built.solution and file.exists():
            kept = carry_outputs(notebook, read_built(file))
            note = " (outputs kept)" if kept else " (its code changed, so its outputs are gone: run --execute)"
        write_atomically(file, text_of(notebook))
        print(f"wrote {file}{note}")
    return 0


def _write_for_nbgrader(built: Built, course: Path) -> None:
    file, configuration = course / "source" / built.stem / f"{built.stem}.ipynb", course / "nbgrader_config.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, text_of(nbgrader_source(built)))
    print(f"wrote {file}")
    if not configuration.exists():
        write_atomically(configuration, CONFIGURATION)
        print(f"wrote {configuration}")


def _check(file: Path, wanted: NotebookNode) -> int:
    if not file.exists():
        print(f"{file} is missing: run `sslcourse build`")
        return 1
    notebook = read_built(file)
    if notebook is None:
        print(f"{file} cannot be read as a notebook: run `sslcourse build`")
        return 1
    found = text_of(without_outputs(notebook))
    expected = text_of(wanted)
    if found == expected:
        print(f"{file} is up to date")
        return 0
    lines = difflib.unified_diff(
        found.splitlines(), expected.splitlines(), str(file), "built from source", lineterm="", n=2
    )
    shown = list(lines)[:40]
    print(f"{file} differs from its source: run `sslcourse build`")
    print("\n".join(shown))
    return 1
