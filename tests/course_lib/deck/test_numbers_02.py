"""The numbers and cuts on the cards of lesson 02."""

import math

from course_lib.data.quality import failed_rules
from course_lib.deck import DECK
from course_lib.tokenization import steps

CARDS = {card.id: card for card in DECK if card.lesson == "02_tokenization"}


def test_a_pair_that_overlaps_itself_is_merged_from_the_left():
    merged = " ".join(steps.merge_pair(["a", "a", "a"], ("a", "a")))
    assert f"<i>{merged}</i>" in CARDS["overlap"].answer


def test_two_characters_that_occur_once_have_the_highest_score():
    assert set(steps.wordpiece_score([(["x", "##y"], 1), (["a", "##b"], 5)]).values()) == {1.0, 0.2}
    assert "score there is, 1." in " ".join(CARDS["wordpiece_score"].answer.split())


def test_characters_have_as_many_bytes_as_the_card_says():
    assert CARDS["one_char_many_bytes"].answer.startswith(f"{len('é'.encode())} and {len('老'.encode())}.")


def test_the_largest_standard_error_of_128_hashes():
    largest = max(math.sqrt(j / 100 * (1 - j / 100) / 128) for j in range(101))
    assert f"at most {largest:.3f}." in " ".join(CARDS["min_hash"].answer.split())


def test_the_rules_see_form_only():
    words = "the mouse and the cat of the house sleep here".split() * 5
    assert failed_rules(" ".join(sorted(words))) == [] and failed_rules(" ".join(words[:49])) == ["length"]
