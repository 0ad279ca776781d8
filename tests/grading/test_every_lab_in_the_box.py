"""Every lab in the grading box: what is honest passes as in the notebook, and attacks on it earn nothing.

`test_parity.py` and `hostile/` have the long lists, for one exercise; here is some of either for each lab's first.
"""

import inspect
import json
import re
from types import SimpleNamespace

import pytest
import toy_lab
from both_places import cell_of, handed_in, in_the_grader, in_the_notebook, made
from every_lab import SOURCES
from harness import progress_file
from hostile.forging import ANYWHERE, thieves

from sslcourse.exercises import LABS
from sslcourse.exercises.judge import attempt
from sslcourse.exercises.task import misconception_of
from sslcourse.grading.answers import grade_answer
from sslcourse.grading.host import Box, Limits
from sslcourse.grading.run import grade_paths

pytestmark = pytest.mark.slow
__all__ = ["progress_file"]

STUB = "def {}(*a):\n    raise NotImplementedError"
WRAPPER = "def plainly(f):\n    return lambda *a, **k: f(*a, **k)"
# From the name of the function and its right answer, the cells that are handed in.
HONEST = {
    "as it is": lambda name, right: {"answer": right},
    "timed": lambda name, right: {"answer": f"%%time\n{right}"},
    "decorated": lambda name, right: {"before": [WRAPPER], "answer": f"@plainly\n{right}"},
    "wrapped later": lambda name, right: {"answer": right, "between": [WRAPPER, f"{name} = plainly({name})"]},
    "below the stub": lambda name, right: {"answer": STUB.format(name), "between": [right]},
    "beside cells that fail": lambda name, right: {"before": ["1 / 0", "no Python here"], "answer": right},
    "line ends of Windows": lambda name, right: {"answer": right.replace("\n", "\r\n")},
}  # fmt: skip
WRONG = {
    "unwritten": lambda name, right: {"answer": STUB.format(name)},
    "nothing returned": lambda name, right: {"answer": f"def {name}(*a):\n    pass"},
    "a syntax error": lambda name, right: {"answer": right.replace("def ", "df ", 1)},
    "spoilt before the check": lambda name, right: {"answer": right, "between": [f"def {name}(*a): return 0"]},
}


@pytest.fixture(scope="module", params=SOURCES)
def course(request, level):
    """A lab, a box for it from the fork server of all labs, and its first exercise."""
    lab = LABS[request.param]
    files = {inside: source for each in LABS.values() for inside, source in each.box_files.items()}
    with Box(lab.tasks_module, level, Limits(seconds=10), files) as box:
        yield SimpleNamespace(lab=lab, box=box, first=next(iter(lab.tasks.values())))


def submitted(task, cells):
    """The cells of HONEST or WRONG for this task's right answer."""
    return made(**cells(task.function, cell_of(task.id).source), check=cell_of(f"check-{task.id}").source)


@pytest.mark.parametrize("cells", HONEST.values(), ids=HONEST)
def test_what_passes_in_the_notebook_passes_in_the_grader(course, cells, shell, folder):
    odd = submitted(course.first, cells)
    assert in_the_notebook(shell, course.first.id, odd) == "passed"
    result = in_the_grader(course.box, course.first.id, odd)
    assert result.status == "passed", result.message


@pytest.mark.parametrize("cells", WRONG.values(), ids=WRONG)
def test_what_fails_in_the_notebook_fails_in_the_grader(course, cells, shell, folder):
    odd = submitted(course.first, cells)
    assert in_the_notebook(shell, course.first.id, odd) != "passed"
    result = in_the_grader(course.box, course.first.id, odd)
    assert result.points == 0 and result.status in ("failed", "error", "missing")


@pytest.mark.parametrize("attack", ANYWHERE)
def test_an_attack_earns_nothing(course, attack, monkeypatch):
    source, statuses = ANYWHERE[attack]
    odd = made(source.replace("{function}", course.first.function), check="")
    with monkeypatch.context() as patch:
        if statuses == ("timeout",):  # nothing else is to run out of time, also on a slow machine
            patch.setattr(course.box, "limits", Limits(seconds=2))
        result = in_the_grader(course.box, course.first.id, odd)
    assert result.points == 0.0 and result.status in statuses, result.message
    honest = submitted(course.first, HONEST["as it is"])
    assert in_the_grader(course.box, course.first.id, honest).status == "passed", "the next one"


def test_answers_that_are_lent_cannot_be_kept(course, tmp_path, kept_servers):
    cells = [toy_lab.code(source) for source in thieves([task.function for task in course.lab.tasks.values()])]
    (tmp_path / "thief.ipynb").write_text(toy_lab.notebook(*cells))
    options = {"lab": course.lab.name, "limits": Limits(seconds=3), "seed": 1, "progress": False}
    [grade] = grade_paths([tmp_path], tmp_path / "out", **options)
    assert grade.points == 0.0
    assert json.loads((tmp_path / "out" / "results.json").read_text())["score"] == 0.0


def alone(exercise, wrong) -> str:
    """A cell that holds a wrong answer with everything that it uses; the reference gets another name."""
    function = exercise.task.function
    text = re.sub(rf"\b{function}\b", "as_it_should_be", inspect.getsource(inspect.getmodule(wrong)))
    return f"{text}\n\n{function} = {wrong.__name__}\n"


def test_wrong_answers_are_told_in_the_box_what_they_are_told_here(course):
    """Also where an answer is given networks, and is judged by what it does to them."""
    for id, exercise in course.lab.exercises.items():
        for wrong in exercise.wrong[:2]:
            submission = handed_in(id, made(alone(exercise, wrong), check=""))
            result = grade_answer(exercise, submission, course.box, seed=1)
            here = attempt(exercise, wrong, seed=1)
            assert result.points == here.points < here.max_points, f"{id} {wrong.__name__}: {result.message}"
            assert misconception_of(wrong) == here.misconception and here.hint in result.message
