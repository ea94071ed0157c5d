"""The deck: one question, one answer. A lesson's flash cards are in `NN_name.toml` beside this file.

A card is a table `[[card]]` with `id`, `question`, `answer` and, where it answers an item of the study notes or an
erratum, `source` (`Kn` are the cards of the notes, put right). Numbers on cards are computed in the tests.
"""

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Card:
    """A flash card. Question and answer are HTML with LaTeX between dollar signs; `lesson` is a lesson's file name."""

    id: str
    lesson: str
    question: str
    answer: str
    source: str = ""


def _cards() -> tuple[Card, ...]:
    lessons = sorted((file for file in files(__name__).iterdir() if file.name.endswith(".toml")), key=lambda f: f.name)
    return tuple(
        Card(lesson=file.name.removesuffix(".toml"), **entry)
        for file in lessons
        for entry in tomllib.loads(file.read_text(encoding="utf-8"))["card"]
    )


DECK: tuple[Card, ...] = _cards()
"""All cards, lesson by lesson."""
