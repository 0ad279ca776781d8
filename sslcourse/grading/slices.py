"""What an answer needs from its notebook: found by names, so that nothing else has to run.

A plan says which statements run, in the notebook's order, up to the point where the notebook checks the answer. The
first plan of an answer takes what the answer uses, directly or through what it uses. The last one takes everything,
for what names do not show (a default that is set, a function that fills a table).
"""

import ast
import builtins
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sslcourse.grading.statements import Statement

_MOST_CHECKS = 3  # of one exercise are looked at, the last ones
_COURSE = "sslcourse"


@dataclass(frozen=True)
class Plan:
    """The statements to run for an answer: (cell number, indices) in order.

    `builds_on` says after how many of the statements each other exercise's function that the answer uses is bound for
    the last time.
    """

    cells: tuple[tuple[int, tuple[int, ...]], ...]
    builds_on: dict[str, int] = field(default_factory=dict)


class Notebook:
    """The statements of all cells of a notebook, in order, and where each name is bound."""

    def __init__(self, statements: Iterable[Statement]):
        found = list(statements)
        written = {name for one in found if not is_stub(one) for name in bound_anew(one)}
        self.statements = [one for one in found if not (is_stub(one) and one.binds <= written)]
        self.names = frozenset(name for one in found for name in one.binds)
        self.binders: dict[str, list[int]] = defaultdict(list)
        self.changers: dict[str, list[int]] = defaultdict(list)
        only_imported = {name for one in found if _is_import(one) for name in one.binds}
        only_imported -= {name for one in found if not _is_import(one) for name in one.binds}
        for at, one in enumerate(self.statements):
            for name in one.binds:
                self.binders[name].append(at)
            for name in (one.changes | (one.may_change - only_imported)) - one.binds:
                self.changers[name].append(at)

    def is_unwritten(self, function: str) -> bool:
        """Whether `function` is a stub wherever it is bound."""
        return bool(self.bound(function)) and all(is_stub(self.statements[at]) for at in self.bound(function))

    def bound(self, function: str) -> list[int]:
        """The statements that give `function` a new value; only where there are none, those that leave it a stub."""
        places = self.binders.get(function, [])
        return [at for at in places if function in bound_anew(self.statements[at])] or places

    def plans(self, id: str, function: str, others: Collection[str]) -> list[Plan]:
        """How to run the answer to task `id`, best first; `others` are the functions of the lab's other tasks."""
        points = self._points(id, function)
        chosen = [self._needed(point, function) for point in points]
        if points and not self.is_unwritten(function) and self._may_matter(points[0], chosen[0]):
            chosen.append(sorted({*range(points[0] + 1), *chosen[0]}))
        different = {tuple(at for at in places if not _checks(self.statements[at], id)): places for places in chosen}
        return [self._plan(places, others) for places in different.values()]

    def judged(self, id: str, function: str) -> int | None:
        """The number of the cell that holds the answer to task `id`, or None where there is none."""
        points = self._points(id, function)
        if not points:
            return None
        checked = self.statements[points[0]]
        is_renamed = _checks(checked, id) and function not in checked.uses
        for name in sorted(checked.uses) if is_renamed else [function]:
            places = [at for at in self.bound(name) if at <= points[0]]
            if places and not _is_import(self.statements[places[-1]]):
                return self.statements[places[-1]].cell
        return checked.cell

    def _points(self, id: str, function: str) -> list[int]:
        """Where the notebook judges the function: its checks, the last first; else where it is bound last."""
        bound = self.bound(function)
        checks = [at for at, one in enumerate(self.statements) if _checks(one, id)]
        judged = [at for at in checks if function not in self.statements[at].uses or any(place < at for place in bound)]
        after = bound[-1:] if bound and bound[-1] > max(judged, default=-1) else []
        return [*judged[::-1][:_MOST_CHECKS], *after]

    def _needed(self, point: int, function: str) -> list[int]:
        """The statements up to `point` that what is judged there needs; of names bound only later, those."""
        taken = {at for at in range(point) if self.statements[at].is_open} | {point}
        waiting = [function, *(name for at in taken for name in self.statements[at].uses)]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            places = [at for at in self.binders.get(name, ()) if at <= point]
            is_late = not places and not hasattr(builtins, name)
            for at in (*self.binders.get(name, ()), *self.changers.get(name, ())):
                if (at <= point or is_late) and at not in taken:
                    taken.add(at)
                    waiting.extend(self.statements[at].uses)
        return sorted(taken)

    def _may_matter(self, point: int, taken: Sequence[int]) -> bool:
        """Whether anything that was left out before `point` does more than define, show and use the course."""
        course: set[str] = set()
        for at, one in enumerate(self.statements[:point]):
            if _is_from_course(one) or (course & one.uses and not one.is_definition):
                course |= one.binds
            elif not (at in taken or one.is_definition or is_comment(one)):
                return True
        return False

    def _plan(self, places: Sequence[int], others: Collection[str]) -> Plan:
        cells: list[tuple[int, tuple[int, ...]]] = []
        used = {name for at in places for name in self.statements[at].uses} & set(others)
        builds_on = dict.fromkeys(sorted(used), 0)
        for count, at in enumerate(places, start=1):
            one = self.statements[at]
            builds_on |= dict.fromkeys(one.binds & used, count)
            if cells and cells[-1][0] == one.cell:
                cells[-1] = (one.cell, (*cells[-1][1], one.index))
            else:
                cells.append((one.cell, (one.index,)))
        return Plan(tuple(cells), builds_on)


def is_stub(statement: Statement) -> bool:
    """Whether it is a function of which no more is written than a docstring, `pass`, `...` or NotImplementedError."""
    node = statement.node
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and all(map(_is_placeholder, node.body))


def bound_anew(statement: Statement) -> frozenset[str]:
    """The names to which it gives a value that is not made of their old one (as `f = compile(f)` is)."""
    if is_stub(statement) or isinstance(statement.node, ast.Delete):
        return frozenset()
    is_function = isinstance(statement.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    return statement.binds if is_function else statement.binds - statement.uses


def is_comment(statement: Statement) -> bool:
    """Whether it is a text or a number that nothing is done with."""
    return isinstance(statement.node, ast.Expr) and isinstance(statement.node.value, ast.Constant)


def _is_import(statement: Statement) -> bool:
    return isinstance(statement.node, ast.Import | ast.ImportFrom)


def _is_from_course(statement: Statement) -> bool:
    """Whether it imports from the course, or speaks of it, as the lab's setup does."""
    if isinstance(statement.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    texts = (
        getattr(node, field, "")
        for node in ast.walk(statement.node)
        for field in ("module", "name", "value")
        if isinstance(node, ast.ImportFrom | ast.alias | ast.Constant)
    )
    return any(isinstance(text, str) and _COURSE in text for text in texts)


def _checks(statement: Statement, id: str) -> bool:
    """Whether the statement calls `check(id, ...)`."""
    if isinstance(statement.node, ast.FunctionDef | ast.ClassDef) or not statement.uses:
        return False
    calls = (node for node in ast.walk(statement.node) if isinstance(node, ast.Call))
    return any(_name(call.func) == "check" and id in _constants(call) for call in calls)


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _constants(call: ast.Call) -> list[object]:
    arguments = [*call.args[:1], *(keyword.value for keyword in call.keywords)]
    return [argument.value for argument in arguments if isinstance(argument, ast.Constant)]


def _is_placeholder(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Raise) and any(
        isinstance(node, ast.Name) and node.id == "NotImplementedError" for node in ast.walk(statement)
    )
