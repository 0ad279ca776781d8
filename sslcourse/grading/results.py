"""What grading one submission gives: a result for every exercise, each with a sentence the student can act on."""

import signal
from dataclasses import dataclass, field
from pathlib import Path

from sslcourse.exercises.compare import failures_in
from sslcourse.grading.host import Limits, Outcome
from sslcourse.grading.outputs import Finding
from sslcourse.grading.roster import Who
from sslcourse.grading.written import Part

PASSED, FAILED, ERROR, MISSING = "passed", "failed", "error", "missing"
TIMEOUT, MEMORY, KILLED = "timeout", "memory", "killed"
TO_MARK, MARKED = "to_mark", "marked"  # of written answers
BY_HAND = "by_hand"  # points that a person gave in place of the grader's
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "Cannot allocate memory")  # torch's way of saying it

CUT_SHORT = (TIMEOUT, MEMORY, KILLED)  # the ends that a neighbour on the same machine may bring about

# How a run can end before its time: the status, and the sentence.
ENDS = {
    "timeout": (
        TIMEOUT,
        "Your code did not finish within {seconds:g} seconds. Look for a loop that never ends, or a Python loop over"
        " elements that one tensor operation could do.",
    ),
    "idle": (
        TIMEOUT,
        "Your code waited for something that never came, such as `time.sleep`, a lock or another process, and was"
        " stopped. An exercise has nothing to wait for.",
    ),
    "memory": (
        MEMORY,
        "Your code asked for more than {mebibytes} MiB of memory. Look for a tensor with one dimension too many"
        " (broadcasting [n, 1] against [n] gives [n, n]) or a list that grows without end.",
    ),
    "processes": (
        KILLED,
        "Your code started more than {processes} processes and was stopped. An exercise needs none.",
    ),
    "flood": (KILLED, "Your code sent more data than any answer can hold and was stopped."),
    "killed": (
        KILLED,
        "The process your code ran in was ended from inside (a signal to another process, or a crash). Take out"
        " whatever sends signals or ends processes.",
    ),
}


@dataclass(frozen=True)
class CaseLine:
    """One line of an exercise's feedback: the case, whether it is right, what differs first, and on which inputs."""

    name: str
    points: float
    max_points: float
    message: str
    inputs: str = ""


@dataclass(frozen=True)
class ExerciseResult:
    """The mark of one exercise; `points` is None for a written answer that no person has marked yet.

    `look` says why a person should look at it: the answer may have run in the student's notebook. `misconception` names
    the listed wrong answer, where it is one; `function` is what the exercise asks for.
    """

    id: str
    title: str
    points: float | None
    max_points: float
    status: str
    message: str
    repairs: tuple[str, ...] = ()
    look: str = ""
    hint: str | None = None
    misconception: str | None = None
    cases: tuple[CaseLine, ...] = ()
    code: str | None = None
    output: str = ""
    answer: tuple[Part, ...] = ()
    rubric: tuple[str, ...] = ()
    function: str = ""


@dataclass
class Grade:
    """The grade of one submission: `points` of `max_points` so far, of `possible` once a person has marked the rest."""

    student: str  # the name that is shown, no other student's; `id` is what names files and rows
    lab: str
    source: str  # the path of its file below the hand-in folder, "" where there is none
    results: list[ExerciseResult] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # on the student's other files
    level: str = ""
    seconds: float = 0.0
    title: str = ""  # the lab's
    problem: str = ""  # why nothing could be graded, or what the grader itself got wrong
    is_grader_error: bool = False
    findings: list[Finding] = field(default_factory=list)  # what the notebook's experiments printed; nothing counts it
    page: Path | None = None
    who: Who = Who("")
    handed_in: float = 0.0  # when the file that counts was handed in, in seconds since 1970; 0 where there is none
    late: str = ""  # how late that was, "" where it was in time or no deadline was given

    @property
    def id(self) -> str:
        """The student's id: the roster's, else what the file names give, else the name."""
        return self.who.id or self.student

    @property
    def points(self) -> float:
        return sum(result.points for result in self.results if result.points is not None)

    @property
    def max_points(self) -> float:
        return sum(result.max_points for result in self.results if result.points is not None)

    @property
    def possible(self) -> float:
        """All points there are, those that a person gives included."""
        return sum(result.max_points for result in self.results)

    @property
    def counts(self) -> bool:
        """Whether there is anything that points were given for: a hand-in, or else a person's marks."""
        return bool(self.source) or any(result.status in (MARKED, BY_HAND) for result in self.results)

    @property
    def to_mark(self) -> list[ExerciseResult]:
        """The written answers that wait for a person."""
        return [result for result in self.results if result.status == TO_MARK and result.answer]


def explain_end(outcome: Outcome, limits: Limits) -> tuple[str, str] | None:
    """The status and sentence of a run that did not come to its end, or None when it did."""
    if outcome.ended != "exited":
        is_idle = outcome.ended == "timeout" and outcome.cpu < limits.seconds / 2
        return _filled("idle" if is_idle else outcome.ended, limits)
    if outcome.exit is None or outcome.exit >= 0:
        return None
    if -outcome.exit == signal.SIGXCPU:
        return TIMEOUT, "Your code used up its processor time. Look for a loop that never ends."
    name = {each.value: each.name for each in signal.Signals}.get(-outcome.exit, f"signal {-outcome.exit}")
    return (
        KILLED,
        f"Your code ended its own process ({name}). If you did not send that signal yourself, a library crashed: run"
        " the cell in a fresh kernel and look at which line is the last.",
    )


def ran_out_of_memory(outcome: Outcome, limits: Limits) -> tuple[str, str] | None:
    """Status and sentence when an exception of the answer was for want of memory, else None."""
    for failure in failures_in(outcome.observations):
        message = failure.get("message")
        text = message if type(message) is str else ""
        if failure.get("type") == "MemoryError" or any(words in text for words in OUT_OF_MEMORY):
            return _filled("memory", limits)
    return None


def _filled(ended: str, limits: Limits) -> tuple[str, str]:
    status, sentence = ENDS.get(ended, ENDS["killed"])
    figures = {"seconds": limits.seconds, "processes": limits.processes, "mebibytes": limits.memory >> 20}
    return status, sentence.format(**figures)
