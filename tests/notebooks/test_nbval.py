"""The answers of every lab under nbval: its check cells give what is committed.

Whole notebooks are executed once each way: the solution on an accelerator in `test_device.py`, the student's as on
Colab in `test_colab.py`.
"""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import nbformat
import pytest
from every_lab import ROOT, STEMS

CELL_SECONDS = 240
# nbval waits 5 seconds for a cell's outputs when the cell has ended: too few where the machine is busy.
PATIENT = """
def pytest_collection_modifyitems(items):
    for cell in items:
        cell.output_timeout = 120
"""


def nbval(notebook, folder, seconds=900):
    """Run nbval on a copy of `notebook`; (counts by outcome, everything that pytest said)."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "lab.ipynb"
    nbformat.write(notebook, copy)
    (folder / "pytest.ini").write_text("[pytest]\n")  # the repository's settings are none of the notebook's
    (folder / "conftest.py").write_text(PATIENT)
    report = folder / "report.xml"
    options = ["-p", "nbval", "--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}"]
    options += ["--nbval-kernel-startup-timeout=120", f"--junitxml={report}", "-q", "-p", "no:cacheprovider"]
    environment = {
        **os.environ,
        "SSLCOURSE_SCALE": "smoke",
        "SSLCOURSE_PROGRESS": str(folder / "progress.json"),
        "TQDM_DISABLE": "1",
        "PYTEST_ADDOPTS": "",
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(copy)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    said = run.stdout + run.stderr
    assert report.exists(), said
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    return {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}, said


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def answers(stem):
    """The solution's setup, exercise and check cells."""
    notebook = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
    wanted = ("setup", "exercise", "check")
    notebook.cells = [cell for cell in notebook.cells if cell.metadata.get("tags", [""])[0] in wanted]
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_checks_give_what_is_committed(stem, tmp_path):
    notebook = answers(stem)
    counts, said = nbval(notebook, tmp_path)
    assert counts == {"tests": len(code_cells(notebook)), "failures": 0, "errors": 0, "skipped": 0}, said[-6000:]


@pytest.mark.parametrize("stem", STEMS)
def test_the_committed_solution_has_the_outputs_that_are_compared(stem):
    notebook = nbformat.read(ROOT / "solutions" / f"{stem}.ipynb", as_version=4)
    checks = [cell for cell in code_cells(notebook) if "check" in cell.metadata.get("tags", ())]
    assert checks
    for cell in checks:
        assert "nbval-check-output" in cell.metadata["tags"]
        assert "passed" in cell.outputs[0].data["text/plain"], f"{cell.id}: run sslcourse build --execute"
    text = json.dumps([cell.outputs for cell in code_cells(notebook)])
    assert '"stderr"' not in text and "Traceback" not in text
    for place in ("/home/", "/root/", "/tmp/", "/Users/", "site-packages", str(ROOT)):
        assert place not in text, f"an output names a place on the machine that ran it: {place}"


@pytest.mark.slow
def test_a_changed_result_is_noticed(tmp_path):
    """The comparison has power: one point less in a committed output, and nbval fails in that very cell."""
    notebook = answers(STEMS[0])
    notebook.cells = notebook.cells[:3]
    output = notebook.cells[2].outputs[0]
    output.data["text/plain"] = output.data["text/plain"].replace("passed, ", "passed, 1")
    counts, said = nbval(notebook, tmp_path)
    assert counts["failures"] == 1 and "text/plain" in said
