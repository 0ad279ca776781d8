"""Read a lab's source (jupytext percent) into cells that know what they are."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sslcourse.grading.cells import text_id

KINDS = ("setup", "exercise", "check", "predict", "experiment", "widget", "answer")
TEST_TAGS = ("nbval-check-output", "nbval-ignore-output", "nbval-skip")


class SourceError(ValueError):
    """A lab's source breaks a rule of the format; the message lists every breach found."""


@dataclass(frozen=True)
class SourceCell:
    """One cell of a source: `type` is "code" or "markdown", `kind` one of KINDS or "" for prose and plain code."""

    type: str
    kind: str
    id: str
    text: str
    tags: tuple[str, ...]

    @property
    def where(self) -> str:
        """How a message names this cell."""
        named = " ".join(word for word in (self.kind, self.id) if word)
        first = next((line for line in self.text.splitlines() if line.strip()), "")
        return f"cell {named!r}" if named else f"the {self.type} cell that starts with {first[:50]!r}"

    def cell_id(self, lab: str, earlier: set[str]) -> str:
        """A cell id that depends on nothing but the source: the same at every build, different in every cell."""
        if self.kind == "setup":
            stem = f"setup-{lab}"
        elif self.kind and self.id:
            stem = f"{self.kind}-{re.sub(r'[^A-Za-z0-9_-]', '-', self.id)}"[:60]
        else:
            stem = text_id(lab, self.type, self.text)
        name, count = stem, 1
        while name in earlier:
            count += 1
            name = f"{stem}-{count}"
        return name


@dataclass(frozen=True)
class Source:
    """A lab's source: `number` and `name` from the file's name, and its cells."""

    path: Path
    number: int
    name: str
    cells: tuple[SourceCell, ...]

    @property
    def stem(self) -> str:
        """The name of the built files, without suffix."""
        return self.path.stem


def read_source(path: Path) -> Source:
    """Read `path`, a file NN_name.py.

    Raises SourceError for another name of file, an unknown tag or an unknown key in a cell's header.
    """
    import jupytext

    match = re.fullmatch(r"(\d\d)_([a-z][a-z0-9_]*)", path.stem)
    if not match:
        raise SourceError(f"{path.name}: a lab's source is called NN_name.py, as in 01_contrastive.py")
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    problems: list[str] = []
    cells = tuple(_cell(cell, problems) for cell in notebook.cells if cell.source.strip() or cell.metadata.get("tags"))
    if problems:
        raise SourceError("\n".join(f"{path.name}: {problem}" for problem in problems))
    return Source(path, int(match[1]), match[2], cells)


def _cell(cell, problems: list[str]) -> SourceCell:
    tags = tuple(cell.metadata.get("tags", ()))
    kinds = [tag for tag in tags if tag in KINDS]
    kind = kinds[0] if kinds else ""
    read = SourceCell(cell.cell_type, kind, str(cell.metadata.get("id", "")), cell.source, tags)
    unknown = sorted(set(cell.metadata) - {"tags", "id", "lines_to_next_cell", "lines_to_end_of_cell_marker"})
    if unknown:
        problems.append(f"{read.where} has {', '.join(unknown)} in its header; tags and id are all it may have")
    for tag in tags:
        if tag not in KINDS + TEST_TAGS:
            problems.append(f"{read.where} has the tag {tag!r}; known are {', '.join(KINDS + TEST_TAGS)}")
    if len(kinds) > 1:
        problems.append(f"{read.where} is {' and '.join(kinds)} at once; a cell is one thing")
    if cell.cell_type not in ("code", "markdown"):
        problems.append(f"{read.where} is of type {cell.cell_type}; only code and markdown are used")
    return read


def body_of(function: Callable) -> str:
    """The lines of a function below its signature and docstring, comments included.

    >>> from sslcourse.exercises import find
    >>> print(body_of(find("contrastive.similarity").reference))
        z = F.normalize(torch.cat([z1, z2]), dim=1)  # 2n,d
        return z @ z.T
    """
    lines = textwrap.dedent(inspect.getsource(function)).rstrip().split("\n")
    defined = ast.parse("\n".join(lines)).body[0]
    assert isinstance(defined, ast.FunctionDef)
    if ast.get_docstring(defined) is not None:
        return "\n".join(lines[defined.body[0].end_lineno :])
    signature_ends = next(number for number, line in enumerate(lines) if line.split("#")[0].rstrip().endswith(":"))
    return "\n".join(lines[signature_ends + 1 :])


def stub(text: str, function: str) -> str:
    """The exercise as the student gets it: signature, docstring and comments, and NotImplementedError.

    >>> print(stub('def f(x):\\n    # double it', "f"))
    def f(x):
        # double it
        raise NotImplementedError("Your code here: f")
    """
    return f'{text.rstrip()}\n    raise NotImplementedError("Your code here: {function}")'


def solved(text: str, reference: Callable) -> str:
    """The exercise with the body of the reference below its docstring and comments."""
    return f"{text.rstrip()}\n{body_of(reference)}"
