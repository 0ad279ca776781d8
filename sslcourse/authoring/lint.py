"""What must hold of a lab's source before it is built: `problems` returns every breach as a sentence."""

import ast
import inspect
import re
import sys

from sslcourse.authoring.source import Source, SourceCell, body_of, stub
from sslcourse.exercises import Lab
from sslcourse.exercises.task import Exercise

# What the setup cell may import: it also runs in the grading box, where most of the course's package is absent.
SETUP_LIBRARIES = {
    "torch", "torchvision", "timm", "numpy", "matplotlib", "tqdm", "ipywidgets", "IPython", "sslcourse.notebook",
}  # fmt: skip
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/<])(?:/(?:home|root|Users|work|tmp|content|mnt|opt|var|usr)/|[A-Z]:\\\\?\w)")
TELLING_LENGTH = 20  # a shorter line of a solution ("return loss") may well stand elsewhere too


def problems(source: Source, lab: Lab) -> list[str]:
    """Every rule of the source format that `source` breaks, as sentences; empty when it is sound."""
    found = [*_frame(source), *_graded_parts(source, lab), *_checks(source, lab)]
    for cell in source.cells:
        if match := ABSOLUTE_PATH.search(cell.text):
            found.append(f"{cell.where} holds an absolute path ({match[0]}...)")
        if cell.kind == "predict" and re.search(r"\bchoice\s*=", cell.text):
            found.append(f"{cell.where} holds choice=...: the choice is the reader's, the answer the experiment's")
        if cell.kind == "answer" and cell.type != "markdown":
            found.append(f"{cell.where} must be markdown")
        if cell.type == "code":
            try:
                tree = ast.parse(stub(cell.text, "") if cell.kind == "exercise" else cell.text)
            except SyntaxError as error:
                found.append(f"{cell.where} is not valid Python: line {error.lineno}: {error.msg}")
                continue
            if cell.kind == "setup":
                found += _imports(tree)
            elif cell.kind == "exercise" and cell.id in lab.exercises:
                found += _exercise(cell, tree, lab.exercises[cell.id])
    return found


def _frame(source: Source) -> list[str]:
    found = []
    first = source.cells[0] if source.cells else None
    if first is None or first.type != "markdown" or not first.text.startswith("# "):
        found.append('the first cell must be markdown and start with "# " and the title')
    kinds = [cell.kind for cell in source.cells if cell.type == "code"]
    if kinds[:1] != ["setup"] or kinds.count("setup") != 1:
        found.append("the first code cell, and no other, must have the tag setup")
    seen = set()
    for cell in source.cells:
        if cell.kind in ("exercise", "check", "predict", "answer"):
            if not cell.id:
                found.append(f'{cell.where} needs an id="..." in its header')
            elif (cell.kind, cell.id) in seen:
                found.append(f"{cell.where} stands there twice")
            seen.add((cell.kind, cell.id))
    return found


def _graded_parts(source: Source, lab: Lab) -> list[str]:
    found = []
    for kind, wanted in (("exercise", list(lab.tasks)), ("answer", list(lab.written))):
        present = [cell.id for cell in source.cells if cell.kind == kind]
        for name in wanted:
            if name not in present:
                found.append(f"there is no {kind} cell {name!r}, which the lab's tables ask for")
        for name in present:
            if name not in wanted:
                found.append(f"{kind} cell {name!r} is not in the lab's package ({', '.join(wanted)})")
        if kind == "exercise" and sorted(present) == sorted(wanted) and present != wanted:
            orders = ", ".join(present), ", ".join(wanted)
            found.append("the exercises stand in the order {}; the lab's tasks have {}".format(*orders))
    return found


def _checks(source: Source, lab: Lab) -> list[str]:
    found = []
    code = [cell for cell in source.cells if cell.type == "code"]
    for cell, following in zip(code, [*code[1:], None]):
        if cell.kind == "exercise" and (following is None or (following.kind, following.id) != ("check", cell.id)):
            found.append(f"{cell.where}: the next code cell must be its check, with the same id")
        if cell.kind == "check" and cell.id in lab.tasks:
            call = f'check("{cell.id}", {lab.tasks[cell.id].function})'
            if cell.text.strip() != call:
                found.append(f"{cell.where} must read {call} and nothing else")
    return found


def _imports(tree: ast.Module) -> list[str]:
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported.append(node.module or ".")
    allowed = SETUP_LIBRARIES | set(sys.stdlib_module_names)
    return [
        f"the setup cell imports {name}, which the grading box does not have; import it in a later cell"
        for name in imported
        if name not in allowed and name.split(".")[0] not in allowed
    ]


def _exercise(cell: SourceCell, tree: ast.Module, exercise: Exercise) -> list[str]:
    found, name = [], exercise.task.function
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if len(functions) != len(tree.body):
        found.append(f"{cell.where} may hold functions and comments only")
    if [node.name for node in functions].count(name) != 1 or functions[-1].name != name:
        return [*found, f"{cell.where} must define {name} exactly once, and last"]
    given = [argument.arg for argument in functions[-1].args.args]
    wanted = list(inspect.signature(exercise.reference).parameters)
    if given != wanted:
        found.append(f"{cell.where}: {name}({', '.join(given)}), but the reference has ({', '.join(wanted)})")
    if ast.get_docstring(functions[-1]) is None:
        found.append(f"{cell.where}: {name} needs a docstring; it is what the student has to go by")
    if len(functions[-1].body) > 2:  # the docstring, and what a stub raises
        found.append(f"{cell.where} may hold a docstring and comments only: the answer comes from the reference")
    return found


def leaks(source: Source, lab: Lab, student_text: str) -> list[str]:
    """The lines of solutions that can be read in the student's notebook."""
    shown = {line.strip() for line in student_text.split("\n")}
    return [
        f"{cell.where}: the line {line!r} of its solution can be read in the student's notebook"
        for cell in source.cells
        if cell.kind == "exercise"
        for line in map(str.strip, body_of(lab.exercises[cell.id].reference).split("\n"))
        if len(line) >= TELLING_LENGTH and line in shown and not line.startswith("#")
    ]
