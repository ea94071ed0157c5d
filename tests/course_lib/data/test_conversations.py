"""Questions and answers against the toy language: what is said there is grammatical, and the likeliest."""

import re

import pytest

from course_lib.data.conversations import POLITE, facts, small_talk, split_questions
from course_lib.data.mouse_and_cheese import LANDMARKS, MouseAndCheese


@pytest.fixture(scope="module")
def language() -> MouseAndCheese:
    return MouseAndCheese()


def probability(language, text):
    for name in (*LANDMARKS, *LANDMARKS.values()):
        text = re.sub(rf"\b{name.lower()}\b", name, text)
    return language.log_prob(language.encode(f"{text} <eos>"))


def test_every_answer_is_a_sentence_of_the_language_and_no_other_food_or_city_is_likelier(language):
    words = {fact.word for fact in facts()}
    for fact in facts():
        of_answer = probability(language, fact.answer)
        assert of_answer > float("-inf") and fact.answer.endswith(fact.word)
        others = (probability(language, fact.answer.removesuffix(fact.word) + word) for word in words - {fact.word})
        assert of_answer > max(others)


def test_every_fact_has_four_questions_and_no_question_two_answers():
    asked = [question for fact in facts() for question in fact.questions]
    assert len(asked) == 4 * len(facts()) == len(set(asked))
    assert not set(asked) & {question for question, _ in small_talk()}
    assert all(text == text.lower() for text in asked + [reply for _, reply in small_talk()])


def test_a_reply_is_polite_or_curt():
    fact = facts()[0]
    assert fact.reply(True) == f"{POLITE}the mouse eats cheese." and fact.reply(False) == "cheese."


def test_the_three_lists_share_no_question_and_the_last_no_fact():
    training, another_way, never = split_questions(seed=3, unasked=5)
    lists = [[question for question, _ in some] for some in (training, another_way, never)]
    assert sum(map(len, lists)) == len({q for some in lists for q in some}) == 4 * len(facts())
    assert {fact for _, fact in training} == {fact for _, fact in another_way}
    assert len({fact for _, fact in never}) == 5 and not {f for _, f in never} & {f for _, f in training}
    assert split_questions(seed=3, unasked=5) == (training, another_way, never)
