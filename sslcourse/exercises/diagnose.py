"""What to say of a wrong answer as a whole: a listed misconception if certain, else what its values look like."""

from collections.abc import Callable, Sequence

from sslcourse.exercises.advice import explain_broken, shape_cause
from sslcourse.exercises.compare import Difference, failure_of, place, same_observation
from sslcourse.exercises.patterns import Seen, pattern, tell_enough, words_tell_enough, wrong_numbers
from sslcourse.exercises.task import Exercise, Tree
from sslcourse.exercises.trace import is_broken

HELD_NAN = (
    "an argument holds NaN, and it went into the result. 0 times NaN is NaN, and so is a sum with it: leave it out by "
    "an index, by torch.where or by an `if`"
)


def recognise(exercise: Exercise, seen: Sequence[Seen]) -> Callable | None:
    """The one listed wrong answer that does what was observed, or None.

    It must agree on every input, also where the answer is right; where the answer gives NaN or fails, nothing can be
    told. And several different numbers, or words, must show it: 0, 1 and a constant come out of many mistakes.
    """
    telling = [one for one in seen if not _says_nothing(one.observed)]
    numbers = [wrong_numbers(one.expected, one.observed, one.tolerance) for one in telling]
    words = [(_part(one.expected, "value"), _part(one.observed, "value")) for one in telling]
    if not (tell_enough(sum(numbers, [])) or words_tell_enough(words)):
        return None
    agreeing = [wrong for wrong in exercise.wrong if _agrees(exercise, wrong, telling)]
    return agreeing[0] if len(agreeing) == 1 else None


def look_at_all(seen: Sequence[Seen], first: Difference) -> str:
    """What a wrong answer looks like on all inputs together, as a sentence; "" when nothing is to be said.

    `first` is the difference to mend first.
    """
    if first.kind == "shape" and first.path == ("value",):
        causes = {shape_cause(_part(one.expected, "value"), _part(one.observed, "value")) for one in seen}
        return _sentence(f"your result: {causes.pop()}") if len(causes) == 1 and causes != {""} else ""
    if first.kind not in ("value", "gradient value"):
        return ""
    broken = [one for one in seen if is_broken(_part(one.observed, "value"))]
    if broken:
        others = "" if len(broken) == len(seen) else f" in {len(broken)} of {len(seen)} inputs"
        origin = explain_broken(_part(broken[0].observed, "origin"))
        if not origin and is_broken([value for name, value in broken[0].inputs.items() if name != "cotangent"]):
            origin = HELD_NAN
        return _sentence(f"your result is NaN or infinite{others}" + (f": {origin}" if origin else ""))
    if first.kind == "gradient value" and any(is_broken(_part(one.observed, "gradient")) for one in seen):
        return (
            f"The result is right, but {place(first.path)} is NaN or infinite: a step that was masked afterwards "
            "(a square root or a logarithm of 0, a division by 0) still counts in the backward pass."
        )
    if all(map(_is_turned_round, seen)):
        return "The values you return are right, but in the opposite order."
    said = pattern(seen, first.path)
    return _sentence(said) if said else ""


def _agrees(exercise: Exercise, wrong: Callable, seen: Sequence[Seen]) -> bool:
    return all(
        same_observation(exercise.task.observe_one(wrong, dict(one.inputs)), one.observed, one.tolerance)
        for one in seen
    )


def _says_nothing(observed: Tree) -> bool:
    return failure_of(observed) is not None or is_broken(_part(observed, "value"))


def _is_turned_round(one: Seen) -> bool:
    right, mine = _part(one.expected, "value"), _part(one.observed, "value")
    return type(mine) is list and same_observation(right, mine[::-1], one.tolerance)


def _part(observed: Tree, key: str) -> Tree:
    return observed.get(key) if type(observed) is dict else None


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")
