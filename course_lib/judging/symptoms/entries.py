"""Symptoms of entries: which of a result's numbers are wrong, when all others are right."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.judging.symptoms.pair import MIN_EVIDENCE, Pair, Symptom, as_table, tables_of

SPECIAL: dict[str, Callable[[Tensor], Tensor]] = {
    "nan": torch.isnan,
    "inf": torch.isposinf,
    "−inf": torch.isneginf,
    "0": lambda x: x == 0,
    "1": lambda x: x == 1,
    "−1": lambda x: x == -1,
}
FEATURES: dict[str, Callable[[Tensor], Tensor]] = {
    "is 0": lambda x: x == 0,
    "is negative": lambda x: x < 0,
    "is −inf": torch.isneginf,
    "is inf": torch.isposinf,
    "is nan": torch.isnan,
}
BOOLEAN: dict[str, Callable[[Tensor], Tensor]] = {"is False": torch.logical_not, "is True": lambda x: x}


def wrong_where_an_argument(pairs: Sequence[Pair]) -> Symptom | None:
    """The wrong entries are exactly those, or in exactly those rows, where an argument has some property."""
    tables = tables_of(pairs)
    if not tables or not _enough(tables) or any(wrong.all() for _, _, wrong in tables):
        return None
    for name in pairs[0].arguments:
        given = [x for pair in pairs if (x := as_table(pair.arguments.get(name))) is not None and x.ndim > 0]
        if len(given) < len(pairs):
            continue
        for words, has in (BOOLEAN if all(x.dtype == torch.bool for x in given) else FEATURES).items():
            both = [(has(x), wrong) for x, (_, _, wrong) in zip(given, tables)]
            if all(_fits(feature, wrong) for feature, wrong in both):
                return Symptom("wrong_where", f"Your values are wrong exactly where `{name}` {words}.")
            if any(feature.ndim < 2 or wrong.ndim == 0 for feature, wrong in both):
                continue
            if all(_fits(feature.any(-1), _rows(wrong, feature)) for feature, wrong in both):
                said = f"Your values are wrong exactly in the rows in which `{name}` {words} somewhere."
                return Symptom("wrong_where", said)
            if words == "is False" and all(_fits(feature.all(-1), _rows(wrong, feature)) for feature, wrong in both):
                return Symptom(
                    "wrong_where", f"Your values are wrong exactly in the rows in which `{name}` has no True."
                )
    return None


def _rows(wrong: Tensor, x: Tensor) -> Tensor:
    return wrong if wrong.ndim == x.ndim - 1 else wrong.any(-1)


def _fits(feature: Tensor, wrong: Tensor) -> bool:
    """Whether a feature, broadcast to the entries, holds exactly at the wrong ones, and not at all entries."""
    try:
        return not bool(wrong.all()) and torch.equal(feature.expand(wrong.shape), wrong)
    except RuntimeError:
        return False


def _enough(tables: Sequence[tuple[Tensor, Tensor, Tensor]]) -> bool:
    """Whether enough entries are wrong, and enough right, for a sentence about which."""
    wrong = sum(int(where.sum()) for _, _, where in tables)
    return wrong >= MIN_EVIDENCE and sum(where.numel() for _, _, where in tables) - wrong >= MIN_EVIDENCE


def right_but_for_one_value(pairs: Sequence[Pair]) -> Symptom | None:
    """All entries are right but those that are one special number, or where one special number was expected."""
    tables = tables_of(pairs)
    if not tables:
        return None
    if not _enough(tables):
        return _not_finite(tables)
    if all(want.dtype == torch.bool for want, _, _ in tables):
        return _one_way(tables)
    for side, words in ((1, "but for {} where other numbers were expected"), (0, "except where {} was expected")):
        for name, has in SPECIAL.items():
            if all(bool(has(table[side][table[2]]).all()) for table in tables):
                return Symptom(f"{'returned' if side else 'expected'}_{_word(name)}", _all_right(words.format(name)))
    odd = [have[wrong] for _, have, wrong in tables]
    if all(not x.isfinite().any() for x in odd):
        found = [name for name in ("nan", "inf", "−inf") if any(bool(SPECIAL[name](x).any()) for x in odd)]
        return Symptom("not_finite", _all_right(f"but for {' and '.join(found)} where other numbers were expected"))
    return None


def _not_finite(tables: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Symptom | None:
    """Say it of few numbers, too, that they are no finite ones: nobody returns nan by chance."""
    for side, words in ((1, "is {}, where another number was expected"), (0, "is where {} was expected")):
        for name in ("nan", "inf", "−inf"):
            if all(bool(SPECIAL[name](table[side][table[2]]).all()) for table in tables):
                key = f"{'returned' if side else 'expected'}_{_word(name)}"
                return Symptom(key, f"Every wrong value {words.format(name)}.")
    return None


def _word(name: str) -> str:
    return {"0": "zero", "1": "one", "−1": "minus_one", "−inf": "minus_inf"}.get(name, name)


def _all_right(but: str) -> str:
    return f"All your values are right {but}."


def _one_way(tables: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Symptom | None:
    for value in (True, False):
        if all(bool((have[wrong] == value).all()) for _, have, wrong in tables):
            said = f"All your entries are right but for {value} where {not value} was expected, never the other way."
            on = _diagonal(tables)
            name = "too_many_true" if value else "too_few_true"
            return Symptom(name, f"{said} They are all on {on}." if on else said)
    return None


def _diagonal(tables: Sequence[tuple[Tensor, Tensor, Tensor]]) -> str:
    """Return on which diagonal all wrong entries are; "" where they are on several."""
    if any(wrong.ndim < 2 for _, _, wrong in tables):
        return ""
    offsets = {int(column) - int(row) for _, _, wrong in tables for *_, row, column in wrong.nonzero().tolist()}
    if len(offsets) > 1:
        return ""
    known = {0: "the main diagonal", 1: "the diagonal just above the main one", -1: "the one just below the main one"}
    return known.get(offsets.pop(), "")


def one_too_many(pairs: Sequence[Pair]) -> Symptom | None:
    """Each wrong number is a whole one, and 1 too large, or 1 too small."""
    tables = tables_of(pairs)
    if not tables or sum(int(wrong.sum()) for _, _, wrong in tables) < MIN_EVIDENCE:
        return None
    if not all(_is_whole(pair.want) for pair in pairs):
        return None
    for step, words in ((1, "too large"), (-1, "too small")):
        if all(bool((have[wrong].double() - want[wrong].double() == step).all()) for want, have, wrong in tables):
            return Symptom("off_by_one", f"Each value that is wrong is {words} by exactly 1.")
    return None


def _is_whole(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.is_floating_point() and value.dtype != torch.bool
    if isinstance(value, (list, tuple)):
        return all(map(_is_whole, value))
    return isinstance(value, int) and not isinstance(value, bool)


def one_row(pairs: Sequence[Pair]) -> Symptom | None:
    """Only the first or last row is right, or all but that one, along some dimension."""
    tables = tables_of(pairs)
    if not tables or any(wrong.ndim == 0 for _, _, wrong in tables):
        return None
    for dimension, words in ((0, "first"), (-1, "last"), (-2, "second to last")):
        if any(wrong.ndim < (dimension if dimension >= 0 else -dimension) for _, _, wrong in tables):
            continue
        lines = [_along(wrong, dimension) for _, _, wrong in tables]
        if any(len(line) < 2 for line in lines) or sum(map(len, lines)) < 2 * MIN_EVIDENCE:
            continue
        along = f"along the {words} dimension"
        for at, side in ((0, "first"), (-1, "last")):
            rest = [line[1:] if at == 0 else line[:-1] for line in lines]
            if all(not line[at] and bool(others.all()) for line, others in zip(lines, rest)):
                return Symptom(f"only_{side}_right", f"Only the {side} entry {along} is right in every failing case.")
            if all(line[at] and not bool(others.any()) for line, others in zip(lines, rest)):
                return Symptom(
                    f"only_{side}_wrong", f"All is right but the {side} entry {along}, in every failing case."
                )
    return None


def _along(wrong: Tensor, dimension: int) -> Tensor:
    """Return for each place along a dimension whether something is wrong there."""
    return wrong.movedim(dimension, 0).reshape(wrong.shape[dimension], -1).any(-1)


def half_the_values(pairs: Sequence[Pair]) -> Symptom | None:
    """All wrong numbers are the expected ones times one factor, while others are right: it is there at some places."""
    tables = tables_of(pairs)
    if not tables or not _enough(tables) or any(want.dtype == torch.bool for want, _, _ in tables):
        return None
    want = torch.cat([want[wrong].double() for want, _, wrong in tables])
    have = torch.cat([have[wrong].double() for _, have, wrong in tables])
    ratio = float(have[0] / want[0]) if want[0] else math.nan
    if not math.isfinite(ratio) or ratio == 0 or len(set(want.tolist())) < MIN_EVIDENCE:
        return None
    if not torch.isclose(have, want * ratio, rtol=1e-4, atol=0).all():
        return None
    return Symptom(
        "some_scaled", f"All values that are wrong are the expected ones × {ratio:.4g}; the others are right."
    )
