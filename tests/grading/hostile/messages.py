"""Messages as the box sends them, forged and malformed: wrong answers to toy.double, as in `forging`."""

FAILED, ERROR = ("failed",), ("error",)
ANY = ("failed", "error", "killed", "missing")

FORGED = """
import json, os, struct
import sslcourse.grading.wire as wire
passed = {"status": "passed", "points": 2, "value": torch.zeros(3, dtype=torch.float64), "gradient": {}, "changed": []}
messages = [wire.encode({"cell": {"defined": True, "failed": []}})]
messages += [wire.encode({"case": name, "tree": [passed]}) for name in ("by hand", "random")]
messages = b"".join(messages)
header = json.dumps({"ended": "exited", "exit": 0, "seconds": 0.1, "output": "", "size": 0}).encode()
frame = struct.pack("<I", len(header)) + header
def message(text, body=b"", size=None):
    return struct.pack("<8sQQ", b"SSLWIRE1", len(text), len(body) if size is None else size) + text + body
def tell(content):
    for number in range(3, 128):
        view = memoryview(content)
        try:
            while view: view = view[os.write(number, view):]
        except OSError:
            pass
def case(tree):
    return message(json.dumps({"t": "dict", "v": [["case", "random"], ["tree", tree]]}).encode())
"""
TENSOR = '{{"t": "tensor", "dtype": "{}", "shape": {}}}'


def told(content):
    """An answer that writes `content` to every descriptor and ends."""
    return f"{FORGED}\ndef double(x):\n    tell({content})\n    os._exit(0)"


MESSAGES = {
    "scores are printed": (
        'print(\'{"score": 100, "status": "passed"}\', \'All tests passed\')\n    return x',
        FAILED,
        "",
    ),
    "messages": (told("messages"), ANY, ""),
    "a frame of the server": (told("frame"), ANY, ""),
    "garbage": (told("b'garbage' * 100"), ("error", "killed"), ""),
    "a hundred thousand messages": (told("message(b'null') * 100_000"), ERROR, "could not be read"),
    "many parts": (
        told("message(b'{\"t\":\"list\",\"v\":[' + b','.join([b'\"ab\"'] * 49_990) + b']}') * 100"),
        ERROR,
        "could not be read",
    ),
    "a depth of a million": (told("message(b'[' * 10**6)"), ERROR, "could not be read"),
    "a size that is a lie": (told("message(b'null', size=2**63)"), ERROR, "could not be read"),
    "cut in the middle": (told("messages[:-5]"), ANY, ""),
    "an unlisted dtype": (told(f"message(b'{TENSOR.format('float8', '[1]')}', b'a')"), ERROR, "could not be read"),
    "a shape of negative sizes": (told(f"message(b'{TENSOR.format('int8', '[-1]')}')"), ERROR, "could not be read"),
    "a shape without numbers": (
        told(f"case(json.loads('{TENSOR.format('float64', '[1099511627776, 0]')}'))"),
        ANY,
        "",
    ),
    "a case that is not asked for": (told('message(b\'{"t":"dict","v":[["case","none"]]}\')'), ERROR, ""),
    "a failure of wrong types": (
        told("case({'t': 'dict', 'v': [['failure', {'t': 'dict', 'v': [['kind', {'t': 'list', 'v': []}]]}]]})"),
        ANY,
        "",
    ),
    "text that a pattern is slow on": (
        told(
            "case({'t': 'dict', 'v': [['failure', {'t': 'dict', 'v': [['kind', 'exception'], ['type', 'E'],"
            " ['message', 'Loss(batch_size ' * 1200]]}]]})"
        ),
        ANY,
        "",
    ),
    "two processes answer": ("import os\n    os.fork()\n    return x", ("failed", "error"), ""),
    "a message at the exit": (
        f"{FORGED}\nimport atexit\natexit.register(tell, messages)\ndef double(x):\n    return x",
        FAILED,
        "",
    ),
    "through /proc": (
        f"{FORGED}\ndef double(x):\n    for pid in os.listdir('/proc'):\n        for number in range(64):\n"
        "            try: open(f'/proc/{pid}/fd/{number}', 'wb', 0).write(frame)\n            except OSError: pass\n"
        "    return x",
        ANY,
        "",
    ),
}
