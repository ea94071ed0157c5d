"""The picture of the next word shows the exact probabilities, and the map shows every lesson once."""

import pytest

from course_lib.figures.course_map import PARTS, course_map
from course_lib.figures.next_word import next_word_bars
from course_lib.scoreboard import language

SENTENCE = "the Eiffel Tower stands in Paris <eos>"


@pytest.mark.parametrize("words", range(8))
def test_the_bars_are_probabilities_that_sum_to_one(words):
    axes = next_word_bars(language(), SENTENCE, words).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    assert sum(widths) == pytest.approx(1, abs=1e-9)
    if words == 5:
        assert axes.get_yticklabels()[0].get_text() == "Paris"
        assert widths[0] == pytest.approx(0.97)


def test_an_impossible_beginning_is_told_and_has_no_bars():
    axes = next_word_bars(language(), "the rabbit eats cheese <eos>", 4).axes[0]
    assert not axes.patches
    assert "probability 0" in axes.texts[0].get_text()


def test_the_numbers_of_lesson_00_are_those_of_the_picture():
    mouse = next_word_bars(language(), "the mouse that the cats chase eats cheese <eos>", 7).axes[0]
    assert mouse.get_yticklabels()[0].get_text() == "cheese"
    assert mouse.patches[0].get_width() == pytest.approx(0.385)
    rabbit = next_word_bars(language(), "the rabbit that the cats chase eats cheese <eos>", 7).axes[0]
    assert rabbit.get_yticklabels()[0].get_text() == "carrots"


def test_words_beyond_the_sentence_are_refused():
    with pytest.raises(ValueError, match="between 0 and 7, got 8"):
        next_word_bars(language(), SENTENCE, 8)


def test_the_map_has_every_lesson_once_and_marks_those_that_are_here():
    names = [name for lessons in PARTS.values() for name in lessons]
    assert [int(name[:2]) for name in names] == list(range(22))
    axes = course_map({"00_start_here", "12_attention"}).axes[0]
    assert len(axes.patches) == 22
    assert len({box.get_facecolor() for box in axes.patches}) == 2
    pale = axes.patches[1].get_facecolor()
    assert sum(box.get_facecolor() != pale for box in axes.patches) == 2
