"""In the box: what stands in for a notebook's surroundings, so that cells run although nothing of them is there."""

from __future__ import annotations

import builtins
import operator
import pdb
import sys
from collections.abc import Callable
from typing import Any


class Absent:
    """Stands for a module, or a thing of a module, that is not in the box.

    While the cells run it is harmless: it takes every attribute, call, index and operation, and gives itself; as a
    decorator it gives back the function. As soon as the answer is observed, it raises ImportError instead.
    """

    is_strict = False

    def __init__(self, error: ImportError):
        object.__setattr__(self, "_error", error)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self._meet()
        is_decorator = len(arguments) == 1 and not options and callable(arguments[0])
        return arguments[0] if is_decorator else self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):  # what Python itself and torch ask of any object
            raise AttributeError(name)
        return self._meet()

    def __setattr__(self, name: str, value: Any) -> None:
        self._meet()

    def __setitem__(self, place: Any, value: Any) -> None:
        self._meet()

    def __iter__(self) -> Any:
        self._meet()
        return iter(())

    def __enter__(self) -> Absent:
        return self._meet()

    def __exit__(self, *exception: object) -> None:
        return None

    def __mro_entries__(self, bases: tuple) -> tuple:
        return ()

    def _meet(self, *_: Any) -> Absent:
        if Absent.is_strict:
            raise type(self._error)(*self._error.args)
        return self


_OPERATORS = "add sub mul matmul truediv floordiv mod pow and or xor lt le gt ge eq ne neg pos abs getitem".split()
for _name in _OPERATORS:
    assert hasattr(operator, f"__{_name}__")
    setattr(Absent, f"__{_name}__", Absent._meet)
    setattr(Absent, f"__r{_name}__", Absent._meet)


class Shell:
    """What `get_ipython()` gives: it takes every magic and command, and does only what binds names or writes files."""

    def __init__(self, namespace: dict[str, Any]):
        self.user_ns = namespace

    def run_line_magic(self, name: str, line: str = "", *_: Any) -> Any:
        if name == "run":
            with open(line.split()[0], encoding="utf-8") as file:
                exec(compile(file.read(), line.split()[0], "exec"), self.user_ns)
        elif name == "pylab":
            exec("import numpy as np\nimport matplotlib.pyplot as plt\nfrom pylab import *", self.user_ns)
        elif name == "time":
            return eval(line, self.user_ns)
        return None

    def run_cell_magic(self, name: str, line: str, body: str) -> None:
        if name == "writefile":
            with open(line.split()[-1], "a" if "-a" in line.split() else "w", encoding="utf-8") as file:
                file.write(body.rstrip("\n") + "\n")

    def getoutput(self, command: str, *_: Any) -> list[str]:
        return []

    def __getattr__(self, name: str) -> Callable:
        if name.startswith("__"):
            raise AttributeError(name)
        return nothing


def nothing(*arguments: Any, **options: Any) -> None:
    """Do nothing, whatever is asked."""


def no_compile(model: Any = None, *arguments: Any, **options: Any) -> Any:
    """What stands in for `torch.compile`: there is no compiler in the box, and eager code computes the same."""
    return (lambda function: function) if model is None else model


def set_up(namespace: dict[str, Any]) -> None:
    """Give `namespace` what every notebook has; take away what would wait for a person or a compiler."""
    import torch

    shell = Shell(namespace)
    namespace |= {"get_ipython": lambda: shell, "display": nothing, "exit": nothing, "quit": nothing}
    sys.breakpointhook = nothing
    for holder, names, standin in (
        (pdb, ("set_trace", "post_mortem", "pm", "run"), nothing),
        (builtins, ("help",), nothing),
        (builtins, ("input",), lambda *prompt: ""),
        (torch, ("compile",), no_compile),
        (torch.compiler, ("disable",), no_compile),
        (torch.nn.Module, ("compile",), nothing),
    ):
        for name in names:
            setattr(holder, name, standin)
