"""Marks of a person: into every file of a run, kept when it is graded again, and refused where anything is wrong."""

import csv
import json

import pytest
from toy_lab import LAB, QUESTION

from sslcourse.grading.host import Limits
from sslcourse.grading.marking import give, merge_files, read_codes, write_codes, write_page
from sslcourse.grading.marks import NO_ANSWER, BadMarks, Mark, not_given, read_marks, with_marks
from sslcourse.grading.owners import Student
from sslcourse.grading.records import Record
from sslcourse.grading.report import Book
from sslcourse.grading.results import ExerciseResult, Grade
from sslcourse.grading.roster import Person, Roster, Who
from sslcourse.grading.submission import Terms, grade_student
from sslcourse.grading.written import Part

LABS = {"toy": LAB}
CLASS = {"ada": "It is *linear*.", "bob": "<script>alert(1)</script>", "=cmd()": "Both.", "dan": ""}
HEAD = "student,question,points,comment,answer,before\n"


@pytest.fixture
def out(tmp_path):
    return graded(tmp_path / "out", CLASS)


def graded(out, answers, code="def double(x): ...", people=()):
    """The folder of a run, as if these answers had been handed in, and nothing by the `people` of the roster."""
    students = [Student(name, who=Who(name)) for name in sorted(answers)]
    absent = [Student(person.id, True, who=Who(person.id, person.name)) for person in people]
    book = Book(out, Terms(LABS, None, "unsafe", Limits(), 7), [*students, *absent], [], Roster(people))
    for number, student in enumerate(absent, len(students)):
        book.add(number, Record("", *grade_student(student, book.terms)))
    for number, student in enumerate(students):
        text = answers[student.name]
        parts = (Part("text", text),) if text else ()
        results = [
            ExerciseResult("toy.double", "Double", 0.0, 2.0, "failed", "Wrong.", hint="Wrong.", code=code),
            ExerciseResult(QUESTION.id, "Why?", None, 2.0, "to_mark", "", answer=parts, rubric=QUESTION.rubric),
        ]
        grade = Grade(student.name, "toy", f"{student.name}.ipynb", results, title="Toy", level="x", who=student.who)
        book.add(number, Record("", [grade], []))
    book.close(True)
    return out


def merged(out, text, encoding="utf-8"):
    file = out.parent / "marking.csv"
    file.write_bytes(text.encode(encoding))
    new, changed = merge_files(out, [file], LABS)
    return new + len(changed)


def row(out, student, question=QUESTION.id):
    with open(out / "grades.csv", encoding="utf-8-sig", newline="") as file:
        return next(row for row in csv.DictReader(file) if (row["student"], row["exercise"]) == (student, question))


def everything(out):
    left_out = ("times.json", ".lock")
    return {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name not in left_out}


def page_of(out, student):
    return (out / "feedback" / f"{student}.html").read_text(encoding="utf-8")


def test_a_mark_goes_into_gradebook_page_and_exports(out):
    assert "Names additivity." not in page_of(out, "ada")
    assert merged(out, f'{HEAD}ada,{QUESTION.id},1.5,"Say **why**\nin $x$",,\n') == 1
    assert (row(out, "ada")["points"], row(out, "ada")["status"]) == ("1.5", "marked")
    assert row(out, "bob")["status"] == "to_mark"
    page = page_of(out, "ada")
    for shown in ("1.5<span> of 4 points", "Names additivity.", "<strong>why</strong>", "<mi>x</mi>", "1.5 of 2"):
        assert shown in page
    assert "Names additivity." not in page_of(out, "bob")
    exported = json.loads((out / "gradescope" / "ada.json").read_text())
    assert (exported["score"], exported["tests"][1]["score"]) == (1.5, 1.5)
    assert "<strong>1.5</strong> of 4" in (out / "index.html").read_text()


def test_grading_again_keeps_marks_but_not_for_another_answer(out):
    merged(out, f"{HEAD}ada,{QUESTION.id},1.5,Good,,\nbob,{QUESTION.id},1,,,\n")
    graded(out, CLASS | {"bob": "Now I know."})
    assert row(out, "ada")["points"] == "1.5"
    assert (row(out, "bob")["points"], row(out, "bob")["status"]) == ("", "to_mark")
    assert "It had 1 points" in write_page(out, LABS).read_text()
    graded(out, CLASS)
    assert row(out, "bob")["points"] == "1"
    assert not_given(read_marks(out), []) == ["ada", "bob"]


def test_what_merge_writes_is_what_grading_writes(out):
    merged(out, f"{HEAD}ada,{QUESTION.id},2,,,\n")
    before = everything(out)
    graded(out, CLASS)
    assert everything(out) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eve,toy.why,1,,,", "eve toy.why: nobody of that name is in this run"),
        ("ada,toy.how,1,,,", "there is no such question; there are toy.double, toy.why"),
        ("ada,toy.why,2.5,,,", "2.5 points, but the question has 0 to 2"),
        ("ada,toy.why,-1,,,", "0 to 2"),
        ("ada,toy.why,nan,,,", "'nan' is not a number"),
        ("ada,toy.why,03. May,,,", "'03. May' is not a number"),
        ("ada,toy.why,1,,a0123456789a,", "the answer has changed since it was marked"),
        ("ada,toy.why,1,,,\nada,toy.why,2,,,", "marked twice, with 1 and with 2 points"),
        ("bob,toy.why,2,,,", "has been given 1 points by another file since this page was made, here 2"),
        ("ada,toy.why,1,,,,more", "more cells than columns"),
    ],
)
def test_a_bad_file_is_refused_whole(out, text, said):
    merged(out, f"{HEAD}bob,{QUESTION.id},1,,,\n")
    before = everything(out)
    with pytest.raises(BadMarks) as refused:
        merged(out, f"{HEAD}=cmd(),toy.why,2,,,\n{text}\n")
    assert said in str(refused.value)
    assert "line 3" in str(refused.value) or "twice" in said
    assert everything(out) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column student"),
        (b"name,points\nada,1\n", "its first line says: name, points"),
        ("student,question,points\nZo\xeb,toy.why,1\n".encode("latin-1"), "CSV UTF-8"),
        (b"student,question,points\nada,toy.why," + b"1" * 200_000, "not a table"),
    ],
)
def test_what_is_no_table_of_marks_is_named(out, content, said):
    file = out / "bad.csv"
    file.write_bytes(content)
    with pytest.raises(BadMarks, match=said):
        merge_files(out, [file], LABS)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("student;question;points;comment\r\nada;toy.why;1,5;gut\r\n'=cmd();toy.why;2;'-1 for haste\r\n", "utf-8-sig"),
        ("Student\tQuestion\tPoints\tComment\nada\ttoy.why\t1.5\tgut\n=cmd()\ttoy.why\t2\t'-1 for haste\n", "utf-16"),
        (
            "sep=;\nstudent;question;points;comment\nada;toy.why;1.5;gut\n\n=cmd();toy.why;2;-1 for haste\n;;;\n",
            "utf-8",
        ),
    ],
)
def test_tables_as_spreadsheets_write_them(out, text, encoding):
    assert merged(out, text, encoding) == 2
    assert (row(out, "ada")["points"], row(out, "ada")["message"]) == ("1.5", "gut")
    assert row(out, "'=cmd()")["points"] == "2"
    assert "-1 for haste" in page_of(out, "cmd")
    assert "'-1 for haste" in (out / "marks.csv").read_text()  # no spreadsheet calculates it
    assert merged(out, (out / "marks.csv").read_text(encoding="utf-8-sig")) == 0


def test_a_marker_may_change_what_the_page_showed(out):
    merged(out, f"{HEAD}ada,toy.why,1,,,\n")
    assert merged(out, f"{HEAD}ada,toy.why,2,,,1\n") == 1
    assert row(out, "ada")["points"] == "2"


def test_the_page_has_every_answer_and_no_script_but_its_own(out):
    page = write_page(out, LABS).read_text()
    assert page.count("<article") == 4
    assert "Nothing was written: 1" in page
    assert "Because." in page  # the model answer
    assert "<em>linear</em>" in page
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(1)" in page


def test_an_anonymous_page_names_nobody_and_its_file_finds_them(out):
    page = write_page(out, LABS, is_anonymous=True).read_text()
    assert not any(name in page for name in ("ada", "bob", "cmd()"))
    with open(out / "codes.csv", encoding="utf-8-sig") as file:
        codes = dict(csv.reader(file))
    assert f'data-student="{codes["ada"]}"' in page
    merged(out, f"{HEAD}{codes['ada']},toy.why,2,,,\n")
    assert row(out, "ada")["points"] == "2"
    graded(out, CLASS | {"new": "Me, too."})
    write_page(out, LABS, is_anonymous=True)
    with open(out / "codes.csv", encoding="utf-8-sig") as file:
        assert dict(csv.reader(file)).items() >= codes.items()


def test_no_code_s_student_is_a_formula(tmp_path):
    codes = {"=1+1": "BCDFG", "'=1": "HJKLM", "ada": "NPQRS"}
    write_codes(tmp_path, codes)
    assert not any(line.startswith("=") for line in (tmp_path / "codes.csv").read_text("utf-8-sig").splitlines())
    (tmp_path / "records").mkdir()
    assert read_codes(tmp_path) == codes


APPEAL = "The hint was untrue."


def test_a_person_s_points_take_the_place_of_the_grader_s_and_outlive_grading_again(out):
    with pytest.raises(BadMarks, match="ada toy.double: the grader gives points for this one"):
        merged(out, f"{HEAD}ada,toy.double,2,,,\n")
    assert give(out, "ada", "toy.double", "1,5", APPEAL, LABS) == (1, [])
    for _ in range(2):
        changed = row(out, "ada", "toy.double")
        assert (changed["points"], changed["status"]) == ("1.5", "by_hand")
        assert "gave 1.5 points here, and the grader 0. The hint was untrue." in changed["message"]
        page = page_of(out, "ada")
        assert APPEAL in page and "1.5<span> of 4 points" in page and "Hint." not in page
        test = json.loads((out / "gradescope" / "ada.json").read_text())["tests"][0]
        assert (test["score"], "status" in test) == (1.5, False)
        assert f"double: 1.5 of 2 ({changed['message']})" in (out / "exports" / "moodle-toy.csv").read_text("utf-8-sig")
        assert "by hand" in (out / "index.html").read_text()
        assert (row(out, "bob", "toy.double")["points"], row(out, "ada")["status"]) == ("0", "to_mark")
        graded(out, CLASS)
    assert not_given(read_marks(out), []) == ["ada"]
    graded(out, CLASS, code="def double(x): return x")
    again = row(out, "ada", "toy.double")
    assert (again["points"], again["status"]) == ("0", "failed")
    assert "[look by hand] A person had given 1.5 points; the answer has changed since" in again["message"]


def test_a_mark_is_taken_back_with_its_line(out):
    merged(out, f"{HEAD}bob,toy.why,1,,,\ndan,toy.double,1,By word of mouth.,,\n")
    graded(out, {"ada": CLASS["ada"], "bob": "Another."})  # marks of bob and dan are kept, and stay when it is merged
    merge_files(out, [], LABS)
    before = everything(out)
    with pytest.raises(ValueError, match="the points are empty"):
        give(out, "ada", "toy.double", "", APPEAL, LABS)
    give(out, "ada", "toy.double", "2", APPEAL, LABS)
    lines = (out / "marks.csv").read_text("utf-8-sig").splitlines()
    (out / "marks.csv").write_text("\n".join(line for line in lines if APPEAL not in line))
    merge_files(out, [out / "marks.csv"], LABS)
    assert everything(out).items() >= before.items()
    assert read_marks(out).keys() == {("bob", "toy.why"), ("dan", "toy.double")}


def test_marks_for_a_lab_of_before_do_not_bring_it_into_another_run():
    other = Grade("ada", "other", "ada.ipynb", who=Who("ada"))
    for answer, labs in (("a0123456789a", ["other"]), (NO_ANSWER, ["other", "toy"])):
        found = with_marks([other], {("ada", "toy.why"): Mark(1.5, answer=answer)}, LABS)
        assert [grade.lab for grade in found] == labs


def test_who_handed_in_nothing_can_be_given_points(tmp_path):
    out, people = tmp_path / "out", [Person("104", "Kim"), Person("105", "Lee")]
    graded(out, CLASS, people=people)
    assert merged(out, f"{HEAD}104,toy.why,1,By word of mouth.,,\nKim,toy.double,2,At the blackboard.,,\n") == 2
    for _ in range(2):
        assert (row(out, "104")["points"], row(out, "104", "toy.double")["points"]) == ("1", "2")
        assert row(out, "105")["status"] == "to_mark"
        assert "By word of mouth." in page_of(out, "104") and "3<span> of 8 points" in page_of(out, "104")
        with open(out / "exports" / "canvas.csv", encoding="utf-8-sig") as file:
            points = {line["SIS User ID"]: list(line.values())[-1] for line in csv.DictReader(file)}
        assert (points["104"], points["105"]) == ("3", "")
        graded(out, CLASS, people=people)


def test_what_a_file_changes_is_said(out):
    file = out.parent / "marks.csv"
    merged(out, f"{HEAD}ada,toy.why,1,,,\nbob,toy.why,1,,,\n")
    file.write_text(f"{HEAD}ada,toy.why,2,,,1\nbob,toy.why,1,Good.,,\n=cmd(),toy.why,2,,,\n")
    assert merge_files(out, [file], LABS) == (
        1,
        ["ada toy.why: 1 -> 2 points", "bob toy.why: 1 points (another comment)"],
    )
    assert merge_files(out, [file], LABS) == (0, [])


def test_a_name_that_two_have_is_not_nobody_s(tmp_path):
    out = tmp_path / "out"
    graded(out, CLASS, people=[Person("104", "Kim"), Person("105", "Kim")])
    with pytest.raises(BadMarks, match="Kim toy.why: 2 students have that name: write the id of one of them, 104 or 1"):
        merged(out, f"{HEAD}Kim,toy.why,1,,,\n")


def test_an_id_without_its_zeros_is_one_student_s_or_refused(tmp_path):
    one, two = (graded(tmp_path / name, ids) for name, ids in (("one", {"007": "A"}), ("two", {"07": "A", "007": "B"})))
    assert merged(one, f"{HEAD}7,toy.why,1,,,\n") == 1
    with pytest.raises(BadMarks, match="7 toy.why: 2 students have that name"):
        merged(two, f"{HEAD}7,toy.why,1,,,\n")
    for out in (one, graded(tmp_path / "zero", {"0": "A"})):
        with pytest.raises(BadMarks, match="nobody of that name"):
            merged(out, f"{HEAD},toy.why,1,,,\n")


def test_a_folder_of_something_else_is_named(tmp_path):
    for call in (lambda: write_page(tmp_path, LABS), lambda: merge_files(tmp_path, [], LABS)):
        with pytest.raises(ValueError, match="is not what `sslcourse grade --out` wrote"):
            call()
