"""Spaced repetition: known cards wait longer, missed ones return, damaged entries count as new."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import cards, store
from course_lib.deck import DECK

NOW = datetime(2026, 3, 1, 21, tzinfo=UTC)


def test_at_first_every_card_is_new_and_due_in_the_order_of_the_deck():
    assert cards.due(now=NOW) == list(DECK)
    assert {card.lesson for card in cards.due("12_attention", NOW)} == {"12_attention"}


def test_a_card_that_is_known_waits_longer_each_time():
    now, waits = NOW, []
    for _ in range(7):
        back = cards.answer(DECK[0], "good", now)
        waits.append((back - now).days)
        assert DECK[0] not in cards.due(now=back - timedelta(minutes=1))
        assert DECK[0] in cards.due(now=back)
        now = back
    assert waits == [1, 3, 7, 21, 60, 60, 60]


def test_an_easy_card_skips_a_box_and_a_missed_one_is_due_at_once():
    assert cards.answer(DECK[0], "easy", NOW) == NOW + timedelta(days=3)
    assert cards.answer(DECK[0], "again", NOW) == NOW
    assert cards.due(now=NOW)[0] == DECK[0]


def test_the_card_that_waits_longest_comes_first():
    cards.answer(DECK[5], "good", NOW)
    cards.answer(DECK[2], "good", NOW + timedelta(hours=1))
    later = cards.due(now=NOW + timedelta(days=9))
    assert later[:2] == [DECK[5], DECK[2]]
    assert len(later) == len(DECK)


def test_another_grade_is_refused_and_changes_nothing():
    with pytest.raises(ValueError, match="got 'perfect'"):
        cards.answer(DECK[0], "perfect", NOW)
    assert sum(cards.boxes()) == 0


@given(st.lists(st.sampled_from(sorted(cards.GRADES)), max_size=12))
def test_a_card_is_always_in_exactly_one_box(grades):
    store.save("cards", {})
    for grade in grades:
        cards.answer(DECK[0], grade, NOW)
    assert sum(cards.boxes()) == bool(grades)


@pytest.mark.parametrize("damaged", [3, {"box": 99, "due": NOW.isoformat()}, {"box": 1}, {"box": 1, "due": "soon"}])
def test_a_damaged_entry_counts_as_a_new_card(damaged):
    store.save("cards", {DECK[0].id: damaged})
    assert cards.due(now=NOW) == list(DECK)
