"""Flash cards with spaced repetition: what you knew comes back later, what you missed comes back now.

Boxes after Leitner (1972): a card that you knew moves one box up, or two if it was easy, and waits longer there; a card
that you missed returns to the first box. The boxes are kept between sessions through `course_lib.store`; the cards are
in `course_lib.deck`.
"""

from datetime import datetime, timedelta

from course_lib import store
from course_lib.deck import DECK, Card

#: days until a card comes back, by box
INTERVALS = (0, 1, 3, 7, 21, 60)
GRADES = {"again": -len(INTERVALS), "good": 1, "easy": 2}


def due(lesson: str = "", now: datetime | None = None) -> list[Card]:
    """Return the cards to be asked now: first those that are waiting longest, then new ones in the order of the deck.

    lesson  only cards of this lesson ("12_attention"); all when empty
    now     the time, with a time zone; the clock's when missing
    """
    now = now or datetime.now().astimezone()
    kept = _kept()
    mine = [card for card in DECK if lesson in ("", card.lesson)]
    waiting = [card for card in mine if card.id in kept and _when(kept[card.id]) <= now]
    return sorted(waiting, key=lambda card: _when(kept[card.id])) + [card for card in mine if card.id not in kept]


def answer(card: Card, grade: str, now: datetime | None = None) -> datetime:
    """Note how well you knew a card, and return when it comes back.

    grade  "again" (missed), "good" (known) or "easy"

    Raises ValueError for another grade.
    """
    if grade not in GRADES:
        raise ValueError(f"grade must be one of {', '.join(GRADES)}, got {grade!r}")
    now = now or datetime.now().astimezone()
    kept = _kept()
    box = kept[card.id]["box"] if card.id in kept else 0
    box = min(max(box + GRADES[grade], 0), len(INTERVALS) - 1)
    back = now + timedelta(days=INTERVALS[box])
    store.save("cards", {**kept, card.id: {"box": box, "due": back.isoformat()}})
    return back


def boxes() -> list[int]:
    """Return how many cards of the deck lie in each box; cards never seen are in none."""
    known = {card.id for card in DECK}
    places = [entry["box"] for id, entry in _kept().items() if id in known]
    return [places.count(box) for box in range(len(INTERVALS))]


def _kept() -> dict[str, dict]:
    """Return box and due time by card id, without entries that cannot be read."""
    good = {}
    for id, entry in store.load("cards").items():
        try:
            if entry["box"] in range(len(INTERVALS)) and _when(entry).tzinfo:
                good[id] = entry
        except (TypeError, KeyError, ValueError):
            continue
    return good


def _when(entry: dict) -> datetime:
    return datetime.fromisoformat(entry["due"])
