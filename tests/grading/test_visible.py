"""No text of a student acts instead of being seen."""

import time

import pytest

from sslcourse.grading.pages import Code
from sslcourse.grading.report import file_name, presentable
from sslcourse.grading.results import ExerciseResult, Grade
from sslcourse.grading.tables import exercises
from sslcourse.grading.visible import one_line, printed, visible
from sslcourse.grading.written import Part

ATTACK = "\x1b[2J\x1b]0;title\x07\x9b31m\x00\x7f\u202eabc\u2066\u2028\ud800\U000e0041"
ACTS = ("\x1b", "\x07", "\x9b", "\x00", "\x7f", "\u202e", "\u2066", "\u2028", "\ud800", "\U000e0041")


def test_what_acts_is_shown_and_what_is_read_stays():
    assert not any(character in visible(ATTACK) for character in ACTS)
    kept = "نمی‌دانم \N{FAMILY} 👩‍👧 é ∑\n\tx = 1"
    assert visible(kept) == kept
    assert one_line("a\nb\tc\udcff") == "a\\nb\\tc\\xff"
    assert printed("\x1b[1;31mred\x1b[0m\r\n  0%\r100%\r\n\x1b]0;t\x07end\x08") == "red\n100%\nend\\x08"


def test_every_text_of_a_grade_is_made_visible():
    answer = (Part("text", ATTACK), Part("code", ATTACK))
    result = ExerciseResult(
        "toy.x", ATTACK, 1.0, 2.0, "failed", ATTACK, (ATTACK,), ATTACK, code=ATTACK, output=ATTACK, answer=answer
    )
    shown = presentable(Grade(f"{ATTACK}\nline", "toy", ATTACK, [result], [ATTACK], [ATTACK], problem=ATTACK))
    assert all(character not in text for text in _texts(shown) for character in ACTS)
    assert "\n" not in shown.student


def _texts(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return [text for each in value for text in _texts(each)]
    return [text for each in vars(value).values() for text in _texts(each)] if hasattr(value, "__dict__") else []


def test_no_cell_of_the_table_is_a_formula():
    attacks = ["=cmd()", "+1", "-1", "@x", "\t=1", " =1", "a;=cmd()", "＝1", "\r=1"]
    text = exercises([Grade(attack, "toy", "", problem=attack) for attack in attacks])
    cells = [cell.strip('"') for line in text.splitlines()[1:] for cell in line.split(",")]
    assert not any(part.strip()[:1] in "=+-@＝" for cell in cells for part in cell.split(";") if part.strip())


def test_file_names_differ_and_are_safe():
    students = ["ada", "a b", "a_b", "a/b", "..", "", "x" * 300, "علی", "é", "=cmd()", "con:\\"]
    names = [file_name(student, is_unique=False) for student in students]
    assert len({name.lower() for name in names}) == len(students)
    assert all(name and len(name.encode()) < 150 and not set('/\\:*?"<>|') & set(name) for name in names)
    assert [file_name(student) for student in ("ada", "علی", "a b")] == ["ada", "علی", "a_b"]


@pytest.mark.parametrize("lab", ["", "toy"])
def test_nobody_can_choose_a_name_that_takes_the_files_of_another(lab):
    theirs = file_name("Ada", lab, is_unique=False), file_name("Ada", lab)
    assert not {file_name(name) for name in theirs} & {name for name in theirs if name != "Ada"}


def test_colours_do_not_take_the_square_of_the_length_of_an_answer():
    began = time.process_time()
    code = Code()
    shown = [code(" \n" * 15_000), code("@" * 9_000), code("@" * 9_000)]
    assert time.process_time() - began < 10
    assert "<span" in shown[1]
    assert "@" * 9_000 in shown[2]
