"""Inside the grading box the same names do nothing, and need nothing that the box does not hold."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import sslcourse
from sslcourse.exercises import BOX_FILES

PACKAGE = Path(sslcourse.__file__).parent

SCRIPT = """
import sys
import sslcourse.notebook as notebook
from sslcourse.notebook import *
from sslcourse.notebook import check, hint, predict, prediction_table, progress, scale, solution, start

def mine(x):
    return x

start("contrastive")
check("contrastive.nt_xent", mine)
hint("contrastive.nt_xent"), solution("contrastive.nt_xent", force=True), predict("contrastive.x", None, a="b")
prediction_table(), progress()
notebook.show_card("title", "text", kind="good")
assert mine_or_reference("contrastive.nt_xent", mine) is mine
assert scale() == "smoke" and scale(smoke=1, cpu=2, gpu=3) == 1
loaded = sorted(name for name in sys.modules if name.startswith("sslcourse"))
assert loaded == ["sslcourse", "sslcourse.notebook", "sslcourse.notebook.box"], loaded
assert "torch" not in sys.modules and "IPython" not in sys.modules
"""


def test_everything_imports_and_nothing_happens(tmp_path):
    box = tmp_path / "box" / "sslcourse"
    for name in ("__init__.py", *BOX_FILES):
        (box / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / name, box / name)
    shutil.copytree(PACKAGE / "notebook", box / "notebook", ignore=shutil.ignore_patterns("__pycache__"))
    work = tmp_path / "work"
    work.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(box.parent),
        "SSLCOURSE_BOX": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    run = subprocess.run(
        [sys.executable, "-S", "-c", SCRIPT],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "" and run.stderr == ""
    assert list(work.iterdir()) == []


def test_the_box_offers_every_name_with_the_same_arguments():
    """What a lab may write outside must not raise inside: `__all__` is the same, and everything takes anything."""
    tree = ast.parse((PACKAGE / "notebook" / "__init__.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    inside = {alias.name for node in imports if node.module == "sslcourse.notebook.box" for alias in node.names}
    outside = {alias.name for node in imports if node.module != "sslcourse.notebook.box" for alias in node.names}
    assert inside == outside == set(sslcourse.notebook.__all__)
