"""One folder a lab: its tasks, answers, experiments, widgets and bands. `sslcourse.exercises` finds them by name."""
