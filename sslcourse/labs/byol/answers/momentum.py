"""Lab 2, exercise `momentum`: half a cosine from the base up to 1."""

import math

HINTS = (
    "Think of what is missing to 1: it is 1 - base at the first step, and half a cosine takes it down to nothing.",
    "1 - (1 - base) * (cos(pi * step / steps) + 1) / 2 (BYOL paper, section 3.3).",
    "`share = (math.cos(math.pi * step / steps) + 1) / 2` falls from 1 to 0; return `1 - (1 - base) * share`.",
)


def momentum_at(step, steps, base):
    share = (math.cos(math.pi * step / steps) + 1) / 2  # from 1 down to 0
    return 1 - (1 - base) * share


def by_the_square_of_a_sine(step, steps, base):
    return base + (1 - base) * math.sin(math.pi * step / (2 * steps)) ** 2


def by_what_is_gained(step, steps, base):
    gained = 0.5 - 0.5 * math.cos(math.pi * (step / steps))
    return (1.0 - gained) * base + gained


def runs_backwards(step, steps, base):
    """Your momentum begins at 1 and ends at base. It is the other way round: the teacher follows fast while the student
    learns fast, and stands still at the end."""
    return momentum_at(steps - step, steps, base)


def rises_in_a_straight_line(step, steps, base):
    """Your momentum rises in a straight line. Half a cosine starts and ends gently, and is steepest in the middle."""
    return base + (1 - base) * step / steps


def forgets_to_halve(step, steps, base):
    """cos(...) + 1 goes from 2 to 0: halve it, or the first momentum is 1 - 2 (1 - base)."""
    return 1 - (1 - base) * (math.cos(math.pi * step / steps) + 1)


def takes_a_whole_cosine(step, steps, base):
    """Your cosine runs through a whole period, so that the momentum is back at base at the end. Half a period is pi *
    step / steps, without the 2."""
    return momentum_at(2 * step, steps, base)


def divides_by_the_last_step(step, steps, base):
    """You divide by steps - 1, so that the last step has momentum 1 exactly. The paper divides by steps: 1 would be
    reached one step after the last."""
    return momentum_at(step, steps - 1, base)


def lets_the_base_fall(step, steps, base):
    """The cosine is multiplied with base itself, so your momentum falls from base to 0. What falls is the distance from
    1, which is 1 - base at first."""
    return base * (math.cos(math.pi * step / steps) + 1) / 2
