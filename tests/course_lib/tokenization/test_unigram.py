"""Unigram: cuts against all cuts and against Hugging Face's, EM against enumeration."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.corpora import english
from course_lib.tokenization import Unigram, train_unigram
from course_lib.tokenization.unigram import blank_words, expected_counts

REASON = "compared with here, and not installed: pip install -e '.[dev]'"
tokenizers = pytest.importorskip("tokenizers", reason=REASON)
Regex, Tokenizer, models, normalizers, pre_tokenizers = (
    getattr(tokenizers, name) for name in "Regex Tokenizer models normalizers pre_tokenizers".split()
)

texts = st.text(st.sampled_from("ab aab\nc▁"), max_size=14)
pieces = st.dictionaries(st.text("abc▁", min_size=1, max_size=3), st.floats(-9, -0.5), min_size=1, max_size=12)


def all_cuts(word):
    for places in itertools.product([False, True], repeat=max(len(word) - 1, 0)):
        ends = [i + 1 for i, cut in enumerate(places) if cut] + [len(word)]
        yield [word[a:b] for a, b in zip([0, *ends], ends)]


@settings(max_examples=150, deadline=None)
@given(st.text("abc▁", min_size=1, max_size=8), pieces)
def test_the_cut_is_the_best_of_all_cuts(word, log_probs):
    unknown = min(log_probs.values()) - 10

    def value(piece):
        return log_probs.get(piece, unknown if len(piece) == 1 else -math.inf)

    best = max(sum(map(value, cut)) for cut in all_cuts(word))
    cut, log_prob = Unigram(log_probs).segment(word)
    assert "".join(cut) == word
    assert log_prob == pytest.approx(best) == sum(map(value, cut))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=6), st.integers(1, 5), min_size=1, max_size=4), pieces)
def test_expected_counts_are_those_over_all_cuts(words, log_probs):
    log_probs |= {c: -3.0 for c in "abc" if c not in log_probs}
    expected, total = {}, 0.0
    for word, times in words.items():
        cuts = [cut for cut in all_cuts(word) if all(piece in log_probs for piece in cut)]
        probs = [math.exp(sum(log_probs[piece] for piece in cut)) for cut in cuts]
        total += times * math.log(sum(probs))
        for cut, prob in zip(cuts, probs):
            for piece in cut:
                expected[piece] = expected.get(piece, 0) + times * prob / sum(probs)
    counts, log_prob = expected_counts(words, log_probs)
    assert counts == pytest.approx(expected)
    assert log_prob == pytest.approx(total)


def test_a_step_of_em_never_lowers_the_probability_of_the_text():
    words = {"▁mouse": 5, "▁house": 3, "▁mousehole": 2, "hole": 1}
    strings = {word[a:b] for word in words for a in range(len(word)) for b in range(a + 1, len(word) + 1)}
    log_probs, history = {piece: -math.log(len(strings)) for piece in strings}, []
    for _ in range(12):
        counts, total = expected_counts(words, log_probs)
        history.append(total)
        log_probs = {piece: math.log(n / sum(counts.values())) for piece, n in counts.items() if n > 1e-9}
        log_probs |= {piece: -50.0 for piece in strings if len(piece) == 1 and piece not in log_probs}
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(history))
    assert history[-1] > history[0] + 1


def hugging_face(tokenizer):
    vocab = [("<unk>", 0.0), *tokenizer.log_probs.items()]
    theirs = Tokenizer(models.Unigram(vocab, unk_id=0))
    theirs.normalizer = normalizers.Replace(" ", "▁")
    theirs.pre_tokenizer = pre_tokenizers.Split(Regex(r"▁?[^\s▁]+|▁|\s"), "isolated")
    return theirs


@pytest.fixture(scope="module")
def trained():
    return train_unigram(english(30_000), 500)


def test_held_out_text_becomes_the_ids_of_hugging_face(trained):
    text = english(20_000, held_out=True) + " 中文 é–中 mouse中文"
    assert trained.encode(text) == hugging_face(trained).encode(text).ids
    assert trained.vocab_size <= 500


@settings(max_examples=200, deadline=None)
@given(texts, pieces)
def test_any_vocabulary_gives_a_cut_as_good_as_hugging_faces(text, log_probs):
    ours = Unigram(log_probs)
    lowest = min(log_probs.values()) - 10

    def value(ids):
        return sum(log_probs[ours.tokens[i]] if i else lowest for i in ids)

    theirs = hugging_face(ours).encode(text).ids
    assert value(ours.encode(text)) == pytest.approx(value(theirs))  # ties may be cut differently


def test_training_keeps_every_character_and_brings_its_text_back(trained):
    text = english(30_000)
    assert trained.decode(trained.encode(text)) == text
    assert set(text.replace(" ", "▁")) <= set(trained.tokens)
    total = sum(math.exp(log_prob) for log_prob in trained.log_probs.values())
    assert total == pytest.approx(1)
    assert list(trained.log_probs.values()) == sorted(trained.log_probs.values(), reverse=True)


@settings(max_examples=30, deadline=None)
@given(st.text(st.sampled_from("ab c\n"), max_size=40))
def test_any_text_without_the_blanks_symbol_comes_back(text):
    made = train_unigram(text + "abc \n", 20)
    assert made.decode(made.encode(text)) == text
    assert "".join(blank_words(text)) == text.replace(" ", "▁")


def test_pruning_keeps_frequent_strings_and_drops_what_other_pieces_replace():
    made = train_unigram("the mouse the cat the mouse the cat the dog " * 20, 22)
    assert {"▁the", "▁mouse", "▁cat"} <= set(made.tokens)
    assert len(made.encode(" the mouse")) == 2


def test_a_very_long_word_does_not_underflow():
    counts, total = expected_counts({"ab" * 2000: 1}, {"a": -5.0, "b": -5.0, "ab": -9.0})
    assert total == pytest.approx(2000 * math.log(math.exp(-10) + math.exp(-9)))
    assert counts["ab"] == pytest.approx(2000 / (1 + math.exp(-1)))


def test_what_is_saved_is_loaded(trained, tmp_path):
    trained.save(tmp_path / "unigram.json")
    assert Unigram.load(tmp_path / "unigram.json").log_probs == trained.log_probs


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Unigram({}), "log_probs must hold pieces"),
        (lambda: Unigram({"<unk>": -1.0}), "<unk>"),
        (lambda: train_unigram("abc", 3), "3 characters . <unk>, got 3"),
        (lambda: Unigram({"a": -1.0}).decode([2]), "got 2"),
    ],
)
def test_errors_name_the_argument_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
