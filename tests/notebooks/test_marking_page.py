"""A marker's way in a real browser: type points, close the page and find them again, save the table, merge it."""

import csv

import pytest

from sslcourse.exercises import LABS
from sslcourse.grading.host import Limits
from sslcourse.grading.marking import merge_files, write_page
from sslcourse.grading.owners import Student
from sslcourse.grading.records import Record
from sslcourse.grading.report import Book
from sslcourse.grading.results import ExerciseResult, Grade
from sslcourse.grading.submission import Terms
from sslcourse.grading.written import Part

QUESTION = LABS["contrastive"].written["contrastive.why_negatives"]
SCRIPT = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\"> $x^2$"
OF = "document.querySelector('article[data-student=\"{}\"] {}')"


@pytest.fixture
def out(tmp_path):
    """A run of two students whose answers wait."""
    folder, students = tmp_path / "out", [Student("ada"), Student("bob")]
    book = Book(folder, Terms(LABS, None, "unsafe", Limits(), 7), students, [])
    for number, student in enumerate(students):
        parts = (Part("text", SCRIPT),)
        result = ExerciseResult(QUESTION.id, QUESTION.question, None, 4.0, "to_mark", "", answer=parts)
        book.add(number, Record("", [Grade(student.name, "contrastive", "a.ipynb", [result])], []))
    book.close(True)
    return folder


@pytest.mark.browser
@pytest.mark.slow
def test_what_is_typed_is_kept_saved_and_merged(devtools, out, tmp_path, build):
    address = write_page(out, LABS).as_uri()
    with devtools.Page(tmp_path / "profile", 1366, 900) as page:

        def type_into(student, field, text):
            page.evaluate(f"{OF.format(student, field)}.focus(); {OF.format(student, field)}.select()")
            page.call("Input.insertText", text=text)

        def value(student, field="input"):
            return page.evaluate(f"{OF.format(student, field)}.value")

        def text_of(id):
            return page.evaluate(f"document.getElementById('{id}').textContent")

        page.open(address)
        assert page.evaluate("document.title") == "Marking"
        assert page.evaluate("document.querySelectorAll('article msup').length") == 2
        type_into("ada", "input", "3,5")
        type_into("ada", "textarea", "Good; but =why?")
        type_into("bob", "input", "5")
        assert text_of("count") == "1 of 2 marked"
        assert page.evaluate(f"{OF.format('bob', 'input')}.ariaInvalid") == "true"
        page.open("about:blank")
        page.open(address)
        assert (value("ada"), value("ada", "textarea"), value("bob")) == ("3,5", "Good; but =why?", "5")
        type_into("bob", "input", "2")
        page.screenshot(build / "marking.png")

        page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "saved"))
        page.evaluate("document.getElementById('save').click()")
        [file] = devtools.wait_for("the table", lambda: [*(tmp_path / "saved").glob("marking-*.csv")])
        assert file.name in text_of("saved")
        assert merge_files(out, [file], LABS) == (2, [])
        with open(out / "marks.csv", encoding="utf-8-sig") as table:
            rows = {row["student"]: row for row in csv.DictReader(table)}
        assert (rows["ada"]["points"], rows["ada"]["comment"]) == ("3.5", "Good; but =why?")

        write_page(out, LABS)
        page.open(address)
        assert (value("ada"), text_of("save"), text_of("count")) == ("3.5", "Save 0 new marks (CSV)", "2 of 2 marked")
        type_into("ada", "input", "4")
        other = tmp_path / "other.csv"
        other.write_text(f"student,question,points\nada,{QUESTION.id},1\n")
        merge_files(out, [other], LABS)
        write_page(out, LABS)
        page.open(address)
        assert value("ada") == "1"  # what another marker gave; one's own is offered
        page.evaluate(f"{OF.format('ada', '.draft button')}.click()")
        assert (value("ada"), text_of("save")) == ("4", "Save 1 new mark (CSV)")
