"""Symptoms of results with parts, which are entries of a dict or items of a tuple: which are right, which are not."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from course_lib.judging.symptoms.pair import Pair, Symptom

IsRight = Callable[[dict[str, Any], Any, Any], bool]  # of arguments, the expected value, the one in its place
MAX_PARTS = 40


def of_parts(
    pairs: Sequence[Pair], is_right: IsRight, rule: Callable[[Sequence[Pair]], Symptom | None]
) -> Symptom | None:
    """Return which parts of a result are right in every case, and what the one that is not has in common.

    is_right  judges a result in which one part of the expected one was replaced by the returned one
    rule      finds a symptom in the values of one part
    """
    keys = _keys(pairs)
    if len(keys) < 2:
        return None
    wrong = {key: [pair for pair in pairs if not is_right(pair.arguments, pair.want, _with(pair, key))] for key in keys}
    bad = [key for key in keys if wrong[key]]
    good = [key for key in keys if not wrong[key]]
    if not bad:
        return None
    inner = [rule([Pair(p.arguments, p.want[key], p.have[key]) for p in wrong[key]]) for key in bad]
    named = [(key, found) for key, found in zip(bad, inner) if found]
    if not good and len(named) < len(bad):
        return None
    right = f"Right in every case: {_listed(good)}. " if good else ""
    if named and len(named) == len(bad):
        said = {found.sentence: [k for k, other in named if other.sentence == found.sentence] for _, found in named}
        whole = " ".join(f"Not right: {_listed(some)}. {sentence}" for sentence, some in list(said.items())[:2])
        return Symptom(named[0][1].name, right + whole)
    return Symptom("parts_wrong", f"{right}Not right: {_listed(bad)}.")


def _keys(pairs: Sequence[Pair]) -> list[Any]:
    """Return the keys, or the indices, that all expected and returned values have; none where they differ."""
    first = pairs[0].want
    if isinstance(first, dict):
        same = all(isinstance(v, dict) and v.keys() == first.keys() for p in pairs for v in (p.want, p.have))
        return list(first) if same and len(first) <= MAX_PARTS else []
    if not isinstance(first, (list, tuple)) or len(first) > 6 or not any(isinstance(i, (Tensor, dict)) for i in first):
        return []
    same = all(isinstance(v, (list, tuple)) and len(v) == len(first) for p in pairs for v in (p.want, p.have))
    return list(range(len(first))) if same else []


def _with(pair: Pair, key: Any) -> Any:
    """Return the expected value with one part as it was returned."""
    if isinstance(pair.want, dict):
        return {**pair.want, key: pair.have[key]}
    return [pair.have[i] if i == key else item for i, item in enumerate(pair.want)]


def _listed(keys: Sequence[Any]) -> str:
    return ", ".join(f"item {key}" if isinstance(key, int) else f"`{key}`" for key in keys)
