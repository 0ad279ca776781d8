"""Lab 1, contrastive learning: the answers. This folder never enters the grading box."""

from __future__ import annotations

from sslcourse.exercises.task import Exercise
from sslcourse.labs.contrastive.answers import collapse, geometry, nt_xent, positives, shortcut, similarity, views

EXERCISES: dict[str, Exercise] = {
    module.EXERCISE.task.id: module.EXERCISE
    for module in (views, positives, similarity, nt_xent, geometry, collapse, shortcut)
}
