"""Symptoms of form: the right values in another type, shape or container; an argument, a constant, nothing at all."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from course_lib.judging.compare import compare
from course_lib.judging.symptoms.pair import MIN_EVIDENCE, Pair, Symptom, as_floats, as_table, numbers


def other_form(pairs: Sequence[Pair]) -> Symptom | None:
    """The values are right, in another shape or of another type of numbers."""
    if not all(isinstance(pair.want, Tensor) and isinstance(pair.have, Tensor) for pair in pairs):
        return None
    if any(p.want.numel() != p.have.numel() for p in pairs):
        return None
    if not all(_equal_as_floats(p.want, p.have) for p in pairs):
        return None
    if all(p.want.shape == p.have.shape for p in pairs):
        types = sorted({f"{_type(p.have)} where {_type(p.want)} was expected" for p in pairs})
        return Symptom("other_type", f"The values are right, but their type is not: {', '.join(types)}.")
    if sum(p.want.numel() for p in pairs) < MIN_EVIDENCE:
        return None
    if all(p.want.squeeze().shape == p.have.squeeze().shape for p in pairs):
        return Symptom("other_shape", "The values are right, but a dimension of size 1 is missing or one too many.")
    return Symptom("other_shape", "The values are right and in the right order, but they have another shape.")


def _equal_as_floats(want: Tensor, have: Tensor) -> bool:
    half = any(x.dtype in (torch.float16, torch.bfloat16) for x in (want, have))
    tolerance = 1e-2 if half else None
    return compare(as_floats(want).reshape(-1), as_floats(have).reshape(-1), tolerance, tolerance) is True


def _type(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def argument_returned(pairs: Sequence[Pair]) -> Symptom | None:
    """What was returned is one of the arguments, as it was given."""
    for name in pairs[0].arguments:
        given = [pair.arguments.get(name) for pair in pairs]
        enough = sum(1 for value in given for _ in numbers(value)) >= MIN_EVIDENCE
        if enough and all(compare(value, pair.have) is True for value, pair in zip(given, pairs)):
            return Symptom("argument_returned", f"In every failing case, `{name}` came back as it was given.")
    return None


def constant(pairs: Sequence[Pair]) -> Symptom | None:
    """The same was returned in every case, where different values were expected."""
    if len(pairs) < MIN_EVIDENCE or not all(compare(pairs[0].have, pair.have) is True for pair in pairs[1:]):
        return None
    if any(compare(one.want, next_one.want) is True for one, next_one in pairwise(pairs)):
        return None
    return Symptom("constant", "The result is the same in every failing case, whatever the arguments are.")


def nothing(pairs: Sequence[Pair]) -> Symptom | None:
    """None, or only zeros, came back where there should be something."""
    if all(pair.have is None and pair.want is not None for pair in pairs):
        return Symptom("none", "None came back in every failing case. Is a `return` missing, or a gradient?")
    tables = [pair.tables for pair in pairs]
    if sum(len(set(numbers(pair.want))) for pair in pairs) < MIN_EVIDENCE or not all(tables):
        return None
    if all(table is not None and table[1].dtype != torch.bool and not bool(table[1].any()) for table in tables):
        return Symptom("zeros", "In every failing case, all your values are 0.")
    return None


def other_container(pairs: Sequence[Pair]) -> Symptom | None:
    """The values are right, but in a tensor in place of a list, or the other way, or as text."""
    for kind, words, made in CONTAINERS:
        if not all(isinstance(pair.have, kind) and not isinstance(pair.want, kind) for pair in pairs):
            continue
        if sum(1 for pair in pairs for _ in _items(pair.want)) < MIN_EVIDENCE:
            continue
        try:
            if all(compare(pair.want, made(pair.have)) is True for pair in pairs):
                return Symptom("other_container", f"The values are right, but they come as {words}.")
        except (TypeError, ValueError, RuntimeError):
            continue
    return None


CONTAINERS: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
    (Tensor, "a tensor", lambda x: x.tolist()),
    ((list, tuple), "a list and not as a tensor", lambda x: torch.tensor(x)),
    ((list, tuple), "a list and not as one text", "".join),
    (str, "one text and not as a list", list),
    (str, "one text and not as a list of words", str.split),
    (dict, "a dict", lambda x: list(x.values())),
    (set, "a set", sorted),
)


def _items(value: Any) -> Any:
    return value.reshape(-1) if isinstance(value, Tensor) else value if isinstance(value, (list, tuple, str)) else ()


REDUCTIONS: dict[str, Callable[[Tensor, list[int]], Tensor]] = {
    "mean": lambda x, dims: x.mean(dims),
    "sum": lambda x, dims: x.sum(dims),
    "maximum": lambda x, dims: x.amax(dims),
}


def reduced(pairs: Sequence[Pair]) -> Symptom | None:
    """What came back is the mean, sum or maximum of the expected values, or they are that of what came back."""
    for less, more, said in (
        ("have", "want", "you return the {} of the expected values over {}"),
        ("want", "have", "the expected values are the {} of yours over {}"),
    ):
        both = [(as_table(getattr(pair, less)), as_table(getattr(pair, more))) for pair in pairs]
        tensors = [(a.double(), b.double()) for a, b in both if a is not None and b is not None and a.ndim < b.ndim]
        if len(tensors) < len(pairs) or sum(b.numel() for _, b in tensors) < 2 * MIN_EVIDENCE:
            continue
        for words, dims in (("the last dimension", [-1]), ("the first dimension", [0]), ("all dimensions", None)):
            for name, reduce in REDUCTIONS.items():
                if all(_reduces(reduce, a, b, dims) for a, b in tensors):
                    sentence = said.format(name, words)
                    return Symptom(
                        f"{'reduced' if less == 'have' else 'not_reduced'}", f"In every failing case, {sentence}."
                    )
    return None


def _reduces(reduce: Callable[[Tensor, list[int]], Tensor], a: Tensor, b: Tensor, dims: list[int] | None) -> bool:
    over = list(range(b.ndim)) if dims is None else dims
    if b.numel() == 0 or b.ndim - len(over) != a.ndim:
        return False
    return compare(reduce(b, over), a) is True


def some_missing(pairs: Sequence[Pair]) -> Symptom | None:
    """What is there is right, but entries are missing, or there are others besides."""
    for name, part, whole, words in (
        ("some_missing", "have", "want", "All that you return is right, but some entries are missing"),
        ("some_extra", "want", "have", "All expected entries are there, but there are others besides"),
    ):
        values = [(getattr(pair, part), getattr(pair, whole)) for pair in pairs]
        if sum(len(a) for a, _ in values if isinstance(a, (list, tuple, dict))) < MIN_EVIDENCE:
            continue
        if all(_is_part(a, b) for a, b in values):
            return Symptom(name, f"{words}, in every failing case.")
    return None


def _is_part(part: Any, whole: Any) -> bool:
    """Whether the entries of a dict, or the items of a list in their order, are among those of another."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return len(part) < len(whole) and all(k in whole and compare(v, whole[k]) is True for k, v in part.items())
    if not (isinstance(part, (list, tuple)) and isinstance(whole, (list, tuple)) and len(part) < len(whole) <= 200):
        return False
    rest = iter(whole)
    return all(any(compare(item, other) is True for other in rest) for item in part)
