"""What of a notebook runs for an answer."""

import ast
import time

import pytest

from sslcourse.grading.slices import Notebook, bound_anew, is_stub
from sslcourse.grading.statements import read_code

CHECK = 'check("toy.double", double)'


def sources(*cells, plan=0, others=()):
    """The statements that a plan for `double` runs, as text."""
    codes = [read_code(source, number) for number, source in enumerate(cells)]
    notebook = Notebook(statement for code in codes for statement in code.statements)
    chosen = notebook.plans("toy.double", "double", others)[plan].cells
    return [ast.unparse(codes[cell].statements[index].node) for cell, indices in chosen for index in indices]


def test_only_what_is_used_is_taken_in_the_notebooks_order():
    taken = sources(
        "import torch, os\nfrom math import pi as PI\nimport timm",
        "EPS = float('1e-8')\nOTHER = 3\ntrain(everything)\nresult = train()\ndevice = torch.device('cpu')",
        "@torch.no_grad()\ndef helper(x):\n    OTHER = 4\n    return inner(x) + EPS\ninner = lambda x: x * PI",
        "%%bash\nrm -rf /",
        "def broken(:",
        "lab.show_images()\ndef double(x):\n    return helper(x).to(device)\nfor _ in range(10**9): double(1)",
        "loss = 3\n" + CHECK,
    )
    assert [line.split("\n")[0] for line in taken] == [
        "import torch, os",
        "from math import pi as PI",
        "EPS = float('1e-8')",
        "device = torch.device('cpu')",
        "@torch.no_grad()",
        "inner = lambda x: x * PI",
        "def double(x):",
        "check('toy.double', double)",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "table['x'] = 1",
        "table.update(x=1)",
        "table.rows.x = 1",
        "del table['x']",
        "for i in range(3): table[i] = i",
        "while True:\n    table.append(1)\n    break",
        "with open('x') as file: table['x'] = file",
        "if True:\n    table = {}",
        "table |= {}",
        "table: dict = {}",
        "(table := {})",
        "try:\n    import table\nexcept ImportError:\n    pass",
        "x, *table = 1, 2",
        "def fill():\n    global table\n    table = 1",
        "class table: pass",
        "async def table(): return 1",
        "from tables import *",
        "from __future__ import annotations",
        "%run tables.py",
        "table = !ls",
        "%%writefile tables.py\nx = 1",
    ],
)
def test_what_binds_or_changes_a_wanted_name_is_taken(statement):
    taken = sources("table = {}", statement, "def double(x):\n    return table[x]", CHECK)
    assert len(taken) == 4


@pytest.mark.parametrize(
    "statement",
    [
        "print(table)",
        "table",
        "x = table",
        "def table2(): pass",
        "lambda: table.update()",
        "%%bash\ntable=1",
        "'table'",
    ],
)
def test_what_only_looks_at_a_wanted_name_is_not_taken(statement):
    taken = sources("table = {}", statement, "def double(x):\n    return table[x]", CHECK)
    assert len(taken) == 3


def test_a_loop_that_calls_a_library_is_not_taken_for_a_change_of_it():
    loop = "for step in range(10**9):\n    torch.cuda.synchronize()"
    assert len(sources("import torch", loop, "def double(x):\n    return torch.add(x, x)", CHECK)) == 3
    assert len(sources("import torch", "torch.set_x()", "def double(x):\n    return torch.add(x, x)", CHECK)) == 4


def test_what_the_notebook_checks_is_judged_and_nothing_bound_later():
    cells = [
        "def double(x): return x",
        "_f = double\ndef double(x): return 2 * _f(x)",
        CHECK,
        "def double(x): return 0",
    ]
    first = sources(*cells)
    assert len(first) == 4 and first[-1] == "check('toy.double', double)" and "return 0" not in "".join(first)
    assert "return 0" in "".join(sources(*cells, plan=1))


def test_a_name_that_is_bound_only_later_is_taken_from_there():
    taken = sources("def double(x): return SCALE * x + max(x, x)", CHECK, "SCALE = 2", "max = 3")
    assert taken[-1] == "SCALE = 2" and len(taken) == 3


def test_a_stub_does_not_hide_the_answer():
    stub = "def double(x):\n    '''Doc.'''\n    raise NotImplementedError('Your code here')"
    assert not any("Your code" in text for text in sources("def double(x): return 2 * x", stub, CHECK))
    assert not any("Your code" in text for text in sources(stub, CHECK, "def double(x): return 2 * x"))


def test_a_function_of_another_name_that_is_checked_is_judged():
    assert sources("def mine(x): return 2 * x", 'check("toy.double", mine)')[0].startswith("def mine")


def test_everything_is_the_last_plan_where_something_own_was_left_out():
    own = ["import torch", "def fill(t): t[0] = 1", "table = {}", "fill(table)", "def double(x): return table", CHECK]
    assert len(sources(*own)) == 3
    assert len(sources(*own, plan=1)) == 6
    course = ["from sslcourse.labs import Lab\nlab = Lab()\nlab.show(lab)", "def double(x): return x", CHECK]
    with pytest.raises(IndexError):
        sources(*course, plan=1)


def test_where_another_answer_is_bound_is_known():
    cells = ["def shift(x): return x", "shift2 = shift", "def double(x): return shift2(x)", CHECK]
    codes = [read_code(source, number) for number, source in enumerate(cells)]
    notebook = Notebook(statement for code in codes for statement in code.statements)
    assert notebook.plans("toy.double", "double", {"shift", "total"})[0].builds_on == {"shift": 1}


@pytest.mark.parametrize(
    ("body", "stub"),
    [
        ("'''doc'''\n    raise NotImplementedError", True),
        ("pass", True),
        ("...", True),
        ("return x", False),
        ("raise ValueError", False),
    ],
)
def test_an_attempt_is_told_from_a_stub(body, stub):
    statement = read_code(f"def f(x):\n    {body}").statements[0]
    assert is_stub(statement) is stub
    assert bound_anew(statement) == (frozenset() if stub else {"f"})


@pytest.mark.parametrize(
    ("source", "binds"),
    [
        ("%matplotlib inline\nx = 1", [[], ["x"]]),
        ("F.normalize?\nx = 1", [[], ["x"]]),
        ("files = !ls\nx = 1", [["files"], ["x"]]),
        ("x = (7\n  % (2*3)\n  != 0)", [["x"]]),
        ("%time x = 1", [["x"]]),
        ("%%time\n%%capture out\nx = 1", [["x"]]),
        ("\n\n%%html\n<b>x</b>", []),
        ("    x = 1\n    y = 2", [["x"], ["y"]]),
        (">>> x = 1", [["x"]]),
        ("x = 1\ry = 2\r\nz = 3", [["x"], ["y"], ["z"]]),
    ],
)
def test_a_cell_is_read_as_ipython_reads_it(source, binds):
    assert [sorted(statement.binds) for statement in read_code(source).statements] == binds


def test_lines_keep_their_numbers():
    assert read_code("\n\n%%time\n%matplotlib inline\n\ndef f(): pass").statements[-1].node.lineno == 6
    assert read_code("\n  \n!ls\ndef f(): pass").statements[-1].node.lineno == 4


BROKEN = ["return 3", "def f(:", "x = 'abc", "\ud800", "(" * 9999, "+".join("1" * 9999)]


@pytest.mark.parametrize("source", BROKEN, ids=range(len(BROKEN)))
def test_what_does_not_compile_is_an_error_and_runs_nothing(source):
    assert read_code(source).statements == () and read_code(source).error


LONG = {
    "blank lines": "x=1" + "\n" * 190_000 + "y=0",
    "blank lines in what is no Python": "x=1" + "\n" * 190_000 + "y=0 0",
    "spaces before a question": " " * 190_000 + "?",
    "commands": "!ls\n" * 40_000,
    "percents": "%" * 190_000,
    "statements": "a=b\n" * 15_000,
    "cell magics": "%%time\n" * 20_000,
    "open definitions": "def double(x):\n" * 10_000,
}


@pytest.mark.parametrize("source", LONG.values(), ids=LONG)
def test_no_cell_takes_long(source):
    began = time.process_time()
    read_code(source)
    assert time.process_time() - began < 8
