"""Odd but honest answers to one exercise of Lab 1, and answers that deserve nothing, each with the cells around it."""

from functools import partial

import both_places

LOSS = "contrastive.nt_xent"
CHECK = f'check("{LOSS}", nt_xent)'


def loss(unit="F.normalize", mask="torch.eye(len(z), dtype=torch.bool)", low='float("-inf")', extra="pass", end=""):
    """A right answer to nt_xent, with parts of it exchanged."""
    return f"""def nt_xent(z1, z2, temperature):
    z = {unit}(torch.cat([z1, z2]), dim=1)
    {extra}
    scores = (z @ z.T / temperature).masked_fill({mask}, {low})
    partner = torch.arange(len(z)).roll(len(z1))
    return F.cross_entropy(scores, partner){end}
"""


made = partial(both_places.made, check=CHECK)
STUB = 'def nt_xent(z1, z2, temperature):\n    """Doc."""\n    raise NotImplementedError("Your code here: nt_xent")\n'
BODY = loss().partition("\n")[2]
DOUBLED = loss(end=" * 2")
WITH_DIAGONAL = loss(mask="z @ z.T > 2")
CHOOSE = f"from sslcourse.notebook import mine_or_reference\nnt_xent = mine_or_reference('{LOSS}', nt_xent)"
UNIT = "def unit(x, dim): return F.normalize(x, dim=dim)"

# Names that other cells bind, and not by a literal.
NAMES = {
    "as it is": made(loss()),
    "a device": made(loss(mask="torch.eye(len(z), device=here).bool()"), before=["here = torch.device('cpu')"]),
    "an object of a module": made(
        loss(end=" * 0 + entropy(scores, partner)"), before=["entropy = torch.nn.CrossEntropyLoss()"]
    ),
    "a partial function": made(loss("unit"), before=["from functools import partial\nunit = partial(F.normalize)"]),
    "a call": made(loss(low="LOW"), before=["LOW = float('-inf')"]),
    "an attribute": made(loss(low="LOW"), before=["LOW = -torch.finfo(torch.float32).max"]),
    "a comprehension": made(loss(low="LOWS[-1]"), before=["LOWS = [-(10.0**k) for k in range(9, 20)]"]),
    "two statements": made(loss(low="table['low']"), before=["table = {}\ntable['low'] = -1e30"]),
    "a method": made(loss(low="table['low']"), before=["table = {}", "table.update(low=-1e30)"]),
    "a loop": made(loss(low="table[30]"), before=["table = {}\nfor k in range(20, 31): table[k] = -(10.0**k)"]),
    "an augmented assignment": made(loss(low="LOW"), before=["LOW = 1\nLOW *= -1e30"]),
    "an annotated one": made(loss(low="LOW"), before=["LOW: float = -1e30"]),
    "one in an expression": made(loss(low="LOW"), before=["print(LOW := -1e30)"]),
    "unpacking": made(loss(low="LOW"), before=["(LOW, *_), HIGH = (-1e30, 2), 3"]),
    "with": made(loss(low="LOW"), before=["import warnings\nwith warnings.catch_warnings():\n    LOW = -1e30"]),
    "if": made(loss("unit"), before=[f"if torch.__version__:\n    {UNIT}"]),
    "try": made(
        loss("L.normalize"),
        before=["try:\n    import no_such_library as L\nexcept ImportError:\n    import torch.nn.functional as L"],
    ),
    "global in a function": made(
        loss(low="LOW"), before=["def settle():\n    global LOW\n    LOW = -1e30", "settle()"]
    ),
    "a function that fills": made(
        loss(low="table['low']"), before=["def fill(t): t['low'] = -1e30", "table = {}\nfill(table)"]
    ),
    "a decorator that keeps": made(
        loss("TOOLS['unit']"),
        before=["TOOLS = {}\ndef tool(f): return TOOLS.setdefault(f.__name__, f)", f"@tool\n{UNIT}"],
    ),
    "setattr": made(
        loss(low="S.low"), before=["from types import SimpleNamespace\nS = SimpleNamespace()\nsetattr(S, 'low', -1e30)"]
    ),
    "a default of torch's": made(
        loss(mask="torch.eye(len(z)).bool() & (torch.ones(1).dtype == torch.float64)"),
        before=["torch.set_default_dtype(torch.float64)"],
    ),
    "a method for tensors": made(
        loss("(lambda x, dim: x.unit(dim))"), before=["torch.Tensor.unit = lambda x, dim: x / x.norm(dim=dim)[:, None]"]
    ),
    "a star import": made(loss("normalize"), before=["from torch.nn.functional import *"]),
    "a class": made(
        loss("unit"),
        before=[
            "class Unit(torch.nn.Module):\n    def forward(self, x, dim): return F.normalize(x, dim=dim)",
            "unit = Unit()",
        ],
    ),
    "a dataclass": made(
        loss(low="Settings().low"),
        before=["from dataclasses import dataclass\n@dataclass\nclass Settings:\n    low: float = -1e30"],
    ),
    "a cached helper": made(
        loss(mask="mask(len(z))"),
        before=["import functools\n@functools.cache\ndef mask(n): return torch.eye(n).bool()"],
    ),
    "a counter": made(loss(extra="global calls; calls += 1"), before=["calls = 0"]),
    "a name that goes": made(loss(low="LOW"), before=["LOW = -1e30; spare = 3\ndel spare"]),
    "a name bound only later": made(loss(low="LOW"), late=["LOW = -1e30"]),
    "a decorator defined later": made("@plain\n" + loss(), late=["def plain(f): return f"]),
    "a future import": made(
        loss().replace("temperature)", "temperature: Undefined)", 1), before=["from __future__ import annotations"]
    ),
    "await": made(loss(low="LOW"), before=["import asyncio\nLOW = await asyncio.sleep(0, -1e30)"]),
}
# Cells that are more than Python, or less.
CELLS = {
    "%matplotlib": made("%matplotlib agg\n" + loss(low="LOW"), before=["%matplotlib agg\nLOW = -1e30"]),
    "%config": made("%config InlineBackend.figure_format = 'retina'\n" + loss()),
    "%time": made(loss(low="LOW"), before=["%time LOW = -1e30"]),
    "%%time": made("\n%%time\n" + loss()),
    "%%capture": made("%%time\n%%capture\n" + loss(low="LOW"), before=["%%capture said\nprint(1)\nLOW = -1e30"]),
    "help": made(loss(low="LOW") + "\n?F.cross_entropy", before=["LOW = -1e30\nF.normalize??"]),
    "shell": made("files = !true\n" + loss(low="LOW"), before=["files = !true\n!true\nLOW = -1e30"]),
    "%%bash": made(loss(), before=["%%bash\nfor x in 1 2; do true $x; done"]),
    "%%html": made(loss(), before=["%%html\n<b>Notes</b>"]),
    "a formatter's lines": made(
        loss(
            mask="(\n        torch.arange(len(z))[:, None]\n        % (2 * len(z))\n        == torch.arange(len(z)))",
            extra="assert (len(z1)\n        != 0)",
        )
    ),
    "%%writefile": made(
        "from my_losses import unit\n" + loss("unit"),
        before=["%%writefile my_losses.py\nimport torch.nn.functional as F", f"%%writefile -a my_losses.py\n{UNIT}"],
    ),
    "%run": made(loss(low="LOW"), before=["%%writefile my_settings.py\nLOW = -1e30", "%run my_settings.py"]),
    "indented": made("".join(f"    {line}\n" for line in loss().splitlines())),
    "prompts": made(loss(low="LOW"), before=[">>> LOW = -1e30"]),
    "a Colab form": made("#@title My loss { run: 'auto' }\n" + loss()),
    "line ends of Windows": made(loss().replace("\n", "\r\n")),
    "no Python": made(loss(), before=["this is a note"], between=["and another one:"]),
    "a cell that fails": made(loss() + "\nnt_xent(1)", before=["1 / 0"]),
}
# What stands around an answer and in it.
AROUND = {
    "an experiment above": made("lab.show_images()\nlab.things[3](2).x = 1\n" + loss()),
    "a display": made(loss(extra="display(z.shape); print(z.shape)")),
    "a progress bar": made(loss(extra="[None for _ in tqdm(range(2))]"), before=["from tqdm.auto import tqdm"]),
    "a plot": made(loss(extra="plt.plot([1]); plt.close('all')"), before=["import matplotlib.pyplot as plt"]),
    "a loop of one's own": made(
        loss(), between=["for _ in range(3): shown = nt_xent(torch.eye(2), torch.eye(2), 1.0)"]
    ),
    "a check inside": made(loss() + CHECK),
    "own or the course's": made(loss(), between=[CHOOSE]),
    "a deep recursion": made(loss(extra="depth(2000)"), before=["def depth(n): return n and 1 + depth(n - 1)"]),
    "a debugger that is off": made(loss(extra="__debug__ or breakpoint()")),
}
# Which function it is that counts.
WHICH = {
    "wrapped": made(DOUBLED, between=["first = nt_xent\ndef nt_xent(*inputs): return first(*inputs) / 2"]),
    "rebound after the check": made(loss(), after=["import numpy as F\nz = None", "def nt_xent(*_): return 0"]),
    "above the stub": made("# see above", before=[loss()]),
    "below the stub": made(STUB, between=[loss()]),
    "far below the stub": made(STUB, late=[loss()]),
    "another name": made(STUB, between=[loss().replace("nt_xent", "mine")], check=f'check("{LOSS}", mine)'),
    "by keyword": made(loss(), check=f'check(identifier="{LOSS}", function=nt_xent)'),
    "a lambda": made("nt_xent = lambda *inputs: fine(*inputs)", before=[loss().replace("nt_xent", "fine")]),
    "an object": made(
        "class Loss:\n    def __call__(self, a, b, t): return fine(a, b, t)\nnt_xent = Loss()",
        before=[loss().replace("nt_xent", "fine")],
    ),
    "mended after a first check": made(WITH_DIAGONAL, between=[CHECK, loss()]),
    "checked again later": made(WITH_DIAGONAL, between=[loss()], after=[CHECK]),
}
RIGHT = NAMES | CELLS | AROUND | WHICH

# What passes in neither place.
WRONG = {
    "twice the loss": made(DOUBLED),
    "the diagonal": made(WITH_DIAGONAL),
    "unwritten": made(STUB),
    "a name of nowhere": made(loss(low="NOWHERE")),
    "broken by a later cell": made(loss(), between=["F = None"]),
    "made wrong by a wrapper": made(
        loss(), between=["first = nt_xent\ndef nt_xent(*inputs): return 2 * first(*inputs)"]
    ),
    "a syntax error": made("def nt_xent(z1, z2, temperature:\n    return 0"),
    "the course's own": made(
        "from sslcourse.losses import nt_xent as given\ndef nt_xent(*inputs): return given(*inputs)"
    ),
    "the course's own, renamed": made("import sslcourse.losses as L\nnt_xent = L.nt_xent"),
    "the course's own, inside": made(
        "def nt_xent(*inputs):\n    from sslcourse.losses import nt_xent\n    return nt_xent(*inputs)"
    ),
    "the course's answer": made(STUB, between=[CHOOSE]),
    "a number": made(loss(end=".item()")),
    "numpy": made(loss(unit="(lambda x, dim: torch.tensor(x.numpy()))")),
}
