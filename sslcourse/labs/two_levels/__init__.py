"""Lab 4, distillation at two levels. Nothing is imported here: in the grading box only `tasks` exists."""

NUMBER = 4
TITLE = "Distillation at two levels"
