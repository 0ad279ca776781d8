"""Any file becomes cells or a sentence; answers are found whatever happened to the notebook."""

import json

import pytest
import toy_lab
from toy_lab import RIGHT, STUB, cells_of, code, notebook, text

from sslcourse.grading.cells import read_cells
from sslcourse.grading.intake import find_answers, guess_lab

DOUBLE = RIGHT["toy.double"]


@pytest.fixture
def intake():
    def take(*cells):
        found, repairs = read_cells((cells[0] if isinstance(cells[0], str) else notebook(*cells)).encode())
        submission = find_answers(found, toy_lab.FUNCTIONS)
        submission.repairs = repairs + submission.repairs
        return submission

    return take


def test_an_untouched_notebook_needs_no_repair(intake):
    submission = intake(*cells_of({}))
    assert {id: answer.source for id, answer in submission.answers.items()} == RIGHT
    assert submission.repairs == []
    assert not any(answer.repairs for answer in submission.answers.values())


def test_a_deleted_cell_is_none_and_costs_only_itself(intake):
    submission = intake(*[cell for cell in cells_of({}) if "double" not in cell["source"]])
    assert submission.answers["toy.double"] is None
    assert submission.answers["toy.shift"].source == RIGHT["toy.shift"]


def test_of_duplicates_the_last_one_worked_on_counts(intake):
    submission = intake(code(STUB, "toy.double"), code(DOUBLE, "toy.double"), code(STUB, "toy.double"))
    assert submission.answers["toy.double"].source == DOUBLE
    assert "3 times" in submission.answers["toy.double"].repairs[0]


def test_reordered_cells_are_found_and_said(intake):
    submission = intake(*reversed(cells_of({})))
    assert {id: answer.source for id, answer in submission.answers.items()} == RIGHT
    assert any("order" in repair for repair in submission.repairs)


def test_without_metadata_functions_are_found_by_name(intake):
    cells = [cell | {"metadata": {}} for cell in cells_of({})]
    submission = intake(*cells)
    assert {id: answer.source for id, answer in submission.answers.items()} == RIGHT
    assert any("metadata" in repair for repair in submission.repairs)


def test_one_cell_without_its_mark_is_found_and_said(intake):
    cells = cells_of({})
    cells[1]["metadata"] = {}
    answer = intake(*cells).answers["toy.double"]
    assert answer.source == DOUBLE
    assert "lost its mark" in answer.repairs[0]


@pytest.mark.parametrize("source", [DOUBLE, f"My answer:\n```python\n{DOUBLE}\n```\n"])
@pytest.mark.parametrize("id", ["toy.double", None])
def test_an_answer_turned_to_markdown_is_read_as_code(intake, source, id):
    answer = intake(text(source, id), code(RIGHT["toy.shift"], "toy.shift")).answers["toy.double"]
    assert answer.source.strip() == DOUBLE
    assert any("markdown" in repair for repair in answer.repairs)


def test_a_renamed_mark_is_repaired_by_the_functions_name(intake):
    answer = intake(code(DOUBLE, "toy.double-copy"), code(RIGHT["toy.shift"], "toy.shift")).answers["toy.double"]
    assert answer.source == DOUBLE


def test_an_answer_moved_to_another_cell_is_taken_from_there(intake):
    answer = intake(code("# see below", "toy.double"), code(DOUBLE)).answers["toy.double"]
    assert answer.source == DOUBLE
    assert answer.repairs


def test_a_cell_with_a_syntax_error_is_still_the_answer(intake):
    assert intake(code("def double(x:\n    return", None)).answers["toy.double"].source.startswith("def double")


def test_format_three_is_read(intake):
    old = [
        {"cell_type": "code", "input": [DOUBLE], "metadata": {}},
        {"cell_type": "heading", "source": "Hi", "level": 1},
    ]
    submission = intake(json.dumps({"worksheets": [{"cells": old}], "nbformat": 3}))
    assert submission.answers["toy.double"].source == DOUBLE
    assert any("format 3" in repair for repair in submission.repairs)


def test_damaged_cells_are_left_out_and_said(intake):
    broken = [None, 7, {"cell_type": "code"}, {"cell_type": "code", "source": 5}, {"cell_type": "odd", "source": "x"}]
    odd = [{"cell_type": "code", "source": ["def double(x):\n", 3, "    return 2 * x"], "metadata": "none"}]
    submission = intake(json.dumps({"cells": broken + odd}))
    assert submission.answers["toy.double"].source == DOUBLE
    assert any("4 damaged" in repair for repair in submission.repairs)


def test_the_lab_is_guessed_from_what_is_in_it():
    content = notebook(*[cell | {"metadata": {}} for cell in cells_of({})]).encode()
    assert guess_lab(read_cells(content)[0], {"other": {}, "toy": toy_lab.FUNCTIONS}) == "toy"
    content = notebook(code("print(1)")).encode()
    assert guess_lab(read_cells(content)[0], {"other": {}, "toy": toy_lab.FUNCTIONS}) is None


def test_monstrous_cells_neither_crash_nor_stall(intake):
    chain = "x = " + "+".join(["1"] * 20_000)
    nested = "y = " + "(" * 5_000 + ")" * 5_000
    huge = "z = '" + "a" * 150_000 + "'"
    answer = code("def double(x):\n    return x + y + z + total_of_x", "toy.double")
    submission = intake(answer, code(chain), code(nested), *[code(f"{huge}  # {number}") for number in range(20)])
    assert submission.answers["toy.double"].source.startswith("def double")
    assert any("left out" in repair for repair in submission.repairs)
