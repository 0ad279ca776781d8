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
from sslcourse.grading.class_zip import class_files
from sslcourse.grading.handed_in import look_at
from sslcourse.grading.host import Box, Limits, Outcome
from sslcourse.grading.intake import Submission
from sslcourse.grading.reading import read_submission
from sslcourse.grading.records import read_records, read_run
from sslcourse.grading.results import ExerciseResult, Grade
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
    grade, inside = _graded(file, lab.name, out)
    submission = _read(file, inside, terms)
    student = grade.id if grade else ""
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


def _graded(file: Path, lab: str, out: Path) -> tuple[Grade | None, tuple[str, ...]]:
    """What the run gave for a file or, where it is a zip, for the notebook in it that counted, whose path in it is
    returned, too; None where it is nobody's. Raises ValueError where it may be several students'.
    """
    place = file.absolute().as_posix()
    all_of_run = (grade for record in read_records(out) for grade in record.grades)
    found = [grade for grade in all_of_run if grade.source and _inside(place, grade.source) is not None]
    if len({grade.id for grade in found}) > 1:  # of several folders, a student's is named after the folder
        found = [grade for grade in found if f"/{grade.id}/" in place] or found
    if len(owners := dict.fromkeys(grade.id for grade in found)) > 1:
        raise ValueError(f"{file} may be from any of these students: {', '.join(owners)}. Give the file of one of them")
    counts = next((grade for grade in found if grade.lab == lab), next(iter(found), None))
    return counts, (_inside(place, counts.source) or ()) if counts and counts.lab == lab else ()


def _inside(place: str, source: str) -> tuple[str, ...] | None:
    """Where in the file at a place the notebook lies that a run calls `source`: nowhere but in the file itself, or at
    that path in a zip; None where it is another file.
    """
    parts = PurePosixPath(source).parts
    ends = [end for end, part in enumerate(parts, 1) if end == len(parts) or part.lower().endswith(".zip")]
    return next((parts[end:] for end in reversed(ends) if place.endswith(f"/{'/'.join(parts[:end])}")), None)


def _read(file: Path, inside: tuple[str, ...], terms: Terms) -> Submission:
    """What is in the file; where it is a zip, in the notebook that the path leads to, or else in the one `inside`."""
    on_disk = next((each for each in (file, *file.parents) if each.is_file()), file)
    parts = file.parts[len(on_disk.parts) :]
    handed_in, rest = look_at(on_disk.parent, (on_disk.name,)), parts
    in_zip = class_files(on_disk, is_only_path=True)
    for each in in_zip:
        if parts[: len(each.parts)] == each.parts:
            handed_in, rest = each, parts[len(each.parts) :]
    wanted = inside or rest
    if in_zip and not parts and not wanted:
        named = ", ".join(f"{file}/{each.path}" for each in in_zip[:5])
        raise ValueError(f"{file} holds {len(in_zip)} files. Give one of them: {named}{', ...' * (len(in_zip) > 5)}")
    with handed_in.open() as opened:
        readings = read_submission(opened, terms.asked).readings
    readings = [each for each in readings if wanted in ((), each.inside)]
    found = next((each.submission for each in readings if each.submission), None)
    if found is None:
        raise ValueError(f"{file}: {readings[0].problem if readings else 'There is no such notebook.'}")
    return found


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
