"""The hostile suite: what is handed in to forge, to escape, to exhaust, and what is damaged or odd; see the tables.

Each has the status and words it deserves and leaves nothing behind, and the answer graded next is graded as if alone.
All of them answer the toy lab's `double`; `test_every_lab_in_the_box.py` has some for every lab.
"""

import os
import socket
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache

import pytest
import toy_lab
from hostile import damaged, escaping, exhausting, forging, messages

from sslcourse.grading import sandbox, servers
from sslcourse.grading.answers import grade_answer
from sslcourse.grading.cells import Cell
from sslcourse.grading.clock import family
from sslcourse.grading.host import Box, Limits
from sslcourse.grading.intake import find_answers
from sslcourse.grading.pages import Code
from sslcourse.grading.reading import read_submission

pytestmark = pytest.mark.slow
LIMITS = Limits(seconds=1.0, memory=300 * 2**20)
ENOUGH = replace(LIMITS, seconds=5.0)  # so that on a slow machine, too, time is not what runs out first
TOY = toy_lab.LAB
FORGED = forging.ANSWERS | {f"messages: {name}": case for name, case in messages.MESSAGES.items()}
# What does not depend on whose the process is: tried in one engine only.
IN_ONE_ENGINE = ("objects", "patches", "searches", "in place", "time", "memory")
# What does depend on it: tried as well where each box has a sandbox started for it, because none can be forked.
ALSO_ALONE = ("namespaces", "rights", "processes")


@lru_cache
def engines():
    """The levels of sandbox that work here, the best first; "userns" works for root, too."""
    return [mode for mode in ("uid", "userns") if sandbox.available()[0] and sandbox._starts(mode)[0]] or ["none"]


def in_engines(table):
    """Each case in each engine, but for those that one engine is enough for."""
    best = engines()[0]
    cases = [(mode, name) for mode in engines() for name in table if mode == best or not name.startswith(IN_ONE_ENGINE)]
    return cases + [(f"{best} alone", name) for name in table if name.startswith(ALSO_ALONE)]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """A box for each engine, kept with the fork server that it is copied from; of the closed ones nothing is left."""
    if engines() == ["none"]:
        pytest.skip(f"no sandbox: {sandbox.available()[1]}")
    servers.close_idle()  # of other tests: it would have neither this folder nor this environment
    place, before = tmp_path_factory.mktemp("boxes"), set(family(os.getpid()))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as opened:
        patch.setenv("SSLCOURSE_SECRET", "42")
        patch.setattr(tempfile, "tempdir", str(place))
        made = {
            engine: opened.enter_context(Box(TOY.tasks_module, engine.split()[0], ENOUGH, TOY.box_files))
            for engine in (*engines(), f"{engines()[0]} alone")
        }
        yield made
        groups = [group for box in made.values() if box.starts for group in box._group._folders.values()]
        opened.close()
        servers.close_idle()
    assert set(family(os.getpid())) <= before
    assert not list(place.iterdir())
    assert not any(group.exists() for group in groups)


@pytest.fixture
def box(request, boxes, monkeypatch):
    """The box of an engine. What was forked is ended after each attack: the next one is another submission."""
    level, _, alone = request.param.partition(" ")
    monkeypatch.setattr(servers, "_cannot_fork", {level, "unsafe"} if alone else {"unsafe"})
    running = boxes[request.param]
    yield running
    if isinstance(running._server, servers.Forked):
        groups = list(running._group._folders.values())
        running.__exit__()
        assert not any(group.exists() for group in groups)


@pytest.fixture
def attack(box):
    """Grade an answer to toy.double; then the box holds its server and no other process, and the next answer passes."""

    def grade(source, lab=TOY, id="toy.double"):
        return grade_answer(lab.exercises[id], find_answers([Cell(1, "code", source)], {id: "double"}), box, seed=1)

    yield grade
    if box._server is not None and not box._server.has_ended():
        assert len(family(box._server.pid)) <= 1 + isinstance(box._server, servers.Started)  # bubblewrap, the server
    result = grade_answer(TOY.exercises["toy.shift"], toy_lab.submission(toy_lab.RIGHT["toy.shift"]), box, seed=1)
    assert (result.status, result.points) == ("passed", 2.0), "the next one"


def deserves(result, statuses, words):
    said = " ".join([result.message, *(case.message for case in result.cases)])
    assert result.status in statuses, said
    assert words in said, said
    assert result.points == (2.0 if result.status == "passed" else 0.0), said
    assert len(said) < 5_000
    assert len(result.output) <= 4_000


@pytest.mark.parametrize(("box", "name"), in_engines(FORGED), indirect=["box"])
def test_forged_marks_are_none(attack, name):
    source, statuses, words = FORGED[name]
    if "def double" not in source and "double =" not in source:
        source = f"def double(x):\n    {source}"
    deserves(attack(f"import torch\n{source}"), statuses, words)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Words for the attacks: files of this machine that the box must not show, and a port that somebody listens at."""
    secret = tmp_path_factory.mktemp("gradebook") / "grades.csv"
    secret.write_text("marks")
    secret.parent.chmod(0o777)
    files = [str(secret), __file__, toy_lab.__file__, "/etc/passwd", "/etc/shadow", os.path.expanduser("~/.bashrc")]
    name = f"\0sslcourse-hostile-{os.getpid()}"  # this file may run twice at once
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        yield f"SECRETS, PORT, NAME = {files!r}, {server.getsockname()[1]}, {name!r}\n"
    assert os.listdir(secret.parent) == ["grades.csv"]


@pytest.mark.parametrize(("box", "name"), in_engines(escaping.BODIES), indirect=["box"])
def test_nobody_gets_out(attack, places, name):
    body, statuses, words = escaping.BODIES[name]
    deserves(attack(f"{escaping.LIBC}{places}def double(x):\n    {body}"), statuses, words)


@pytest.mark.parametrize(("box", "name"), in_engines(exhausting.BODIES), indirect=["box"])
def test_what_takes_too_much_is_stopped(attack, box, monkeypatch, name):
    body, statuses, words = exhausting.BODIES[name]
    monkeypatch.setattr(box, "limits", LIMITS if "timeout" in statuses else ENOUGH)
    deserves(attack(f"{escaping.LIBC}def double(x):\n    {body}"), statuses, words)


@pytest.mark.parametrize("name", damaged.FILES)
def test_a_file_gets_what_it_deserves(tmp_path, boxes, name):
    content, is_readable, words = damaged.FILES[name]
    file = tmp_path / "lab.ipynb"
    file.write_bytes(content)
    with file.open("rb") as opened:
        reading = read_submission(opened, damaged.ASKED).readings[0]
    repairs = reading.submission.repairs if reading.submission else []
    assert words in " ".join([reading.problem, *repairs])
    assert bool(reading.problem) is not is_readable
    for exercise in TOY.exercises.values() if is_readable else ():
        result = grade_answer(exercise, reading.submission, boxes[engines()[0]], seed=1)
        assert result.points == exercise.task.points, result.message
        assert len(Code()(result.code)) < 2**20
