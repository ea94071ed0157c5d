"""Spaced repetition: known cards wait longer, missed ones return soon, damaged entries count as new."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from course_lib import cards, store
from course_lib.deck import DECK

NOW = datetime(2026, 3, 1, 21, tzinfo=UTC)


def test_at_first_every_card_is_new_and_due_in_the_order_of_the_deck():
    assert cards.due(now=NOW) == list(DECK)
    assert {card.lesson for card in cards.due("12_attention", NOW)} == {"12_attention"}


def test_a_card_that_is_known_waits_longer_each_time():
    now, waits = NOW, []
    for _ in range(5):
        back = cards.answer(DECK[0], "good", now)
        waits.append(back - now)
        assert DECK[0] not in cards.due(now=back - timedelta(minutes=1))
        assert DECK[0] in cards.due(now=back)
        now = back
    assert all(later > 1.5 * earlier for earlier, later in pairwise(waits))
    assert waits[0] >= timedelta(days=1)


def test_an_easy_card_waits_longer_and_a_missed_one_returns_in_minutes():
    good, easy = cards.answer(DECK[0], "good", NOW), cards.answer(DECK[1], "easy", NOW)
    assert easy > good
    assert cards.answer(DECK[2], "again", NOW) == NOW + cards.SOON


def test_a_card_that_was_missed_after_months_comes_more_often_from_then_on():
    now = NOW
    for _ in range(4):
        now = cards.answer(DECK[0], "good", now)
    long = now
    again = cards.answer(DECK[0], "again", long)
    assert again == long + cards.SOON
    assert cards.answer(DECK[0], "good", again) - again < timedelta(days=30)


def test_the_card_that_waits_longest_comes_first():
    cards.answer(DECK[5], "good", NOW)
    cards.answer(DECK[2], "good", NOW + timedelta(hours=1))
    later = cards.due(now=NOW + timedelta(days=9))
    assert later[:2] == [DECK[5], DECK[2]]
    assert len(later) == len(DECK)


def test_a_time_in_another_zone_is_the_same_time():
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    assert cards.answer(DECK[0], "good", elsewhere) == cards.answer(DECK[1], "good", NOW)


def test_another_grade_is_refused_and_changes_nothing():
    with pytest.raises(ValueError, match="got 'perfect'"):
        cards.answer(DECK[0], "perfect", NOW)
    assert store.load("cards") == {}


@pytest.mark.parametrize(
    "damaged", [3, {"box": 2, "due": NOW.isoformat()}, {"card_id": 1, "state": 9}, {"due": "soon"}]
)
def test_a_damaged_entry_counts_as_a_new_card(damaged):
    store.save("cards", {DECK[0].id: damaged})
    assert cards.due(now=NOW) == list(DECK)
    cards.answer(DECK[0], "good", NOW)
    assert DECK[0] not in cards.due(now=NOW)
