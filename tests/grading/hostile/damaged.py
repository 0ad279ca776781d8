"""Files as they may come. name: (content, whether it can be read, words of what is said of it).

What can be read has all its points.
"""

import json

from toy_lab import FUNCTIONS, RIGHT, cells_of, code, notebook, text, zipped

from sslcourse.grading import cells
from sslcourse.grading.reading import Asked

ASKED = Asked({"toy": FUNCTIONS}, {"toy": {}})
NOTEBOOK = notebook(*cells_of({})).encode()
HEADS = [code(source) for source in RIGHT.values()]


def raw(**changed):
    """The notebook with some of its keys replaced."""
    return json.dumps(json.loads(NOTEBOOK) | changed).encode()


def also(*sources):
    """The right notebook, with more code cells at its end."""
    return notebook(*cells_of({}), *map(code, sources)).encode()


UNREADABLE = {
    "nothing": (b"", False, "empty"),
    "spaces": (b" \n" * 1000, False, "empty"),
    "no JSON": (b"{not json", False, "not valid JSON"),
    "half of it": (NOTEBOOK[: len(NOTEBOOK) // 2], False, "not valid JSON"),
    "a hundred thousand brackets": (b"[" * 100_000, False, "not valid JSON"),
    "deep lists": (b'{"cells": ' + b"[" * 5_000_000 + b"]" * 5_000_000 + b"}", False, "not valid JSON"),
    "a number of a million digits": (b'{"cells": ' + b"1" * 10**6 + b"}", False, "not valid JSON"),
    "a list": (b"[1, 2]", False, "not a notebook"),
    "no cells": (b"{}", False, "no cells"),
    "cells that are a number": (raw(cells=3), False, "no cells"),
    "cells that are numbers": (raw(cells=[1, False, "a"]), False, "Nothing of any known lab"),
    "cells of another kind": (raw(cells=[{"cell_type": {}, "source": []}] * 9), False, "Nothing of any known lab"),
    "a picture": (b"\x89PNG\r\n\x1a\n\xff\x00", False, "not text"),
    "a program": (RIGHT["toy.double"].encode(), False, "not valid JSON"),
    "another lab": (notebook(code("x = 1")).encode(), False, "Nothing of any known lab"),
    "an archive of nothing": (zipped(), False, "no notebook"),
    "an archive without a notebook": (zipped(**{"a.py": "x"}), False, "no notebook"),
    "half an archive": (zipped(**{"a.ipynb": NOTEBOOK})[:-30], False, "damaged"),
    "an archive bomb": (zipped(**{"a.ipynb": b" " * (cells.MAX_FILE + 1)}), False, "larger than"),
    "an archive in an archive": (zipped(**{"a.ipynb": zipped(**{"a.ipynb": NOTEBOOK})}), False, "not text"),
    "a path out of the archive": (zipped(**{"../../etc/a.ipynb": b"{}"}), False, "no cells"),
    "a million names": (b'{"cells": [' + b"{}," * 10**6 + b"{}]}", False, "Nothing of any known lab"),
}
READABLE = {
    "an archive": (zipped(**{"lab/a.ipynb": NOTEBOOK}), True, "taken out of it"),
    "two in an archive": (zipped(**{"a.ipynb": NOTEBOOK, "b.ipynb": NOTEBOOK}), True, "taken out of it"),
    "a mark of byte order": (b"\xef\xbb\xbf" + NOTEBOOK, True, ""),
    "UTF-16": (NOTEBOOK.decode().encode("utf-16"), True, ""),
    "Latin-1": (NOTEBOOK.replace(b"Because", b"Fa\xe7ade"), True, "Latin-1"),
    "NUL in a cell": (NOTEBOOK.replace(b"return", b"return \\u0000"), True, ""),
    "half a character": (also("x = '\ud800'"), True, ""),
    "format 3": (
        json.dumps(
            {
                "nbformat": 3,
                "worksheets": [{"cells": [{**c, "input": c["source"]} for c in json.loads(NOTEBOOK)["cells"]]}],
            }
        ).encode(),
        True,
        "format 3",
    ),
    "no metadata": (notebook(*HEADS).encode(), True, "lost their metadata"),
    "metadata of wrong types": (raw(cells=[c | {"metadata": {"nbgrader": 3, "tags": 4}} for c in HEADS]), True, ""),
    "all in one cell": (notebook(code("\n".join(RIGHT.values()))).encode(), True, ""),
    "the last first": (notebook(*cells_of({})[::-1]).encode(), True, "another order"),
    "every cell twice": (notebook(*cells_of({}), *cells_of({})).encode(), True, ""),
    "as text": (notebook(*map(text, RIGHT.values())).encode(), True, ""),
    "blank lines": (also("x = 1" + "\n" * 190_000 + "y = 0"), True, ""),
    "lines of a space": (also("x = 1" + " \n" * 90_000 + "y = 0"), True, ""),
    "a cell of ten thousand brackets": (also("(" * 10_000), True, ""),
    "a cell of ten thousand minuses": (also("-" * 10_000 + "1"), True, ""),
    "a cell of question marks": (also("?" * 50_000), True, ""),
    "a magic of percent signs": (also("%" * 50_000), True, ""),
    "a cell of a hundred thousand statements": (also("x=1\n" * 40_000), True, ""),
    "a cell that is too long": (also("x = '" + "a" * 300_000 + "'"), True, "left out"),
    "a thousand cells": (also(*["x = 1"] * 1000), True, ""),
    "a thousand stubs after it": (also(*["def double(x):\n    raise NotImplementedError"] * 300), True, ""),
    "an endless loop after it": (also("while True: pass"), True, ""),
    "an error before it": (notebook(code("1 / 0"), code("undefined_name"), *cells_of({})).encode(), True, ""),
    "a shell": (also("!rm -rf /tmp", "%%bash\nrm -rf ~", "files = !ls", "%run /etc/passwd"), True, ""),
    "markup": (also("'</pre></style><script>alert(1)</script>'"), True, ""),
    "outputs of megabytes": (
        notebook(
            *(c | ({"outputs": [{"text": "y" * 10**6}]} if "outputs" in c else {}) for c in cells_of({}))
        ).encode(),
        True,
        "",
    ),
}
FILES = UNREADABLE | READABLE
