"""What an answer needs from the rest of its notebook: found by names, so that nothing else of the notebook runs.

A cell other than the answer contributes imports, function and class definitions and literal assignments, and of those
only what the answer uses, directly or through what it uses. Calls, training loops and prints stay out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# Lines that would call programs; the box has no network and the grader needs none of them.
_PROGRAMS = re.compile(r"^(\s*)(!|%(?:pip|conda|mamba|uv|sx|system|cd)\b).*$", re.MULTILINE)
_MAGICS = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)
_OTHER_LANGUAGE = re.compile(r"^\s*%%(?!time\b|timeit\b|capture\b)")

# What a literal assignment is made of: constants, names and operators, but no call, index or comprehension.
_INERT = (
    ast.Constant, ast.Name, ast.Attribute, ast.expr_context, ast.List, ast.Tuple, ast.Set, ast.Dict,
    ast.UnaryOp, ast.unaryop, ast.BinOp, ast.operator,
)  # fmt: skip


@dataclass(frozen=True)
class _Piece:
    binds: frozenset[str]
    uses: frozenset[str]
    source: str
    star: bool = False


def without_programs(source: str) -> str:
    """The cell with `!command` and `%pip` lines emptied; line numbers stay.

    >>> without_programs("!pip install this\\nx = 1")
    'pass\\nx = 1'
    """
    return _PROGRAMS.sub(r"\1pass", source)


@lru_cache(maxsize=512)
def parse(source: str) -> ast.Module | None:
    """The cell's syntax tree without its magics, or None when it is no Python."""
    if _OTHER_LANGUAGE.match(source):
        return None
    try:
        return ast.parse(_MAGICS.sub(r"\1pass", source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defines(source: str, name: str) -> bool:
    """Whether the cell defines `name` at its top level; a cell with a syntax error is read by its lines.

    >>> defines("def f(x):\\n    return x", "f"), defines("def f(x:\\n  pass", "f"), defines("f(1)", "f")
    (True, True, False)
    """
    tree = parse(source)
    if tree is None:
        return bool(re.search(rf"^(async\s+)?def\s+{re.escape(name)}\s*\(", source, re.MULTILINE))
    return any(name in _binds(statement) for statement in tree.body)


def is_attempted(source: str, name: str) -> bool:
    """Whether the function's body holds more than its docstring, `pass`, `...` and `raise NotImplementedError`."""
    tree = parse(source)
    if tree is None:
        return True
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return not functions or not all(_is_placeholder(statement) for statement in functions[-1].body)


def helpers_for(answer: str, function: str, others: Iterable[str]) -> list[str]:
    """The statements of the other cells that the answer uses, in the notebook's order.

    >>> helpers_for("def f(x): return g(x)", "f", ["import os\\ng = lambda x: x * SCALE", "SCALE = 2\\nprint(SCALE)"])
    ['g = lambda x: x * SCALE', 'SCALE = 2']
    """
    tree = parse(answer)
    if tree is None:
        return []
    pieces = [piece for cell in others for piece in _pieces(cell)]
    pieces = [piece for piece in pieces if piece.binds != {function}]
    wanted = {name for statement in tree.body for name in _uses(statement)}
    taken = {index for index, piece in enumerate(pieces) if piece.star}
    while True:
        found = {index for index, piece in enumerate(pieces) if piece.binds & wanted} - taken
        if not found:
            return [pieces[index].source for index in sorted(taken)]
        taken |= found
        wanted |= {name for index in found for name in pieces[index].uses}


def _pieces(cell: str) -> list[_Piece]:
    tree = parse(cell)
    if tree is None:
        return []
    pieces: list[_Piece] = []
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            pieces += _imports(statement)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or _is_literal(statement):
            try:
                text = ast.unparse(statement)
            except RecursionError:  # nested deeper than anybody writes
                continue
            pieces.append(_Piece(frozenset(_binds(statement)), frozenset(_uses(statement)), text))
    return pieces


def _imports(statement: ast.Import | ast.ImportFrom) -> list[_Piece]:
    # One piece a name: a line that also imports something the box does not have must not cost the rest.
    pieces: list[_Piece] = []
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return pieces
    for alias in statement.names:
        single: ast.stmt = ast.Import([alias])
        if isinstance(statement, ast.ImportFrom):
            single = ast.ImportFrom(statement.module, [alias], statement.level)
        name = alias.asname or alias.name.split(".")[0]
        pieces.append(_Piece(frozenset({name}), frozenset(), ast.unparse(single), star=alias.name == "*"))
    return pieces


def _binds(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    return {node.id for target in _targets(statement) for node in ast.walk(target) if isinstance(node, ast.Name)}


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    return [statement.target] if isinstance(statement, ast.AnnAssign) else []


def _uses(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load)}


def _is_literal(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
        return False
    if not all(isinstance(target, ast.Name | ast.Tuple) for target in _targets(statement)):
        return False
    # A lambda is a function in all but spelling; inside it anything goes, for it does not run here.
    nodes = ast.walk(statement.value)
    return isinstance(statement.value, ast.Lambda) or all(isinstance(node, _INERT) for node in nodes)


def _is_placeholder(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Raise) and "NotImplementedError" in ast.unparse(statement)
