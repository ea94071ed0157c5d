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


def shorter(pairs: Sequence[Pair]) -> Symptom | None:
    """A tensor or text lacks the first or last entry along a dimension, or has one too many; the others are right."""
    if all(isinstance(pair.want, str) and isinstance(pair.have, str) for pair in pairs):
        return _of_texts(pairs)
    tensors = [(p.want, p.have) for p in pairs if isinstance(p.want, Tensor) and isinstance(p.have, Tensor)]
    if len(tensors) < len(pairs) or any(want.ndim != have.ndim or not want.ndim for want, have in tensors):
        return None
    for dimension, words in ((0, "first"), (-1, "last"), (-2, "second to last")):
        for side, cut in (("last", (0, -1)), ("first", (1, 0))):
            for name, said in (("lost", "is missing"), ("extra", "is one too many")):
                both = tensors if name == "lost" else [(have, want) for want, have in tensors]
                if sum(x.numel() for x, _ in both) >= 2 * MIN_EVIDENCE and all(
                    _without(long, dimension, *cut, less) for long, less in both
                ):
                    sentence = f"the {side} entry along the {words} dimension {said}; the others are right"
                    return Symptom(f"{side}_{name}", f"In every failing case, {sentence}.")
    return None


def _without(long: Tensor, dimension: int, start: int, end: int, less: Tensor) -> bool:
    """Whether a tensor, one entry shorter along a dimension, is another one."""
    if long.ndim < (dimension + 1 if dimension >= 0 else -dimension) or long.shape[dimension] < 2:
        return False
    cut = long.narrow(dimension, start, long.shape[dimension] - 1 if start == 0 or end == 0 else 0)
    return cut.shape == less.shape and compare(cut, less) is True


def _of_texts(pairs: Sequence[Pair]) -> Symptom | None:
    for name, words, plain in (
        ("spaces", "in spaces and line ends", lambda x: "".join(x.split())),
        ("capitals", "in capitals", str.casefold),
        ("reversed", "in their order: they are reversed", lambda x: x[::-1]),
    ):
        other = (lambda x: x) if name == "reversed" else plain
        if all(plain(pair.want) == other(pair.have) for pair in pairs) and any(
            len(p.want) >= MIN_EVIDENCE for p in pairs
        ):
            return Symptom(name, f"In every failing case, your text differs from the expected one only {words}.")
    return None


def other_order(pairs: Sequence[Pair]) -> Symptom | None:
    """A tensor holds the right values, in another order."""
    tensors = [(p.want, p.have) for p in pairs if isinstance(p.want, Tensor) and isinstance(p.have, Tensor)]
    if len(tensors) < len(pairs) or any(a.numel() != b.numel() or a.is_complex() for a, b in tensors):
        return None
    if any(a.dtype == torch.bool or b.dtype == torch.bool or b.is_complex() for a, b in tensors):
        return None
    if sum(len(set(a.reshape(-1).tolist())) for a, _ in tensors) < 2 * MIN_EVIDENCE:
        return None
    ordered = [[x.double().reshape(-1).sort().values for x in two] for two in tensors]
    if not all(compare(a, b) is True for a, b in ordered):
        return None
    shapes = "" if all(a.shape == b.shape for a, b in tensors) else " and in another shape"
    return Symptom(
        "other_order", f"In every failing case, your values are the expected ones, but in another order{shapes}."
    )


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))
