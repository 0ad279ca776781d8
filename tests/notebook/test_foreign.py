"""What an answer uses that is not there where answers are graded is found without running it."""

import textwrap

import pytest

from sslcourse import exercises
from sslcourse.notebook.foreign import Foreign, find_foreign


def found(cell, allowed=()):
    """What the function `f` of a cell uses."""
    namespace = {"__name__": "__main__"}
    exec(textwrap.dedent(cell), namespace)
    return find_foreign(namespace["f"], allowed)


OWN = [
    "import torch\nfrom torch import nn\ndef g(x): return torch.sin(x)\ndef f(x): return g(x) + nn.ReLU()(x)",
    "from sslcourse.notebook import check, scale\ndef f(x): return scale(smoke=1) + x",
    "class F:\n    def __call__(self, x): return x\nf = F()",
    "def f(x):\n    return f(x - 1) if x else 0",
    "f = 3",
    "f = None",
]
COURSE = [
    "from sslcourse.losses import nt_xent\ndef f(x): return nt_xent(x, x, 0.5)",
    "import sslcourse.losses\ndef f(x): return sslcourse.losses.nt_xent(x, x, 0.5)",
    "def f(x):\n    from sslcourse.losses import nt_xent\n    return nt_xent(x, x, 0.5)",
    "from sslcourse.losses import nt_xent as f",
    "from sslcourse.losses import nt_xent\nfrom functools import partial\nf = partial(nt_xent, temperature=1)",
    "from sslcourse.losses import nt_xent\ndef g(x): return nt_xent(x, x, 1.0)\ndef f(x): return [g(y) for y in x]",
    "import functools\nfrom sslcourse.losses import nt_xent\n@functools.cache\ndef f(x): return nt_xent(x, x, 1.0)",
    "from sslcourse.losses import nt_xent\nclass F:\n    def __call__(self, x): return nt_xent(x, x, 1.0)\nf = F()",
    "from sslcourse.losses import nt_xent\ndef made(g): return lambda x: g(x, x, 1.0)\nf = made(nt_xent)",
]


@pytest.mark.parametrize("cell", OWN, ids=range(len(OWN)))
def test_what_is_ones_own_is_not_foreign(cell):
    assert found(cell) == Foreign()


@pytest.mark.parametrize("cell", COURSE, ids=range(len(COURSE)))
def test_the_courses_functions_are_found(cell):
    assert any(name.startswith("sslcourse") for name in found(cell).course)


def test_libraries_beyond_the_labs_are_named():
    assert found("import pytest\ndef f(x): return pytest.approx(x)").libraries == ("pytest",)
    assert found("def f(x):\n    import pytest\n    return pytest.approx(x)").libraries == ("pytest",)


def test_the_reference_of_another_exercise_does_not_count():
    other = exercises.find("contrastive.similarity").reference
    namespace = {"__name__": "__main__", "cosines": other}
    exec("def f(a, b): return cosines(a, b)", namespace)
    assert find_foreign(namespace["f"], [other]) == Foreign()
    assert find_foreign(namespace["f"]).course
