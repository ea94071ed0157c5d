"""Generated tasks against independent readers: datetime for dates, a small parser for number words, int for sums."""

import itertools
import re
from datetime import date, datetime

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.data.tasks import (
    BOS,
    EOS,
    PAD,
    Addition,
    Brackets,
    Dates,
    NumberWords,
    Rearranged,
    Task,
    carries,
    number_in_words,
)
from course_lib.data.tasks.dates import NOTATIONS
from tests.random_inputs import generator

TASKS = {
    "dates": Dates(),
    "words to digits": NumberWords(),
    "digits to words": NumberWords(to_words=True),
    "copy": Rearranged("copy"),
    "reverse": Rearranged("reverse"),
    "sort": Rearranged("sort"),
    "addition": Addition(),
    "brackets": Brackets(),
}
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())


def day_of(text):
    """Read a date as a person would: take weekday, ordinal ending and filling words away, then try the orders."""
    plain = re.sub(r"(?<=\d)(st|nd|rd|th)\b|\b(the|of)\b|\b\w+day\b", " ", text)
    plain = " ".join(re.sub(r"[,-]", " ", plain).split())
    for order in ("%B %d %Y", "%d %B %Y", "%b %d %Y", "%d %b %Y", "%Y %B %d"):
        try:
            return datetime.strptime(plain, order).date()
        except ValueError:
            continue
    raise AssertionError(text)


def test_every_date_says_its_iso_form_and_the_right_weekday():
    pairs = Dates().sample(3000, generator()) + Dates().sample(300, generator(1), held_out=True)
    for source, target in pairs:
        assert day_of(source).isoformat() == target
        weekday = re.match(r"(\w+day)\b", source)
        assert weekday is None or weekday[1] == f"{date.fromisoformat(target):%A}"
    assert {target[:2] for _, target in pairs} == {"19", "20"}


def test_all_notations_of_dates_occur_and_ordinals_end_as_english_has_it():
    day = date(2024, 3, 5)
    assert {Dates.write(day, notation) for notation in NOTATIONS} == {
        "March 5, 2024",
        "5 March 2024",
        "March 5th, 2024",
        "5th of March 2024",
        "the 5th of March, 2024",
        "Mar 5, 2024",
        "5 Mar 2024",
        "5-Mar-2024",
        "Tuesday, March 5, 2024",
        "Tuesday 5 March 2024",
        "2024, March 5",
    }
    endings = [Dates.write(date(2024, 1, d), "{ordinal}") for d in range(1, 32)]
    assert [e for e in endings if not e.endswith("th")] == ["1st", "2nd", "3rd", "21st", "22nd", "23rd", "31st"]


def test_every_notation_is_drawn():
    plain = set()
    for source, _ in Dates().sample(500, generator()):
        source = re.sub(r"(?<=\d)(st|nd|rd|th)", "th", re.sub(r"[A-Z]\w+", "W", source))
        plain.add(re.sub(r"\d+", "#", source))
    assert len(plain) == 9  # of eleven: where a month was, "March" and "Mar" now look the same


def number_of(words):
    """Read a number in words: add up, multiply at hundred and thousand."""
    ones = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen".split()
    ones += "fifteen sixteen seventeen eighteen nineteen".split()
    tens = {word: 10 * i for i, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
    total = part = 0
    for word in words.replace("-", " ").replace(" and ", " ").split():
        if word == "thousand":
            total, part = 1000 * part, 0
        elif word == "hundred":
            part *= 100
        else:
            part += tens[word] if word in tens else ones.index(word)
    return total + part


def test_number_words_can_be_read_back():
    numbers = [*range(1200), *range(1200, 1_000_000, 997), 10_000, 100_000, 900_019, 999_999]
    assert [number_of(number_in_words(number)) for number in numbers] == numbers
    assert number_in_words(0) == "zero" and number_in_words(100_040) == "one hundred thousand and forty"
    for number in (-1, 1_000_000):
        with pytest.raises(ValueError, match=f"got {number}"):
            number_in_words(number)


def test_number_tasks_go_both_ways_and_cover_every_length():
    for source, target in NumberWords().sample(500, generator()):
        assert number_of(source) == int(target) and str(int(target)) == target
    for source, target in NumberWords(digits=4, to_words=True).sample(500, generator()):
        assert number_of(target) == int(source) < 10_000
    lengths = [len(target) for _, target in NumberWords().sample(3000, generator())]
    assert all(400 < lengths.count(n) < 600 for n in range(1, 7))


def test_letters_are_copied_reversed_and_sorted_within_the_lengths_asked_for():
    for source, target in Rearranged("sort", 3, 5, n_letters=4).sample(200, generator()):
        assert list(target) == sorted(source) and 3 <= len(source) <= 5 and set(source) <= set("abcd")
    assert all(target == source for source, target in Rearranged("copy").sample(50, generator()))
    assert all(target == "".join(reversed(source)) for source, target in Rearranged("reverse").sample(50, generator()))


def test_sums_are_right_and_may_be_written_backwards():
    for source, target in Addition(digits=4).sample(500, generator()):
        assert sum(map(int, source.split("+"))) == int(target)
    for source, target in Addition(digits=4, reverse=True).sample(100, generator()):
        assert sum(map(int, source.split("+"))) == int(target[::-1])


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_carries_are_what_the_digit_sums_say(a, b):
    def digit_sum(n):
        return sum(map(int, str(n)))

    assert carries(a, b) == (digit_sum(a) + digit_sum(b) - digit_sum(a + b)) // 9  # each carry turns ten into one


def balanced(text):
    shorter = None
    while text != shorter:
        shorter, text = text, re.sub(r"\(\)|\[\]|\{\}|<>", "", text)
    return text == ""


def test_brackets_are_closed_by_their_target():
    for source, target in Brackets(kinds=4, longest=20).sample(500, generator()):
        assert balanced(source + target) and set(target) <= set(")]}>") and 1 <= len(source) <= 20
    assert {len(source) for source, _ in Brackets(longest=5).sample(300, generator())} == {1, 2, 3, 4, 5}


def test_valid_next_brackets_are_those_with_which_some_balanced_string_goes_on():
    task, words = Brackets(kinds=2, depth=2), set()
    for length in range(0, 9, 2):
        for characters in itertools.product("()[]", repeat=length):
            word = "".join(characters)
            depths = itertools.accumulate(1 if c in "([" else -1 for c in word)
            if balanced(word) and max(depths, default=0) <= 2:
                words.add(word)
    beginnings = {word[:end] for word in words for end in range(len(word) + 1)}
    for text in (b for b in beginnings if len(b) <= 4):
        following = {word[len(text) : len(text) + 1] for word in words if word.startswith(text)}
        assert task.valid_next(text) == following
    for wrong in (")", "(]", "((("):
        with pytest.raises(ValueError, match="balanced"):
            task.valid_next(wrong)


@every_task
def test_the_same_seed_gives_the_same_pairs_and_another_seed_others(task):
    assert task.sample(20, generator(3)) == task.sample(20, generator(3))
    assert task.sample(20, generator(3)) != task.sample(20, generator(4))
    shared = generator(3)
    assert task.sample(20, shared) != task.sample(20, shared)
    assert task.sample(0, generator()) == []


@every_task
def test_what_a_held_out_pair_means_is_never_in_training(task):
    training = {task.meaning(*pair) for pair in task.sample(2000, generator())}
    held_out = {task.meaning(*pair) for pair in task.sample(300, generator(1), held_out=True)}
    assert training and held_out and not training & held_out
    assert all(task.is_held_out(*pair) for pair in task.sample(50, generator(2), held_out=True))


def test_about_a_tenth_of_the_days_is_held_out_in_every_notation_alike():
    task = Dates()
    days = [date.fromordinal(700_000 + i) for i in range(3000)]
    out = [{task.is_held_out(task.write(day, notation), day.isoformat()) for notation in NOTATIONS} for day in days]
    assert all(len(kinds) == 1 for kinds in out)
    assert 0.07 < sum(kinds == {True} for kinds in out) / len(out) < 0.13


def test_a_sum_is_held_out_in_both_orders():
    task = Addition()
    assert all(
        task.is_held_out(f"{a}+{b}", "") == task.is_held_out(f"{b}+{a}", "") for a in range(50) for b in range(50)
    )


@every_task
def test_encoding_and_decoding_are_inverse_and_padding_begin_and_end_are_left_out(task):
    for source, target in task.sample(50, generator()):
        assert task.decode(task.encode(source)) == source
        ids = [BOS, *task.encode(target), EOS, PAD, *task.encode(source)]
        assert task.decode(ids) == task.decode(torch.tensor(ids)) == target
        assert all(EOS < index < task.vocab_size for index in task.encode(source))
    with pytest.raises(ValueError, match=r"got 'é' in 'é'"):
        task.encode("é")


@every_task
def test_a_batch_is_padded_at_the_end_and_targets_are_framed(task):
    pairs = task.sample(16, generator(5))
    sources, targets = task.batch(16, generator(5))
    assert sources.dtype == targets.dtype == torch.int64
    assert sources.shape == (16, max(len(s) for s, _ in pairs))
    assert targets.shape == (16, max(len(t) for _, t in pairs) + 2)
    for (source, target), ids, labels in zip(pairs, sources.tolist(), targets.tolist()):
        assert ids == task.encode(source) + [PAD] * (sources.size(1) - len(source))
        assert labels == [BOS, *task.encode(target), EOS] + [PAD] * (targets.size(1) - len(target) - 2)


def test_accuracy_counts_rows_that_are_right_to_the_end():
    task = Addition()
    _, targets = task.tensors([("1+1", "2"), ("9+3", "12"), ("9+4", "13")])
    outputs = torch.tensor([[*task.encode("2"), EOS, *task.encode("77")], [BOS, *task.encode("12"), EOS],
                            [*task.encode("134"), EOS]])  # fmt: skip
    assert task.accuracy(outputs, targets) == pytest.approx(2 / 3)
    assert task.accuracy(targets, targets) == 1.0
    with pytest.raises(ValueError, match="one output per target, got 3 and 2"):
        task.accuracy(outputs, targets[:2])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: NumberWords(digits=7), "got 7"),
        (lambda: Rearranged("shuffle"), "'shuffle'"),
        (lambda: Rearranged("copy", 4, 3), "got 4 and 3"),
        (lambda: Rearranged("copy", n_letters=27), "got 27"),
        (lambda: Addition(digits=0), "got 0"),
        (lambda: Brackets(kinds=5), "got 5"),
        (lambda: Brackets(depth=0), "depth must be at least 1, got 0"),
        (lambda: carries(-1, 2), "got -1 and 2"),
        (lambda: Dates().sample(-1, generator()), "got -1"),
        (lambda: Rearranged("copy", 1, 1, n_letters=1).sample(1, generator(), held_out=True), "too few"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_task_without_pairs_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="Task must say"):
        Task("abc").sample(1, generator())
