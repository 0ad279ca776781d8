"""Grading: submitted notebooks in, marks and feedback out; student code runs only inside the box.

`collect` says whose the files of a folder are (`handed_in` is one of them) and `versions` which count. `reading` starts
a process that reads a file: `cells` does it there, `intake` and `written` find the answers, `slices` takes what an
answer needs of the rest. `sandbox` makes the box, `box` is the process inside it, which runs `student`; `servers` keeps
one that has imported torch, of which each submission gets a copy in `namespaces` of its own; `host` talks to that
process and `watch` measures it; `users` and `scratch` see that no two boxes share a user id or a folder; `wire` is the
form in which values cross. `answers` grades one of them, `submission` one student, `run` a whole folder, by `workers`
and into `records`; `report` and `pages` write what came out, with the `marks` of a person that `merging` took in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sslcourse.grading.run import grade_paths

__all__ = ["grade_paths"]


def __getattr__(name: str):
    # Imported late, because this file also travels into the box, where `run` must not be.
    if name == "grade_paths":
        from sslcourse.grading.run import grade_paths

        return grade_paths
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
