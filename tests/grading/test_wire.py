"""Values cross as they were, and no bytes do harm."""

import json
import math
import random

import pytest
import torch

from sslcourse.grading import wire
from sslcourse.grading.wire import MAGIC, PREFIX, UnlistedType, WireError, decode, encode, read_stream


def message(skeleton, body=b""):
    text = skeleton if isinstance(skeleton, bytes) else json.dumps(skeleton).encode()
    return PREFIX.pack(MAGIC, len(text), len(body)) + text + body


@pytest.mark.parametrize(
    "value", [None, True, False, 0, -(2**70), 1.5, "text", "ünï\ud7ff", [], {}, (), [1, [2.0, None]], {"a": (1, "b")}]
)
def test_plain_values_come_back_as_they_were(value):
    back = decode(encode(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 5e-324, -0.0])
def test_odd_floats_come_back(value):
    assert repr(decode(encode(value))) == repr(value)


@pytest.mark.parametrize("dtype", list(wire.DTYPES.values()))
@pytest.mark.parametrize("shape", [(), (3,), (2, 0, 4), (2, 3, 4)])
def test_tensors_come_back_to_the_last_bit(dtype, shape):
    value = (torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 50).to(dtype)
    back = decode(encode({"z": value}))["z"]
    assert back.dtype == dtype
    assert back.shape == value.shape
    assert back.tolist() == value.tolist()
    back.add_(1) if dtype is not torch.bool else back.logical_not_()  # its own memory, writable


def test_views_and_gradients_cross_as_plain_tensors():
    value = torch.arange(12.0, requires_grad=True).reshape(3, 4).t()[1:]
    back = decode(encode(value))
    assert back.tolist() == value.tolist()
    assert not back.requires_grad


class Sneaky(dict):
    pass


@pytest.mark.parametrize(
    "value",
    [
        {1},
        b"bytes",
        object(),
        Sneaky(),
        torch.nn.Parameter(torch.ones(1)),
        {1: 2},
        torch.ones(2).to_sparse(),
        torch.ones(1, device="meta"),
        1j,
        range(3),
    ],
    ids=lambda value: type(value).__name__,  # not its text, which may hold an address: processes must agree on names
)
def test_unlisted_types_are_refused(value):
    with pytest.raises(UnlistedType):
        encode([value])


def test_an_expanded_tensor_does_not_fill_the_memory():
    with pytest.raises(WireError):
        encode(torch.zeros(1).expand(2**40))


def test_nesting_without_end_is_refused():
    value = []
    value.append(value)
    with pytest.raises(WireError):
        encode(value)


TENSOR = {"t": "tensor", "dtype": "float32", "shape": [2]}


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\x80\x04K\x01.",  # a pickle
        PREFIX.pack(MAGIC, 2**60, 2**60),
        PREFIX.pack(MAGIC, 4, 2**63) + b"null",
        message(b"[" * 100_000),
        message(b"NaN"),
        message(b"1e999"),
        message({"t": "int", "v": "9" * 5000}),
        message({"t": "int", "v": "x"}),
        message({"t": "float", "v": "0x1p99999"}),
        message({"t": "object", "v": "os.system"}),
        message({"t": "dict", "v": [["a", None], ["a", None]]}),
        message({"t": "dict", "v": [["a"]]}),
        message({"t": "dict", "v": [[1, None]]}),
        message(TENSOR),
        message(TENSOR, b"1234567"),
        message(TENSOR, b"123456789"),
        message(TENSOR | {"shape": [2**40, 2**40]}, b"12345678"),
        message(TENSOR | {"shape": [-2]}, b"12345678"),
        message(TENSOR | {"shape": [True, 2]}, b"12345678"),
        message(TENSOR | {"shape": [1.0, 2]}, b"12345678"),
        message(TENSOR | {"shape": [0, 2**40, 2**40]}),
        message(TENSOR | {"shape": [1] * 100}, b"1234"),
        message(TENSOR | {"dtype": "qint8"}, b"12345678"),
        message(TENSOR | {"dtype": ["float32"]}, b"12345678"),
        message("x" * 30_000),
        message({"t": "list", "v": [None] * 60_000}),
        encode(1) + b"more",
    ],
)
def test_malformed_messages_are_refused(bad):
    with pytest.raises(WireError):
        decode(bad)


def test_a_bool_tensor_holds_only_bools():
    back = decode(message({"t": "tensor", "dtype": "bool", "shape": [3]}, b"\x00\x02\xff"))
    assert back.tolist() == [False, True, True]
    assert back.view(torch.uint8).tolist() == [0, 1, 1]


def test_no_mutilated_message_raises_anything_else():
    whole = encode({"a": torch.arange(6.0).reshape(2, 3), "b": [1, 2.5, "x", None, True], "c": {"d": (1,)}})
    chance = random.Random(0)
    for _ in range(3000):
        bad = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        try:
            decode(bytes(bad[: chance.randint(0, len(bad))] if chance.random() < 0.3 else bad))
        except WireError:
            pass


def test_a_stream_gives_the_whole_messages_before_the_damage():
    assert read_stream(encode(1) + encode("two"), 2) == ([1, "two"], False)
    assert read_stream(encode(1) + encode("two"), 1) == ([1], True)
    assert read_stream(encode(1) + b"garbage", 2) == ([1], True)
    assert read_stream(b"", 2) == ([], False)
