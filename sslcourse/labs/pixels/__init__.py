"""Lab 6, reconstructing pixels. Nothing is imported here: in the grading box only `tasks` exists."""

NUMBER = 6
TITLE = "Reconstructing pixels"
