"""Lab 0, tokens and probes: the answers. This folder never enters the grading box."""

from sslcourse.exercises.answers import read_answers
from sslcourse.labs.tokens.tasks import TASKS

EXERCISES = read_answers(__name__, TASKS)
