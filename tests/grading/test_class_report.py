"""The page on a class, and the questions for a talk."""

from toy_lab import LAB, QUESTION, RIGHT

from sslcourse.exercises import LABS
from sslcourse.grading.class_report import write_class_report
from sslcourse.grading.host import Limits
from sslcourse.grading.outputs import Finding
from sslcourse.grading.owners import Student
from sslcourse.grading.records import Record
from sslcourse.grading.report import Book
from sslcourse.grading.results import ExerciseResult, Grade
from sslcourse.grading.spoken import spoken_questions, write_spoken
from sslcourse.grading.submission import Terms
from sslcourse.grading.written import Part


def grade(student, points, misconception=None):
    status = "passed" if points == 2.0 else "failed"
    made = {"code": RIGHT["toy.double"], "function": "double", "misconception": misconception}
    results = [
        ExerciseResult("toy.double", "Double", points, 2.0, status, "Said.", **made),
        ExerciseResult(QUESTION.id, "Why?", None, 2.0, "to_mark", "", answer=(Part("text", "It is."),)),
    ]
    return Grade(student, "toy", "a.ipynb", results, title="Toy")


def test_the_class_page_says_what_came_out(tmp_path):
    grades = [grade("a<b>", 2.0), grade("bob", 0.0, "gives x back"), grade("cem", 0.0, "gives x back")]
    grades.append(Grade("dan", "toy", "", [], title="Toy", problem="The folder is empty."))
    terms = Terms({"toy": LAB}, None, "unsafe", Limits(), 7)
    book = Book(tmp_path, terms, [Student(each.student) for each in grades], [])
    for number, each in enumerate(grades):
        book.add(number, Record("", [each], []))
    book.close(True)
    page = write_class_report(tmp_path, {"toy": LAB}).read_text()
    for said in ("3 hand-ins, of 4 points: mean 0.7, median 0", "1 more handed in nothing", "1 of 3", "2 of 3"):
        assert said in page
    assert "gives x back" in page
    assert "You gave <code>x</code> back" in page
    assert "3 written answers still to be marked" in page
    assert "Hand-ins by points: 2 from 0 to 0.4, 1 from 2 to 2.4" in page
    spoken = write_spoken(tmp_path, {"toy": LAB}).read_text()
    assert "a&lt;b&gt;" in spoken
    assert "dan" not in spoken


def finding(name, **more):
    options = (("a", "it rises"), ("b", "it stays"), ("c", "it falls"))
    return Finding(f"{name} 0.3 to 0.5", id=f"contrastive.{name}", question=f"{name}?", options=options, **more)


def test_what_went_otherwise_than_predicted_is_asked_first():
    lab = LABS["contrastive"]
    findings = [
        finding("overlap", predicted="it rises", came_out="it rises"),
        finding("alignment", predicted="it falls", came_out="it rises", charts=("Line chart of alignment.",)),
    ]
    first, second, third = spoken_questions(Grade("ada", "contrastive", "", [own("nt_xent")], findings=findings), lab)
    assert "You predicted “it falls”, and “it rises” came out" in first.question
    assert (first.about, first.expected) == (
        "Measured: alignment 0.3 to 0.5; Line chart of alignment.",
        lab.lessons["contrastive.alignment"][1],
    )
    assert "and so it came out" in second.question
    assert "Your `nt_xent` is right" in third.question
    assert third.expected


def test_a_lesson_is_not_given_for_what_came_out_otherwise():
    lab = LABS["contrastive"]
    other = finding("alignment", predicted="it falls", came_out="it falls")
    [question] = spoken_questions(Grade("ada", "contrastive", "", [], findings=[other]), lab)
    assert question.expected.startswith("This run came out otherwise than most")
    smoke = finding("alignment", is_judged=False)
    [question] = spoken_questions(Grade("ada", "contrastive", "", [], findings=[smoke]), lab)
    assert question.expected.startswith("These numbers are from a run too short")


def test_without_outputs_all_questions_are_on_the_code():
    results = [own("views", 2.0), own("nt_xent", 1.0), own("collapse", 2.0), own("shortcut", 2.0)]
    questions = spoken_questions(Grade("ada", "contrastive", "", results), LABS["contrastive"])
    assert len(questions) == 3
    assert "Take us through your `nt_xent`" in questions[0].question


def own(name, points=2.0):
    id = f"contrastive.{name}"
    status = "passed" if points == 2.0 else "failed"
    return ExerciseResult(
        id, name, points, 2.0, status, "Said.", code="x", function=LABS["contrastive"].tasks[id].function
    )
