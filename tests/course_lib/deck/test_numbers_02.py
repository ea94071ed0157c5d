"""The numbers and cuts on the cards of lesson 02."""

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
