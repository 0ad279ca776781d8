"""What a run writes, and what it keeps."""

import json
from dataclasses import replace

from toy_lab import LAB

from sslcourse.grading.collect import Listed
from sslcourse.grading.handed_in import HandedIn
from sslcourse.grading.host import Limits
from sslcourse.grading.owners import Student
from sslcourse.grading.records import Record, better, read_record, write_record
from sslcourse.grading.report import Book
from sslcourse.grading.results import ExerciseResult, Grade
from sslcourse.grading.roster import Who
from sslcourse.grading.submission import Terms, grade_student
from sslcourse.grading.written import Part

PICTURE = Part("picture", "data:image/png;base64,iVBORw0KGgo=")


def grade(student, status="passed", **more):
    points = 2.0 if status == "passed" else 0.0
    results = [
        ExerciseResult("toy.x", "X", points, 2.0, status, "Said."),
        ExerciseResult("toy.why", "Why?", None, 2.0, "to_mark", "", answer=(Part("text", "<b>"), PICTURE)),
    ]
    return Grade(student, "toy", f"{student}.ipynb", results, level="in a box", **more)


def test_results_are_written_as_they_come(tmp_path):
    students = [Student(name) for name in ("Ada", "ada", "bob")]
    book = Book(tmp_path, Terms({}, None, "unsafe", Limits(), 7), students, [Listed("x.csv", "Not a notebook.")])
    assert json.loads((tmp_path / "run.json").read_text())["seed"] == 7
    book.add(2, Record("", [grade("bob")], []))
    assert PICTURE.content in (tmp_path / "feedback" / "bob.html").read_text()
    assert (tmp_path / "gradescope" / "bob.json").exists()
    book.add(0, Record("", [grade("Ada")], [Listed("a/old.ipynb", "Another version.")]))
    book.add(1, Record("", [grade("ada", notes=["You handed in 2 versions."])], []))
    book.close(is_finished=True)
    assert [each.student for each in book.grades] == ["Ada", "ada", "bob"]
    assert len({path.name.lower() for path in (tmp_path / "feedback").iterdir()}) == 3
    index = (tmp_path / "index.html").read_text()
    assert "a/old.ipynb" in index
    assert "x.csv" in index
    assert PICTURE.content not in repr(book.grades)  # or a class would not fit into memory
    assert "2 versions" in book.grades[1].page.read_text()


def test_the_page_of_a_refused_file_says_only_why(tmp_path):
    terms = Terms({"toy": LAB}, "toy", "unsafe", Limits(), 7)
    student = Student("ada", notebooks=[HandedIn(tmp_path, ("ada.ipynb",), problem="It is a link.")])
    book = Book(tmp_path, terms, [student], [])
    book.add(0, Record("", *grade_student(student, terms)))
    page = book.grades[0].page.read_text()
    assert "It is a link." in page
    assert not any(of_exercises in page for of_exercises in ("<table", "<section", "No answer was written"))


def test_a_student_of_two_labs_has_two_pages(tmp_path):
    book = Book(tmp_path, Terms({}, None, "unsafe", Limits(), 7), [Student("ada")], [])
    second = grade("ada")
    second.lab = "other"
    book.add(0, Record("", [grade("ada"), second], []))
    assert sorted(path.name for path in (tmp_path / "feedback").iterdir()) == ["ada--other.html", "ada--toy.html"]


def test_only_what_was_cut_short_is_taken_from_the_second_time():
    def alone(first, again):
        [found] = better(Record("", [first], []), Record("", [again], [], was_alone=True)).grades
        return found

    for status in ("timeout", "memory", "killed"):
        taken = alone(grade("ada", status), grade("ada"))
        assert taken.points == 2.0
        assert "once more, alone" in taken.results[0].repairs[0]
    assert alone(grade("ada", "failed"), grade("ada")).points == 0.0
    assert alone(grade("ada", "error", is_grader_error=True), grade("ada")).points == 2.0


def test_a_record_is_read_as_it_was_written(tmp_path):
    record = Record("key", [grade("ada", "timeout", who=Who("101"))], [Listed("x.csv", "Not a notebook.")])
    write_record(tmp_path / "ada.json", record)
    assert read_record(tmp_path / "ada.json") == record
    assert record.is_cut_short and not replace(record, was_alone=True).is_cut_short
    (tmp_path / "ada.json").write_text('{"key": "key", "grades": 3}')
    assert read_record(tmp_path / "ada.json") is None
