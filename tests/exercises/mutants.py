"""Mechanical mutants of a function: every small change that a slip of the hand could make, one at a time."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator

OPERATORS = {ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,)}
OPERATORS |= {ast.Mod: (ast.FloorDiv,), ast.MatMult: (ast.Mult,), ast.Pow: (ast.Mult,)}
COMPARISONS = {ast.Gt: (ast.GtE, ast.Lt, ast.Eq), ast.Lt: (ast.LtE, ast.Gt), ast.Eq: (ast.NotEq,)}
METHODS = {"mean": ("sum",), "sum": ("mean", "prod"), "max": ("min",), "log": ("log2", "log10"), "exp": ("exp2",)}
METHODS |= {"flip": ("roll",), "pow": ("mul",), "mul": ("div", "pow"), "norm": ("sum",)}
METHODS |= {
    "normalize": ("softmax",),
    "cat": ("hstack",),
    "eye": ("ones",),
    "arange": ("ones",),
    "svdvals": ("eigvals",),
}
METHODS |= {
    "stack": ("cat",),
    "double": ("float", "half"),
    "masked_fill": ("masked_scatter",),
    "cross_entropy": ("mse_loss",),
}
MODULES = ("torch", "F", "linalg")


def mutants(function: Callable) -> Iterator[tuple[str, Callable]]:
    """(what was changed, the changed function) for every mutant of `function`, each with a name of its own."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    names = [argument.arg for argument in tree.body[0].args.args]
    seen: dict[str, int] = {}
    for position, node in enumerate(ast.walk(tree)):
        for new in _changes(node, names):
            if new is not None and _show(new) == _show(node):
                continue
            change = f"{_show(node)} -> {_show(new)}"
            seen[change] = seen.get(change, 0) + 1
            name = change if seen[change] == 1 else f"{change} ({seen[change]})"
            yield name, _compile(tree, position, new, function)


def _show(node) -> str:
    return "(nothing)" if node is None else " ".join(ast.unparse(node).split())


def _compile(tree: ast.Module, position: int, new: ast.AST | None, function: Callable) -> Callable:
    """The function with the node at `position` (in the order of ast.walk) replaced, or dropped when `new` is None."""
    changed = copy.deepcopy(tree)
    target = list(ast.walk(changed))[position]

    class Replace(ast.NodeTransformer):
        def visit(self, node):
            if node is target:
                return ast.Pass() if new is None else copy.deepcopy(new)
            return super().generic_visit(node)

    changed = ast.fix_missing_locations(Replace().visit(changed))
    space = dict(function.__globals__)
    exec(compile(changed, f"<mutant of {function.__name__}>", "exec"), space)  # noqa: S102
    return space[function.__name__]


def _changes(node: ast.AST, names: list[str]) -> Iterator[ast.AST | None]:
    """Every changed version of one node; None drops it."""
    if isinstance(node, ast.BinOp):
        for operator in OPERATORS.get(type(node.op), ()):
            yield _with(node, op=operator())
        yield node.left
        yield node.right
        if not isinstance(node.op, (ast.Add, ast.Mult)):  # these do not care about the order
            yield _with(node, left=node.right, right=node.left)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Compare):
        for comparison in COMPARISONS.get(type(node.ops[0]), ()):
            yield _with(node, ops=[comparison()])
        yield _with(node, left=node.comparators[0], comparators=[node.left])
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        for other in names:
            if other != node.id:
                yield ast.Name(other, ast.Load())
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
        yield _with(node, body=node.orelse, orelse=node.body)
    elif isinstance(node, ast.Slice):
        yield _with(node, lower=None)
        yield _with(node, upper=None)
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) == 2:
        yield _with(node, elts=node.elts[::-1])
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    elif isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)):
        yield None


def _constants(value) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, (int, float)):
        for other in (value + 1, value - 1, -value):
            if other != value:
                yield ast.UnaryOp(ast.USub(), ast.Constant(-other)) if other < 0 else ast.Constant(other)
    elif value == "-inf":
        yield ast.Constant("inf")
        yield ast.Constant("0")


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    owner = node.func.value if method else None
    of_module = _show(owner).split(".")[-1] in MODULES if owner is not None else True
    if method and not of_module:
        yield owner
    elif node.args:
        yield node.args[0]
    for other in METHODS.get(method, ()):
        yield _with(node, func=_with(node.func, attr=other))
    if len(node.args) >= 2:
        yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    for keyword in node.keywords:
        yield _with(node, keywords=[other for other in node.keywords if other is not keyword])


def _with(node: ast.AST, **fields) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
