"""Holes in sentences: exact answers against a language small enough to write down every sentence of it."""

import itertools

import pytest
import torch

from course_lib.data.cloze import CLS, FIRST_WORD, PAD, encode, hole_probs, names, sentences, subject_kinds
from course_lib.data.grammar import Grammar
from course_lib.data.mouse_and_cheese import MouseAndCheese
from course_lib.data.sentence_tasks import ANIMAL_NAMES, hidden_animals
from course_lib.data.word_kinds import word_kinds

KINDS = ("animal", "trade", "animals", "trades")

# every sentence: who, does, what; its probability is the product of its choices
WHO = {"mouse": 0.7, "cat": 0.3}
DOES = {("mouse", "eats"): 0.9, ("mouse", "sees"): 0.1, ("cat", "eats"): 0.4, ("cat", "sees"): 0.6}
WHAT = {("eats", "cheese"): 0.8, ("eats", "cat"): 0.2, ("sees", "cheese"): 0.5, ("sees", "cat"): 0.5}


def tiny():
    rules = {"S": {(who, f"[{who}]"): p for who, p in WHO.items()}}
    for who in WHO:
        rules[f"[{who}]"] = {(does, f"[{does}]"): DOES[who, does] for does in ("eats", "sees")}
    for does in ("eats", "sees"):
        rules[f"[{does}]"] = {(what,): WHAT[does, what] for what in ("cheese", "cat")}
    return Grammar(rules)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("text", list(itertools.product(("mouse", "cat"), ("eats", "sees"), ("cheese", "cat"))))
def test_the_word_in_a_hole_has_the_probability_that_counting_all_sentences_gives(text, place):
    language = tiny()
    joint = {}
    for word in {*WHO, "eats", "sees", "cheese"}:
        who, does, what = (*text[:place], word, *text[place + 1 :])
        joint[word] = WHO.get(who, 0) * DOES.get((who, does), 0) * WHAT.get((does, what), 0)
    expected = {word: p / sum(joint.values()) for word, p in joint.items()}
    probs = hole_probs(language, language.encode(" ".join(text) + " <eos>"), place)
    assert probs.sum() == pytest.approx(1)
    assert {w: probs[language.encode(w)[0]].item() for w in expected} == pytest.approx(expected)


def test_a_hidden_animal_has_the_probability_that_the_other_task_gives_it():
    language = MouseAndCheese()
    texts, _, exact = hidden_animals(20, torch.Generator().manual_seed(3))
    for text, expected in zip(texts, exact):
        words = text.split()
        place = words.index("???")
        words[place] = "mouse"  # is not looked at
        probs = hole_probs(language, language.encode(" ".join([*words, "<eos>"])), place)
        singular = torch.stack([probs[language.encode(name)[0]] for name in ANIMAL_NAMES])
        if singular.sum() > 0.999:  # no plural and no trade fits
            torch.testing.assert_close(singular / singular.sum(), expected)


def test_a_stream_becomes_padded_sentences_and_back():
    language = MouseAndCheese()
    stream = language.stream(500, torch.Generator().manual_seed(0))
    rows = sentences(stream)
    assert [t for row in rows for t in row] == stream[: sum(map(len, rows))].tolist()
    assert all(row[-1] == 0 and 0 not in row[:-1] for row in rows)
    short = sentences(stream, longest=7)
    assert short == [row for row in rows if len(row) <= 8]
    ids = encode(short)
    assert ids[:, 0].eq(CLS).all() and ids.size(1) == 1 + max(map(len, short))
    words = names(language)
    for row, line in zip(short, ids.tolist()):
        assert [words[i] for i in line if i != PAD] == ["[CLS]", *language.decode(row).split()]
        assert line[1 : len(row) + 1] == [t + FIRST_WORD for t in row]


def test_a_hole_that_no_word_fits_is_refused():
    language = tiny()
    with pytest.raises(ValueError, match="fits at place 0"):
        hole_probs(language, language.encode("mouse cheese cat <eos>"), 0)


@pytest.mark.parametrize("half", [0, 1])
def test_subjects_are_balanced_of_the_kind_of_their_label_and_of_one_half_of_the_nouns(half):
    language = MouseAndCheese()
    rows, labels = subject_kinds(40, language, torch.Generator().manual_seed(5), half)
    assert labels.tolist() == [0, 1] * 20
    kinds = word_kinds()
    subjects = [next(w for w in language.decode(row[1:3]).split() if kinds[w] in KINDS) for row in rows]
    for subject, label in zip(subjects, labels.tolist()):
        assert kinds[subject] in (("trade", "trades") if label else ("animal", "animals"))
    assert all(row[-1] == 0 and len(row) <= 13 for row in rows)
    others, _ = subject_kinds(40, language, torch.Generator().manual_seed(5), 1 - half)
    assert not set(subjects) & {next(w for w in language.decode(r[1:3]).split() if kinds[w] in KINDS) for r in others}
    with pytest.raises(ValueError, match="got 3"):
        subject_kinds(3, language, torch.Generator(), half)
