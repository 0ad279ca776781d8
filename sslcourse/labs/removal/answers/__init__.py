"""Lab 5, removing tokens: the answers. This folder never enters the grading box."""

from sslcourse.exercises.answers import read_answers
from sslcourse.labs.removal.tasks import TASKS

EXERCISES = read_answers(__name__, TASKS)
