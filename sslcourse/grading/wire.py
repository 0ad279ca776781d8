"""How values leave the box: a JSON skeleton and the tensors' raw bytes, never pickle.

What comes back from student code is untrusted, so a reader checks every length before it allocates, knows a fixed list
of types and refuses the rest.

A message is MAGIC, two unsigned 64-bit lengths (skeleton, body), the skeleton, the body. In the skeleton null, booleans
and strings stand for themselves; everything else is an object with the type in "t".
"""

import json
import math
import struct
from typing import Any

import torch

MAGIC = b"SSLWIRE1"
PREFIX = struct.Struct("<8sQQ")
MAX_SKELETON = 4 * 2**20
MAX_BODY = 64 * 2**20
MAX_DEPTH = 32
MAX_NODES = 50_000
MAX_TEXT = 20_000
MAX_DIMENSIONS = 16

_DTYPES = "float64 float32 float16 bfloat16 complex64 complex128 int64 int32 int16 int8 uint8 bool"
DTYPES = {name: getattr(torch, name) for name in _DTYPES.split()}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


class WireError(ValueError):
    """A message that cannot be read: cut short, too large, malformed or of an unlisted type."""


class UnlistedType(TypeError):
    """A value that has no form on the wire, such as an array, a module or an object of the student's own class."""


def encode(tree: Any) -> bytes:
    """One message for a tree of dict, list, tuple, tensor, int, float, bool, str and None.

    Raises UnlistedType for anything else, subclasses included, and WireError for a value beyond the limits.

    >>> decode(encode({"loss": 0.5, "z": torch.eye(2)}))["z"].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    >>> encode({1, 2})
    Traceback (most recent call last):
    sslcourse.grading.wire.UnlistedType: set
    """
    body: list[bytes] = []
    state = {"nodes": 0, "bytes": 0}

    def walk(value: Any, depth: int) -> Any:
        state["nodes"] += 1
        if depth > MAX_DEPTH or state["nodes"] > MAX_NODES:
            raise WireError("the value is nested too deeply or has too many parts")
        kind = type(value)  # exact types only: a subclass can lie about everything
        if value is None or kind is bool:
            return value
        if kind is str:
            return value[:MAX_TEXT].encode("utf-8", "replace").decode()
        if kind is int:
            if value.bit_length() > 256:
                raise WireError("a whole number of more than 256 bits")
            return {"t": "int", "v": str(value)}
        if kind is float:
            return {"t": "float", "v": value.hex()}
        if kind is torch.Tensor:
            return tensor(value)
        if kind is list or kind is tuple:
            return {"t": kind.__name__, "v": [walk(item, depth + 1) for item in value]}
        if kind is dict:
            if any(type(key) is not str or len(key) > MAX_TEXT for key in value):
                raise UnlistedType("dict with keys that are not text")
            return {"t": "dict", "v": [[key, walk(item, depth + 1)] for key, item in value.items()]}
        raise UnlistedType(kind.__name__)

    def tensor(value: torch.Tensor) -> dict[str, Any]:
        if value.dtype not in NAMES or value.layout is not torch.strided or value.device.type != "cpu":
            raise UnlistedType(f"tensor of {value.dtype}, {value.layout}, on {value.device}")
        size = value.numel() * value.element_size()  # before contiguous(): an expanded tensor may stand for terabytes
        state["bytes"] += size
        if state["bytes"] > MAX_BODY or value.dim() > MAX_DIMENSIONS:
            raise WireError(f"more than {MAX_BODY >> 20} MiB of tensors, or more than {MAX_DIMENSIONS} dimensions")
        plain = value.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
        body.append(plain.view(torch.uint8).numpy().tobytes() if size else b"")
        return {"t": "tensor", "dtype": NAMES[value.dtype], "shape": list(value.shape)}

    skeleton = json.dumps(walk(tree, 0)).encode()
    if len(skeleton) > MAX_SKELETON:
        raise WireError("the value has too much text")
    content = b"".join(body)
    return PREFIX.pack(MAGIC, len(skeleton), len(content)) + skeleton + content


def read_message(buffer: bytes | memoryview, start: int = 0) -> tuple[Any, int]:
    """The tree of the message that begins at `start`, and where the next one begins.

    Raises WireError, and nothing else, whatever the bytes are.
    """
    view = memoryview(buffer)[start:]
    if len(view) < PREFIX.size:
        raise WireError("cut short")
    magic, skeleton_size, body_size = PREFIX.unpack(view[: PREFIX.size])
    if magic != MAGIC:
        raise WireError("not a message")
    if skeleton_size > MAX_SKELETON or body_size > MAX_BODY:
        raise WireError("larger than a message may be")
    end = PREFIX.size + skeleton_size + body_size
    if len(view) < end:
        raise WireError("cut short")
    try:
        skeleton = json.loads(bytes(view[PREFIX.size : PREFIX.size + skeleton_size]), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WireError(f"the skeleton is not JSON: {type(error).__name__}") from None
    return _Reader(view[PREFIX.size + skeleton_size : end]).tree(skeleton), start + end


def decode(message: bytes) -> Any:
    """The tree of one whole message; raises WireError when it is malformed or followed by anything.

    >>> decode(b"cut")
    Traceback (most recent call last):
    sslcourse.grading.wire.WireError: cut short
    """
    tree, end = read_message(message)
    if end != len(message):
        raise WireError("bytes after the end")
    return tree


def read_stream(buffer: bytes, most: int) -> tuple[list[Any], bool]:
    """The trees of the first messages in `buffer`, at most `most`, and whether bytes were left after them."""
    trees: list[Any] = []
    position = 0
    while position < len(buffer):
        if len(trees) == most:
            return trees, True
        try:
            tree, position = read_message(buffer, position)
        except WireError:
            return trees, True
        trees.append(tree)
    return trees, False


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class _Reader:
    """Turns a skeleton into a tree, taking the tensors' bytes from the body in order."""

    def __init__(self, body: memoryview):
        self.body, self.position, self.nodes = body, 0, 0

    def tree(self, skeleton: Any) -> Any:
        value = self.walk(skeleton, 0)
        if self.position != len(self.body):
            raise WireError("the body is longer than its tensors")
        return value

    def walk(self, node: Any, depth: int) -> Any:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise WireError("nested too deeply or too many parts")
        if node is None or isinstance(node, bool):
            return node
        if isinstance(node, str):
            if len(node) > MAX_TEXT:
                raise WireError("too long a text")
            return node
        if not isinstance(node, dict):
            raise WireError("an unlisted type")
        kind, value = node.get("t"), node.get("v")
        if kind == "tensor":
            return self.tensor(node.get("dtype"), node.get("shape"))
        if kind in ("int", "float") and isinstance(value, str) and len(value) <= 80:
            try:
                return int(value) if kind == "int" else float.fromhex(value)
            except (ValueError, OverflowError):
                raise WireError(f"not a {kind}") from None
        if kind in ("list", "tuple") and isinstance(value, list):
            items = [self.walk(item, depth + 1) for item in value]
            return items if kind == "list" else tuple(items)
        if kind == "dict" and isinstance(value, list):
            return self.mapping(value, depth)
        raise WireError("an unlisted type")

    def mapping(self, pairs: list[Any], depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for pair in pairs:
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
                raise WireError("a malformed dict")
            if pair[0] in result:
                raise WireError("the same key twice")
            result[pair[0]] = self.walk(pair[1], depth + 1)
        return result

    def tensor(self, name: Any, shape: Any) -> torch.Tensor:
        dtype = DTYPES.get(name) if isinstance(name, str) else None
        lengths_are_right = isinstance(shape, list) and len(shape) <= MAX_DIMENSIONS
        if dtype is None or not lengths_are_right or any(type(n) is not int or not 0 <= n < 2**48 for n in shape):
            raise WireError("a malformed tensor")
        count = math.prod(shape)  # Python's integers: the product cannot overflow
        size = count * dtype.itemsize
        if size > len(self.body) - self.position:
            raise WireError("a tensor larger than the body")
        if count == 0:
            if math.prod(n or 1 for n in shape) > 2**48:  # torch still multiplies the strides
                raise WireError("a malformed tensor")
            return torch.empty(shape, dtype=dtype)
        content = bytearray(self.body[self.position : self.position + size])  # a copy: aligned and writable
        self.position += size
        if dtype is torch.bool:  # any byte but 0 and 1 would be no bool at all
            return (torch.frombuffer(content, dtype=torch.uint8) != 0).reshape(shape)
        return torch.frombuffer(content, dtype=dtype).reshape(shape)
