"""Messages between the grader and the process that holds a student's code: JSON and the bytes of arrays.

A message is two lengths, a JSON text and the arrays that it names. Nothing is pickled. What comes is built of numbers,
text, lists and arrays, and is never larger than the limits below, whatever the sender says.
"""

import json
import math
import struct

import numpy as np

HEAD = struct.Struct(">II")
TEXT, ARRAYS = 2**20, 64 * 2**20  # bytes of one message
KINDS = "biuf"
WORDS = 2000  # characters of one text


class Malformed(Exception):
    """What came is no message."""


class Function:
    """A function that came with a call: what stands for it on this side. `number` is its place in the message."""

    def __init__(self, number):
        self.number = number


def clean(text, most=WORDS):
    """A text that can be written in UTF-8, of one length at most, without control characters but the line feed."""
    text = text[: most + 1].encode("utf-8", "replace").decode("utf-8")
    text = "".join(one if one == "\n" or one.isprintable() else " " for one in text)
    return text if len(text) <= most else text[: most - 4] + " ..."


def pack(value, functions=None):
    """The bytes of one message. Functions are sent as places in the list `functions`, to which they are added."""
    arrays = []
    header = json.dumps(_encode(value, arrays, functions)).encode()
    size = sum(array.nbytes for array in arrays)
    if len(header) > TEXT or size > ARRAYS:
        raise ValueError(f"more than {ARRAYS >> 20} MiB of arrays, or {TEXT >> 20} MiB of other values")
    return b"".join([HEAD.pack(len(header), size), header, *(array.tobytes() for array in arrays)])


def unpack(read, function=None):
    """One message, by a function that reads so many bytes or returns fewer at the end; None where there is none.

    `function` makes what stands for a function, from its place or its name; without it a function is no message.
    """
    head = read(HEAD.size)
    if not head:
        return None
    try:
        text, size = HEAD.unpack(head)
        if text > TEXT or size > ARRAYS:
            raise Malformed(f"{text + size} bytes")
        header, data = read(text), read(size)
        if len(header) < text or len(data) < size:
            return None
        return _decode(json.loads(header), memoryview(data), function)
    except Malformed:
        raise
    except Exception as error:
        raise Malformed(clean(f"{type(error).__name__}: {error}", 200)) from error


def _encode(value, arrays, functions):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, list)):
        return {"list" if isinstance(value, list) else "tuple": [_encode(one, arrays, functions) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[str(key), _encode(one, arrays, functions)] for key, one in value.items()]}
    if isinstance(value, np.ndarray) and value.dtype.kind in KINDS:
        offset = sum(array.nbytes for array in arrays)
        arrays.append(np.ascontiguousarray(value))
        return {"array": [value.dtype.str, list(value.shape), offset]}
    if isinstance(value, np.random.Generator):
        return {"rng": value.bit_generator.state}
    if functions is not None and hasattr(value, "inside"):
        return {"inside": value.inside}
    if functions is not None and callable(value):
        functions.append(value)
        return {"function": len(functions) - 1}
    raise TypeError(f"a {type(value).__name__} cannot be sent")


def _decode(value, data, function):
    if isinstance(value, str):
        return clean(value)
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise Malformed("a bare list")
        return value
    ((kind, inner),) = value.items()
    if kind == "tuple":
        return tuple(_decode(one, data, function) for one in inner)
    if kind == "list":
        return [_decode(one, data, function) for one in inner]
    if kind == "dict":
        return {clean(key): _decode(one, data, function) for key, one in inner}
    if kind == "array":
        dtype, shape, offset = np.dtype(inner[0]), [int(side) for side in inner[1]], int(inner[2])
        if dtype.kind not in KINDS or min(shape, default=0) < 0 or offset < 0:
            raise Malformed("an array")
        count = math.prod(shape)
        return np.frombuffer(data[offset : offset + count * dtype.itemsize], dtype, count).reshape(shape).copy()
    if kind == "rng":
        rng = np.random.default_rng(0)
        rng.bit_generator.state = inner
        return rng
    if kind in ("function", "inside") and function:
        return function(inner)
    raise Malformed(f"a {clean(str(kind), 20)}")
