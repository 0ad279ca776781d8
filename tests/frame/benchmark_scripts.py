"""What the tests of the scripts in benchmarks/ share: a run of milliseconds, and a script as a module."""

import importlib.util
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = {"steps": "3", "batch_size": "8", "count": "32", "bank": "32", "held_out": "16", "log_every": "1"}
TINY |= {"checkpoint_every": "1", "encoder": "vit_64x2_p8"}


def load_script(name, monkeypatch):
    """The script `name` as a module, with its folder on the path; what it imports from there is forgotten again."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location(f"{name}_script", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, f"{name}_script", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    for neighbour in ("common", "recipes"):
        monkeypatch.delitem(sys.modules, neighbour, raising=False)
    return module
