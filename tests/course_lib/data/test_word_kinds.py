from collections import Counter

from course_lib.data.mouse_and_cheese import MouseAndCheese
from course_lib.data.word_kinds import word_kinds


def test_every_word_is_one_of_the_language_and_no_kind_has_a_single_word():
    kinds = word_kinds()
    assert set(kinds) <= set(MouseAndCheese().vocabulary)
    assert min(Counter(kinds.values()).values()) > 1


def test_words_of_two_kinds_are_left_out():
    kinds = word_kinds()
    assert not {"fish", "bread", "boats", "eggs", "trees", "walls", "grapes"} & set(kinds) - {"boats"}
    assert kinds["boats"] == "work"  # painted and sailed: work both times


def test_nouns_and_verbs_are_told_by_number_and_use():
    kinds = word_kinds()
    assert [kinds[word] for word in ("mouse", "mice", "eats", "eat", "ate", "baked")] == [
        "animal",
        "animals",
        "verb sg eat",
        "verb pl eat",
        "verb past eat",
        "verb past trade",
    ]
