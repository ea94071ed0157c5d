"""Symptoms of places: the right values, but transposed, reversed, moved along, sorted, or one too few."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from course_lib.judging.compare import compare
from course_lib.judging.symptoms.pair import MIN_EVIDENCE, Pair, Symptom, explains

PLACES: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "transposed": ("the last two dimensions are exchanged", lambda x: x.mT),
    "reversed": ("they are in reverse order along the last dimension", lambda x: x.flip(-1)),
    "reversed_rows": ("they are in reverse order along the first dimension", lambda x: x.flip(0)),
    "moved_on": ("each is one place further on, and the last came first", lambda x: x.roll(1, -1)),
    "moved_back": ("each is one place too early, and the first came last", lambda x: x.roll(-1, -1)),
    "sorted": ("they are sorted along the last dimension", lambda x: x.sort(-1).values),
}
ITEMS: dict[str, tuple[str, Callable[[list], list]]] = {
    "reversed": ("the items are right, but in reverse order", lambda x: x[::-1]),
    "moved_on": (
        "the items are right, but moved on by one place",
        lambda x: x[-1:] + x[:-1],
    ),
    "moved_back": (
        "the items are right, but moved back by one place",
        lambda x: x[1:] + x[:1],
    ),
    "sorted": ("the items are right, but sorted", sorted),
    "last_lost": ("the last item is missing; the others are right", lambda x: x[:-1]),
    "first_lost": ("the first item is missing; the others are right", lambda x: x[1:]),
}


def elsewhere(pairs: Sequence[Pair]) -> Symptom | None:
    """The values of a tensor are right, but at other places; or each True is False."""
    if not all(isinstance(pair.want, Tensor) and pair.want.ndim > 0 for pair in pairs):
        return None
    for name, (words, move) in PLACES.items():
        if explains(pairs, partial(_moved, move), places=True):
            return Symptom(name, f"In every failing case, your values are the expected ones, but {words}.")
    if all(_is_inverted(pair) for pair in pairs) and sum(pair.want.numel() for pair in pairs) >= MIN_EVIDENCE:
        return Symptom("inverted", "In every failing case, each True is False and each False is True.")
    return None


def _moved(move: Callable[[Tensor], Tensor], pair: Pair) -> Tensor:
    return move(pair.want if pair.want.dtype == torch.bool else pair.want.double())


def _is_inverted(pair: Pair) -> bool:
    want, have = pair.want, pair.have
    if not (isinstance(have, Tensor) and want.dtype == have.dtype == torch.bool and want.shape == have.shape):
        return False
    return bool((want != have).all())


def elsewhere_in_a_list(pairs: Sequence[Pair]) -> Symptom | None:
    """The items of a list are right, but in another order, or one is missing at an end, or one is too many."""
    lists = [(list(p.want), list(p.have)) for p in pairs if _is_list(p.want) and _is_list(p.have)]
    if (
        len(lists) < len(pairs)
        or not all(want for want, _ in lists)
        or sum(map(len, (w for w, _ in lists))) < MIN_EVIDENCE
    ):
        return None
    for name, (words, move) in ITEMS.items():
        try:
            if all(compare(move(want), have) is True for want, have in lists):
                return Symptom(name, f"In every failing case, {words}.")
            if name.endswith("lost") and all(have and compare(want, move(have)) is True for want, have in lists):
                side = name.removesuffix("_lost")
                return Symptom(f"{side}_extra", f"In every failing case, the {side} item is one too many.")
        except (TypeError, RuntimeError):  # what cannot be sorted
            continue
    if all(len(want) > 1 and sorted(map(repr, want)) == sorted(map(repr, have)) for want, have in lists):
        return Symptom("other_order", "In every failing case, the items are right, but in another order.")
    return None


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))
