"""Each rule of the source format refuses the source that breaks it, in words that name the cell."""

import pytest
from every_lab import SOURCES

from sslcourse.authoring.address import Address
from sslcourse.authoring.notebooks import build_lab
from sslcourse.authoring.source import SourceError, body_of, read_source
from sslcourse.exercises import LABS

EXERCISE = '# %% tags=["exercise"] id="toy.double"'
CHECK = '# %% tags=["check", "nbval-check-output"] id="toy.double"\ncheck("toy.double", double)\n'

BREACHES = {
    "unknown tag": ('tags=["experiment"]', 'tags=["experimnt"]', "experimnt"),
    "unknown key": ('tags=["experiment"]', 'tags=["experiment"] points=3', "points"),
    "two kinds": ('tags=["experiment"]', 'tags=["experiment", "widget"]', "experiment and widget"),
    "no title": ("# # Toy lab", "# Toy lab", "first cell"),
    "setup missing": ('# %% tags=["setup"]', "# %%", "setup"),
    "setup imports what the box lacks": (
        "import torch\n",
        "import torch\nfrom sslcourse.data import ImageSet\n",
        "sslcourse.data",
    ),
    "exercise missing": (EXERCISE, "# %%", "no exercise cell 'toy.double'"),
    "exercise without id": (EXERCISE, '# %% tags=["exercise"]', "needs an id"),
    "exercise unknown": (
        EXERCISE,
        '# %% tags=["exercise"] id="toy.treble"',
        "'toy.treble' is not in the lab's package",
    ),
    "check missing": (CHECK, "", "next code cell must be its check"),
    "check of another function": ('check("toy.double", double)', 'check("toy.double", torch.add)', "must read check"),
    "another name": ("def double(x):", "def twofold(x):", "must define double exactly once"),
    "another signature": ("def double(x):", "def double(y, z):", "double(y, z), but the reference has (x)"),
    "no docstring": ('    """Twice x."""\n', "", "docstring"),
    "an answer in the source": ("    # Adding is enough.", "    return x + x", "docstring and comments only"),
    "a helper below": ("    # Adding is enough.\n", "\n\ndef helper(x):\n    return x\n", "exactly once, and last"),
    "top-level code in an exercise": ("def double(x):", "two = 2\ndef double(x):", "functions and comments only"),
    "not Python": ('print("an experiment")', 'print("an experiment"', "not valid Python"),
    "an absolute path": ('print("an experiment")', 'open("/home/me/x")', "absolute path"),
    "a choice made": ('b="more"', 'b="more", choice="b"', "the choice is the reader's"),
    "a leak": (
        'print("an experiment")',
        "twice_as_much_as_x = torch.add(x, x)",
        "can be read in the student's notebook",
    ),
    "question missing": ('# %% [markdown] tags=["answer"] id="toy.why"', "# %% [markdown]", "no answer cell 'toy.why'"),
}


@pytest.mark.parametrize("old, new, message", BREACHES.values(), ids=BREACHES)
def test_a_breach_is_refused_and_named(toy, old, new, message):
    assert toy.source.count(old) >= 1
    with pytest.raises(SourceError) as raised:
        build_lab(toy.write(toy.source.replace(old, new, 1)), Address("ada/course"), toy.lab)
    assert message in str(raised.value)
    assert str(raised.value).startswith("07_toy.py: ")


def test_exercises_out_of_order_are_refused(toy):
    double = toy.source.index(EXERCISE)
    square = toy.source.index('# %% tags=["exercise"] id="toy.square"')
    end = toy.source.index('# %% [markdown] tags=["answer"]')
    swapped = toy.source[:double] + toy.source[square:end] + toy.source[double:square] + toy.source[end:]
    with pytest.raises(SourceError, match="stand in the order toy.square, toy.double"):
        build_lab(toy.write(swapped), Address("ada/course"), toy.lab)


def test_every_breach_is_named_at_once(toy):
    broken = toy.source.replace('    """Twice x."""\n', "").replace('b="more"', 'choice="b"')
    with pytest.raises(SourceError) as raised:
        build_lab(toy.write(broken), Address("ada/course"), toy.lab)
    assert "docstring" in str(raised.value) and "the choice is the reader" in str(raised.value)


def test_a_source_is_called_by_number_and_name(toy):
    path = toy.write()
    wrong = path.rename(path.with_name("toy.py"))
    with pytest.raises(SourceError, match="NN_name.py"):
        build_lab(wrong, Address("ada/course"), toy.lab)


def broken(text, exercise, cell):
    """A lab's source, broken at its first exercise or at its end, and words of what is said."""
    id, function = exercise.task.id, exercise.task.function
    telling = next(line.strip() for line in body_of(exercise.reference).splitlines() if len(line.strip()) >= 20)
    header, check = f'["exercise"] id="{id}"', f'check("{id}", {function})'
    assert text.count(header) == text.count(check) == text.count(cell) == 1
    yield text.replace(header, header.replace(id, f"{id}_too")), f"no exercise cell '{id}'"
    yield text.replace(check, f'check("{id}", print)'), f"must read {check}"
    yield text.replace(cell, f"{cell.rstrip()}\n    return None\n"), "docstring and comments only"
    yield f"{text}\n# %%\nopen('/home/me/x')\n", "absolute path"
    yield f"{text}\n# %% [markdown]\n# {telling}\n", "can be read in the student's notebook"


@pytest.mark.parametrize("name", SOURCES)
def test_every_lab_is_held_to_the_rules(name, tmp_path):
    lab, text = LABS[name], SOURCES[name].read_text(encoding="utf-8")
    exercise = next(iter(lab.exercises.values()))
    cell = next(one.text for one in read_source(SOURCES[name]).cells if one.id == exercise.task.id)
    path = tmp_path / SOURCES[name].name
    for changed, message in broken(text, exercise, cell):
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(SourceError) as raised:
            build_lab(path, Address("ada/course"), lab)
        assert message in str(raised.value)
