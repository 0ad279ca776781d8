"""Whatever a file does to the process that reads it, the grader gets a sentence and goes on."""

import pytest
from toy_lab import FUNCTIONS, LAB, QUESTION, RIGHT, cells_of, code, notebook

from sslcourse.grading import reading
from sslcourse.grading.reading import Asked, read_submission

ASKED = Asked({"toy": FUNCTIONS}, {"toy": {id: each.question for id, each in LAB.written.items()}})


@pytest.fixture
def read(tmp_path):
    def read_content(content, asked=ASKED):
        path = tmp_path / "eve.ipynb"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with open(path, "rb") as file:
            [found] = read_submission(file, asked).readings
            return found

    return read_content


def test_what_was_found_comes_back_whole(read):
    found = read(notebook(*cells_of({})))
    assert (found.lab, found.problem) == ("toy", "")
    assert {id: answer.source for id, answer in found.submission.answers.items()} == RIGHT
    assert [part.content for part in found.written[QUESTION.id]] == ["Because 2(a + b) = 2a + 2b."]


def test_what_cannot_be_read_is_a_sentence(read):
    assert "not valid JSON" in read("{").problem
    assert "known lab (toy)" in read(notebook(code("x = 1"))).problem
    assert "larger than" in read(b"\0" * (65 * 2**20)).problem


def test_a_long_line_is_read_as_a_notebook_does(read):
    found = read(notebook(*cells_of({"toy.double": RIGHT["toy.double"] + "\nx = 1" + " + 1" * 2000})))
    assert found.submission.answers["toy.double"].error is None


@pytest.mark.slow
def test_a_memory_bomb_ends_its_reader_only(read):
    nested = '{"cells": [' + '{"a":[[[[]]]]},' * 3_000_000 + "{}]}"
    assert "cannot be read within" in read(nested).problem


def test_endless_reading_is_stopped(read, monkeypatch):
    monkeypatch.setattr(reading, "WALL_SECONDS", 0.01)
    assert "within 0.01 seconds" in read(notebook(*cells_of({}))).problem


@pytest.mark.parametrize("between", ["\n", " ", "\t", "\\\n", "(", "[", "'", "```\n", "!", "%", "?", "x="])
def test_no_pattern_takes_the_square_of_a_cell_s_length(read, between):
    """Neither in a cell of code nor in one of text; otherwise the time limit would be met."""
    cell = code("x=1" + between * (190_000 // len(between)) + "y=0")
    found = read(notebook(cell, cell | {"cell_type": "markdown"}, *cells_of({})))
    assert found.submission.answers["toy.double"].source == RIGHT["toy.double"]
