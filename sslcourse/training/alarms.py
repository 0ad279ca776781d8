"""Silent failures, found in the log while training: each has a name, its figures and advice.

They are those that users of DINO and its successors report most (a loss that stays at ln K, a teacher that gives every
image the same target, a teacher that is the student itself, a class-token term hidden behind others), and collapse of
any method. A NaN loss stops the run instead (`NonFiniteLoss`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sslcourse.methods.method import Method
from sslcourse.models.ema import is_aliased
from sslcourse.training.settings import FitSettings

ROWS = 4  # consecutive log rows that must show a failure
PARKED = 0.005  # of ln K: reported runs that were parked lie within a thousandth
NEAR_LN_K = 0.01  # of ln K
ONE_HOT = 0.02  # of ln K
FEW_PROTOTYPES = 4.0  # one-hot targets are a fault if the whole batch shares so few
FLAT = 0.02  # of its level: a term that changed by less did not move, a total that fell by more did
# Of 1 / sqrt(d). Class tokens of small ViTs have most of their length in common: cpu recipes settle at 0.03 or more,
# with features that classify; a run made to collapse (benchmarks/recipes.jsonl) at 0.001.
LEAST_SPREAD = {"projections": 0.1, "class tokens": 0.015}
LEAST_RANK = 1.5


@dataclass(frozen=True)
class Alarm:
    """One failure that the log shows: its `name`, and a `message` with the figures and advice."""

    name: str
    message: str


def find_alarms(history: Sequence[dict], method: Method, settings: FitSettings) -> list[Alarm]:
    """Every failure that the log `history` of `method` shows at its last row.

    Rows hold `step` and what the method measures; a failure whose figures are missing is not looked for. Only the
    latest tenth of the run counts (at least 4 rows), and nothing before the end of the warm-up and of the first fifth
    of the run, because the loss of an untrained teacher is near ln K as well.

    >>> figures = {"loss": 3.0, "channel_std": 1e-4, "channel_std_healthy": 0.1}
    >>> rows = [{"step": step, **figures} for step in range(10, 101, 10)]
    >>> [alarm.name for alarm in find_alarms(rows, Method(), FitSettings(steps=100))]
    ['collapsed']
    """
    found = [aliased_teacher(method)]
    latest = settled_rows(history, settings)
    if latest:
        prototypes = method.prototypes
        found.append(collapsed(latest, method.channel_std_of))
        if latest[-1]["step"] >= settings.steps / 2:  # the class token may take its time
            found.append(hidden_collapse(history, latest, prototypes))
        if prototypes is not None:
            found.append(parked_at_ln_k(latest, prototypes))
            # The teacher of class tokens, and that of patches.
            found += [uninformative_teacher(latest, prototypes, prefix) for prefix in ("", "patch_")]
    return [alarm for alarm in found if alarm is not None]


def settled_rows(history: Sequence[dict], settings: FitSettings) -> list[dict]:
    """The rows of the latest tenth of the run, at least 4, after the warm-up and the first fifth; none if too few."""
    rows = [row for row in history if row["step"] > max(settings.warmup, settings.steps // 5)]
    tenth = [row for row in rows if row["step"] > rows[-1]["step"] - settings.steps // 10]
    return max(tenth, rows[-ROWS:], key=len) if len(rows) >= ROWS else []


def aliased_teacher(method: Method) -> Alarm | None:
    """The teacher is the student itself, or shares weights with it."""
    if not any(is_aliased(teacher, student) for teacher, student in method.teacher_pairs()):
        return None
    return Alarm(
        "aliased teacher",
        "The teacher shares weights with the student, so it is no slow copy: its targets change with every step. Make "
        "it with make_teacher(student) or copy.deepcopy; `teacher = student` only gives the student a second name.",
    )


def parked_at_ln_k(latest: Sequence[dict], prototypes: int) -> Alarm | None:
    """A distillation loss that stands at ln K: nothing was learned, the prediction is uniform."""
    level = math.log(prototypes)
    terms = [name for name in ("cls_loss", "patch_loss") if has(latest, name)] or ["loss"]
    for name in terms:
        if all(abs(row[name] - level) <= PARKED * level for row in latest):
            return Alarm(
                "parked at ln K",
                f"{name} stays at {latest[-1][name]:.4f}, and ln {prototypes} is {level:.4f}: the student gives every "
                "prototype the same probability. Try, one at a time: a lower teacher temperature (0.04 or less), batch "
                "normalisation in the head and on its bottleneck, Sinkhorn targets, a lower teacher momentum (0.9 to "
                "0.99), fewer prototypes.",
            )
    return None


def uninformative_teacher(latest: Sequence[dict], prototypes: int, prefix: str = "") -> Alarm | None:
    """Targets of entropy ln K (uniform), or of entropy 0 that all name the same few prototypes (one-hot).

    The prefix "patch_" stands for the targets of patches.
    """
    level, name, used = math.log(prototypes), f"{prefix}teacher_entropy", f"{prefix}used_prototypes"
    if not has(latest, name):
        return None
    kind = f"{prefix.replace('_', ' ')}teacher"
    figures = f"The entropy of the targets ({name}) is {latest[-1][name]:.4f}"
    if all(row[name] >= (1 - NEAR_LN_K) * level for row in latest):
        return Alarm(
            f"uniform {kind}",
            f"{figures}, and ln {prototypes} is {level:.4f}: every target is uniform, so there is nothing to learn "
            "from. Lower the teacher temperature, or let the centre move more slowly.",
        )
    # Sharp targets that differ between images are clusters, not a collapse.
    varied = has(latest, used) and any(row[used] >= FEW_PROTOTYPES for row in latest)
    if varied or any(row[name] > ONE_HOT * level for row in latest):
        return None
    return Alarm(
        f"one-hot {kind}",
        f"{figures}: the teacher chooses the same prototype for every {'patch' if prefix else 'image'}. Centre the "
        "teacher's logits, use Sinkhorn targets, or raise the teacher temperature.",
    )


def hidden_collapse(history: Sequence[dict], latest: Sequence[dict], prototypes: int | None) -> Alarm | None:
    """The total falls, but its class-token term never did."""
    first = list(history[:ROWS])
    if not has(first, "cls_loss") or not has(latest, "cls_loss"):
        return None
    figures = ((first, "loss"), (latest, "loss"), (first, "cls_loss"), (latest, "cls_loss"))
    before, now, first_cls, cls = (fmean(row[name] for row in rows) for rows, name in figures)
    has_other_terms = abs(before - first_cls) > 1e-3
    flat = cls > (1 - FLAT) * first[0]["cls_loss"]
    if prototypes is not None:  # below ln K the student has learned something, however slowly it goes on
        flat = flat and cls > (1 - NEAR_LN_K) * math.log(prototypes)
    if not (has_other_terms and flat and before - now > FLAT * abs(before)):
        return None
    return Alarm(
        "class token flat",
        f"The loss fell from {before:.3f} to {now:.3f}, but its class-token term stays at {cls:.3f}, where it began. "
        "The other terms hide that the representation of the image is not learned. Look at each term separately; give "
        "the class token more weight, or first train it alone.",
    )


def collapsed(latest: Sequence[dict], measured: str) -> Alarm | None:
    """All images on one point or on one line; `measured` says what `channel_std` was measured on."""
    last, least = latest[-1], LEAST_SPREAD[measured]
    metered = has(latest, "channel_std") and has(latest, "channel_std_healthy")
    if metered and all(row["channel_std"] < least * row["channel_std_healthy"] for row in latest):
        healthy = last["channel_std_healthy"]
        figures = f"their channel std is {last['channel_std']:.1e}, and would be {healthy:.1e} if spread evenly"
    elif has(latest, "centered_rank") and all(row["centered_rank"] < LEAST_RANK for row in latest):
        figures = f"their differences have an effective rank of {last['centered_rank']:.2f}; 1 is a single direction"
    else:
        return None
    return Alarm(
        "collapsed",
        f"All images have nearly the same features: {figures}. The loss may still look excellent. Something must keep "
        "images apart: negatives, a stop-gradient with a predictor, centring and sharpening, or Sinkhorn targets.",
    )


def has(rows: Sequence[dict], name: str) -> bool:
    """Whether every row has the figure."""
    return all(name in row for row in rows)
