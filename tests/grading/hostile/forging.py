"""Answers to toy.double that are wrong and try to get points all the same. All of them get none.

name: (source, the statuses it may have, words of what is said). A source without `def double` is the body of one.
"""

FAILED, ERROR, KILLED, MISSING = ("failed",), ("error",), ("killed",), ("missing",)
ANY = ("failed", "error", "killed", "missing")

EQUAL_TO_ALL = """
import torch
class Same(torch.Tensor):
    def __eq__(self, other):
        return True
class Always:
    shape = (3,)
    dtype = torch.float64
    __class__ = torch.Tensor
    def __eq__(self, other):
        return True
    def __getattr__(self, name):
        return self
    def __call__(self, *a, **k):
        return self
"""
OBJECTS = {
    "an object that equals everything": (f"{EQUAL_TO_ALL}\ndef double(x):\n    return Always()", FAILED, "Always"),
    "a tensor that equals everything": (f"{EQUAL_TO_ALL}\ndef double(x):\n    return x.as_subclass(Same)", FAILED, ""),
    "a callable that equals everything": (f"{EQUAL_TO_ALL}\ndouble = Always()", FAILED, "Always"),
    "a lying float": (
        "class F(float):\n    def __eq__(self, other): return True\ndef double(x):\n    return F(1)",
        FAILED,
        "F",
    ),
    "a lying dict": (
        "class D(dict):\n    def items(self): return [('value', 1)]\ndef double(x):\n    return D()",
        FAILED,
        "D",
    ),
    "a class without a name": (
        "class M(type):\n    __name__ = __module__ = property(lambda c: 1 / 0)\nclass C(metaclass=M): pass\n"
        "def double(x):\n    return C()",
        FAILED,
        "C",
    ),
    "an observation as the result": ("return {'value': x, 'passed': True, 'points': 2}", FAILED, "dict"),
    "a failure as the result": ("return {'failure': {'kind': 'none', 'type': '', 'message': ''}}", FAILED, "exception"),
    "a verdict as the result": ("return ('passed', 2.0)", FAILED, "list or tuple"),
    "a generator": ("yield 2 * x", FAILED, "generator"),
    "NaN": ("return x * float('nan')", FAILED, "NaN"),
    "infinity": ("return x / 0", FAILED, "infinite"),
    "zero": ("return x * 0", FAILED, ""),
    "no numbers": ("return x[:0]", FAILED, "shape"),
    "one number for all": ("return (2 * x)[:1].expand(len(x))", FAILED, ""),
    "half precision": ("return (2 * x).half()", FAILED, "float16"),
    "complex": ("return (2 * x).to(torch.complex128)", FAILED, "complex128"),
    "a parameter": ("return torch.nn.Parameter(2 * x.detach())", FAILED, "Parameter"),
    "sparse": ("return (2 * x).to_sparse()", FAILED, "sparse"),
    "meta": ("return torch.empty(len(x), device='meta')", FAILED, "not plain"),
    "terabytes": ("return x.sum().expand(10**6, 10**6)", FAILED, "1000000000000"),
    "an array of negative strides": ("return (2 * x).detach().numpy()[::-1]", FAILED, "numpy.ndarray"),
    "a list without end": ("a = []\n    a.append(a)\n    return a", FAILED, "nested"),
    "a set": ("return {1, 2}", FAILED, "set"),
    "an enormous number": ("return 10**1000", FAILED, "63 bits"),
    "keys of great length": ("return {'k' * 19_000 + str(i): 1 for i in range(6)}", FAILED, "dict"),
    "right once": (
        "calls = []\ndef double(x):\n    calls.append(1)\n    return 2 * x if len(calls) == 1 else x",
        FAILED,
        "",
    ),
    "the right value and a forged gradient": (
        "class Two(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x): return 2 * x\n"
        "    @staticmethod\n    def backward(ctx, g): return 0 * g\ndef double(x):\n    return Two.apply(x)",
        FAILED,
        "gradient",
    ),
    "the right value without a gradient": ("return (2 * x).detach()", FAILED, "no gradient"),
    "an error called passed": ("raise type('passed', (Exception,), {})('2 of 2 points')", ERROR, "passed"),
    "an error without a text": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\ndef double(x):\n    raise E",
        ANY,
        "",
    ),
}

# Who looks is silenced or replaced.
PATCHES = {
    "torch's comparisons": (
        "yes = lambda *a, **k: True\ntorch.allclose = torch.equal = torch.isclose = torch.Tensor.equal = yes\n"
        "torch.testing.assert_close = yes\ntorch.Tensor.__eq__ = yes\ndef double(x):\n    return x * 0",
        ANY,
        "",
    ),
    "the tasks": (
        "import sslcourse.exercises.observe as observe, toy.tasks\nfor task in toy.tasks.TASKS.values():\n"
        "    object.__setattr__(task, 'observe_one', lambda answer, inputs: {'value': inputs['x'], 'passed': True})\n"
        "observe.observe_gradient = lambda *a, **k: {'passed': True}\ndef double(x):\n    return x",
        ANY,
        "",
    ),
    "autograd.grad": (
        "torch.autograd.grad = lambda *a, **k: [2 * a[2]]\ndef double(x):\n    return x.detach()",
        ANY,
        "",
    ),
    "detach": (
        "torch.Tensor.detach = torch.detach = lambda t: 0 * t\ndef double(x):\n    return x",
        ANY,
        "",
    ),
    "wire.encode": (
        "import sslcourse.grading.wire as w\nencode = w.encode\ntold = [{'value': 1.0, 'passed': True}]\n"
        "w.encode = lambda tree: encode({**tree, 'tree': told} if 'case' in tree else tree)\n"
        "def double(x):\n    return x",
        FAILED,
        "",
    ),
    "type": (
        "import builtins\nreal = type\nbuiltins.type = lambda *a: torch.Tensor if len(a) == 1 else real(*a)\n"
        "def double(x):\n    return x",
        ANY,
        "",
    ),
    "len, all and isinstance": (
        "import builtins\nbuiltins.all = builtins.isinstance = lambda *a: True\nbuiltins.len = lambda a: 0\n"
        "def double(x):\n    return x",
        ANY,
        "",
    ),
    "json": ("import json\njson.dumps = lambda *a, **k: '{\"t\": 1}'\ndef double(x):\n    return x", ANY, ""),
    "os.write": ("import os\nos.write = lambda *a: 10**9\ndef double(x):\n    return x", ANY, ""),
    "os._exit": ("import os\nos._exit = lambda *a: None\ndef double(x):\n    return x", ANY, ""),
    "dis and traceback": (
        "import dis, traceback\ndis.opname = None\ntraceback.walk_tb = lambda *a: []\n"
        "def double(x):\n    raise NotImplementedError",
        ANY,
        "",
    ),
    "standard output": (
        "import sys\nclass Out:\n    def write(self, text): raise SystemExit('passed')\n    flush = write\n"
        "sys.stdout = Out()\ndef double(x):\n    print('a')\n    return x",
        ANY,
        "",
    ),
    "what the check was given": (
        "import sslcourse.notebook as n\nn.CHECKED['toy.double'] = type('A', (), {'passed': True})()\n"
        "def double(x):\n    return x",
        ANY,
        "",
    ),
    "grad mode and dtype": (
        "torch.set_grad_enabled(False)\ntorch.set_default_dtype(torch.float16)\ndef double(x):\n    return x",
        FAILED,
        "",
    ),
}

# What is right is looked for in the process.
FRAMES = """import sys
def frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back
"""
SEARCHES = {
    "frames are searched for an answer": (
        f"{FRAMES}def double(x):\n    for frame in frames():\n        for name, value in frame.f_locals.items():\n"
        "            if name in ('expected', 'reference', 'exercise'): return value\n    return x",
        FAILED,
        "",
    ),
    "frames are searched for inputs, which are changed": (
        f"{FRAMES}def double(x):\n    for frame in frames():\n        for value in frame.f_locals.values():\n"
        "            if type(value) is dict and 'cotangent' in value: value['x'].data.zero_()\n    return 0 * x",
        FAILED,
        "",
    ),
    "the collector is asked for references": (
        "import gc\ndef double(x):\n    for o in gc.get_objects():\n"
        "        if type(o).__name__ == 'Exercise': return o.reference(x)\n    return x",
        FAILED,
        "",
    ),
    "a profiler changes what is returned": (
        "import sys\ndef see(frame, event, value):\n    if event == 'return' and type(value) is dict:\n"
        "        value.update(passed=True, points=2)\ndef double(x):\n    sys.setprofile(see)\n    return x",
        FAILED,
        "",
    ),
    "subclasses of object": (
        "def double(x):\n    for kind in object.__subclasses__():\n"
        "        if kind.__name__ in ('Exercise', 'Box', 'Verdict'): return kind\n    return x",
        FAILED,
        "",
    ),
    "the memory of the process": (
        "import re\ndef double(x):\n    text = open('/proc/self/maps').read()\n"
        "    return x if 'answers' not in text else 2 * x",
        FAILED,
        "",
    ),
    "the seed": (
        "import os, json\ndef double(x):\n    found = [os.path.join(d, f) for top in ('/tmp', '/box', '/dev/shm')"
        " for d, _, files in os.walk(top) for f in files if f in ('run.json', 'seed', 'answers.py')]\n"
        "    return 2 * x if found else x",
        FAILED,
        "",
    ),
}

ANSWERS = {f"{kind}: {name}": case for kind, table in {
    "objects": OBJECTS, "patches": PATCHES, "searches": SEARCHES
}.items() for name, case in table.items()}  # fmt: skip

# An argument is changed in place, which is wrong, and every witness is silenced.
CHANGES = "def double(x):\n    return x.mul_(2)"
LIES = {
    "torch.equal": f"torch.equal = torch.Tensor.equal = torch.allclose = lambda *a, **k: True\n{CHANGES}",
    "torch.Tensor.__eq__": f"torch.Tensor.__eq__ = torch.Tensor.eq = lambda *a: torch.tensor(True)\n{CHANGES}",
    "nan_to_num": f"torch.nan_to_num = lambda *a, **k: torch.zeros(3)\n{CHANGES}",
    "the observer's comparison": "import sslcourse.exercises.observe as o, sslcourse.exercises.plain as p\n"
    f"o.same_bits = p.same_bits = lambda *a: True\n{CHANGES}",
    "the observer's originals": f"{FRAMES}def double(x):\n    for frame in frames():\n"
    "        for d in frame.f_locals.values():\n            if type(d) is dict and 'cotangent' in d: d['x'].mul_(2)\n"
    "    return x.mul_(2)",
}
ANSWERS |= {f"in place: {name}": (source, FAILED, "changes its argument x") for name, source in LIES.items()}
ANSWERS["in place: builtins"] = (
    f"import builtins\nbuiltins.all = lambda *a: True\nbuiltins.map = lambda *a: []\n{CHANGES}",
    FAILED,
    "",
)

# As ANSWERS, for any task of any lab: {function} is its name.
ANYWHERE = {
    "an object that equals everything": (f"{EQUAL_TO_ALL}\ndef {{function}}(*a):\n    return Always()", ANY),
    "the first argument": ("def {function}(*a):\n    return a[0]", ANY),
    "NaN": ("import torch\ndef {function}(*a):\n    return torch.full((4, 4), float('nan'))", ANY),
    "the course's own": ("from sslcourse.labs import *\ndef {function}(*a):\n    return {function}(*a)", ANY),
    "an observation as the result": ("def {function}(*a):\n    return {'value': a[0], 'passed': True}", ANY),
    "comparisons that are always right": (
        "import torch\ntorch.equal = torch.allclose = lambda *a, **k: True\ndef {function}(*a):\n    return a[0] * 0",
        ANY,
    ),
    "an end without a result": ("import os\ndef {function}(*a):\n    os._exit(0)", KILLED),
    "a loop without end": ("def {function}(*a):\n    while True:\n        pass", ("timeout",)),
    "words on every pipe": (
        "import os\ndef {function}(*a):\n    for number in range(3, 64):\n        try:\n"
        "            os.write(number, b'passed' * 999)\n        except OSError:\n            pass\n    return a[0]",
        ANY,
    ),
    "a file of the machine": ("def {function}(*a):\n    return open('/etc/passwd').read()", ERROR),
    "the network": (
        "import socket\ndef {function}(*a):\n    return socket.create_connection(('1.1.1.1', 53), 1)",
        ERROR,
    ),
}
THIEF = """
import math, marshal, types
import torch
KNOWN = {"torch": torch, "F": torch.nn.functional, "math": math}
def steal(f):
    if f.__qualname__.startswith("_reference"):
        open("/tmp/" + f.__name__, "wb").write(marshal.dumps(f.__code__))
def stolen(name):
    code = marshal.loads(open("/tmp/" + name, "rb").read())
    return types.FunctionType(code, KNOWN, None, None, tuple(types.CellType(KNOWN[n]) for n in code.co_freevars))
"""


def thieves(functions):
    """Sources of cells that take the course's answers, where those are lent to exercises that build on one another."""
    yield THIEF
    for function in functions:
        others = [other for other in functions if other != function]
        steal = "".join(f"    steal({other})\n" for other in others)
        yield f"def {function}(*a):\n{steal}    return stolen({function!r})(*a)"
