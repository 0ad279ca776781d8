"""No import runs upward between the floors of the house, the classroom imports no science, and what a student imports
needs core dependencies only.

Every module is parsed, not imported, so that imports inside functions count too.
"""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

import sslcourse

PACKAGE = Path(sslcourse.__file__).parent
# Lowest first. A module may import from its own folder, from its floor and from lower ones; but data, losses and
# pruning, the lowest, know nothing of each other.
FLOORS = [
    {"files", "settings", "precision", "kept", "processes", "pages", "cluster"},
    {"data", "losses", "pruning"},
    {"models"},
    {"evaluation"},
    {"figures"},
    {"methods"},
    {"training"},
    {"claims"},
    {"exercises"},
    {"authoring", "grading"},
    {"notebook"},
    {"labs"},
    {"commands"},
    {"cli", "__main__"},
]
# The two wings meet in `notebook` and `labs`: the science wing is lower and so knows nothing of students; the classroom
# wing, with a lab's tasks and answers, trains no network and needs no images.
SCIENCE = {"data", "losses", "pruning", "models", "evaluation", "figures", "methods", "training", "claims"}
CLASSROOM = {"exercises", "authoring", "grading"}
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}
CORE_LIBRARIES = {"torch", "torchvision", "timm", "numpy", "matplotlib", "tqdm", "safetensors", "ipywidgets", "IPython"}
# Pillow, traitlets and markupsafe come with torchvision/matplotlib, ipywidgets and Jinja2.
CORE_LIBRARIES |= {"jinja2", "filelock", "PIL", "traitlets", "markupsafe"}
EXTRA_LIBRARIES = {"nbclient", "nbformat", "jupytext", "latex2mathml", "nbconvert", "ipykernel", "jupyter_client"}
EXTRA_LIBRARIES |= {"pygments", "yaml", "markdown_it", "mdit_py_plugins"}  # come with nbconvert and jupytext
WITH_EXTRAS = {"authoring", "grading", "commands"}  # folders that may use the extra `grade`
WITH_STATISTICS = {"evaluation", "claims"}  # folders that may use scipy, the extra `claims`
WITH_CLUSTER = {"cluster"}  # the module that may use Dask, the extra `cluster`


def imported_modules(source: str, module: str, is_package: bool = False) -> set[str]:
    """Every module named by an import statement anywhere in the source; relative ones made absolute."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = module.split(".")[: None if is_package else -1]
                anchor = anchor[: len(anchor) - node.level + 1]
                base = ".".join([*anchor, base] if base else anchor)
            found.add(base)
            if base == "sslcourse":  # `from sslcourse import data` names a folder
                found |= {f"sslcourse.{alias.name}" for alias in node.names}
    return found


def folder(module: str) -> str:
    """The floor's name: `sslcourse.data.imageset` -> `data`; the package itself -> ``."""
    return ".".join(module.split(".")[1:2])


def allowed_libraries(here: str) -> set[str]:
    """What modules of this folder may import beside the package itself."""
    allowed = {"__future__", *sys.stdlib_module_names, *CORE_LIBRARIES}
    allowed |= EXTRA_LIBRARIES if here in WITH_EXTRAS else set()
    allowed |= {"scipy"} if here in WITH_STATISTICS else set()
    return allowed | {"distributed"} if here in WITH_CLUSTER else allowed


def is_classroom(module: str) -> bool:
    """Whether a module is of the classroom wing; of a lab, its tasks and answers are."""
    parts = module.split(".")
    return folder(module) in CLASSROOM or (folder(module) == "labs" and parts[3:4] in (["tasks"], ["answers"]))


def complaints(source: str, module: str, is_package: bool = False) -> list[str]:
    """What a module imports and must not."""
    here, found = folder(module), []
    for name in sorted(imported_modules(source, module, is_package)):
        library = name.split(".")[0]
        if library == "sslcourse":
            there = folder(name)
            if there in ("", here) or there not in FLOOR:  # itself, or a name like __version__
                continue
            if here == "":
                found.append(f"{module} is the ground and imports {name}")
            elif FLOOR[there] > FLOOR[here]:
                found.append(f"{module} imports upward: {name}")
            elif there in SCIENCE and is_classroom(module):
                found.append(f"{module} is of the classroom and imports science: {name}")
            elif FLOOR[there] == FLOOR[here] == FLOOR["data"]:
                found.append(f"{module} imports its neighbour: {name}")
        elif library not in allowed_libraries(here):
            found.append(f"{module} imports {name}, which a student need not have")
    return found


def modules() -> list[tuple[Path, str, bool]]:
    rows = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("sslcourse", *path.relative_to(PACKAGE).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        rows.append((path, ".".join(parts[:-1] if is_package else parts), is_package))
    return rows


def test_every_folder_and_top_module_has_a_floor():
    names = {folder(name) for _, name, _ in modules()} - {""}
    assert names <= set(FLOOR), f"give these a floor: {sorted(names - set(FLOOR))}"


def test_imports_stay_below_and_within_the_dependencies():
    found = [
        complaint
        for path, module, is_package in modules()
        for complaint in complaints(path.read_text(encoding="utf-8"), module, is_package)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source", "message"),
    [
        ("sslcourse.data.views", "from sslcourse.models import ConvNet", "upward"),
        ("sslcourse.data.views", "from sslcourse import losses", "neighbour"),
        ("sslcourse.losses.contrastive", "import sslcourse.data.imageset", "neighbour"),
        ("sslcourse.pruning.select", "def f():\n    from ..losses import nt_xent", "neighbour"),
        ("sslcourse.evaluation.knn", "from ..training.fit import fit", "upward"),
        ("sslcourse.notebook.check", "from sslcourse.cli import main", "upward"),
        ("sslcourse.models.encoder", "import lightly.loss", "need not have"),
        ("sslcourse.notebook.check", "import nbformat", "need not have"),
        ("sslcourse.training.fit", "import scipy.stats", "need not have"),
        ("sslcourse.evaluation.statistics", "def f():\n    from scipy.stats import bootstrap", None),
        ("sslcourse", "from sslcourse.data import ImageSet", "ground"),
        ("sslcourse.methods.simclr", "from sslcourse.losses import nt_xent\nimport torch, math", None),
        ("sslcourse.grading.run", "import nbformat\nfrom sslcourse import __version__", None),
        ("sslcourse.grading.run", "from sslcourse.training import fit", "science"),
        ("sslcourse.labs.contrastive.answers.views", "from sslcourse.losses import nt_xent", "science"),
        ("sslcourse.labs.contrastive.tasks", "from sslcourse.data import load", "science"),
        ("sslcourse.labs.contrastive.arms", "from sslcourse.training import fit", None),
        ("sslcourse.cli", "def f():\n    from sslcourse import doctor", None),
    ],
)
def test_the_test_itself_has_power(module, source, message):
    found = complaints(source, module, is_package=module == "sslcourse")
    assert (found == []) if message is None else (len(found) == 1 and message in found[0])


def test_the_libraries_listed_here_are_those_of_the_project():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements):
        return {r.split(">")[0].split("[")[0].strip().lower() for r in requirements}

    assert names(project["dependencies"]) <= CORE_LIBRARIES
    assert names(project["optional-dependencies"]["grade"]) <= EXTRA_LIBRARIES
    assert names(project["optional-dependencies"]["claims"]) == {"scipy"}
    assert names(project["optional-dependencies"]["cluster"]) == {"distributed"}
