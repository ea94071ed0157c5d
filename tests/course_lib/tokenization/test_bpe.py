"""BPE: against a slow trainer that recounts everything, round trips, streams that are cut anywhere, files."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.tokenization import BPE, gpt2_words, train_bpe
from course_lib.tokenization.pretokenize import BYTE_CHARACTERS, bytes_to_characters

TEXT = (
    "the mouse that the cats chase eats the cheese. The mouse's cheese isn't the cats' cheese, and they'll never\n"
    "eat it:   12 mice, 120 holes\n\n    aaaa aaaaa aaaaaaa abababab – «ça va» 中文中文 mousemouse\n"
) * 3
texts = st.text(st.sampled_from("ab aab' tsrevldm\n1中é\U0001f42d"), max_size=60)
END = "<|end|>"


@pytest.fixture(scope="module")
def tokenizer():
    return train_bpe(TEXT, 330, special_tokens=[END, "<|end|>of", "<|pad|>"])


def slow_bpe(text, n_merges, byte_level=True):
    """Recount all pairs before every merge; lists of tokens, no heap, no index."""
    spell = (lambda word: bytes_to_characters(word.encode())) if byte_level else str
    words = Counter(gpt2_words(text))
    alphabet = sorted(BYTE_CHARACTERS if byte_level else set(text))
    ids = {token: i for i, token in enumerate(alphabet)}
    split, merges = {word: list(spell(word)) for word in words}, []
    for _ in range(n_merges):
        counts = Counter()
        for word, tokens in split.items():
            for pair in itertools.pairwise(tokens):
                counts[pair] += words[word]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], ids[pair[0]], ids[pair[1]]))
        merges.append(best)
        ids.setdefault("".join(best), len(ids))
        for tokens in split.values():
            i = 0
            while i < len(tokens) - 1:
                if (tokens[i], tokens[i + 1]) == best:
                    tokens[i : i + 2] = ["".join(best)]
                i += 1
    return merges, [ids[token] for word in gpt2_words(text) for token in split[word]]


@settings(max_examples=60, deadline=None)
@given(texts, st.booleans())
def test_training_finds_the_merges_of_a_trainer_that_recounts_everything(text, byte_level):
    made = train_bpe(text, 10_000, byte_level=byte_level)  # until no pair is left
    merges, ids = slow_bpe(text, 10_000, byte_level)
    assert made.merges == merges
    assert made.encode(text) == ids  # a training text is encoded as training left it


def test_a_longer_text_gives_the_same_merges_too():
    merges, ids = slow_bpe(TEXT, 70)
    made = train_bpe([TEXT], 256 + 70)
    assert made.merges == merges and made.encode(TEXT) == ids
    assert made.vocab_size == 326


def test_of_equally_frequent_pairs_the_one_with_the_smaller_ids_is_merged_first():
    assert train_bpe("cd ab", 300).merges[0] == ("a", "b")
    assert train_bpe("xyxy abab", 300).merges[0] == ("a", "b")
    assert train_bpe("aaa", 300).merges == [("a", "a"), ("aa", "a")]  # from the left, without overlaps


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_every_text_comes_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode_bytes(ids) == text.encode()
    assert tokenizer.decode(tokenizer.encode(text, allow_special=True)) == text


@settings(max_examples=200, deadline=None)
@given(st.binary())
def test_every_byte_string_comes_back(tokenizer, data):
    assert tokenizer.decode_bytes(tokenizer.encode(data.decode("utf-8", "surrogateescape"))) == data
    assert tokenizer.decode_bytes(tokenizer.encode_stream([data])) == data


def test_broken_utf8_is_decoded_with_replacement_characters(tokenizer):
    ids = tokenizer.encode("a中b")
    byte = tokenizer.ids[BYTE_CHARACTERS["中".encode()[0]]]
    assert tokenizer.decode([*tokenizer.encode("a"), byte, *tokenizer.encode("b")]) == "a\ufffdb"
    assert tokenizer.decode(ids) == "a中b" and tokenizer.decode([]) == ""


def test_encoding_follows_the_ranks_and_not_the_longest_token():
    made = BPE(["a", "b", "c", "bc", "ab", "abc"], [("b", "c"), ("a", "b"), ("ab", "c")], byte_level=False)
    assert [made.tokens[i] for i in made.encode("abc")] == ["a", "bc"]


def test_every_token_of_a_trained_tokenizer_encodes_to_itself(tokenizer):
    for i, data in enumerate(tokenizer.token_bytes):
        text = data.decode("utf-8", "surrogateescape")  # a piece of a character is cut off by the words' pattern
        if tokenizer.tokens[i] not in tokenizer.special_tokens and len(gpt2_words(text)) == 1:
            assert tokenizer.encode(text) == [i]


@st.composite
def streams(draw):
    pieces = st.one_of(texts, st.sampled_from([END, "<|end|>of", "<|pad|>", "<|en", "it'll've", "  \n ", "'", "d>"]))
    data = "".join(draw(st.lists(pieces, max_size=12))).encode() + draw(st.binary(max_size=4))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return data, [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])]


@settings(max_examples=400, deadline=None)
@given(streams(), st.booleans())
def test_a_stream_cut_anywhere_gives_the_ids_of_the_whole(tokenizer, stream, allow_special):
    data, chunks = stream
    whole = tokenizer.encode(data.decode("utf-8", "surrogateescape"), allow_special=allow_special)
    assert list(tokenizer.encode_stream(chunks, allow_special=allow_special)) == whole
    single = (data[i : i + 1] for i in range(len(data)))
    assert list(tokenizer.encode_stream(single, allow_special=allow_special)) == whole


def test_a_stream_is_read_as_it_is_consumed(tokenizer):
    read = []

    def chunks():
        for i in range(100):
            read.append(i)
            yield TEXT.encode()

    stream = tokenizer.encode_stream(chunks())
    for _ in range(300):
        next(stream)
    assert len(read) < 10


def test_special_tokens_are_made_from_text_only_where_that_is_allowed(tokenizer):
    end = tokenizer.ids[END]
    text = f"the mouse{END} the cat"
    assert end not in tokenizer.encode(text) and tokenizer.decode(tokenizer.encode(text)) == text
    allowed = tokenizer.encode(text, allow_special=True)
    assert allowed == [*tokenizer.encode("the mouse"), end, *tokenizer.encode(" the cat")]
    assert tokenizer.decode(allowed) == text
    assert tokenizer.encode("<|end|>of", allow_special=True) == [tokenizer.ids["<|end|>of"]]  # the longest one


@pytest.mark.parametrize("size", [259, 260, 300, 330])
def test_fewer_merges_are_the_tokenizer_that_a_smaller_vocabulary_would_have_given(tokenizer, size):
    smaller = tokenizer.with_vocab_size(size)
    trained = train_bpe(TEXT, size, special_tokens=tokenizer.special_tokens)
    assert smaller.tokens == trained.tokens and smaller.merges == trained.merges
    assert smaller.decode(smaller.encode(TEXT)) == TEXT


def test_over_characters_unknown_ones_become_unk():
    made = train_bpe(["mouse house", "moose"], 20, byte_level=False, special_tokens=["<pad>"])
    assert made.special_tokens == ["<unk>", "<pad>"]
    assert made.decode(made.encode("mouse house")) == "mouse house"
    assert made.decode(made.encode("mouth")) == "mou<unk>h"
    without = BPE(["a", "b"], [], byte_level=False)
    with pytest.raises(ValueError, match="'c' is not in the vocabulary"):
        without.encode("abc")


@pytest.mark.parametrize("byte_level", [True, False])
def test_what_is_saved_is_loaded(byte_level, tmp_path):
    made = train_bpe(TEXT, 300, byte_level=byte_level, special_tokens=[END])
    made.save(tmp_path / "bpe.json")
    copy = BPE.load(tmp_path / "bpe.json")
    assert vars(copy).keys() == vars(made).keys()
    for name in ("tokens", "merges", "byte_level", "special_tokens", "token_bytes"):
        assert getattr(copy, name) == getattr(made, name)
    assert copy.encode(TEXT) == made.encode(TEXT)


def test_gpt2_files_come_back(tokenizer, tmp_path):
    files = tmp_path / "vocab.json", tmp_path / "merges.txt"
    tokenizer.to_gpt2_files(*files)
    copy = BPE.from_gpt2_files(*files, special_tokens=tokenizer.special_tokens)
    assert copy.tokens == tokenizer.tokens and copy.merges == tokenizer.merges
    with pytest.raises(ValueError, match="works on characters"):
        train_bpe("ab", 5, byte_level=False).to_gpt2_files(*files)
    (tmp_path / "vocab.json").write_text('{"a": 0, "b": 2}')
    with pytest.raises(ValueError, match=r"0 … 1, each once"):
        BPE.from_gpt2_files(*files)


def test_a_very_long_word_is_merged_in_a_moment(tokenizer):
    text = " " * 200_000 + "a" * 200_000
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: train_bpe("ab", 255), "256 bytes . 0 special tokens, got 255"),
        (lambda: train_bpe("ab", 2, byte_level=False), "2 characters . 1 special tokens, got 2"),
        (lambda: BPE(["a", "a"], [], byte_level=False), "repeat"),
        (lambda: BPE(["a", "b"], [("a", "b")], byte_level=False), "'a' 'b'"),
        (lambda: BPE(["a"], []), "every byte"),
        (lambda: BPE(["a"], [], byte_level=False, special_tokens=["<x>"]), "<x>"),
        (lambda: train_bpe("ab", 257).decode([257]), "0 … 256, got 257"),
        (lambda: train_bpe("ab", 257).decode([-1]), "got -1"),
        (lambda: train_bpe("ab", 257).with_vocab_size(258), "256 … 257, got 258"),
        (lambda: train_bpe("ab", 257).with_vocab_size(255), "256 … 257, got 255"),
    ],
)
def test_errors_name_the_argument_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
