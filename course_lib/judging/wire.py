"""Plain data, written as JSON: the only thing that crosses between a student's process and the grader's.

`encode` turns a value into a JSON document, `decode` turns a document back and believes nothing: every type, size and
depth is checked, nothing is ever unpickled, and the only exception that leaves it is `WireError`. Public case files use
the same form.
"""

import base64
import binascii
import math
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128,
        torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool,
    )
}  # fmt: skip
_PLAIN = (
    str, int, float, bytes, bytearray, list, tuple, set, frozenset, dict,
    np.integer, np.floating, np.bool_, np.ndarray, Tensor,
)  # fmt: skip
MAX_DEPTH = 40
MAX_RANK = 8
MAX_NODES = 2_000_000
MAX_INTEGER_BITS = 4096
MAX_SAME_HASH = 100


class WireError(ValueError):
    """The value is not plain data, or the document is not one that `encode` writes."""


def encode(value: Any, depth: int = 0) -> Any:
    """Return a JSON document for a plain value.

    value    None, bool, int, float, str, bytes, tensor or NumPy array, and lists, tuples, sets and dicts of these
    returns  a document for `json.dumps`

    Raises WireError for anything else, and for nesting deeper than MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        raise WireError(f"nested more than {MAX_DEPTH} levels deep")
    if value is None or value is True or value is False:
        return value
    if not issubclass(type(value), _PLAIN):  # `isinstance` would believe what an object says of its class
        raise WireError(f"a {type(value).__name__} is not plain data")
    if isinstance(value, str):
        return str.__str__(value)  # a subclass could say anything
    if isinstance(value, (int, np.integer)):
        if int(value).bit_length() > MAX_INTEGER_BITS:
            raise WireError(f"an integer of {int(value).bit_length()} bits")
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else {"float": repr(number)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (Tensor, np.ndarray)):
        return {"tensor": _encode_tensor(value)}
    if isinstance(value, list):
        return [encode(item, depth + 1) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item, depth + 1) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted((encode(item, depth + 1) for item in value), key=repr)}
    return {"dict": [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in value.items()]}


def plain(value: Any) -> Any:
    """Return the plain value that is in a value: a copy without subclasses, which could say anything of themselves.

    Raises WireError for what `encode` refuses.
    """
    return decode(encode(value))


def _encode_tensor(value: Tensor | np.ndarray) -> list:
    try:
        with torch._C.DisableTorchFunctionSubclass():
            if isinstance(value, Tensor):
                value = Tensor.as_subclass(value, Tensor)
        tensor = torch.as_tensor(value).detach().cpu().contiguous().resolve_conj().resolve_neg()
    except (TypeError, RuntimeError) as problem:
        raise WireError(f"an array of {getattr(value, 'dtype', '?')} is not plain data: {problem}") from None
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in DTYPES or tensor.layout != torch.strided:
        raise WireError(f"a {tensor.layout} tensor of {tensor.dtype} is not plain data")
    data = tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
    return [name, list(tensor.shape), base64.b64encode(data).decode()]


def decode(document: Any) -> Any:
    """Return the value of a document that `encode` wrote. Raises WireError on any other document, and nothing else."""
    try:
        return _Decoder().value(document, 0)
    except RecursionError:
        raise WireError("nested too deeply") from None


class _Decoder:
    """Counts what it has built, so that a small document cannot become a large value."""

    def __init__(self) -> None:
        self.nodes = 0

    def value(self, document: Any, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise WireError(f"more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise WireError(f"nested more than {MAX_DEPTH} levels deep")
        if document is None or isinstance(document, (bool, str)):
            return document
        if isinstance(document, int):
            if document.bit_length() > MAX_INTEGER_BITS:
                raise WireError(f"an integer of {document.bit_length()} bits")
            return document
        if isinstance(document, float):
            return document
        if isinstance(document, list):
            return [self.value(item, depth + 1) for item in document]
        if isinstance(document, dict) and len(document) == 1:
            ((kind, content),) = document.items()
            return self.tagged(kind, content, depth)
        raise WireError(f"a {type(document).__name__} where a value was expected")

    def tagged(self, kind: str, content: Any, depth: int) -> Any:
        if kind == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if kind == "bytes":
            return _base64(content)
        if kind == "tensor":
            return _decode_tensor(content)
        if kind == "dict" and isinstance(content, list):
            if not all(isinstance(pair, list) and len(pair) == 2 for pair in content):
                raise WireError("a dict is a list of pairs")
        if kind in ("tuple", "set", "dict") and isinstance(content, list):
            items = [self.value(item, depth + 1) for item in content]
            try:
                if kind != "tuple":
                    _refuse_collisions([item if kind == "set" else item[0] for item in items])
                if kind == "tuple":
                    return tuple(items)
                if kind == "set":
                    return set(items)
                return {key: value for key, value in items}
            except (TypeError, ValueError):
                raise WireError(f"not the content of a {kind}") from None
        raise WireError(f"unknown kind {str(kind)[:40]!r}")


def _refuse_collisions(keys: list) -> None:
    """Refuse keys that were chosen to have the same hash: n of them cost n² steps to enter."""
    counts = Counter(hash(key) for key in keys)
    if counts and max(counts.values()) > MAX_SAME_HASH:
        raise WireError("too many keys with the same hash")


def _base64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise WireError("bytes must be base64 text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise WireError("broken base64 text") from None


def _decode_tensor(content: Any) -> Tensor:
    if not (isinstance(content, list) and len(content) == 3):
        raise WireError("a tensor is [dtype, shape, data]")
    name, shape, data = content
    if not isinstance(name, str) or name not in DTYPES:
        raise WireError(f"unknown dtype {str(name)[:40]!r}")
    sizes_fit = isinstance(shape, list) and len(shape) <= MAX_RANK
    if not sizes_fit or not all(type(size) is int and 0 <= size < 2**31 for size in shape):
        raise WireError("not a tensor's shape")
    raw, dtype = _base64(data), DTYPES[name]
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise WireError(f"{len(raw)} bytes do not fill shape {shape} of {name}")
    if not raw:
        try:
            return torch.empty(shape, dtype=dtype)
        except RuntimeError:  # sizes around a zero whose strides no integer holds
            raise WireError("not a tensor's shape") from None
    if dtype == torch.bool:  # any byte may arrive; a bool is 0 or 1
        return torch.frombuffer(bytearray(raw), dtype=torch.uint8).ne(0).reshape(shape)
    return torch.frombuffer(bytearray(raw), dtype=dtype).reshape(shape)
