"""Symptoms of cases: what the failing ones have in common in their arguments, and the right ones have not.

A sentence of these says exactly which cases fail, by a property that no right case has: it is true whatever the cause.
"""

import builtins
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_lib.judging.case import Case, Outcome
from course_lib.judging.compare import compare
from course_lib.judging.symptoms.pair import MIN_EVIDENCE, Symptom, numbers

ABSENT = object()
MAX_CASES, MAX_LOOKED_AT = 60, 20_000


@dataclass(frozen=True, eq=False)
class Seen:
    """One case as it went: with what was expected and returned, and whether that was wrong."""

    case: Case
    want: Outcome
    have: Outcome
    wrong: bool


def no_error(seen: Sequence[Seen]) -> Symptom | None:
    """All is right but for errors that are not raised, or are of another type."""
    wrong = [one for one in seen if one.wrong]
    if not wrong or not all(one.want.raised for one in wrong) or not any(not one.wrong for one in seen):
        return None
    everywhere = all(one.wrong for one in seen if one.want.raised)
    if all(not one.have.raised for one in wrong):
        if everywhere:
            said = "Nothing is raised in the cases that ask for an error; all others are right."
            return Symptom("no_error", said)
        notes = _notes(wrong)
        return Symptom("no_error", f"No error is raised in {notes}; all other cases are right.") if notes else None
    kinds = {(one.have.raised[0], one.want.raised[0]) for one in wrong if one.have.raised}
    if all(one.have.raised for one in wrong) and len(kinds) == 1:
        have, want = kinds.pop()
        if have in dir(builtins):
            return Symptom("other_error", f"{have} is raised where {want} is asked for; all other cases are right.")
    return None


def changed_in_place(seen: Sequence[Seen]) -> Symptom | None:
    """The values are right, but an argument was changed."""
    wrong = [one for one in seen if one.wrong and not one.want.raised]
    names = {name for one in wrong for name in one.have.changed}
    if len(names) != 1 or not all(
        one.have.changed and compare(one.want.value, one.have.value) is True for one in wrong
    ):
        return None
    return Symptom("changed_in_place", f"The values are right, but the argument `{names.pop()}` is changed in place.")


def state_kept(seen: Sequence[Seen]) -> Symptom | None:
    """Each wrong result is the expected one of the case before, or of the first: something is kept between calls."""
    values = [one for one in seen if not one.want.raised]
    for words, other in (("of the case before", lambda i: i - 1), ("of the first case", lambda i: 0)):
        both = [(one, values[other(i)]) for i, one in enumerate(values) if one.wrong and i > 0]
        if len(both) < 2 or len(both) < sum(one.wrong for one in values):
            continue
        if sum(1 for one, _ in both for _ in numbers(one.want.value)) < MIN_EVIDENCE:
            continue
        if all(not one.have.raised and compare(was.want.value, one.have.value) is True for one, was in both):
            said = f"Each wrong result is the expected one {words}. Do you keep something between calls?"
            return Symptom("state_kept", said)
    return None


def argument_ignored(seen: Sequence[Seen]) -> Symptom | None:
    """Cases that differ in one argument alone give the same result, where different ones were expected."""
    values = [one for one in seen if not one.want.raised and not one.have.raised][:MAX_CASES]
    wrong = {id(one) for one in seen if one.wrong and not one.want.raised}
    names = list(dict.fromkeys(name for one in values for name in one.case.arguments))
    if len(names) < 2:  # of the only argument, `constant` says it better
        return None
    pairs: dict[str, list[tuple[Seen, Seen]]] = {name: [] for name in names}
    for i, a in enumerate(values):
        for b in values[:i]:
            if (a.wrong or b.wrong) and (name := _only_difference(a.case.arguments, b.case.arguments, names)):
                pairs[name].append((a, b))
    for name, both in pairs.items():
        telling = [(a, b) for a, b in both if compare(a.want.value, b.want.value) is not True]
        covered = {id(one) for two in telling for one in two if one.wrong}
        if not telling or covered != wrong or sum(1 for a, _ in telling for _ in numbers(a.have.value)) < MIN_EVIDENCE:
            continue
        if all(compare(a.have.value, b.have.value) is True for a, b in telling):
            said = f"`{name}` makes no difference: cases that differ in nothing else give the same result."
            return Symptom("argument_ignored", said)
    return None


def _only_difference(a: dict[str, Any], b: dict[str, Any], names: Sequence[str]) -> str:
    differ = ""
    for name in names:
        if not _same(a.get(name, ABSENT), b.get(name, ABSENT)):
            if differ:
                return ""
            differ = name
    return differ


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if type(a) is not type(b) or a is ABSENT or b is ABSENT:
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


# ---- which cases


def which_fail(seen: Sequence[Seen]) -> Symptom | None:
    """The failing cases are exactly those in which an argument has some property."""
    values = [one for one in seen if not one.want.raised]
    wrong, right = [one for one in values if one.wrong], [one for one in values if not one.wrong]
    if not wrong or not right or any(one.wrong for one in seen if one.want.raised):
        return None
    n_wrong, n_right = _different(wrong), _different(right)
    found: dict[str, str] = {}  # words → the argument
    for name in dict.fromkeys(name for one in values for name in one.case.arguments if "seed" not in name):
        bad = [one.case.arguments.get(name, ABSENT) for one in wrong]
        good = [one.case.arguments.get(name, ABSENT) for one in right]
        for plain, words, has in _properties(good):
            enough = (n_wrong >= 2 and n_right >= 2) or (plain and n_right >= MIN_EVIDENCE)
            if enough and all(map(has, bad)) and not any(map(has, good)):
                found.setdefault(words, name)
                break
    if len(found) == 1 or (found and n_wrong >= 2):  # of one failing case alone, two properties would be a guess
        where = " and ".join(words.format(f"`{name}`") for words, name in list(found.items())[:2])
        return Symptom("which_cases", _only(wrong, where))
    for words, between in RELATIONS:
        a = [between(one.case.arguments) for one in wrong]
        b = [between(one.case.arguments) for one in right]
        if n_wrong >= 2 and n_right >= 2 and all(a) and not any(b):
            return Symptom("which_cases", _only(wrong, words))
    return None


def only_some(seen: Sequence[Seen]) -> Symptom | None:
    """All cases are right but a few that have names."""
    values = [one for one in seen if not one.want.raised]
    wrong, right = [one for one in values if one.wrong], [one for one in values if not one.wrong]
    if not wrong or any(one.wrong for one in seen if one.want.raised):
        return None
    names = _notes(wrong)
    if not names or {one.case.note for one in wrong} & {one.case.note for one in right}:
        return None
    if _different(right) < max(MIN_EVIDENCE, 2 * _different(wrong)):
        return None
    return Symptom("some_cases", f"All cases are right but {names}.")


def _only(wrong: Sequence[Seen], where: str) -> str:
    kinds = {one.have.raised[:1] for one in wrong}
    if len(kinds) == 1 and (kind := kinds.pop()) and kind[0] in dir(builtins):
        return f"{kind[0]} is raised in the cases in which {where}, and only there; all others are right."
    return f"All cases are right but those in which {where}."


def _different(some: Sequence[Seen]) -> int:
    """Return how many different cases there are: those of one note, drawn for several seeds, are one."""
    return len({one.case.note or id(one) for one in some})


def _notes(some: Sequence[Seen]) -> str:
    notes = list(dict.fromkeys(one.case.note for one in some))
    return " and ".join(f"“{note}”" for note in notes) if all(notes) and len(notes) <= 3 else ""


Property = tuple[bool, str, Callable[[Any], bool]]


def _properties(right: Sequence[Any]) -> Iterator[Property]:
    """Yield properties of an argument: whether its value is plain, words, and the test.

    right  the argument in the right cases: all other values than one that they share are a property, too
    """
    yield True, "{} is given", lambda x: x is not ABSENT and x is not None
    yield True, "{} is not given", lambda x: x is ABSENT or x is None
    first = right[0]
    if (
        isinstance(first, (bool, str, int, float))
        and (isinstance(first, str) or first in (0, 1))
        and all(_same(first, x) for x in right)
    ):
        if len(repr(first)) <= 20:
            yield (
                True,
                f"{{}} is not {first!r}",
                lambda x: isinstance(x, (bool, int, float, str)) and not _same(first, x),
            )
    yield True, "{} is True", lambda x: x is True
    yield True, "{} is False", lambda x: x is False
    yield True, "{} is 0", lambda x: _is_number(x) and x == 0
    yield True, "{} is not 0", lambda x: _is_number(x) and x != 0
    yield True, "{} is 1", lambda x: _is_number(x) and x == 1
    yield True, "{} is larger than 1", lambda x: _is_number(x) and x > 1
    yield True, "{} is negative", lambda x: _is_number(x) and x < 0
    yield True, "{} is empty", lambda x: _length(x) == 0
    yield True, "{} has one item", lambda x: _length(x) == 1
    yield False, "{} has more than one item", lambda x: (_length(x) or 0) > 1
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.bool):
        yield True, f"{{}} is of {str(dtype).removeprefix('torch.')}", partial(_is_of, dtype)
    yield False, "{} has one dimension", lambda x: _is_tensor(x) and x.ndim == 1
    for dimension, words in ((0, "first"), (-1, "last"), (-2, "second to last")):
        yield False, f"the {words} dimension of {{}} has the size 1", partial(_is_flat, dimension)
        yield False, f"the {words} dimension of {{}} is larger than 1", partial(_is_wide, dimension)
    for words, has in CONTENTS.items():
        yield False, words, partial(_holds, has)


def _is_of(dtype: torch.dtype, x: Any) -> bool:
    return _is_tensor(x) and x.dtype == dtype


def _is_flat(dimension: int, x: Any) -> bool:
    return _size(x, dimension) == 1


def _is_wide(dimension: int, x: Any) -> bool:
    return (_size(x, dimension) or 0) > 1


def _holds(content: Callable[[Tensor], Any], x: Any) -> bool:
    return _is_tensor(x) and 0 < x.numel() <= MAX_LOOKED_AT and bool(content(x))


CONTENTS: dict[str, Callable[[Tensor], Any]] = {
    "{} holds False": lambda x: x.dtype == torch.bool and not x.all(),
    "{} is True everywhere": lambda x: x.dtype == torch.bool and x.all(),
    "{} has a row without True": lambda x: x.dtype == torch.bool and x.ndim > 0 and (~x.any(-1)).any(),
    "{} holds a 0": lambda x: x.dtype != torch.bool and (x == 0).any(),
    "{} holds an infinity": lambda x: x.is_floating_point() and x.isinf().any(),
    "{} holds equal numbers in one row": lambda x: x.ndim > 0 and x.dtype != torch.bool and _has_ties(x),
    "{} holds numbers beyond ±50": lambda x: x.is_floating_point() and (x.abs() > 50).any(),
}


def _has_ties(x: Tensor) -> bool:
    ordered = x.sort(-1).values
    return bool((ordered[..., 1:] == ordered[..., :-1]).any())


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Tensor) and not x.is_complex()


def _length(x: Any) -> int | None:
    if isinstance(x, Tensor):
        return x.numel()
    return len(x) if isinstance(x, (list, tuple, str, dict)) else None


def _size(x: Any, dimension: int) -> int | None:
    try:
        return x.shape[dimension] if isinstance(x, Tensor) else None
    except IndexError:
        return None


def _sizes_differ(arguments: dict[str, Any], a: str, b: str) -> bool:
    x, y = arguments.get(a), arguments.get(b)
    return isinstance(x, Tensor) and isinstance(y, Tensor) and min(x.ndim, y.ndim) > 1 and x.shape[-2] != y.shape[-2]


RELATIONS: tuple[tuple[str, Callable[[dict[str, Any]], bool]], ...] = (
    ("`q` and `k` have different lengths", lambda arguments: _sizes_differ(arguments, "q", "k")),
)
