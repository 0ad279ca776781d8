"""Every lab's tasks: examples that hold, inputs that travel, answers that stay outside the box and are judged there."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from every_lab import SOURCES

import sslcourse
from sslcourse.authoring.source import read_source
from sslcourse.exercises import BOX_FILES, LABS, find
from sslcourse.exercises.judge import case_inputs
from sslcourse.notebook.experiments import LabExperiments

PACKAGE = Path(sslcourse.__file__).parent


@pytest.mark.parametrize("lab", SOURCES)
def test_the_examples_that_the_student_reads_hold(lab):
    """What is asked stands in the notebook only: its examples are run with the reference."""
    source = read_source(SOURCES[lab])
    cells = {cell.id: cell.text for cell in source.cells if cell.kind == "exercise"}
    setup = next(cell.text for cell in source.cells if cell.kind == "setup")
    imports = "\n".join(line for line in setup.splitlines() if "import" in line and "sslcourse" not in line)
    assert cells.keys() == LABS[lab].tasks.keys()
    for id, text in cells.items():
        exercise = find(id)
        space = {exercise.task.function: exercise.reference}
        exec(imports, space)
        test = doctest.DocTestParser().get_doctest(text.split('"""')[1], space, id, None, 0)
        assert test.examples
        assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def session_of(lab):
    module = importlib.import_module(f"sslcourse.labs.{lab}.experiments")
    own = [one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__]
    return next(one for one in own if hasattr(one, "recipes"))()


@pytest.mark.parametrize("lab", SOURCES)
def test_a_challenge_says_what_may_be_changed_and_refuses_the_rest(lab, monkeypatch, capsys):
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    session = session_of(lab)
    session.settings()
    assert "learning_rate=" in capsys.readouterr().out
    if type(session).challenge is not LabExperiments.challenge:  # Lab 0's takes a function
        return
    session.challenge(learning_rat=1e-3)
    session.challenge(quorum=1)
    session.challenge({"learning_rate": 1e-3})
    if not session.takes_loss:
        session.challenge(lambda *_: None)
    said = " ".join(capsys.readouterr().out.split())
    assert "'learning_rat'; nearest: fit.learning_rate. `lab.settings()`" in said
    assert "'quorum'. `lab.settings()`" in said and "settings by name" in said
    assert said.count("✗ Stopped") == 4 - session.takes_loss


def is_plain(tree) -> bool:
    if type(tree) is dict:
        return all(type(key) is str and is_plain(item) for key, item in tree.items())
    return type(tree) in (int, float, bool, str, type(None), torch.Tensor)


def tensors_in(tree):
    for value in tree.values():
        yield from tensors_in(value) if type(value) is dict else [value] if isinstance(value, torch.Tensor) else []


@pytest.mark.parametrize("id", [id for lab in LABS.values() for id in lab.tasks])
def test_inputs_are_plain_and_of_the_case(id):
    task, answer = LABS[id.split(".")[0]].tasks[id], find(id).reference
    assert task.id == id and task.function == answer.__name__
    for case in task.cases:
        for inputs in case_inputs(task, case, 3):
            assert is_plain(inputs) and set(inspect.signature(answer).parameters) <= set(inputs)
            tensors = list(tensors_in(inputs))
            assert all(tensor.is_contiguous() and not tensor.requires_grad for tensor in tensors)
            assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} <= {case.dtype}


# In a process of its own, for each lab: imports its tasks from `path`, and prints what that imported.
IMPORTS = """
import json, sys, torch
for lab, path in json.loads(sys.argv[1]).items():
    for name in [name for name in sys.modules if name.split(".")[0] == "sslcourse"]:
        del sys.modules[name]
    sys.path.insert(0, path)
    import sslcourse.exercises
    assert sslcourse.__file__.startswith(path)
    tasks = sslcourse.exercises.LABS[lab].tasks
    print(json.dumps([name for name in sys.modules if name.split(".")[0] == "sslcourse"]))
    def stub(*arguments):
        "Not written yet."
    for task in tasks.values():
        seen = task.observe(stub, [task.draw_inputs(torch.Generator(), task.cases[0])])
        assert seen[0]["failure"]["kind"] == "not_attempted"
    for search in (sslcourse.exercises.find, sslcourse.exercises.find_written):
        try:
            search(task.id)
            print("here")
        except ModuleNotFoundError:
            print("not here")
        except KeyError:  # it is no written question
            print("here")
"""


def imports(places):
    """What IMPORTS says of each lab: the modules that were imported, and whether answers could be."""
    program = [sys.executable, "-I", "-c", IMPORTS, json.dumps({lab: str(place) for lab, place in places.items()})]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return {lab: (set(json.loads(lines[3 * at])), lines[3 * at + 1 : 3 * at + 3]) for at, lab in enumerate(places)}


def test_the_box_files_work_alone_and_hold_no_answers(tmp_path):
    for name, lab in LABS.items():
        files = {f"sslcourse/{file}": PACKAGE / file for file in ("__init__.py", *BOX_FILES)} | lab.box_files
        bodies = [inspect.getsource(one.reference).split(":", 1)[1].strip() for one in lab.exercises.values()]
        for file, source in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, tmp_path / name / file)
            assert not any(body in source.read_text() for body in bodies)
    found = imports({name: tmp_path / name for name in LABS})
    assert {name: answers for name, (_, answers) in found.items()} == {name: ["not here"] * 2 for name in LABS}


def test_importing_the_tasks_imports_no_answers():
    engine = {f"sslcourse.{name.removesuffix('.py').replace('/', '.')}" for name in BOX_FILES if "__init__" not in name}
    labs = {f"sslcourse.labs.{name}" for name in LABS}
    for lab, (modules, _) in imports({name: PACKAGE.parent for name in LABS}).items():
        rest = {"sslcourse", "sslcourse.exercises", "sslcourse.labs", f"sslcourse.labs.{lab}.tasks"}
        assert modules - labs == rest | engine
