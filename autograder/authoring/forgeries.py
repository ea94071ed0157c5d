"""What a cheat would return: forged outcomes, outcomes of other cases, and objects that lie about themselves.

Whoever controls the student's process can send any plain data in place of an outcome, so every judge must refuse what
is not equal in meaning to the expected outcome. `verify` tries all of this on every exercise.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from course_lib.judging.case import Case, CaseSet, Outcome, judge_outcome
from course_lib.judging.compare import compare
from course_lib.judging.exercise import Exercise

MAX_LEAVES = 12  # of one outcome are forged one by one
MAX_CASES = 12
WHOLES: tuple[Any, ...] = (None, True, False, "", "right", [], {}, (), 0, -1, 10**30, math.nan, math.inf, -math.inf)
TENSORS: tuple[Tensor, ...] = (
    torch.empty(0), torch.tensor(math.nan), torch.zeros(1), torch.zeros(3, 3), torch.full((3,), math.inf),
    torch.tensor([True]), torch.tensor([1j]),
)  # fmt: skip


def forgeries(value: Any) -> Iterator[tuple[str, Any]]:
    """Return wrong values that a judge could take for `value`, each with a few words about it."""
    for whole in (*WHOLES, *TENSORS):
        yield f"{_words(whole)} in place of all", whole
    for words, forge in EVERYWHERE.items():
        yield f"{words} everywhere", _each(value, forge)
    for leaf in _leaves(value)[:MAX_LEAVES]:
        for words, forge in (EVERYWHERE | IN_ONE_PLACE).items():
            if words not in NEAR_ZERO:
                yield f"{words} in {_place(leaf)}", _replaced(value, leaf, forge)
    yield from _of_another_size(value)


def judge_forgery(check: Exercise, case: Case, expected: Outcome, forged: Any) -> bool:
    """Return whether a forged value passes though it is not equal in meaning to the expected one."""
    try:
        with warnings.catch_warnings(action="ignore"):
            passes = judge_outcome(case, expected, Outcome(forged), check.judge, check.mutates) == ""
    except Exception:  # in grading that counts as wrong, too
        return False
    return passes and compare(expected.value, forged) is not True


def first_to_pass(check: Exercise, cases: CaseSet) -> str:
    """Return the first forgery that passes for an exercise, in words, or "" when all are refused."""
    for index, (case, expected) in enumerate(zip(cases.cases[:MAX_CASES], cases.expected)):
        if not expected.raised:
            for words, forged in forgeries(expected.value):
                if judge_forgery(check, case, expected, forged):
                    return f"on the case “{case.note or index}” the judge accepts {words}"
    return ""


# ---- one leaf: a number, a text, a tensor


def _number(forged: Any) -> Callable[[Any], Any]:
    """Return what replaces the numbers of a leaf by a forged one."""

    def forge(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return forged
        return torch.full(leaf.shape, forged, dtype=torch.float64 if isinstance(forged, float) else torch.int64)

    return forge


def _in_one_place(*forged: float) -> Callable[[Any], Any]:
    """Return what puts forged numbers at the beginning of a tensor."""

    def forge(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or leaf.numel() < len(forged) or leaf.dtype.is_complex:
            return leaf
        changed = leaf.double().clone().reshape(-1)
        changed[: len(forged)] = torch.tensor(forged, dtype=torch.float64)
        return changed.reshape(leaf.shape)

    return forge


def _another_kind(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        if leaf.dtype.is_complex:
            return torch.view_as_real(leaf)
        return leaf.nan_to_num(0, 0, 0).long() if leaf.dtype.is_floating_point else leaf.double()
    return str(leaf) if isinstance(leaf, (int, float)) else [leaf]


def _scaled(factor: float) -> Callable[[Any], Any]:
    def forge(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            return leaf.double() * factor if not leaf.dtype.is_complex else leaf * factor
        return leaf * factor if isinstance(leaf, float) or type(leaf) is int else leaf

    return forge


EVERYWHERE: dict[str, Callable[[Any], Any]] = {
    "nan": _number(math.nan),
    "infinity": _number(math.inf),
    "minus infinity": _number(-math.inf),
    "zeros": _number(0),
    "huge numbers": _number(1e300),
    "the numbers times 1e-6": _scaled(1e-6),
    "the numbers times −1": _scaled(-1.0),
    "another kind of number": _another_kind,
    "text": str,
}
NEAR_ZERO = ("zeros", "the numbers times 1e-6", "the numbers times −1")  # may be right for one number, which is small
IN_ONE_PLACE: dict[str, Callable[[Any], Any]] = {
    "one nan": _in_one_place(math.nan),
    "an infinity": _in_one_place(math.inf),
    "infinities of both signs": _in_one_place(math.inf, -math.inf),
    "nothing": lambda leaf: leaf[:0] if isinstance(leaf, Tensor) and leaf.dim() else None,
    "too few": lambda leaf: leaf[:-1] if isinstance(leaf, Tensor) and leaf.dim() else [leaf],
    "too many": lambda leaf: torch.cat([leaf, leaf]) if isinstance(leaf, Tensor) and leaf.dim() else [leaf, leaf],
    "one dimension too many": lambda leaf: leaf[None] if isinstance(leaf, Tensor) else [[leaf]],
}

# ---- a whole value


def _leaves(value: Any, path: tuple = ()) -> list[tuple]:
    """Return the paths to the numbers, texts and tensors in a value."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    if isinstance(value, (list, tuple)):
        return [leaf for index, item in enumerate(value) for leaf in _leaves(item, (*path, index))]
    return [path]


def _replaced(value: Any, path: tuple, forge: Callable[[Any], Any]) -> Any:
    if not path:
        return forge(value)
    if isinstance(value, dict):
        return {key: _replaced(item, path[1:], forge) if key == path[0] else item for key, item in value.items()}
    items = [_replaced(item, path[1:], forge) if index == path[0] else item for index, item in enumerate(value)]
    return type(value)(items)


def _each(value: Any, forge: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _each(item, forge) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_each(item, forge) for item in value)
    return forge(value)


def _of_another_size(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for lacking in list(value)[:MAX_LEAVES]:
            yield f"a dict without {lacking!r}", {key: item for key, item in value.items() if key != lacking}
        yield "a dict with a key too many", value | {"one key more": 0}
    if isinstance(value, (list, tuple)) and value:
        yield "an item too few", value[:-1]
        yield "an item too many", [*value, value[-1]]


def _words(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)


def _place(path: tuple) -> str:
    return ", ".join(map(str, path)) or "the result"


# ---- outcomes of other cases


def replays(public: CaseSet, everything: CaseSet) -> Iterator[tuple[str, list[Outcome]]]:
    """Return outcomes that a student could know without having written anything, for all cases, each with its words.

    everything  the hidden cases, of one or more seeds, and the public ones, in any order
    """
    n = len(everything.cases)
    yield "the public outcomes by position", [public.expected[i % len(public.expected)] for i in range(n)]
    shifted = [*public.expected[1:], public.expected[0]]
    yield "the outcome of the next case", [shifted[i % len(shifted)] for i in range(n)]
    for index, outcome in enumerate(public.expected):
        if not outcome.raised:
            yield f"the outcome of case {index + 1} for all", [outcome] * n


# ---- objects that lie


class Yes:
    """Says yes to everything: it equals all, and each attribute, item and call of it is itself."""

    shape = size = ndim = dtype = property(lambda self: self)

    def _self(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def _true(self, *args: Any) -> bool:
        return True

    def _zero(self) -> int:
        return 0

    __getattr__ = __getitem__ = __call__ = _self
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __matmul__ = __neg__ = __abs__ = _self
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = _true
    __int__ = __index__ = __hash__ = _zero

    def __len__(self) -> int:
        return 2

    def __float__(self) -> float:
        return 0.0

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self))


class YesTensor(Tensor):
    """Zeros that say yes: whatever torch is asked about them is true, and whatever is made of them is themselves."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func.__name__ in ("equal", "allclose", "eq", "all", "any", "is_tensor"):
            return True
        made = super().__torch_function__(func, types, args, kwargs or {})
        return next((arg for arg in args if isinstance(arg, YesTensor)), made) if isinstance(made, Tensor) else made


class YesNumber(float):
    """A number that equals all others and swallows all arithmetic."""

    def _self(self, *args: Any) -> Any:
        return self

    def _true(self, *args: Any) -> bool:
        return True

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __abs__ = __neg__ = _self
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _true
    __hash__ = float.__hash__


def liars() -> dict[str, Any]:
    """Return what a student could return, or define, that says yes without knowing anything."""
    return {
        "an object that says yes": Yes(),
        "a function of an object that says yes": lambda *args, **kwargs: Yes(),
        "a function of a tensor that says yes": lambda *args, **kwargs: torch.zeros(2, 2).as_subclass(YesTensor),
        "a function of a number that says yes": lambda *args, **kwargs: YesNumber(0.5),
    }
