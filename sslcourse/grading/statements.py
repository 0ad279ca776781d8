"""A code cell as Python statements, each with the names it binds, uses and changes.

A cell is what IPython makes of it: `%magics`, `!commands` and `name?` become calls of `get_ipython()`, and what no
Python can compile runs nothing. Nothing here runs student code, and no torch is imported.
"""

import ast
import dis
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

# Cell magics whose body is no Python of this kernel; any other one runs its body.
_OTHER_LANGUAGES = frozenset(
    "! bash cmd cython html HTML javascript js latex markdown perl powershell pypy python python2 python3 R ruby"
    " script sh shell skip sql svg SVG sx system".split()
)
_CELL_MAGIC = re.compile(r"\s*%%(\S+)[ \t]*(.*)")
_TIMED = re.compile(r"^([ \t]*)%time[ \t]+", re.MULTILINE)
_LINE_MAGIC = re.compile(r"^[ \t]*[%!?,;/]|=[ \t]*[!%]|\?[ \t]*;?[ \t]*$", re.MULTILINE)
_MORE_THAN_PYTHON = re.compile(r"\s|>>>|In \[")  # cells that are indented, and copied prompts
_MOST_MAGICS = 100  # IPython reads the whole cell once for each of them
_MOST_STATEMENTS = 5_000  # of one cell

_LOADS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS", "DELETE_NAME"}
_STORES = {"STORE_GLOBAL", "DELETE_GLOBAL"}
_MODULE_STORES = {"STORE_NAME", "DELETE_NAME"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Statement:
    """A top-level statement of a cell: the `index`-th of cell number `cell`.

    `changes` are the names of objects that it alters without binding them (`table["x"] = 1`, `table.update(...)`), and
    `may_change` those that a call inside a loop or a block could alter.
    """

    cell: int
    index: int
    node: ast.stmt
    binds: frozenset[str]
    uses: frozenset[str]
    changes: frozenset[str]
    may_change: frozenset[str]

    @property
    def is_open(self) -> bool:
        """Whether it may matter to what does not name it: a star import, one of __future__, or a magic."""
        if isinstance(self.node, ast.ImportFrom):
            return self.node.module == "__future__" or any(alias.name == "*" for alias in self.node.names)
        return "get_ipython" in self.uses

    @property
    def is_definition(self) -> bool:
        """Whether it only binds names, by an import or a definition; a decorator may do more."""
        if isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return not self.node.decorator_list
        return isinstance(self.node, ast.Import | ast.ImportFrom)


@dataclass(frozen=True)
class Code:
    """A cell as plain Python; `error` is (type, message, line) where there is none, and then nothing of it runs."""

    cell: int
    python: str
    statements: tuple[Statement, ...] = ()
    error: tuple[str, str, int | None] | None = None


def read_code(source: str, cell: int = 0) -> Code:
    """The statements of a cell.

    >>> [sorted(one.binds) for one in read_code("%%time\\nif True:\\n    import os\\nx, y = f(os)").statements]
    [['os'], ['x', 'y']]
    >>> read_code("x = (1").error
    ('SyntaxError', "'(' was never closed", 1)
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        python = plain_python(source)
        _compile(python)  # a `return` outside a function parses, but does not compile
        tree = ast.parse(python)
        if len(tree.body) > _MOST_STATEMENTS:
            raise ValueError(f"the cell has more than {_MOST_STATEMENTS} statements")
        statements = tuple(_statement(cell, index, node) for index, node in enumerate(tree.body))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        text = (error.msg if isinstance(error, SyntaxError) else str(error)) or "it is nested too deeply"
        return Code(cell, source, error=(type(error).__name__, text, line))
    return Code(cell, python, statements)


def plain_python(source: str) -> str:
    """The cell as IPython would run it; line numbers stay. Raises SyntaxError where it is no Python.

    >>> plain_python("%%bash\\nls")
    ''
    >>> plain_python("%%time\\nx = 1")
    '\\nx = 1'
    """
    above = ""
    while magic := _CELL_MAGIC.match(source):
        name, arguments = magic.groups()
        above += "\n" * magic[0].count("\n")
        body = source[magic.end() + 1 :]
        if name in ("writefile", "file"):
            return f"{above}get_ipython().run_cell_magic('writefile', {arguments!r}, {body!r})"
        if name in _OTHER_LANGUAGES:
            return ""
        above, source = above + "\n", body
        if len(above) > _MOST_MAGICS:
            raise SyntaxError(f"more than {_MOST_MAGICS} magics")
    try:
        _compile(source)
        return above + source
    except SyntaxError:
        found = len(_LINE_MAGIC.findall(source))
        if found > _MOST_MAGICS or not (found or _MORE_THAN_PYTHON.match(source)):
            raise
    from IPython.core.inputtransformer2 import TransformerManager  # takes half a second, and few cells need it

    above += "\n" * source[: len(source) - len(source.lstrip())].count("\n")  # IPython takes blank lines away
    return above + TransformerManager().transform_cell(_TIMED.sub(r"\1", source))


def names_in(code: CodeType, is_module: bool = True) -> Iterator[tuple[str, str]]:
    """("binds" or "uses", name) for every global name in compiled code, the functions in it included; ("imports", name)
    for every import.

    >>> sorted(names_in(compile("import os\\ndef f(x):\\n    y = G\\n    return os.path.join(x, y)", "", "exec")))
    [('binds', 'f'), ('binds', 'os'), ('imports', 'os'), ('uses', 'G'), ('uses', 'os')]
    """
    for instruction in dis.get_instructions(code):
        name, operation = str(instruction.argval), instruction.opname
        if operation in _LOADS:
            yield "uses", name
        if operation in _STORES or (is_module and operation in _MODULE_STORES):
            yield "binds", name
        if operation == "IMPORT_NAME":
            yield "imports", name
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant, is_module=False)


def _compile(code: str | ast.Module) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in a string is the student's business
        return compile(code, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _statement(cell: int, index: int, node: ast.stmt) -> Statement:
    names = set(names_in(_compile(ast.Module([node], []))))
    binds, uses = (frozenset(name for kind, name in names if kind == wanted) for wanted in ("binds", "uses"))
    stored, called = _altered(node)
    is_call = isinstance(node, ast.Expr)
    return Statement(
        cell, index, node, binds, uses, frozenset(stored | called if is_call else stored), frozenset(called)
    )


def _altered(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names whose attributes or items are set, and those whose methods are called as statements."""
    stored, called = set(), set()
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _FUNCTIONS):  # what is inside does not run here
            continue
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            stored.add(_root(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called.add(_root(node.value.func) if isinstance(node.value.func, ast.Attribute) else "")
        waiting.extend(ast.iter_child_nodes(node))
    return stored - {""}, called - {""}


def _root(node: ast.AST) -> str:
    """`table` of `table.rows[0].append`.

    >>> _root(ast.parse("table.rows(1)[0].append", mode="eval").body)
    'table'
    """
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
