"""Lab 0, tokens and probes. Nothing is imported here: in the grading box only `tasks` exists."""

NUMBER = 0
TITLE = "Tokens and probes"
