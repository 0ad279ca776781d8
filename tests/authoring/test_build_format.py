"""What `sslcourse build` makes of a source: cells, stubs, metadata, checksums, ids."""

import ast
import re

import nbformat
import pytest

from sslcourse.authoring.address import Address
from sslcourse.authoring.nbgrader_format import compute_checksum
from sslcourse.authoring.notebooks import BLANK_ANSWER, build_lab
from sslcourse.authoring.outputs import text_of

SOMEWHERE = Address("ada/course", "v1.0")


@pytest.fixture
def built(toy):
    return build_lab(toy.write(), SOMEWHERE, toy.lab)


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


def test_both_notebooks_are_valid_and_hold_the_same_cells(built):
    for notebook in (built.student, built.solution):
        nbformat.validate(notebook)
    assert [cell.id for cell in built.student.cells] == [cell.id for cell in built.solution.cells]
    assert (built.lab, built.number, built.stem) == ("toy", 7, "07_toy")
    assert built.student.metadata["sslcourse"]["kind"] == "student"
    assert built.solution.metadata["sslcourse"]["kind"] == "solution"


def test_a_stub_keeps_docstring_and_comments_and_raises(built):
    cell = by_id(built.student)["exercise-toy-double"]
    assert cell.source.split("\n") == [
        "def double(x):",
        '    """Twice x."""',
        "    # Adding is enough.",
        '    raise NotImplementedError("Your code here: double")',
    ]
    names: dict = {}
    exec(cell.source, names)  # noqa: S102 - what was built must run
    with pytest.raises(NotImplementedError, match="Your code here: double"):
        names["double"](1)


def test_the_solution_has_the_body_of_the_reference(built):
    cell = by_id(built.solution)["exercise-toy-double"]
    names: dict = {"torch": __import__("torch")}
    exec(cell.source, names)  # noqa: S102 - what was built must run
    assert names["double"](names["torch"].ones(1)).item() == 2
    assert cell.source.split("\n")[2:] == [
        "    # Adding is enough.",
        "    twice_as_much_as_x = torch.add(x, x)",
        "    return twice_as_much_as_x",
    ]
    assert "twice_as_much" not in text_of(built.student)


def test_a_prediction_is_taken_out_of_the_students_notebook(built):
    assert by_id(built.student)["predict-toy-guess"].source == by_id(built.solution)["predict-toy-guess"].source


def test_a_written_question_becomes_a_locked_question_and_an_answer_cell(built):
    student, solution = by_id(built.student), by_id(built.solution)
    question = student["question-toy-why"]
    assert question.source.startswith("Think before you write.")
    assert "(3 points, marked by a person). Why double?" in question.source
    assert student["answer-toy-why"].source == BLANK_ANSWER
    assert (
        "Because two is more." in solution["answer-toy-why"].source
        and "- says how" in solution["answer-toy-why"].source
    )
    assert "Because two" not in text_of(built.student) and "says how" not in text_of(built.student)


@pytest.mark.parametrize(
    "cell_id, expected",
    [
        ("setup-toy", {"grade_id": "toy-setup", "grade": False, "solution": False, "locked": True}),
        (
            "exercise-toy-double",
            {"grade_id": "toy-double", "grade": True, "solution": True, "locked": False, "points": 2},
        ),
        ("exercise-toy-square", {"grade_id": "toy-square", "points": 1.5}),
        ("check-toy-double", {"grade_id": "check-toy-double", "grade": False, "solution": False, "locked": True}),
        ("question-toy-why", {"grade_id": "question-toy-why", "locked": True, "cell_type": "markdown"}),
        ("answer-toy-why", {"grade_id": "toy-why", "grade": True, "solution": True, "locked": False, "points": 3}),
    ],
)
def test_nbgrader_metadata(built, cell_id, expected):
    for notebook in (built.student, built.solution):
        fields = by_id(notebook)[cell_id].metadata["nbgrader"]
        assert {key: fields[key] for key in expected} == expected
        assert fields["schema_version"] == 3


def test_other_cells_carry_no_nbgrader_metadata(built):
    marked = {cell.id for cell in built.student.cells if "nbgrader" in cell.metadata}
    assert len(marked) == 7 and not any(name.startswith(("predict", "experiment")) for name in marked)


def test_an_answer_cells_checksum_is_that_of_the_blank_in_both_notebooks(built):
    blank, solved = (by_id(one)["exercise-toy-double"] for one in (built.student, built.solution))
    assert blank.metadata["nbgrader"]["checksum"] == compute_checksum(blank)
    assert solved.metadata["nbgrader"]["checksum"] == compute_checksum(blank) != compute_checksum(solved)


def test_nbgrader_itself_reads_what_was_built(built):
    """nbgrader's own reader and checksum are the oracle: what it reads, CoCalc and others read."""
    nbgrader_format = pytest.importorskip("nbgrader.nbgraderformat", reason="nbgrader is not installed")
    from nbgrader.utils import compute_checksum as their_checksum
    from nbgrader.utils import determine_grade, is_locked

    for notebook in (built.student, built.solution):
        read = nbgrader_format.reads(text_of(notebook), as_version=4)
        for cell in read.cells:
            if "nbgrader" in cell.metadata:
                assert their_checksum(cell) == compute_checksum(cell)
                if is_locked(cell):
                    assert cell.metadata["nbgrader"]["checksum"] == their_checksum(cell)
    assert determine_grade(by_id(built.student)["exercise-toy-double"]) == (0, 2.0)  # untouched
    assert determine_grade(by_id(built.solution)["exercise-toy-double"]) == (None, 2.0)  # to be graded


def test_the_badge_and_the_install_line_carry_the_one_address(built):
    first = built.student.cells[0].source.split("\n")
    assert first[0] == "# Toy lab"
    assert first[2].endswith("(https://colab.research.google.com/github/ada/course/blob/v1.0/labs/07_toy.ipynb)")
    assert "blob/v1.0/solutions/07_toy.ipynb" in built.solution.cells[0].source
    assert 'address = "git+https://github.com/ada/course@v1.0"' in by_id(built.student)["setup-toy"].source
    assert '"--no-deps"' in by_id(built.student)["setup-toy"].source


def test_colab_gets_a_gpu_and_a_table_of_contents(built):
    assert built.student.metadata["accelerator"] == "GPU"
    assert built.student.metadata["colab"] == {"gpuType": "T4", "provenance": [], "toc_visible": True}


def test_without_an_address_nothing_is_installed_and_there_is_no_badge(toy):
    student = build_lab(toy.write(), Address("OWNER/NAME"), toy.lab).student
    assert "colab" not in student.cells[0].source.lower()
    setup = by_id(student)["setup-toy"].source
    assert "pip" not in setup and "--repo" in setup
    ast.parse(setup)


def test_two_builds_are_the_same_bytes(toy):
    first, second = (build_lab(toy.write(), SOMEWHERE, toy.lab) for _ in range(2))
    assert text_of(first.student) == text_of(second.student)
    assert text_of(first.solution) == text_of(second.solution)


def test_cell_ids_are_unique_and_follow_the_source(toy):
    doubled = toy.source + "\n# %%\n1\n\n# %%\n1\n"
    cells = build_lab(toy.write(doubled), SOMEWHERE, toy.lab).student.cells
    assert len({cell.id for cell in cells}) == len(cells)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell.id) for cell in cells)
    before = {cell.id for cell in build_lab(toy.write(), SOMEWHERE, toy.lab).student.cells}
    changed = {
        cell.id
        for cell in build_lab(
            toy.write(toy.source.replace("An introduction", "A word")), SOMEWHERE, toy.lab
        ).student.cells
    }
    assert len(before - changed) == 1  # only the cell that changed


def test_the_students_notebook_has_no_outputs(built):
    assert all(
        not cell.outputs and cell.execution_count is None for cell in built.student.cells if cell.cell_type == "code"
    )


def test_only_the_solution_asks_for_a_comparison_of_outputs(built):
    tags = [by_id(one)["check-toy-double"].metadata["tags"] for one in (built.student, built.solution)]
    assert tags == [["check"], ["check", "nbval-check-output"]]


def test_markdown_keeps_its_layout(built):
    assert any("- one\n  - two" in cell.source for cell in built.student.cells)


@pytest.mark.parametrize("text", ["no-slash", "a/b/c", "a b/c", "-a/b", 'a/b"; import os'])
def test_an_address_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="OWNER/NAME"):
        Address(text)
