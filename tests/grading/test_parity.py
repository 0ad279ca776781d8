"""What passes in the notebook passes in the grader: odd but honest submissions to one exercise, judged in both places.

Each is the solution notebook of Lab 1 with other cells around and in one exercise; one box takes all of them.
`test_every_lab_in_the_box.py` has some for the others.
"""

import sys
from dataclasses import replace

import pytest
from both_places import handed_in, in_the_grader, in_the_notebook, solution
from harness import progress_file
from odd_submissions import LOSS, RIGHT, STUB, WRONG, loss, made

from sslcourse.exercises import LABS
from sslcourse.grading.answers import grade_answer, with_references
from sslcourse.grading.host import Box

pytestmark = pytest.mark.slow
LAB = LABS["contrastive"]
COSINES = "contrastive.similarity"
__all__ = ["progress_file"]


@pytest.fixture(scope="module")
def box(level):
    with Box(LAB.tasks_module, level, None, LAB.box_files) as running:
        yield running


@pytest.mark.parametrize("odd", RIGHT.values(), ids=RIGHT)
def test_what_passes_in_the_notebook_passes_in_the_grader(odd, shell, box, folder):
    assert in_the_notebook(shell, LOSS, odd) == "passed"
    result = in_the_grader(box, LOSS, odd)
    assert result.status == "passed", result.message


@pytest.mark.parametrize("odd", WRONG.values(), ids=WRONG)
def test_what_fails_in_the_notebook_fails_in_the_grader(odd, shell, box, folder):
    assert in_the_notebook(shell, LOSS, odd) != "passed"
    result = in_the_grader(box, LOSS, odd)
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
    cells = [
        replace(one, source=cosines) if one.grade_id == "contrastive-similarity" else one
        for one in solution("contrastive")
    ]
    return handed_in(LOSS, made(answer, between=between), cells)


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


def test_a_compiled_answer_runs_as_it_is(box):
    answer = "@torch.compile(mode='max-autotune')\n@torch.compile\n" + loss()
    result = in_the_grader(box, LOSS, made(answer, between=["nt_xent = torch.compile(nt_xent)"]))
    assert result.status == "passed"


def test_syntax_that_python_does_not_know_is_told_from_a_missing_answer(box):
    result = in_the_grader(box, LOSS, made(loss().replace("nt_xent(", "nt_xent[T](", 1)))
    misspelt = in_the_grader(box, LOSS, made(loss().replace("def ", "df ", 1)))
    assert misspelt.status == "error" and "SyntaxError in line 1" in misspelt.message
    is_new = sys.version_info >= (3, 12)
    assert result.status == ("passed" if is_new else "error")
    assert is_new or "read as Python 3.11" in result.message


def test_nobody_is_waited_for(box):
    extra = "breakpoint(); input('?'); __import__('pdb').set_trace(); help(F)"
    assert in_the_grader(box, LOSS, made(f"%debug\n%pdb on\n{loss(extra=extra)}\nbreakpoint()")).status == "passed"


def test_a_missing_library_is_named_and_looked_at(box):
    result = in_the_grader(box, LOSS, made(loss("antigravity.unit"), before=["import antigravity_pro as antigravity"]))
    assert result.status == "error" and "antigravity_pro" in result.message and "library" in result.look


def test_a_missing_library_that_only_decorates_costs_nothing(box):
    odd = made(
        "@typed(checker=check_types)\n" + loss().replace("z1,", 'z1: Float[torch.Tensor, "n d"],', 1),
        before=["from no_typing import Float, typed, check_types\nimport no_tracker\nno_tracker.init(project='x')"],
    )
    assert in_the_grader(box, LOSS, odd).status == "passed"


def test_a_name_that_the_notebook_binds_is_looked_at(box):
    result = in_the_grader(box, LOSS, made(loss(low="LOW"), before=["LOW = open('low.txt').read()"]))
    assert result.status == "error" and "`LOW`" in result.look
    assert "`LOW = open('low.txt').read()`, did not run: FileNotFoundError" in result.message
    assert in_the_grader(box, LOSS, made(loss(low="LOW"))).look == ""


@pytest.mark.parametrize(
    "loop", ["while True: pass", "while True: table['low'] = -1e30", "__import__('time').sleep(99)"]
)
def test_a_long_loop_of_ones_own_costs_nothing(box, loop):
    odd = made(loss(low="table['low']"), before=["table = {'low': -1e30}", f"if True:\n    {loop}"])
    assert in_the_grader(box, LOSS, odd).status == "passed"
