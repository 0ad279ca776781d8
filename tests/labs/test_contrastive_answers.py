"""Lab 1's tasks: texts that hold, inputs that travel, answers that stay outside the box, agreement with the package."""

from __future__ import annotations

import doctest
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import sslcourse
from sslcourse import evaluation, losses
from sslcourse.evaluation import collapse
from sslcourse.exercises import BOX_FILES, LABS, find, find_task, find_written
from sslcourse.exercises.judge import draw
from sslcourse.losses import contrastive

TASKS = LABS["contrastive"].tasks
PACKAGE = Path(sslcourse.__file__).parent
assert evaluation and losses


@pytest.mark.parametrize("id", TASKS)
def test_the_examples_of_the_statement_hold(id):
    exercise = find(id)
    space = {"torch": torch, exercise.task.function: exercise.reference}
    test = doctest.DocTestParser().get_doctest(exercise.task.statement, space, id, None, 0)
    assert test.examples
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


@pytest.mark.parametrize("id", TASKS)
def test_signature_reference_and_task_agree(id):
    exercise = find(id)
    task = exercise.task
    assert task.id == id and task.function == exercise.reference.__name__
    parameters = inspect.signature(exercise.reference).parameters
    assert task.signature == f"{task.function}({', '.join(parameters)})"
    assert set(parameters) <= set(draw(task, task.cases[0], 0))


def is_plain(tree) -> bool:
    if type(tree) is dict:
        return all(type(key) is str and is_plain(item) for key, item in tree.items())
    return type(tree) in (int, float, bool, str, type(None), torch.Tensor)


@pytest.mark.parametrize("id", TASKS)
def test_inputs_are_plain_and_of_the_case(id):
    task = find_task(id)
    for case in task.cases:
        inputs = draw(task, case, 3)
        assert is_plain(inputs)
        tensors = [value for value in inputs.values() if isinstance(value, torch.Tensor)]
        assert all(tensor.is_contiguous() and not tensor.requires_grad for tensor in tensors)
        assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} <= {case.dtype}


def test_crops_lie_inside_and_flips_are_mixed():
    task = find_task("contrastive.views")
    for case in task.cases:
        for seed in range(50):
            inputs = draw(task, case, seed)
            height, width = inputs["images"].shape[-2:]
            top, left, crop_height, crop_width = inputs["boxes"].T
            assert (top >= 0).all() and (top + crop_height <= height).all() and (left + crop_width <= width).all()
            assert len(set(crop_height.tolist())) == len(set(crop_width.tolist())) == 1
            assert 0 < inputs["flips"].sum() < len(inputs["flips"])


def test_unknown_ids_are_answered_with_the_known():
    for search in (find, find_task, find_written):
        with pytest.raises(KeyError, match="choose from"):
            search("contrastive.nothing")
        with pytest.raises(KeyError, match="contrastive"):
            search("nothing")


def test_the_written_question():
    question = find_written("contrastive.why_negatives")
    assert len(question.rubric) == question.points == 4
    assert all("point)" in line for line in question.rubric)
    for word in ("Complete collapse", "dimensional", "effective rank", "stop-gradient", "ln(2n - 1)"):
        assert word in question.model_answer


def test_the_box_files_work_alone_and_hold_no_answers(tmp_path):
    inside = tmp_path / "sslcourse"
    for name in ("__init__.py", *BOX_FILES):
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / name, inside / name)
        assert "cross_entropy" not in (inside / name).read_text() and "svdvals" not in (inside / name).read_text()
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import torch, sslcourse
assert sslcourse.__file__.startswith({str(tmp_path)!r})
from sslcourse.exercises import LABS, find, find_task
task = find_task("contrastive.positives")
print(task.observe(lambda n: torch.arange(2 * n), {{"n": 2}})["value"].tolist())
for task in LABS["contrastive"].tasks.values():
    assert task.observe(lambda *arguments: None, task.draw_inputs(torch.Generator(), task.cases[0]))["failure"]
try:
    find("contrastive.positives")
except ModuleNotFoundError:
    print("no answers")
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["[0, 1, 2, 3]", "no answers"], done.stderr


def test_importing_the_exercises_imports_no_answers():
    program = """
import sys, sslcourse.exercises
sslcourse.exercises.LABS['contrastive'].tasks
print(*(name for name in sys.modules if name.split('.')[0] == 'sslcourse'))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {
        "sslcourse",
        "sslcourse.exercises",
        "sslcourse.exercises.task",
        "sslcourse.exercises.observe",
        "sslcourse.labs",
        "sslcourse.labs.contrastive",
        "sslcourse.labs.contrastive.tasks",
    }


def two_views(n=6, d=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    z1 = torch.randn(n, d, generator=generator)
    return z1, z1 + 0.6 * torch.randn(n, d, generator=generator)


def test_references_agree_with_the_package():
    z1, z2 = two_views()
    for temperature in (0.05, 0.5):
        ours = find("contrastive.nt_xent").reference(z1, z2, temperature)
        torch.testing.assert_close(ours, contrastive.nt_xent(z1, z2, temperature))
    unit = [torch.nn.functional.normalize(z, dim=1) for z in (z1, z2)]
    alignment, uniformity = find("contrastive.geometry").reference(z1, z2)
    assert alignment == pytest.approx(float(contrastive.alignment(*unit)), rel=1e-5)
    assert uniformity == pytest.approx(float(contrastive.uniformity(torch.cat(unit))), rel=1e-5)
    assert find("contrastive.collapse").reference(z1) == pytest.approx(float(collapse.effective_rank(z1)), rel=1e-5)
    for first, second in (
        (z1, z2),
        two_views(seed=1),
        (torch.ones(4, 3), torch.ones(4, 3)),
        (torch.eye(4), torch.eye(4)),
    ):
        ours = find("contrastive.shortcut").reference(first, second)
        assert ours == pytest.approx(float(collapse.contrastive_accuracy(first, second)))
