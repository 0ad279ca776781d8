"""`sslcourse demo`: Lab 1 taken by a student who solved nothing and by one who solved all, both graded; and all labs.

The other labs are shown by their executed solutions, as they lie beside their sources.
"""

import argparse
import base64
import html
import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from tqdm import tqdm

from sslcourse.authoring.notebooks import Built, build_lab
from sslcourse.authoring.outputs import ExecutionError, carry_outputs, execute, read_built
from sslcourse.authoring.pages import to_page
from sslcourse.exercises import LABS
from sslcourse.files import write_atomically
from sslcourse.grading import sandbox
from sslcourse.grading.run import grade_paths
from sslcourse.pages import render

CELL_SECONDS = 600
QUESTION = re.compile(r"\*\*([^*]+\?)\*\*")  # a lab's first cell asks it in bold
IMAGE = re.compile(r'<img alt="([^"]*)"[^>]* src="data:image/png;base64,([^"]*)"')  # as `figures.to_html` writes it


@dataclass(frozen=True)
class Student:
    """One way to take the lab: how much was solved, and at which scale its cells run."""

    name: str
    solved: bool
    scale: str
    story: str


STUDENTS = (
    Student("solved-nothing", False, "smoke", "every exercise left as it was handed out, run at scale smoke"),
    Student("solved-all", True, "cpu", "every exercise answered, run at scale cpu"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `sslcourse demo`."""
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder to write (default: %(default)s)")
    parser.add_argument("--source", type=Path, default=Path("solutions/01_contrastive.py"), help="the lab's source")


def main(arguments: argparse.Namespace) -> int:
    """Make the demo and say what to open; 1 when a mark is not the one expected."""
    start = time.perf_counter()
    if not arguments.source.is_file():
        print(
            f"sslcourse demo: there is no {arguments.source}; run it in the course's checkout, or name it with --source"
        )
        return 2
    boxed, sentence = sandbox.available()
    if not boxed:
        print(f"No sandbox: {sentence} The demo grades its own two notebooks without one; other people's need it.")
    try:
        rows = make_demo(arguments.source, arguments.out, unsafe=not boxed, start=start)
    except ExecutionError as error:
        print(f"sslcourse demo: a cell of the lab failed\n{error}")
        return 1
    expected = [row["max_points"] if row["who"] == "solved-all" else 0 for row in rows]
    if [row["points"] for row in rows] != expected:
        print(f"The marks are not the expected ones: {rows}")
        return 1
    print(f"Open {(arguments.out / 'index.html').resolve()}")
    return 0


def make_demo(source: Path, out: Path, *, unsafe: bool, start: float) -> list[dict]:
    """Run, grade and write everything below `out`; one row a student, as in `summary.json`."""
    built = build_lab(source)
    shutil.rmtree(out, ignore_errors=True)
    code_cells = {who.name: sum(cell.cell_type == "code" for cell in _taken(built, who).cells) for who in STUDENTS}
    ran = {}
    sources = sorted(source.parent.glob("[0-9][0-9]_*.py"))
    steps = sum(code_cells.values()) + 2 * len(STUDENTS) + len(sources)
    with tqdm(total=steps, desc="demo", unit="cell") as bar:
        for who in STUDENTS:
            bar.set_postfix_str(f"{who.name}, {who.scale}")
            folder = out / "submissions" / who.name
            folder.mkdir(parents=True)
            ran[who.name] = execute(
                _taken(built, who), folder, scale=who.scale, seconds=CELL_SECONDS, on_cell=lambda: bar.update()
            )
            write_atomically(folder / f"{built.stem}.ipynb", nbformat.writes(ran[who.name]))
            write_atomically(out / f"{who.name}.html", to_page(ran[who.name]))
            bar.update()
        bar.set_postfix_str("grading")
        submissions = [out / "submissions" / who.name / f"{built.stem}.ipynb" for who in STUDENTS]
        grades = {
            grade.student: grade for grade in grade_paths(submissions, out / "grades", unsafe=unsafe, progress=False)
        }
        bar.update(len(STUDENTS))
        bar.set_postfix_str("all labs")
        labs = []
        for path in sources:
            labs.append(_show_solution(build_lab(path), path.with_suffix(".ipynb"), out / "labs"))
            bar.update()
    rows = [
        {
            "lab": built.lab,
            "who": who.name,
            "points": grades[who.name].points,
            "max_points": grades[who.name].max_points,
        }
        for who in STUDENTS
    ]
    figures = _save_figures(ran["solved-all"], out / "figures")
    seconds = round(time.perf_counter() - start, 1)
    write_atomically(out / "summary.json", json.dumps({"labs": rows, "seconds": seconds}, indent=2) + "\n")
    stories = {who.name: who.story for who in STUDENTS}
    page = render("demo.html", rows=rows, stories=stories, labs=labs, figures=figures, seconds=seconds, unsafe=unsafe)
    write_atomically(out / "index.html", page)
    return rows


def _show_solution(built: Built, committed: Path, folder: Path) -> dict:
    """Write the page of a lab's executed solution; return what the list of labs says of it.

    Outputs that were committed are shown while they are those of this code; else the solution is executed at smoke.
    """
    folder.mkdir(parents=True, exist_ok=True)
    notebook = built.solution
    are_kept = carry_outputs(notebook, read_built(committed))
    if not are_kept or not any(cell.get("outputs") for cell in notebook.cells):
        notebook = execute(notebook, folder, seconds=CELL_SECONDS)
    write_atomically(folder / f"{built.stem}.html", to_page(notebook))
    lab, question = LABS[built.lab], QUESTION.search(notebook.cells[0].source)
    return {
        "stem": built.stem,
        "number": lab.number,
        "title": lab.title,
        "question": " ".join(question[1].split()) if question else "",
        "points": lab.points,
        "written": sum(each.points for each in lab.written.values()),
    }


def _taken(built, who: Student) -> NotebookNode:
    return built.solution if who.solved else built.student


def _save_figures(notebook: NotebookNode, folder: Path) -> list[dict]:
    """Write every figure of the run; return its `file`, `alt` and the `heading` of the section it stands in."""
    folder.mkdir(parents=True, exist_ok=True)
    heading, saved = "", []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = [line.lstrip("# ") for line in cell.source.splitlines() if line.startswith("#")]
            heading = headings[-1] if headings else heading
            continue
        for output in cell.get("outputs", []):
            for alt, picture in IMAGE.findall(output.get("data", {}).get("text/html", "")):
                saved.append({"file": f"{len(saved) + 1:02d}.png", "alt": html.unescape(alt), "heading": heading})
                (folder / saved[-1]["file"]).write_bytes(base64.b64decode(picture))
    return saved
