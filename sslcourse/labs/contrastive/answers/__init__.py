"""Lab 1, contrastive learning: the answers. This folder never enters the grading box."""

from __future__ import annotations

from sslcourse.exercises.task import Exercise, WrittenQuestion
from sslcourse.labs.contrastive.answers import meters, nt_xent, pairs, similarity
from sslcourse.labs.contrastive.answers.written import WHY_NEGATIVES

EXERCISES: dict[str, Exercise] = {
    exercise.task.id: exercise
    for exercise in (
        pairs.VIEWS,
        pairs.POSITIVES,
        similarity.SIMILARITY,
        nt_xent.NT_XENT,
        similarity.GEOMETRY,
        meters.COLLAPSE,
        meters.SHORTCUT,
    )
}

WRITTEN: dict[str, WrittenQuestion] = {WHY_NEGATIVES.id: WHY_NEGATIVES}
