"""Flash cards with spaced repetition: a card comes back when you are about to forget it.

When that is, the package `fsrs` works out (Free Spaced Repetition Scheduler): from your answers it estimates for each
card how difficult it is and how long you will remember it. Its state is kept between sessions through
`course_lib.store`; the cards are in `course_lib.deck`.
"""

from datetime import UTC, datetime, timedelta

import fsrs

from course_lib import store
from course_lib.deck import DECK, Card

GRADES = {"again": fsrs.Rating.Again, "good": fsrs.Rating.Good, "easy": fsrs.Rating.Easy}
SOON = timedelta(minutes=10)
"""When a card comes back that was missed."""

_SCHEDULER = fsrs.Scheduler(learning_steps=(SOON,), relearning_steps=(SOON,), enable_fuzzing=False)


def due(lesson: str = "", now: datetime | None = None) -> list[Card]:
    """Return the cards to be asked now: first those that are waiting longest, then new ones in the order of the deck.

    lesson  only cards of this lesson ("12_attention"); all when empty
    now     the time, with a time zone; the clock's when missing
    """
    now = now or datetime.now(UTC)
    kept = _kept()
    mine = [card for card in DECK if lesson in ("", card.lesson)]
    waiting = [card for card in mine if card.id in kept and kept[card.id].due <= now]
    return sorted(waiting, key=lambda card: kept[card.id].due) + [card for card in mine if card.id not in kept]


def answer(card: Card, grade: str, now: datetime | None = None) -> datetime:
    """Note how well you knew a card, and return when it comes back.

    grade  "again" (missed), "good" (known) or "easy"

    Raises ValueError for another grade.
    """
    if grade not in GRADES:
        raise ValueError(f"grade must be one of {', '.join(GRADES)}, got {grade!r}")
    now = (now or datetime.now(UTC)).astimezone(UTC)
    before = _kept().get(card.id) or fsrs.Card(card_id=0, due=now)
    after, _ = _SCHEDULER.review_card(before, GRADES[grade], now)
    with store.changing("cards") as kept:
        kept[card.id] = after.to_dict()
    return after.due


def _kept() -> dict[str, fsrs.Card]:
    """Return the scheduler's state by card id, without entries that cannot be read."""
    good = {}
    for id, entry in store.load("cards").items():
        try:
            card = fsrs.Card.from_dict(entry)
            if card.due.tzinfo and card.last_review and card.last_review.tzinfo:
                good[id] = card
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return good
