"""The graded tasks of every lab: `find_task` gives what is asked, `find` also the answers."""

from sslcourse.exercises.catalogue import BOX_FILES, LABS, Lab, find, find_task, find_written, read_lab

__all__ = ["BOX_FILES", "LABS", "Lab", "find", "find_task", "find_written", "read_lab"]
