"""What goes wrong in silence, found from the log while training: each failure has a name, its figures and what to try.

Written for what users of DINO and its kin report most (a loss that stays at ln K, a teacher that says the same of every
image, a teacher that is the student itself, a class-token term hidden behind others) and for collapse of any method. A
loss that is NaN stops the run instead (`NonFiniteLoss`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sslcourse.methods.method import Method
from sslcourse.models.ema import is_aliased
from sslcourse.training.settings import FitSettings

ROWS = 4  # as many log rows in a row must show it
PARKED = 0.005  # of ln K: runs that are parked are reported within a thousandth
NEAR_LN_K = 0.01  # of ln K
ONE_HOT = 0.02  # of ln K
FEW_PROTOTYPES = 4.0  # one-hot targets are a fault where the whole batch shares so few of them
FLAT = 0.02  # of its level: a term that changed by less did not move, a total that fell by more did
# Of 1 / sqrt(d). Class tokens of small ViTs share most of their length: the cpu recipes settle at 0.03 and more, with features
# that classify; a run made to collapse (benchmarks/recipes.jsonl) at 0.001.
LEAST_SPREAD = {"projections": 0.1, "class tokens": 0.015}
LEAST_RANK = 1.5


@dataclass(frozen=True)
class Alarm:
    """One failure that the log shows: its `name`, and a `message` with the figures and what to try."""

    name: str
    message: str


def find_alarms(history: Sequence[dict], method: Method, settings: FitSettings) -> list[Alarm]:
    """Every failure that the log `history` of `method` shows at its last row.

    Rows hold `step` and what the method measures; a failure whose figures are missing is not looked for. Of the training
    signals only the latest tenth of the run counts (at least 4 rows), and none before the warm-up and a fifth of the run are
    over: an untrained teacher's loss is near ln K, too.

    >>> rows = [{"step": step, "loss": 3.0, "channel_std": 1e-4, "channel_std_healthy": 0.1} for step in range(10, 101, 10)]
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
            for patches in ("", "patch_"):  # the teacher of class tokens, that of patches
                found += [uniform_teacher(latest, prototypes, patches), one_hot_teacher(latest, prototypes, patches)]
    return [alarm for alarm in found if alarm is not None]


def settled_rows(history: Sequence[dict], settings: FitSettings) -> list[dict]:
    """The rows of the latest tenth of the run, at least 4, all after the warm-up and the first fifth; none while too few."""
    rows = [row for row in history if row["step"] > max(settings.warmup, settings.steps // 5)]
    tenth = [row for row in rows if row["step"] > rows[-1]["step"] - settings.steps // 10]
    return max(tenth, rows[-ROWS:], key=len) if len(rows) >= ROWS else []


def aliased_teacher(method: Method) -> Alarm | None:
    """The teacher is the student itself, or shares weights with it."""
    if not any(is_aliased(teacher, student) for teacher, student in method.teacher_pairs()):
        return None
    return Alarm(
        "aliased teacher",
        "The teacher shares weights with the student: it is not a slow copy but the student itself, and targets follow every "
        "step. Make it with make_teacher(student), or copy.deepcopy; `teacher = student` only gives it a second name.",
    )


def parked_at_ln_k(latest: Sequence[dict], prototypes: int) -> Alarm | None:
    """A distillation loss that stands at ln K: nothing was learned, the prediction is uniform."""
    level = math.log(prototypes)
    terms = [name for name in ("cls_loss", "patch_loss") if has(latest, name)] or ["loss"]
    for name in terms:
        if all(abs(row[name] - level) <= PARKED * level for row in latest):
            return Alarm(
                "parked at ln K",
                f"{name} stands at {latest[-1][name]:.4f}, and ln {prototypes} is {level:.4f}: the student predicts every "
                "prototype alike. Try, one at a time: a lower teacher temperature (0.04 or less), batch normalisation in the "
                "head and on its bottleneck, Sinkhorn targets, a lower teacher momentum (0.9 to 0.99), fewer prototypes.",
            )
    return None


def uniform_teacher(latest: Sequence[dict], prototypes: int, prefix: str = "") -> Alarm | None:
    """Targets that say nothing: their entropy is ln K. With the prefix "patch_", those of patches."""
    level, name = math.log(prototypes), f"{prefix}teacher_entropy"
    if not has(latest, name) or any(row[name] < (1 - NEAR_LN_K) * level for row in latest):
        return None
    return Alarm(
        f"uniform {prefix.replace('_', ' ')}teacher",
        f"{name}, that of the targets, is {latest[-1][name]:.4f}, and ln {prototypes} is {level:.4f}: every target is "
        "uniform, there is nothing to learn. Sharpen (a lower teacher temperature), or centre more slowly.",
    )


def one_hot_teacher(latest: Sequence[dict], prototypes: int, prefix: str = "") -> Alarm | None:
    """Targets of entropy 0 that all name the same few prototypes. With the prefix "patch_", those of patches."""
    name, used = f"{prefix}teacher_entropy", f"{prefix}used_prototypes"
    sharp = has(latest, name) and all(row[name] <= ONE_HOT * math.log(prototypes) for row in latest)
    # Sharp targets that differ between images are clusters, not a collapse.
    varied = has(latest, used) and any(row[used] >= FEW_PROTOTYPES for row in latest)
    if not sharp or varied:
        return None
    return Alarm(
        f"one-hot {prefix.replace('_', ' ')}teacher",
        f"{name}, that of the targets, is {latest[-1][name]:.4f}: the teacher names one and the same prototype for every "
        f"{'patch' if prefix else 'image'}. Centre the teacher's logits or use Sinkhorn targets; raise the teacher temperature.",
    )


def hidden_collapse(history: Sequence[dict], latest: Sequence[dict], prototypes: int | None) -> Alarm | None:
    """The total falls, but its class-token term never did."""
    first = list(history[:ROWS])
    if not has(first, "cls_loss") or not has(latest, "cls_loss"):
        return None
    other = abs(mean(first, "loss") - mean(first, "cls_loss")) > 1e-3  # there are further terms
    total_fell = mean(first, "loss") - mean(latest, "loss") > FLAT * abs(mean(first, "loss"))
    flat = mean(latest, "cls_loss") > (1 - FLAT) * mean(first[:1], "cls_loss")
    if prototypes is not None:  # below ln K the student has learned something, however slowly it goes on
        flat = flat and mean(latest, "cls_loss") > (1 - NEAR_LN_K) * math.log(prototypes)
    if not (other and total_fell and flat):
        return None
    return Alarm(
        "class token flat",
        f"The loss fell from {mean(first, 'loss'):.3f} to {mean(latest, 'loss'):.3f}, but its class-token term is still at "
        f"{mean(latest, 'cls_loss'):.3f}, where it began: the other terms hide that the image's representation is not learned. "
        "Look at the terms one by one; give the class token more weight, or first train it alone.",
    )


def collapsed(latest: Sequence[dict], measured: str) -> Alarm | None:
    """All images on one point, or on one line; `measured` says what the channel std is that of."""
    metered, least = has(latest, "channel_std") and has(latest, "channel_std_healthy"), LEAST_SPREAD[measured]
    if metered and all(row["channel_std"] < least * row["channel_std_healthy"] for row in latest):
        figures = f"their channel std is {latest[-1]['channel_std']:.1e}, spread evenly it would be {latest[-1]['channel_std_healthy']:.1e}"
    elif has(latest, "centered_rank") and all(row["centered_rank"] < LEAST_RANK for row in latest):
        figures = (
            f"the effective rank of their differences is {latest[-1]['centered_rank']:.2f}, 1 being a single direction"
        )
    else:
        return None
    return Alarm(
        "collapsed",
        f"All images get nearly the same features: {figures}. The loss may look excellent. Something must keep images apart: "
        "negatives, or a stop-gradient with a predictor, or centring and sharpening, or Sinkhorn targets.",
    )


def has(rows: Sequence[dict], name: str) -> bool:
    """Whether every row has the figure."""
    return all(name in row for row in rows)


def mean(rows: Sequence[dict], name: str) -> float:
    """The mean of a figure over rows."""
    return sum(row[name] for row in rows) / len(rows)
