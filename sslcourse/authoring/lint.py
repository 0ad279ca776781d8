"""What must hold of a lab's source before it is built: `problems` returns every breach as a sentence."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys

from sslcourse.authoring.source import Source, SourceCell, body_of, solved, stub
from sslcourse.exercises import Lab

# What the setup cell may import: it also runs in the grading box, where most of the course's package is absent.
SETUP_LIBRARIES = {
    "torch", "torchvision", "timm", "numpy", "matplotlib", "tqdm", "ipywidgets", "IPython", "sslcourse.notebook",
}  # fmt: skip
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/<])(?:/(?:home|root|Users|work|tmp|content|mnt|opt|var|usr)/|[A-Z]:\\\\?\w)")
TELLING_LENGTH = 20  # a shorter line of a solution ("return loss") may well stand elsewhere too


def problems(source: Source, lab: Lab) -> list[str]:
    """Every rule of the source format that `source` breaks, as sentences; empty when it is sound."""
    found = [*_frame(source), *_graded_parts(source, lab)]
    setup_names = _defined_names([cell for cell in source.cells if cell.kind == "setup"])
    for cell in source.cells:
        if cell.type == "code":
            found += _code(cell)
        if match := ABSOLUTE_PATH.search(cell.text):
            found.append(f"{cell.where} holds an absolute path ({match[0]}...)")
        if cell.kind == "exercise" and cell.id in lab.exercises:
            found += _exercise(cell, lab, setup_names)
        if cell.kind == "predict" and re.search(r"\bchoice\s*=", cell.text):
            found.append(
                f"{cell.where} holds choice=...: the choice is the reader's, and the answer is the experiment's"
            )
    return found


def _frame(source: Source) -> list[str]:
    found = []
    first = source.cells[0] if source.cells else None
    if first is None or first.type != "markdown" or not first.text.startswith("# "):
        found.append('the first cell must be markdown and start with "# " and the title')
    if [cell.kind for cell in source.cells if cell.type == "code"][:1] != ["setup"]:
        found.append("the first code cell must have the tag setup")
    for kind, count in (("setup", 1),):
        if sum(cell.kind == kind for cell in source.cells) != count:
            found.append(f"there must be {count} cell with the tag {kind}")
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
        found += [
            f"there is no {kind} cell {name!r}, which the lab's tables ask for"
            for name in wanted
            if name not in present
        ]
        found += [
            f"{kind} cell {name!r} is not in the lab's package ({', '.join(wanted)})"
            for name in present
            if name not in wanted
        ]
        if kind == "exercise" and sorted(present) == sorted(wanted) and present != wanted:
            found.append(
                f"the exercises stand in the order {', '.join(present)}; the lab's tasks have {', '.join(wanted)}"
            )
    code = [cell for cell in source.cells if cell.type == "code"]
    for cell, following in zip(code, [*code[1:], None]):
        if cell.kind == "exercise" and (following is None or (following.kind, following.id) != ("check", cell.id)):
            found.append(f"{cell.where}: the next code cell must be its check, with the same id")
        if cell.kind == "check" and cell.id in lab.tasks:
            call = rf"""check\((["']){re.escape(cell.id)}\1, {lab.tasks[cell.id].function}\)"""
            if not re.fullmatch(call, cell.text.strip()):
                found.append(
                    f'{cell.where} must read check("{cell.id}", {lab.tasks[cell.id].function}) and nothing else'
                )
    for cell in source.cells:
        if cell.kind == "answer" and cell.type != "markdown":
            found.append(f"{cell.where} must be markdown")
    return found


def _code(cell: SourceCell) -> list[str]:
    try:
        tree = ast.parse(stub(cell.text, "") if cell.kind == "exercise" else cell.text)
    except SyntaxError as error:
        return [f"{cell.where} is not valid Python: line {error.lineno}: {error.msg}"]
    if cell.kind != "setup":
        return []
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported.append(node.module or ".")
    allowed = SETUP_LIBRARIES | set(sys.stdlib_module_names)
    refused = [name for name in imported if name not in allowed and name.split(".")[0] not in allowed]
    return [
        f"the setup cell imports {name}, which the grading box does not have; import it in a later cell"
        for name in refused
    ]


def _exercise(cell: SourceCell, lab: Lab, setup_names: set[str]) -> list[str]:
    try:
        tree = ast.parse(stub(cell.text, ""))
    except SyntaxError:
        return []  # reported as a code cell already
    found, name, reference = [], lab.tasks[cell.id].function, lab.exercises[cell.id].reference
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if len(functions) != len(tree.body):
        found.append(f"{cell.where} may hold functions and comments only")
    if not functions or [node.name for node in functions].count(name) != 1 or functions[-1].name != name:
        return [*found, f"{cell.where} must define {name} exactly once, and last"]
    arguments = functions[-1].args
    given = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    wanted = list(inspect.signature(reference).parameters)
    if given != wanted:
        found.append(f"{cell.where}: {name}({', '.join(given)}), but the reference has ({', '.join(wanted)})")
    if ast.get_docstring(functions[-1]) is None:
        found.append(f"{cell.where}: {name} needs a docstring; it is what the student has to go by")
    if len(functions[-1].body) > 2:  # the docstring, and what a stub raises
        found.append(f"{cell.where} may hold a docstring and comments only: the answer comes from the reference")
    tree = ast.parse(solved(cell.text, reference))
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    unknown = loaded - _bound_names(tree) - setup_names - set(dir(builtins))
    found += [
        f"{cell.where} uses {name!r}, which is neither an argument nor imported in the setup cell"
        for name in sorted(unknown)
    ]
    return found


def _bound_names(tree: ast.AST) -> set[str]:
    bound = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
    return bound


def _defined_names(cells: list[SourceCell]) -> set[str]:
    names: set[str] = set()
    for cell in cells:
        try:
            names |= _bound_names(ast.parse(cell.text))
        except SyntaxError:
            pass  # reported elsewhere
    return names


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
