"""Tensors that a case file holds more than once, written once: what mistakes give is often what was expected."""

import json
from typing import Any

MIN_LENGTH = 100  # characters of a tensor that is worth a reference


def pack(document: Any) -> tuple[Any, list[dict]]:
    """Return a JSON document with a reference in place of each tensor that it holds again, and the tensors referred to.

    A tensor is as `wire` writes it, {"tensor": […]}; a reference is {"shared": place in the list}.
    """
    seen: dict[str, int] = {}
    _count(document, seen)
    places: dict[str, int] = {}
    packed = _packed(document, seen, places)
    return packed, [json.loads(text) for text in places]


def unpack(document: Any, tensors: list[dict]) -> Any:
    """Return the document that `pack` was given. Raises IndexError or TypeError where a reference leads nowhere."""
    if isinstance(document, dict):
        if set(document) == {"shared"}:
            return tensors[document["shared"]]
        return {key: unpack(value, tensors) for key, value in document.items()}
    return [unpack(value, tensors) for value in document] if isinstance(document, list) else document


def _as_tensor(document: Any) -> str:
    """Return a tensor's text, or "" of anything else and of a short one."""
    if not (isinstance(document, dict) and set(document) == {"tensor"}):
        return ""
    text = json.dumps(document)
    return text if len(text) >= MIN_LENGTH else ""


def _count(document: Any, seen: dict[str, int]) -> None:
    if text := _as_tensor(document):
        seen[text] = seen.get(text, 0) + 1
    elif isinstance(document, (dict, list)):
        for value in document.values() if isinstance(document, dict) else document:
            _count(value, seen)


def _packed(document: Any, seen: dict[str, int], places: dict[str, int]) -> Any:
    if (text := _as_tensor(document)) and seen[text] > 1:
        return {"shared": places.setdefault(text, len(places))}
    if isinstance(document, dict):
        return {key: _packed(value, seen, places) for key, value in document.items()}
    return [_packed(value, seen, places) for value in document] if isinstance(document, list) else document
