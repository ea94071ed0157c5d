"""The numbers on the cards of lesson 08."""

from course_lib.neural_ngram import parameter_count


def test_the_network_of_the_card_learns_as_many_numbers_as_it_says():
    assert parameter_count(1000, 3, 30, 50, direct=True) == 175_550


def test_the_table_of_the_card_has_as_many_entries_as_it_says():
    assert 1000**4 == 10**12


def test_tying_saves_the_table_of_vectors():
    assert parameter_count(20, 3, 5, 5) - parameter_count(20, 3, 5, 5, tied=True) == 20 * 5
