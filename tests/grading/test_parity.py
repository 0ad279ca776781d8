"""What passes in the notebook passes in the grader: odd but honest submissions, judged in both places.

Each is the solution notebook of Lab 1 with other cells around and in one exercise. The notebook's side runs in IPython
in this process, the grader's in one box for all of them.
"""

import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import torch
from harness import progress_file
from IPython.core.interactiveshell import InteractiveShell
from odd_submissions import LOSS, RIGHT, STUB, WRONG, loss, made
from traitlets.config import Config

from sslcourse.exercises import LABS
from sslcourse.grading import sandbox
from sslcourse.grading.answers import grade_answer, with_references
from sslcourse.grading.cells import Cell, read_cells
from sslcourse.grading.host import Box
from sslcourse.grading.intake import find_answers
from sslcourse.notebook import state

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LAB = LABS["contrastive"]
FUNCTIONS = {id: task.function for id, task in LAB.tasks.items()}
COSINES = "contrastive.similarity"
__all__ = ["progress_file"]


@pytest.fixture(scope="module")
def cells():
    """The cells of the solution notebook."""
    return read_cells((ROOT / "solutions/01_contrastive.ipynb").read_bytes())[0]


@pytest.fixture(scope="module")
def box():
    if not sandbox.available()[0]:
        pytest.skip(f"no sandbox: {sandbox.available()[1]}")
    with Box(LAB.tasks_module, sandbox.level(), None, LAB.box_files) as running:
        yield running


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the notebook runs: it may write files there and import them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


class Shell(InteractiveShell):
    """A shell without a window."""

    def enable_gui(self, gui=None):
        pass


@pytest.fixture(scope="module")
def shell():
    config = Config()
    config.HistoryManager.enabled = False
    main, paths = sys.modules["__main__"], list(sys.path)
    yield Shell(config=config)
    sys.modules["__main__"], sys.path[:] = main, paths


def in_the_notebook(shell, cells, odd):
    """What the notebook's check says when the cells are run."""
    setup = next(cell.source for cell in cells if cell.grade_id == "contrastive-setup")
    shell.reset(new_session=False)
    shell.user_ns["lab"] = MagicMock()
    try:
        for source in (setup, *odd.late, *odd.before, odd.answer, *odd.late, *odd.between, odd.check):
            shell.run_cell(source, store_history=False)
    finally:
        torch.set_default_dtype(torch.float32)
        sys.modules.pop("my_losses", None)
    return state.read_lab("contrastive")["tasks"].get(LOSS, {"status": "missing"})["status"]


def in_the_grader(box, cells, odd):
    """The result of the exercise when the notebook is handed in with these cells."""
    return grade_answer(LAB.exercises[LOSS], find_answers(handed_in(cells, odd), FUNCTIONS), box, seed=1)


def handed_in(cells, odd):
    """The solution notebook with the cells in their places."""
    answer, check = (
        next(at for at, cell in enumerate(cells) if cell.grade_id == mark)
        for mark in ("contrastive-nt_xent", "check-contrastive-nt_xent")
    )
    parts = [*cells[:answer], *odd.before, replace(cells[answer], source=odd.answer), *odd.between]
    parts += [replace(cells[check], source=odd.check), *odd.after, *cells[check + 1 :], *odd.late]
    numbered = enumerate(parts, start=1)
    return [Cell(at, "code", part) if isinstance(part, str) else replace(part, number=at) for at, part in numbered]


@pytest.mark.parametrize("odd", RIGHT.values(), ids=RIGHT)
def test_what_passes_in_the_notebook_passes_in_the_grader(odd, shell, cells, box, folder):
    assert in_the_notebook(shell, cells, odd) == "passed"
    result = in_the_grader(box, cells, odd)
    assert result.status == "passed", result.message


@pytest.mark.parametrize("odd", WRONG.values(), ids=WRONG)
def test_what_fails_in_the_notebook_fails_in_the_grader(odd, shell, cells, box, folder):
    assert in_the_notebook(shell, cells, odd) != "passed"
    result = in_the_grader(box, cells, odd)
    assert result.points == 0 and result.status in ("failed", "error", "missing")


# An exercise that builds on another one.

WRONG_COSINES = "def cosine_similarity_matrix(z1, z2):\n    z = torch.cat([z1, z2])\n    return z @ z.T\n"
BUILT = """def nt_xent(z1, z2, temperature):
    scores = similarities(z1, z2) / temperature
    scores = scores.masked_fill(torch.eye(len(scores), dtype=torch.bool), float("-inf"))
    return F.cross_entropy(scores, torch.arange(len(scores)).roll(len(z1)))
"""


def built_on(cosines, answer, *between):
    """What the loss gets with these cosines, alone and with the course's in their place."""
    cells = read_cells((ROOT / "solutions/01_contrastive.ipynb").read_bytes())[0]
    cells = [replace(cell, source=cosines) if cell.grade_id == "contrastive-similarity" else cell for cell in cells]
    return find_answers(handed_in(cells, made(answer, between=between)), FUNCTIONS)


UNWRITTEN = "def cosine_similarity_matrix(z1, z2):\n    raise NotImplementedError"
CHOSEN = f"from sslcourse.notebook import *\nsimilarities = mine_or_reference('{COSINES}', cosine_similarity_matrix)"


@pytest.mark.parametrize("own", ["similarities = cosine_similarity_matrix", CHOSEN], ids=["own", "chosen"])
@pytest.mark.parametrize("cosines", [WRONG_COSINES, UNWRITTEN, "# none"], ids=["wrong", "unwritten", "none"])
def test_a_wrong_answer_costs_what_builds_on_it_nothing(box, own, cosines):
    submission = built_on(cosines, f"{own}\n{BUILT}")
    exercises = {id: LAB.exercises[id] for id in (COSINES, LOSS)}
    alone = [grade_answer(exercise, submission, box, seed=1) for exercise in exercises.values()]
    assert [result.points for result in alone] == [0, 0]
    cosines, loss = with_references(exercises, submission, alone, box, seed=1)
    assert cosines is alone[0]
    assert loss.status == "passed" and "the course's `cosine_similarity_matrix` in place of your own" in loss.message


def test_the_better_counts_and_right_answers_are_left_alone(box):
    # Right with the wrong cosines only: it normalises itself.
    answer = "similarities = lambda a, b: cosine_similarity_matrix(F.normalize(a), F.normalize(b))\n" + BUILT
    submission = built_on(WRONG_COSINES, answer)
    exercises = {id: LAB.exercises[id] for id in (COSINES, LOSS)}
    alone = [grade_answer(exercise, submission, box, seed=1) for exercise in exercises.values()]
    assert with_references(exercises, submission, alone, box, seed=1) == alone


def test_nobody_gets_the_reference_of_the_exercise_itself(box):
    submission = built_on(WRONG_COSINES, STUB)
    exercises = {id: LAB.exercises[id] for id in (COSINES, LOSS)}
    alone = [grade_answer(exercise, submission, box, seed=1) for exercise in exercises.values()]
    assert with_references(exercises, submission, alone, box, seed=1) == alone


# What is told.


def test_a_compiled_answer_runs_as_it_is(box, cells):
    answer = "@torch.compile(mode='max-autotune')\n@torch.compile\n" + loss()
    result = in_the_grader(box, cells, made(answer, between=["nt_xent = torch.compile(nt_xent)"]))
    assert result.status == "passed"


def test_syntax_that_python_does_not_know_is_told_from_a_missing_answer(box, cells):
    result = in_the_grader(box, cells, made(loss().replace("nt_xent(", "nt_xent[T](", 1)))
    misspelt = in_the_grader(box, cells, made(loss().replace("def ", "df ", 1)))
    assert misspelt.status == "error" and "SyntaxError in line 1" in misspelt.message
    is_new = sys.version_info >= (3, 12)
    assert result.status == ("passed" if is_new else "error")
    assert is_new or "read as Python 3.11" in result.message


def test_nobody_is_waited_for(box, cells):
    extra = "breakpoint(); input('?'); __import__('pdb').set_trace(); help(F)"
    assert in_the_grader(box, cells, made(f"%debug\n%pdb on\n{loss(extra=extra)}\nbreakpoint()")).status == "passed"


def test_a_missing_library_is_named_and_looked_at(box, cells):
    result = in_the_grader(box, cells, made(loss("antigravity.unit"), before=["import antigravity_pro as antigravity"]))
    assert result.status == "error" and "antigravity_pro" in result.message and "library" in result.look


def test_a_missing_library_that_only_decorates_costs_nothing(box, cells):
    odd = made(
        "@typed(checker=check_types)\n" + loss().replace("z1,", 'z1: Float[torch.Tensor, "n d"],', 1),
        before=["from no_typing import Float, typed, check_types\nimport no_tracker\nno_tracker.init(project='x')"],
    )
    assert in_the_grader(box, cells, odd).status == "passed"


def test_a_name_that_the_notebook_binds_is_looked_at(box, cells):
    result = in_the_grader(box, cells, made(loss(low="LOW"), before=["LOW = open('low.txt').read()"]))
    assert result.status == "error" and "`LOW`" in result.look
    assert "`LOW = open('low.txt').read()`, did not run: FileNotFoundError" in result.message
    assert in_the_grader(box, cells, made(loss(low="LOW"))).look == ""


@pytest.mark.parametrize(
    "loop", ["while True: pass", "while True: table['low'] = -1e30", "__import__('time').sleep(99)"]
)
def test_a_long_loop_of_ones_own_costs_nothing(box, cells, loop):
    odd = made(loss(low="table['low']"), before=["table = {'low': -1e30}", f"if True:\n    {loop}"])
    assert in_the_grader(box, cells, odd).status == "passed"
