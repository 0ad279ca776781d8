"""Judge one exercise of one notebook once more, on the inputs of an earlier run, and show them: for an appeal."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from sslcourse.exercises import Lab
from sslcourse.exercises.compare import NO_RESULT, first_difference
from sslcourse.exercises.judge import case_inputs, judge, tolerance_of
from sslcourse.exercises.task import Exercise
from sslcourse.grading import sandbox
from sslcourse.grading.answers import grade_answer, with_references
from sslcourse.grading.host import Box, Limits, Outcome
from sslcourse.grading.intake import Submission
from sslcourse.grading.reading import read_submission
from sslcourse.grading.records import read_records, read_run
from sslcourse.grading.results import ExerciseResult
from sslcourse.grading.submission import Terms
from sslcourse.grading.visible import printed, visible

MOST = 600  # characters of one value


def replay(
    file: Path, out: Path, id: str, labs: Mapping[str, Lab], *, limits: Limits | None = None, unsafe: bool = False
) -> str:
    """What a run gave for one exercise of a notebook, case by case with inputs, expected and returned values, as text.

    `out` is the folder of the run, of which the seed is taken; nothing is written. Raises ValueError where that is no
    run's folder, the exercise is unknown or the file is no notebook of its lab, OSError for a file that cannot be read.
    """
    lab = labs.get(id.split(".")[0])
    if lab is None or id not in lab.exercises:
        known = ", ".join(each for one in labs.values() for each in one.tasks)
        raise ValueError(f"there is no exercise {id!r}; choose from {known}")
    run = read_run(out)
    terms = Terms(labs, lab.name, sandbox.level(unsafe), limits or Limits(), run["seed"], run["variants"])
    submission = _read(file, terms)
    student = _whose(file, out) or ""
    if terms.is_varied and not student:
        raise ValueError(f"in {out} each student has inputs of their own, and it graded no file like {file}")
    seed = terms.seed_of(student)
    with Box(lab.tasks_module, terms.level, terms.limits, lab.box_files) as box:
        watched = _Watched(box)
        results = [grade_answer(each, submission, watched, seed) for each in lab.exercises.values()]
        results = with_references(lab.exercises, submission, results, watched, seed)
    result = next(each for each in results if each.id == id)
    whose = f"{student}'s" if student else "A file that this run did not grade:"
    lines = [f"{whose} {id}, on the inputs of {out}: {result.points:g} of {result.max_points:g} points."]
    lines += [result.message, *result.repairs]
    lines += _cases(lab.exercises[id], result, watched.outcomes.get(id, []), seed)
    return "\n".join(lines)


class _Watched(Box):
    """A running box that keeps what came out of it, by exercise."""

    def __init__(self, box: Box):  # it begins no box of its own
        self.box, self.limits = box, box.limits
        self.outcomes: dict[str, list[Outcome]] = {}

    def observe(self, task, cells, inputs) -> Outcome:
        outcome = self.box.observe(task, cells, inputs)
        self.outcomes.setdefault(task.id, []).append(outcome)
        return outcome


def _read(file: Path, terms: Terms) -> Submission:
    with file.open("rb") as opened:
        readings = read_submission(opened, terms.asked).readings
    found = next((reading.submission for reading in readings if reading.submission), None)
    if found is None:
        raise ValueError(f"{file}: {readings[0].problem}")
    return found


def _whose(file: Path, out: Path) -> str | None:
    """The id of the student whose file this was in the run; None where it is nobody's.

    Raises ValueError where it may be several students'.
    """
    place = file.absolute().as_posix()
    grades = [grade for record in read_records(out) for grade in record.grades if grade.source]
    owners = dict.fromkeys(grade.id for grade in grades if _is_from(place, PurePosixPath(grade.source)))
    if len(owners) > 1:  # of several folders, a student's is named after the folder
        owners = {id: None for id in owners if f"/{id}/" in place} or owners
    if len(owners) > 1:
        raise ValueError(f"{file} may be from any of these students: {', '.join(owners)}. Give the file of one of them")
    return next(iter(owners), None)


def _is_from(place: str, source: PurePosixPath) -> bool:
    """Whether a source, as a run tells it, is the file at a place or lies in the zip there."""
    zips = [folder for folder in source.parents if folder.suffix.lower() == ".zip"]
    return any(place.endswith(f"/{each}") for each in (source, *zips))


def _cases(exercise: Exercise, result: ExerciseResult, outcomes: Sequence[Outcome], seed: int) -> Iterator[str]:
    """Each case with its first inputs on which something differs, or else its first."""
    task = exercise.task
    inputs = {case.name: case_inputs(task, case, seed) for case in task.cases}
    counts = max(outcomes, key=lambda each: judge(exercise, each.observations, inputs).points, default=None)
    observed = counts.observations if counts else {}
    for case, line in zip(task.cases, result.cases):
        yield f"\nCase “{case.name}”: {line.points:g} of {line.max_points:g}. {line.message}".rstrip()
        seen = observed.get(case.name)
        trees = seen if type(seen) is list else []
        expected = [task.observe_one(exercise.reference, drawn) for drawn in inputs[case.name]]
        tolerance = tolerance_of(exercise, case)
        differing = (at for at, tree in enumerate(trees) if first_difference(expected[at], tree, tolerance))
        at = next(differing, 0)
        yield from (f"  {name} = {_shown(value)}" for name, value in inputs[case.name][at].items())
        yield from _values("expected", expected[at])
        yield from _values("returned", trees[at] if at < len(trees) else None)


def _values(title: str, tree: Any) -> Iterator[str]:
    """What was observed, a line for each part that is compared."""
    parts = tree if type(tree) is dict and tree else {"": tree}
    for name, value in parts.items():
        if name not in NO_RESULT:
            yield f"  {title}{f' {name}' if name else ''}: {_shown(value)}"


def _shown(value: Any) -> str:
    """A value as Python writes it, harmless on a terminal."""
    text = visible(printed(repr(value)))
    return text if len(text) <= MOST else f"{text[:MOST]} ..."
