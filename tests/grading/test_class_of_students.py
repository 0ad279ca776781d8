"""A class with a roster, graded by the command: everybody has a row, and the tables say what each system wants."""

import csv
import json
import os

import pytest
from toy_lab import LAB, cells_of, notebook, zipped

from sslcourse.exercises import LABS, find
from sslcourse.exercises.judge import attempt, case_inputs
from sslcourse.grading.host import Limits
from sslcourse.grading.roster import Person, Roster
from sslcourse.grading.run import grade_paths
from sslcourse.grading.submission import Terms, settled

CLASS = Roster(
    [
        Person("101", "Ada Lovelace", "ada@uni.example", "A"),
        Person("102", "علی رضایی", "ali@uni.example", "A"),
        Person("103", "Grace Hopper", "gh@uni.example", "B"),
        Person("104", "Kim", "kim@uni.example", "B"),
    ]
)
HALF = {"toy.double": "def double(x):\n    return x"}


def rows(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def graded(tmp_path_factory, level):
    root = tmp_path_factory.mktemp("handed-in")
    for name, content, time in (
        ("Ada Lovelace_11_assignsubmission_file_/old.ipynb", notebook(*cells_of({})), 900),
        ("Ada Lovelace_11_assignsubmission_file_/new.ipynb", notebook(*cells_of(HALF)), 3000),
        ("علی رضایی_12_assignsubmission_file_/lab.ipynb", notebook(*cells_of({})), 3000),
        (
            "Eve_13_assignsubmission_file_/work.zip",
            zipped(**{"a/lab.ipynb": notebook(*cells_of({})), "b.txt": ""}),
            900,
        ),
        ("Grace Hopper_14_assignsubmission_file_/lab.pdf", b"%PDF", 900),
        ("old-run/run.json", "{}", 900),
        ("old-run/grades.csv", "", 900),
        ("old-run/index.html", "", 900),
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(root / name, (time, time))
    out = tmp_path_factory.mktemp("out")
    (out / "run.json").write_text('{"seed": 1}')
    (out / "notes.txt").write_text("mine")
    (out / "feedback").mkdir()
    (out / "feedback" / "of-an-earlier-run.html").write_text("")
    options = {"labs": {"toy": LAB}, "limits": Limits(seconds=10.0, memory=300 * 2**20), "progress": False}
    grades = grade_paths([root], out, roster=CLASS, deadline=1000.0, variants=True, seed=7, **options)
    return {grade.id: grade for grade in grades}, out


@pytest.mark.slow
def test_everybody_has_rows_of_their_own(graded):
    grades, out = graded
    assert {id: grade.points for id, grade in grades.items()} == {"101": 6, "102": 6, "103": 0, "104": 0, "13": 6}
    assert (grades["101"].late, grades["102"].late) == ("", "34 min")
    table = rows(out / "grades.csv")
    assert len(table) == 4 * 5
    late = {row["id"]: (row["late"], row["file"]) for row in table}
    assert late["101"] == ("", "Ada Lovelace_11_assignsubmission_file_/old.ipynb")
    assert late["102"][0] == "34 min"
    assert late["13"][1].endswith("work.zip/a/lab.ipynb")
    said = {row["id"]: row["notes"] for row in rows(out / "students.csv")}
    assert "no notebook among" in said["103"]
    assert said["104"] == "No hand-in was found."
    assert "Not on the roster." in said["13"]
    assert "no points were taken off" in said["102"]
    files = {row["file"]: row["what became of it"] for row in rows(out / "files.csv")}
    assert files["Ada Lovelace_11_assignsubmission_file_/new.ipynb"].startswith("Handed in after the deadline")
    assert files["Eve_13_assignsubmission_file_/work.zip/b.txt"] == "Not a notebook."
    assert files["old-run"] == "What an earlier run of this grader wrote."
    assert (out / "grades.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.slow
def test_pages_are_named_by_id_and_the_old_ones_are_gone(graded):
    _, out = graded
    assert {path.stem for path in (out / "feedback").iterdir()} == {"101", "102", "103", "104", "13"}
    record = json.loads((out / "run.json").read_text())
    assert (record["removed"], record["left"]) == (["of-an-earlier-run"], ["notes.txt"])
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.slow
def test_other_systems_get_the_students_of_the_roster(graded):
    _, out = graded
    canvas = rows(out / "exports" / "canvas.csv")
    assert list(canvas[0])[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert canvas[0]["Toys"] == "8"
    assert {row["SIS User ID"]: row["Toys"] for row in canvas[1:]} == {"101": "6", "102": "6", "103": "", "104": ""}
    moodle = {row["ID number"]: row for row in rows(out / "exports" / "moodle-toy.csv")}
    assert moodle.keys() == {"101", "102", "103", "104"}
    assert (moodle["101"]["Identifier"], moodle["101"]["Grade"]) == ("Participant 11", "6")


@pytest.mark.slow
def test_each_student_s_seed_is_on_record(graded):
    _, out = graded
    graded_as = {each["id"]: each["seed"] for each in json.loads((out / "run.json").read_text())["graded"]}
    terms = Terms({}, None, "unsafe", Limits(), 7, is_varied=True)
    assert graded_as["101"] == terms.seed_of("101") != graded_as["102"]


def test_a_row_for_each_lab_that_others_handed_in():
    from test_report import grade as graded_one

    first, second = graded_one("ada"), graded_one("bob")
    first.lab = "contrastive"
    both = settled([first, second], {"contrastive": LABS["contrastive"], "toy": LAB}, has_roster=True)
    assert {(grade.student, grade.lab) for grade in both} == {
        (name, lab) for name in ("ada", "bob") for lab in ("contrastive", "toy")
    }
    assert [grade.problem for grade in both].count("No hand-in was found.") == 2
    first.is_grader_error = True
    again = settled([first, second], {"contrastive": LABS["contrastive"], "toy": LAB}, has_roster=True)
    assert sum(grade.is_grader_error for grade in again) == 1  # and not on the lab that was not handed in
    assert settled([first, second], {"contrastive": LABS["contrastive"], "toy": LAB}, has_roster=False) == [
        first,
        second,
    ]


@pytest.mark.parametrize("id", ["contrastive.nt_xent", "byol.loss", "removal.keep", "pixels.psnr"])
def test_variants_are_of_one_difficulty_and_a_copied_number_is_worth_nothing(id):
    """Cases, sizes and ranges are the same for all; every right answer passes, every wrong one loses as much."""
    exercise = find(id)
    seeds = [
        Terms({}, None, "unsafe", Limits(), 7, is_varied=True).seed_of(student) for student in ("101", "102", "ada")
    ]
    for answer in (exercise.reference, *exercise.variants):
        assert {attempt(exercise, answer, seed).points for seed in seeds} == {exercise.task.points}
    for answer in exercise.wrong:
        assert len({attempt(exercise, answer, seed).points for seed in seeds}) == 1, answer.__name__
    drawn = [repr([case_inputs(exercise.task, case, seed) for case in exercise.task.cases]) for seed in seeds]
    assert len(set(drawn)) == len(seeds)
