"""A folder of submitted notebooks in, a gradebook and a feedback page for each out.

Every submission gets a grade whatever it holds, also when the grader itself fails on it; none can change another's.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from sslcourse.exercises import LABS, Lab
from sslcourse.exercises.task import Exercise, WrittenQuestion
from sslcourse.grading import report, sandbox
from sslcourse.grading.answers import grade_answer, with_references
from sslcourse.grading.cells import Unreadable
from sslcourse.grading.host import Box, Limits
from sslcourse.grading.intake import Submission
from sslcourse.grading.reading import Asked, read_submission
from sslcourse.grading.results import ERROR, MISSING, TO_MARK, ExerciseResult, Grade
from sslcourse.grading.written import Part

SKIPPED_FOLDERS = {".ipynb_checkpoints", "__MACOSX", ".git"}


def grade_paths(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    lab: str | None = None,
    jobs: int = 1,
    limits: Limits | None = None,
    unsafe: bool = False,
    seed: int | None = None,
    progress: bool = True,
    labs: Mapping[str, Lab] | None = None,
) -> list[Grade]:
    """Grade every notebook of `paths` (files, or folders that are searched) and write everything below `out`.

    `lab` says which lab they are, where that is not to be found out; `jobs` submissions run side by side.
    All get the same inputs, drawn from `seed`, which is secret and random unless given.
    Raises `sandbox.NoSandbox` where there is none and `unsafe` is not given, ValueError for an unknown lab.
    """
    known = dict(labs if labs is not None else LABS)
    if lab is not None and lab not in known:
        raise ValueError(f"there is no lab {lab!r}; choose from {', '.join(known)}")
    level = sandbox.level(unsafe)
    Path(out).mkdir(parents=True, exist_ok=True)  # before the work, so that a refusal comes at once
    seed = secrets.randbits(62) if seed is None else seed
    files = find_submissions(paths)
    names = student_names(files)

    def grade_one(item: tuple[Path, str]) -> Grade:
        return grade_submission(item[0], item[1], known, lab, level, limits or Limits(), seed)

    grades: list[Grade] = []
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        graded = pool.map(grade_one, zip(files, names))
        bar = tqdm(graded, total=len(files), desc="grading", unit="notebook", disable=not progress, file=sys.stdout)
        grades.extend(bar)  # one by one: what is there when it is interrupted stays
    finally:  # interrupted with Ctrl-C, what is done is written all the same
        pool.shutdown(cancel_futures=True)
        report.write_all(grades, Path(out))
    return grades


def find_submissions(paths: Iterable[str | Path]) -> list[Path]:
    """The files to grade. A folder stands for the notebooks below it; one without any for itself, as missing."""
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(
            file for file in path.rglob("*.ipynb") if not SKIPPED_FOLDERS & set(file.relative_to(path).parts[:-1])
        )
        found += inside or [path]
        for folder in sorted(entry for entry in path.iterdir() if entry.is_dir() and entry.name not in SKIPPED_FOLDERS):
            if inside and not any(file.is_relative_to(folder) for file in inside):
                found.append(folder)  # a student whose folder has no notebook must not silently drop out
    return list(dict.fromkeys(found))


def student_names(files: Sequence[Path]) -> list[str]:
    """A name for each file, all different: its stem, or its folder's name where several files have that stem.

    >>> student_names([Path("a/lab.ipynb"), Path("b/lab.ipynb"), Path("c/eve.ipynb")])
    ['a', 'b', 'eve']
    """
    stems = [file.stem if file.suffix else file.name for file in files]
    names = [file.absolute().parent.name if stems.count(stem) > 1 else stem for file, stem in zip(files, stems)]
    unique: list[str] = []
    for name, stem in zip(names, stems):
        name = name if names.count(name) == 1 else f"{name}-{stem}"
        candidate, count = name, 1
        while candidate in unique:
            count += 1
            candidate = f"{name} ({count})"
        unique.append(candidate)
    return unique


def grade_submission(
    path: Path, student: str, labs: Mapping[str, Lab], lab: str | None, level: str, limits: Limits, seed: int
) -> Grade:
    """Grade one file; never raises."""
    began = time.monotonic()
    grade = Grade(student, lab or "", path, level=sandbox.SENTENCES[level])
    try:
        _grade(grade, path, labs, lab, level, limits, seed)
    except Unreadable as error:
        grade.problem = str(error)
    except Exception as error:  # noqa: BLE001 (every submission gets a result)
        grade.is_grader_error = True
        grade.problem = (
            f"The grader itself failed on this file ({type(error).__name__}: {error}). This is not the student's fault;"
            " keep the file and report it."
        )
    if grade.problem:
        _fill_up(grade, labs)
    grade.seconds = time.monotonic() - began
    return grade


def _grade(
    grade: Grade, path: Path, labs: Mapping[str, Lab], lab: str | None, level: str, limits: Limits, seed: int
) -> None:
    if path.is_dir():
        raise Unreadable("There is no notebook in this folder. Hand in the .ipynb file of the lab.")
    functions = {name: {id: task.function for id, task in known.tasks.items()} for name, known in labs.items()}
    questions = {name: {id: each.question for id, each in known.written.items()} for name, known in labs.items()}
    if not path.is_file():
        raise Unreadable(f"There is no such file: {path.name}.")
    with open(path, "rb") as file:
        reading = read_submission(file, Asked(functions, questions, lab))
    if reading.submission is None:
        raise Unreadable(reading.problem)
    chosen, submission = labs[reading.lab], reading.submission
    grade.lab, grade.title, grade.repairs = reading.lab, chosen.title, submission.repairs
    with Box(chosen.tasks_module, level, limits, chosen.box_files) as box:
        for exercise in chosen.exercises.values():
            grade.results.append(_guarded(exercise, submission, box, seed, grade))
        grade.results = with_references(chosen.exercises, submission, grade.results, box, seed)
    grade.results += [_to_mark(question, reading.written[question.id]) for question in chosen.written.values()]


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
            grade.results.append(_to_mark(question, ()))
