"""`check`, `hint`, `solution`, `mine_or_reference` and `progress` on the real exercises of Lab 1."""

import inspect
import os
import random
import re
import sys

import pytest
import torch

from sslcourse import exercises
from sslcourse.exercises.task import hint_of
from sslcourse.notebook import check, hint, mine_or_reference, progress, solution, start, state

IDS = tuple(exercises.LABS["contrastive"].tasks)


@pytest.fixture
def said(capsys):
    """What the last calls displayed; fails when anything went to stderr."""

    def read():
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return read


def reference(identifier):
    return exercises.find(identifier).reference


def written(function):
    """An answer of the course as if a student had written it in the notebook."""
    cell = {"__name__": "__main__"}
    exec(inspect.getsource(sys.modules[function.__module__]), cell)
    return cell[function.__name__]


def kept(identifier):
    return state.read_lab("contrastive")["tasks"][identifier]


def unwritten(*_):
    raise NotImplementedError("Your code here")


@pytest.mark.parametrize("identifier", IDS)
def test_a_right_answer_passes_with_the_same_words_every_time(identifier, said):
    """The committed solution notebooks are compared with their outputs, so nothing drawn may show."""
    texts = []
    for _ in range(3):
        check(identifier, written(reference(identifier)))
        texts.append(said())
    assert len(set(texts)) == 1 and texts[0].startswith("✓") and "passed" in texts[0]
    assert kept(identifier)["status"] == "passed" and kept(identifier)["checks"] == 3


@pytest.mark.parametrize("identifier", IDS)
def test_an_unwritten_answer_is_said_to_be_unwritten(identifier, said):
    check(identifier, unwritten)
    assert "not written yet" in said()
    assert kept(identifier)["points"] == 0


@pytest.mark.parametrize("identifier", IDS)
def test_a_known_mistake_gets_its_own_hint(identifier, said):
    for wrong in exercises.find(identifier).wrong:
        check(identifier, written(wrong))
        text = " ".join(said().split())
        assert "not yet" in text and hint_of(wrong) in text


def test_fresh_inputs_every_time():
    """An answer that remembers the inputs sees others at the next check."""
    seen = []
    for _ in range(2):
        check("contrastive.nt_xent", lambda z1, z2, temperature: seen.append(z1.clone()))
    half = len(seen) // 2
    assert half >= 4 and not any(
        torch.equal(a, b) for a in seen[1:half] for b in seen[half + 1 :] if a.shape == b.shape
    )


@pytest.mark.parametrize(
    "answer",
    [
        None,
        3,
        "text",
        lambda: None,
        lambda *_: sys.exit(),
        lambda *_: 1 / 0,
        lambda *_: object(),
        lambda *_: torch.ones(10**4),
    ],
    ids=["None", "number", "text", "no arguments", "exit", "exception", "object", "large"],
)
def test_no_answer_whatever_makes_check_raise(answer, said):
    check("contrastive.nt_xent", answer)
    assert "not yet" in said() or kept("contrastive.nt_xent")["status"] == "missing"


def test_an_unknown_exercise_names_the_known_ones(said):
    check("contrastive.nt_xnet", unwritten)
    hint("contrastive.nt_xnet")
    solution("contrastive.nt_xnet")
    assert said().count("contrastive.nt_xent") == 3


def test_what_differs_is_told_of_the_first_wrong_case_only_once(said):
    check("contrastive.positives", lambda n: torch.arange(2 * n).double())
    assert said().count("dtype") == 1


def test_a_case_that_differs_in_its_numbers_only_is_no_news(said):
    check("contrastive.nt_xent", lambda z1, z2, temperature: (z1 * z2).sum() + 10)
    assert said().count("expected") == 1


def test_three_hints_then_the_answer(said):
    identifier = "contrastive.nt_xent"
    solution(identifier)
    assert "There are still 3 hints" in said()
    for level, text in enumerate(exercises.find(identifier).hints, 1):
        hint(identifier)
        shown = " ".join(said().split())
        assert f"hint {level} of 3" in shown and " ".join(text.split()) in shown
    hint(identifier)
    assert "hint 3 of 3" in said()
    hint(identifier, 1)
    assert "hint 1 of 3" in said()
    solution(identifier)
    assert "def nt_xent" in said()


def test_a_hint_of_another_level_is_refused(said):
    hint("contrastive.nt_xent", 4)
    assert "There is no hint 4" in said()
    assert state.read_lab("contrastive")["hints"] == {}


def test_who_has_passed_sees_the_answer_without_hints(said):
    check("contrastive.positives", written(reference("contrastive.positives")))
    said()
    solution("contrastive.positives")
    assert "def " in said()


def test_a_written_question_has_a_model_answer_for_those_who_insist(said):
    solution("contrastive.why_negatives")
    assert "Write your own answer first" in said()
    solution("contrastive.why_negatives", force=True)
    text = said()
    assert "What earns the points" in text and "- " in text
    hint("contrastive.why_negatives")
    assert "no hints" in said()


def test_mine_when_right_else_the_reference(said):
    identifier = "contrastive.similarity"

    def mine(z1, z2):
        return reference(identifier)(z1, z2)

    def wrong(z1, z2):
        return 2 * mine(z1, z2)

    assert mine_or_reference(identifier, mine) is mine
    assert "with your `cosine_similarity_matrix`" in said()
    assert mine_or_reference(identifier, wrong) is reference(identifier)
    assert "the course's `cosine_similarity_matrix`" in said()
    assert mine_or_reference(identifier, wrong, force=True) is wrong
    assert "does not pass" in said()
    assert mine_or_reference(identifier, unwritten, force=True) is reference(identifier)
    assert "not written yet" in said()


def test_mine_or_reference_refuses_an_unknown_exercise():
    with pytest.raises(KeyError, match="contrastive.nt_xent"):
        mine_or_reference("contrastive.nope", unwritten)


def test_progress_counts_what_passed(said):
    for identifier in IDS[:2]:
        check(identifier, written(reference(identifier)))
    check(IDS[2], written(exercises.find(IDS[2]).wrong[0]))
    said()
    progress("contrastive")
    lines = said().split("\n")
    assert "of 14 points checked; 4 written points marked by your teacher" in lines[0]
    assert re.fullmatch(r"  \[██▒░+\]", lines[1])


def test_progress_of_an_unknown_lab_names_the_known_ones(said):
    progress("painting")
    assert "contrastive" in said()


def test_start_seeds_and_says_where_it_runs(said, monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    drawn = []
    for _ in range(2):
        start("contrastive")
        drawn.append((torch.rand(1).item(), random.random()))
    assert drawn[0] == drawn[1]
    text = said()
    assert "smoke" in text and torch.__version__ in text
    assert str(tmp_path) not in text and os.getcwd() not in text  # solutions are committed with this output
    progress()
    assert "Progress: 0 of" in said()


def test_start_can_choose_the_scale(said, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_SCALE", "smoke")
    start("contrastive", "cpu")
    assert os.environ["SSLCOURSE_SCALE"] == "cpu" and "two CPU cores" in said()
    with pytest.raises(ValueError, match="smoke, cpu, gpu"):
        start("contrastive", "huge")
    with pytest.raises(ValueError, match="contrastive"):
        start("painting")
