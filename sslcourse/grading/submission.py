"""Grade one student: read the files, choose those that count, judge each answer. A result comes whatever happens."""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from sslcourse.exercises import Lab
from sslcourse.exercises.task import Exercise, WrittenQuestion
from sslcourse.grading import sandbox
from sslcourse.grading.answers import grade_answer, with_references
from sslcourse.grading.collect import Listed
from sslcourse.grading.handed_in import HandedIn
from sslcourse.grading.host import Box, Limits
from sslcourse.grading.intake import Submission
from sslcourse.grading.owners import Student
from sslcourse.grading.reading import Asked, Reading, read_submission
from sslcourse.grading.results import ERROR, MISSING, TO_MARK, ExerciseResult, Grade
from sslcourse.grading.versions import NOTHING, Chosen, choose
from sslcourse.grading.written import Part

MAX_READ = 10  # files of one student; more where the folder may hold several students after all
MAX_READ_UNCERTAIN = 500


@dataclass(frozen=True)
class Terms:
    """What is the same for all students of a run; `lab` is the only lab that counts, None where it is to be found.

    `is_varied`: each student's inputs are drawn from a seed of their own. `deadline` is in seconds since 1970.
    """

    labs: Mapping[str, Lab]
    lab: str | None
    level: str
    limits: Limits
    seed: int
    is_varied: bool = False
    deadline: float | None = None

    def seed_of(self, id: str) -> int:
        """The seed of one student's inputs: the run's, or with `is_varied` one made of it and the student's id.

        >>> Terms({}, None, "unsafe", Limits(), 7).seed_of("101")
        7
        >>> Terms({}, None, "unsafe", Limits(), 7, is_varied=True).seed_of("101")
        4083105398645191343
        """
        if not self.is_varied:
            return self.seed
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{id}".encode("utf-8", "replace")).digest()[:8], "big") >> 2

    @cached_property
    def box_files(self) -> dict[str, Path]:
        """The files of all labs that may be in a box, each in its own lab's."""
        return {inside: source for lab in self.labs.values() for inside, source in lab.box_files.items()}

    @cached_property
    def labs_digest(self) -> str:
        """Stands for what the labs ask and how it is judged: their files as they are now."""
        folders = {next(iter(lab.box_files.values())).parent for lab in self.labs.values()}
        files = sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in (".py", ".md"))
        return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()

    @cached_property
    def asked(self) -> Asked:
        """What is looked for in a notebook."""
        labs = self.labs.items()
        functions = {name: {id: each.task.function for id, each in lab.exercises.items()} for name, lab in labs}
        questions = {name: {id: each.question for id, each in lab.written.items()} for name, lab in labs}
        return Asked(functions, questions, self.lab)


def grade_student(student: Student, terms: Terms) -> tuple[list[Grade], list[Listed]]:
    """A grade for each lab that the student handed in, at least one; and the files that do not count. Never raises."""
    files = sorted(student.notebooks, key=lambda file: (-file.modified, file.parts))
    most = MAX_READ if student.is_certain else MAX_READ_UNCERTAIN
    reason = f"Not looked at: only the {most} newest files of a student are."
    listed = [Listed(file.path, reason) for file in files[most:]]
    try:
        read = [each for file in files[:most] for each in _read(file, terms.asked, listed)]
        chosen, more = choose(student, read, terms.deadline)
    except Exception as error:  # noqa: BLE001 (every student gets a result)
        return [failed(student, error, terms)], listed
    return [_grade(each, terms) for each in chosen], more + listed


def _read(file: HandedIn, asked: Asked, listed: list[Listed]) -> list[tuple[HandedIn, Reading]]:
    """The notebooks of a file, one unless it is an archive; what else is in an archive is listed."""
    if file.problem:
        return [(file, Reading(problem=file.problem))]
    try:
        with file.open() as opened:
            contents = read_submission(opened, asked)
    except OSError as error:
        return [(file, Reading(problem=f"The file cannot be read: {error.strerror or error}."))]
    listed += [Listed(replace(file, inside=inside).path, reason) for inside, reason in contents.others]
    return [(replace(file, inside=reading.inside, changed=reading.changed), reading) for reading in contents.readings]


def _grade(chosen: Chosen, terms: Terms) -> Grade:
    began = time.monotonic()
    reading, source = chosen.reading, chosen.file.path if chosen.file else ""
    grade = Grade(chosen.student, reading.lab or terms.lab or "", source, level=sandbox.SENTENCES[terms.level])
    grade.who = chosen.who
    grade.handed_in, grade.late = chosen.file.modified if chosen.file else 0.0, chosen.late
    grade.notes, grade.problem = list(chosen.notes), reading.problem
    try:
        _grade_answers(grade, reading, terms)
    except Exception as error:  # noqa: BLE001 (every submission gets a result)
        _fail(grade, error, terms)
    if grade.problem:
        _fill_up(grade, terms.labs)
    grade.seconds = time.monotonic() - began
    return grade


def failed(student: Student, error: BaseException, terms: Terms) -> Grade:
    """The grade of a student on whom the grader failed before anything was graded."""
    grade = Grade(student.name, terms.lab or "", "", level=sandbox.SENTENCES[terms.level], who=student.who)
    return _fail(grade, error, terms)


def _fail(grade: Grade, error: BaseException, terms: Terms) -> Grade:
    """The grade with what is said where the grader itself failed."""
    grade.is_grader_error = True
    grade.problem = (
        f"The grader itself failed on this file ({type(error).__name__}: {error}). This is not the student's fault;"
        " keep the file and report it."
    )
    _fill_up(grade, terms.labs)
    return grade


def _grade_answers(grade: Grade, reading: Reading, terms: Terms) -> None:
    submission = reading.submission
    if submission is None:
        return
    lab, seed = terms.labs[reading.lab], terms.seed_of(grade.id)
    grade.title, grade.repairs, grade.findings = lab.title, list(submission.repairs), reading.findings
    with Box(lab.tasks_module, terms.level, terms.limits, terms.box_files) as box:
        for exercise in lab.exercises.values():
            grade.results.append(_guarded(exercise, submission, box, seed, grade))
        grade.results = with_references(lab.exercises, submission, grade.results, box, seed)
    grade.results += [_to_mark(question, reading.written[question.id]) for question in lab.written.values()]


def _guarded(exercise: Exercise, submission: Submission, box: Box, seed: int, grade: Grade) -> ExerciseResult:
    try:
        return grade_answer(exercise, submission, box, seed)
    except Exception as error:  # noqa: BLE001 (one exercise that the grader fails on costs only itself)
        grade.is_grader_error = True
        reason = f"{type(error).__name__}: {error}"
        message = f"The grader itself failed here ({reason}). This is not your fault; tell your teacher."
        task, answer = exercise.task, submission.answers[exercise.task.id]
        code = answer.source if answer else None
        return ExerciseResult(task.id, task.title, 0.0, task.points, ERROR, message, code=code)


def _to_mark(question: WrittenQuestion, answer: tuple[Part, ...]) -> ExerciseResult:
    message = "No answer was written." if not answer else "To be marked by a person."
    return ExerciseResult(
        question.id, question.question, None, question.points, TO_MARK, message, answer=answer, rubric=question.rubric
    )


def settled(grades: Sequence[Grade], labs: Mapping[str, Lab], has_roster: bool) -> list[Grade]:
    """The grades, with rows for what could not be graded where everybody else handed in one lab, and with a roster also
    for each lab that others handed in.
    """
    seen = [name for name in labs if any(grade.lab == name and grade.source for grade in grades)]
    found = [of_lab(grade, seen[0], labs) if not grade.lab and len(seen) == 1 else grade for grade in grades]
    if not has_roster:
        return found
    whole: list[Grade] = []
    for id in dict.fromkeys(grade.id for grade in found):
        own = [grade for grade in found if grade.id == id]
        whole += with_labs(own, seen if own[0].who.is_expected else (), labs)
    return whole


def with_labs(own: Sequence[Grade], wanted: Iterable[str], labs: Mapping[str, Lab]) -> list[Grade]:
    """One student's grades, with one that holds nothing for each of the labs `wanted` that are not among them."""
    missing = [name for name in wanted if name not in {grade.lab for grade in own}]
    if not missing:
        return list(own)
    nothing = replace(own[0], lab="", source="", results=[], repairs=[], notes=[], handed_in=0.0, late="", page=None)
    nothing.problem = own[0].problem if not own[0].source else NOTHING
    nothing.is_grader_error = own[0].is_grader_error and not own[0].source
    empty = [of_lab(nothing, name, labs) for name in missing]
    return [grade for grade in own if grade.lab or grade.source] + empty


def of_lab(grade: Grade, lab: str, labs: Mapping[str, Lab]) -> Grade:
    """The grade of what is not known to be any lab, as one of this lab."""
    filled = replace(grade, lab=lab, results=list(grade.results))
    _fill_up(filled, labs)
    return filled


def _fill_up(grade: Grade, labs: Mapping[str, Lab]) -> None:
    """Rows for everything that could not be graded, so that the gradebook has the same rows for everyone."""
    name = grade.lab if grade.lab in labs else (next(iter(labs)) if len(labs) == 1 else "")
    if not name:
        return
    grade.lab, grade.title = name, labs[name].title
    done = {result.id for result in grade.results}
    status = ERROR if grade.is_grader_error else MISSING
    for id, exercise in labs[name].exercises.items():
        if id not in done:
            task = exercise.task
            grade.results.append(ExerciseResult(id, task.title, 0.0, task.points, status, grade.problem))
    for question in labs[name].written.values():
        if question.id not in done:
            grade.results.append(replace(_to_mark(question, ()), message=grade.problem))
