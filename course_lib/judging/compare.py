"""The default judge: same structure, shape and kind of numbers, close values; if not, a sentence says what differs."""

import math
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

# Half precision carries three digits; everything else must agree to four, however it was computed.
_HALF = (torch.float16, torch.bfloat16)
# A number near 0 among large ones is a sum that cancelled: it is off by a few roundings of the large ones, 16 of them
# here (float32), on another processor or by another right road. Above 1,000 no number makes room for others.
_CANCELLED, _MAX_SCALE = 2e-6, 1000.0


def compare(
    expected: Any, got: Any, rtol: float | None = None, atol: float | None = None, where: str = ""
) -> Literal[True] | str:
    """Return True when `got` is as good as `expected`, else one sentence about the first difference.

    expected, got  plain data (see course_lib.judging.wire)
    rtol, atol     |got − expected| ≤ atol + rtol·|expected| passes; at least 1e-2 for half precision. Unless they are
                   given, floating-point numbers get 1e-4 and 1e-6, and integers, which are ids or counts, get none.
                   In a tensor atol is then at least 2e-6 of its largest number
    where          what is being compared, for the sentence ("item 0", "'weights'"); empty for the whole

    Lists and tuples count as the same structure, and so do a number and a tensor without dimensions. Single and double
    precision are one kind; half precision is expected only where it was given, and must be kept.
    """
    if isinstance(expected, Tensor) and isinstance(got, (int, float)) and not isinstance(got, bool):
        kind = torch.float64 if expected.dtype.is_floating_point or abs(got) >= 2**63 else None
        kind = expected.dtype if expected.dtype in _HALF else kind
        got = torch.tensor(_float(got) if kind else got, dtype=kind)
    if isinstance(got, Tensor) and isinstance(expected, (bool, int, float)) and got.ndim == 0:
        got = got.item()

    if isinstance(expected, Tensor):
        return _tensors(expected, got, rtol, atol, where)
    if isinstance(expected, (list, tuple)):
        return _sequences(expected, got, rtol, atol, where)
    if isinstance(expected, dict):
        return _dicts(expected, got, rtol, atol, where)
    if isinstance(expected, float) or (isinstance(expected, int) and not isinstance(expected, bool)):
        return _numbers(expected, got, rtol, atol, where)
    if type(expected) is type(got) and expected == got:
        return True
    if type(expected) is not type(got):
        return f"{_subject(where)} is {describe(got)}; {describe(expected)} was expected."
    return f"{_subject(where)} is {_short(got)}; {_short(expected)} was expected."


def describe(value: Any) -> str:
    """Return what kind of thing a value is, as in “a tensor of shape (2, 3)”."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if value is None:
        return "None (is a `return` missing?)"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    kinds = {bool: "True or False", int: "a number", float: "a number", str: "text", dict: "a dict"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _subject(where: str) -> str:
    return f"{where[0].upper()}{where[1:]}" if where else "The result"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _numbers(expected: float, got: Any, rtol: float | None, atol: float | None, where: str) -> Literal[True] | str:
    if isinstance(got, bool) or not isinstance(got, (int, float)):
        return f"{_subject(where)} is {describe(got)}; a number was expected."
    if expected == got:
        return True
    exact = isinstance(expected, int) and isinstance(got, int) and rtol is None and atol is None
    want, have = _float(expected), _float(got)
    if math.isnan(want) and math.isnan(have):
        return True
    if not exact and math.isfinite(want) and abs(have - want) <= _or(atol, 1e-6) + _or(rtol, 1e-4) * abs(want):
        return True
    return f"{_subject(where)} is {_digits(got)}; {_digits(expected)} was expected."


def _or(given: float | None, default: float) -> float:
    return default if given is None else given


def _float(number: float) -> float:
    """Return a number as a float; an integer that is too large for one becomes inf."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _digits(number: float) -> str:
    return _short(number) if isinstance(number, int) else f"{number:.6g}"


def _sequences(
    expected: list | tuple, got: Any, rtol: float | None, atol: float | None, where: str
) -> Literal[True] | str:
    if not isinstance(got, (list, tuple)):
        return f"{_subject(where)} is {describe(got)}; {describe(expected)} was expected."
    if len(expected) != len(got):
        return f"{_subject(where)} has {len(got)} items; {len(expected)} were expected."
    for index, (want, have) in enumerate(zip(expected, got)):
        inside = f"{where}, item {index}" if where else f"item {index}"
        if (same := compare(want, have, rtol, atol, inside)) is not True:
            return same
    return True


def _dicts(expected: dict, got: Any, rtol: float | None, atol: float | None, where: str) -> Literal[True] | str:
    if not isinstance(got, dict):
        return f"{_subject(where)} is {describe(got)}; a dict was expected."
    if expected.keys() != got.keys():
        lacking, extra = expected.keys() - got.keys(), got.keys() - expected.keys()
        if lacking:
            return f"{_subject(where)} lacks the key {_short(min(lacking, key=repr))}."
        return f"{_subject(where)} has a key too many: {_short(min(extra, key=repr))}."
    for key, want in expected.items():
        inside = f"{where}, {key!r}" if where else f"`{key}`" if isinstance(key, str) else repr(key)
        if (same := compare(want, got[key], rtol, atol, inside)) is not True:
            return same
    return True


def _kind(tensor: Tensor) -> str:
    if tensor.dtype == torch.bool:
        return "booleans"
    if tensor.dtype.is_complex:
        return "complex numbers"
    return "floating-point numbers" if tensor.dtype.is_floating_point else "integers"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def close_numbers(expected: Tensor, got: Tensor, rtol: float | None = None, atol: float | None = None) -> Tensor:
    """Return where two tensors of the same shape and kind of numbers agree, as booleans of that shape.

    rtol, atol  as for `compare`
    """
    whole = _kind(expected) in ("integers", "booleans")
    if whole and not rtol and not atol:
        return expected.long() == got.long()  # float64 does not hold every int64
    wide = torch.complex128 if expected.dtype.is_complex else torch.float64
    want, have = expected.to(wide), got.to(wide)
    rtol, atol = _or(rtol, 0.0 if whole else 1e-4), _or(atol, 0.0 if whole else _least_atol(want))
    if expected.dtype in _HALF:
        rtol, atol = max(rtol, 1e-2), max(atol, 1e-2)
    return torch.isclose(have, want, rtol=rtol, atol=atol, equal_nan=True)


def _least_atol(want: Tensor) -> float:
    sizes = want.abs()
    sizes = sizes[sizes.isfinite()]
    scale = float(sizes.max()) if sizes.numel() > 1 else 0.0
    return max(1e-6, _CANCELLED * min(scale, _MAX_SCALE))


def _place(flat: int, shape: torch.Size) -> tuple[int, ...]:
    """Return the index of the entry at a place in reading order (torch's own `unravel_index` imports sympy: 2 s)."""
    return tuple(int(i) for i in np.unravel_index(flat, shape))


def _tensors(expected: Tensor, got: Any, rtol: float | None, atol: float | None, where: str) -> Literal[True] | str:
    subject = _subject(where)
    if not isinstance(got, Tensor):
        return f"{subject} is {describe(got)}; {describe(expected)} was expected."
    if expected.shape != got.shape:
        return f"{subject} has shape {tuple(got.shape)}; {tuple(expected.shape)} was expected."
    if _kind(expected) != _kind(got):
        return f"{subject} holds {_kind(got)}; {_kind(expected)} were expected."
    if expected.dtype != got.dtype and (expected.dtype in _HALF or got.dtype in _HALF):
        return f"{subject} has the dtype {_dtype(got)}; {_dtype(expected)} was expected."
    close = close_numbers(expected, got, rtol, atol)
    if close.all():
        return True
    wide = torch.complex128 if expected.dtype.is_complex else torch.float64
    want, have = expected.to(wide), got.to(wide)
    difference = torch.where(close, 0.0, (have - want).abs().nan_to_num(torch.inf, torch.inf))
    flat = int(difference.argmax())
    index = _place(flat, expected.shape)
    wrong, total = int((~close).sum()), expected.numel()
    place = f" at {list(index)}" if index else ""
    share = f" ({wrong} of {total} values differ)" if total > 1 else ""
    if have.isnan().any() and not want.isnan().any():
        flat = int((have.isnan() & ~want.isnan()).reshape(-1).nonzero()[0])
        index = _place(flat, expected.shape)
        place = f" at {list(index)}" if index else ""
        return f"{subject} has a nan{place}; {want.reshape(-1)[flat].item():.6g} was expected{share}."
    have_value, want_value = have.reshape(-1)[flat].item(), want.reshape(-1)[flat].item()
    if expected.dtype == torch.bool:
        have_value, want_value = bool(have_value), bool(want_value)
        return f"{subject} is {have_value}{place}; {want_value} was expected{share}."
    return f"{subject} is {have_value:.6g}{place}; {want_value:.6g} was expected{share}."
