"""WordPiece: encoding against Hugging Face's, training against a slow trainer that recounts everything."""

import itertools
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.corpora import english
from course_lib.tokenization import WordPiece, bert_words, train_wordpiece

REASON = "compared with here, and not installed: pip install -e '.[dev]'"
tokenizers = pytest.importorskip("tokenizers", reason=REASON)
Tokenizer, models, pre_tokenizers = (getattr(tokenizers, name) for name in "Tokenizer models pre_tokenizers".split())

texts = st.text(st.sampled_from("ab aab tsrelm.-1é"), max_size=60)


def slow_wordpiece(text, min_count):
    """Recount everything before every merge, with exact fractions."""
    words = Counter(bert_words(text))
    split = {word: [word[0], *("##" + c for c in word[1:])] for word in words}
    tokens = sorted(set().union(*split.values()))
    while True:
        single, pairs = Counter(), Counter()
        for word, pieces in split.items():
            for piece in pieces:
                single[piece] += words[word]
            for pair in itertools.pairwise(pieces):
                pairs[pair] += words[word]
        pairs = {pair: n for pair, n in pairs.items() if n >= min_count}
        if not pairs:
            return tokens
        a, b = min(
            pairs,
            key=lambda p: (-Fraction(pairs[p], single[p[0]] * single[p[1]]), tokens.index(p[0]), tokens.index(p[1])),
        )
        new = a + b.removeprefix("##")
        if new not in tokens:
            tokens.append(new)
        for pieces in split.values():
            i = 0
            while i < len(pieces) - 1:
                if (pieces[i], pieces[i + 1]) == (a, b):
                    pieces[i : i + 2] = [new]
                i += 1


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(1, 3))
def test_training_finds_the_tokens_of_a_trainer_that_recounts_everything(text, min_count):
    made = train_wordpiece(text, 10_000, min_count=min_count)
    assert made.tokens == ["[UNK]", *slow_wordpiece(text, min_count)]


def test_the_score_prefers_pairs_that_meet_more_often_than_chance():
    # q+u: 2 / (2·2) beats t+h: 6 / (8·6), although t+h is three times as frequent
    text = "th th th th th th t t qu qu"
    assert train_wordpiece(text, 6, min_count=1).tokens == ["[UNK]", "##h", "##u", "q", "t", "qu"]
    assert train_wordpiece(text, 6, min_count=3).tokens[-1] == "th"


@pytest.fixture(scope="module")
def trained():
    return train_wordpiece(english(60_000), 900, min_count=5)


def hugging_face(tokens):
    vocab = {token: i for i, token in enumerate(tokens)}
    model = models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=10**6)
    theirs = Tokenizer(model)
    theirs.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return theirs


def test_held_out_text_becomes_the_ids_of_hugging_face(trained):
    text = english(30_000, held_out=True)
    assert trained.encode(text) == hugging_face(trained.tokens).encode(text).ids
    assert trained.vocab_size == 900


@settings(max_examples=200, deadline=None)
@given(texts, st.sets(st.text(st.sampled_from("abts"), min_size=1, max_size=3)), st.sets(st.text("abts", min_size=1)))
def test_any_vocabulary_gives_the_ids_of_hugging_face(text, beginnings, continuations):
    tokens = ["[UNK]", *sorted(beginnings), *("##" + piece for piece in sorted(continuations))]
    assert WordPiece(tokens).encode(text) == hugging_face(tokens).encode(text).ids


def test_a_word_with_an_unknown_part_is_unknown_as_a_whole():
    made = WordPiece(["[UNK]", "mouse", "##ho", "##le"])
    assert made.encode("mousehole mousehold") == [1, 2, 3, 0]
    assert made.decode([1, 2, 3, 0]) == "mousehole [UNK]"


def test_decoding_joins_pieces_and_loses_the_blanks(trained):
    assert trained.decode(trained.encode("the  value, returned")) == "the value , returned"


def test_what_is_saved_is_a_vocab_txt_and_is_loaded(trained, tmp_path):
    trained.save(tmp_path / "vocab.txt")
    assert WordPiece.load(tmp_path / "vocab.txt").tokens == trained.tokens
    assert models.WordPiece.read_file(str(tmp_path / "vocab.txt")) == trained.ids


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: WordPiece(["a"]), "UNK"),
        (lambda: WordPiece(["[UNK]", "a", "a"]), "different"),
        (lambda: train_wordpiece("ab", 2), "2 characters . 1 special tokens, got 2"),
        (lambda: WordPiece(["[UNK]"]).decode([1]), "got 1"),
    ],
)
def test_errors_name_the_argument_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
