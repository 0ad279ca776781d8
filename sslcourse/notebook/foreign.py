"""What an answer uses that is not there where answers are graded: the course's own functions, and other libraries."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

from IPython import get_ipython

from sslcourse.grading.statements import names_in

# What the course asks for, and what comes with it.
LIBRARIES = {
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "matplotlib",
    "tqdm",
    "safetensors",
    "ipywidgets",
    "IPython",
    "PIL",
}
OFFERED = "sslcourse.notebook"  # of the course, this is there


@dataclass(frozen=True)
class Foreign:
    """Names of the course's functions and objects, and of libraries and files beyond the lab's, that an answer uses."""

    course: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


def find_foreign(answer: Any, allowed: Sequence[Callable] = ()) -> Foreign:
    """What `answer` uses, itself or through the notebook's own functions; `allowed` functions do not count.

    >>> cell = {"__name__": "__main__"}
    >>> exec("from sslcourse.losses import nt_xent as mine\\nloss = lambda z1, z2: mine(z1, z2, 0.5)", cell)
    >>> find_foreign(cell["loss"])
    Foreign(course=('sslcourse.losses.contrastive.nt_xent',), libraries=())
    """
    course, libraries = set(), set()
    waiting, seen = [answer], {id(one) for one in allowed}
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        module = _module_of(thing)
        library = module.partition(".")[0]
        if library == "sslcourse":
            if not f"{module}.".startswith(f"{OFFERED}."):
                course.add(".".join(filter(None, (module, getattr(thing, "__qualname__", "")))))
        elif library in LIBRARIES or library in sys.stdlib_module_names:
            waiting += _wrapped(thing)
        elif _is_elsewhere(library):
            libraries.add(library)
        else:
            waiting += [*_wrapped(thing), *_parts(thing)]
    return Foreign(tuple(sorted(course)), tuple(sorted(libraries)))


def _module_of(thing: Any) -> str:
    """The module that a thing comes from; a name of a module stands for the module."""
    if isinstance(thing, str | ModuleType):
        return thing if isinstance(thing, str) else thing.__name__
    named = thing if isinstance(thing, type) or inspect.isroutine(thing) else type(thing)
    return str(getattr(named, "__module__", None) or "builtins")


def _is_elsewhere(library: str) -> bool:
    """Whether a module is installed, or a file that no cell of the notebook has written."""
    file = getattr(sys.modules.get(library), "__file__", None)
    if library == "__main__" or file is None:
        return False
    shell = get_ipython()
    cells = shell.user_ns.get("In", ()) if shell is not None else ()
    return not any("writefile" in cell and os.path.basename(file) in cell for cell in cells)


def _wrapped(thing: Any) -> Iterator[Any]:
    """The function in a partial, a method, a cached or a compiled function."""
    if isinstance(thing, functools.partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif isinstance(thing, MethodType):
        yield from (thing.__func__, thing.__self__)
    elif callable(thing) and not isinstance(thing, type):
        own = getattr(thing, "__dict__", {})
        yield from (own[name] for name in ("__wrapped__", "_torchdynamo_orig_callable") if name in own)


def _parts(thing: Any) -> Iterator[Any]:
    """What a function, a class or an object of the notebook is made of."""
    if isinstance(thing, FunctionType):
        yield from inspect.getclosurevars(thing).nonlocals.values()
        for kind, name in set(names_in(thing.__code__, is_module=False)):
            if kind == "imports":
                yield name
            elif name in thing.__globals__:
                yield thing.__globals__[name]
    elif hasattr(thing, "__dict__") and not isinstance(thing, ModuleType):
        yield type(thing)
        yield from vars(thing).values()
