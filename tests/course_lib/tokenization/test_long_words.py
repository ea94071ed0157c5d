"""Words of any length: the heap that merges long ones finds what merging everything again and again finds."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.data.corpora import english
from course_lib.tokenization import BPE, Unigram, bpe, train_bpe, train_wordpiece
from course_lib.tokenization.pairs import merge_by_rank

words = st.text("abc", max_size=80)
#: any merges of what there is so far: also two that spell the same token, and merges that come before their parts'
some_merges = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=14)


def tokenizer_of(choices):
    tokens, merges = ["a", "b", "c"], []
    for left, right in choices:
        pair = tokens[left % len(tokens)], tokens[right % len(tokens)]
        merges.append(pair)
        tokens = list(dict.fromkeys([*tokens, "".join(pair)]))
    return BPE(tokens, dict.fromkeys(merges[::-1] if len(choices) % 3 == 0 else merges), byte_level=False)


def merged_by_hand(tokenizer, word):
    """GPT-2's published loop: the pair of lowest rank everywhere from the left, on lists, until none has a rank."""
    rank, parts = {pair: i for i, pair in enumerate(tokenizer.merges)}, list(word)
    while pairs := [pair for pair in itertools.pairwise(parts) if pair in rank]:
        best, i, new = min(pairs, key=rank.__getitem__), 0, []
        while i < len(parts):
            if tuple(parts[i : i + 2]) == best:
                new.append("".join(best))
                i += 2
            else:
                new.append(parts[i])
                i += 1
        parts = new
    return [tokenizer.ids[part] for part in parts]


@given(words, some_merges)
def test_long_words_are_merged_as_short_ones_are_and_as_gpt2s_loop_does(word, choices):
    tokenizer = tokenizer_of(choices)
    longest, found = bpe._LONG, []
    for bpe._LONG in (0, 10**9):
        try:
            found.append(tokenizer._encode_word(word))
        finally:
            bpe._LONG = longest
    assert found[0] == found[1] == merged_by_hand(tokenizer, word)


class Counting(dict):
    looks = 0

    def __contains__(self, key):
        self.looks += 1
        return super().__contains__(key)

    def get(self, key, default=None):
        self.looks += 1
        return super().get(key, default)


@pytest.mark.parametrize("n", [1_000, 32_000])
def test_a_word_costs_a_few_looks_for_each_letter_however_long_it_is(n):
    tokenizer = train_bpe(english(100_000), 2_000)
    word = "".join(filter(str.isalpha, english(60_000)))[:n]
    symbols = word.encode().decode("latin-1").translate(tokenizer._symbol)
    rank = Counting(tokenizer._rank)
    ids = list(map(ord, merge_by_rank(symbols, rank, tokenizer._merge)))
    assert rank.looks < 4 * n and ids == tokenizer.encode(word)


def test_the_longest_word_has_tiktokens_ids():
    tiktoken = pytest.importorskip("tiktoken")
    tokenizer = train_bpe(english(100_000), 2_000)
    ranks = {tokenizer.token_bytes[i]: i for i in range(2_000)}
    theirs = tiktoken.Encoding("ours", pat_str=r"\p{L}+|\P{L}+", mergeable_ranks=ranks, special_tokens={})
    word = "".join(filter(str.isalpha, english(60_000)))[:32_000]
    assert tokenizer.encode(word) == theirs.encode(word)


def test_unknown_characters_do_not_cost_a_look_at_the_whole_vocabulary():
    class Pieces(dict):
        def values(self):
            raise AssertionError("a look at all pieces")

    tokenizer = Unigram({"a": -1.0, "b": -3.0})
    tokenizer.log_probs = Pieces(tokenizer.log_probs)
    pieces, log_prob = tokenizer.segment("a中文b")
    assert pieces == ["a", "中", "文", "b"] and log_prob == pytest.approx(-1 - 13 - 13 - 3)


@pytest.mark.parametrize("byte_level", [True, False])
def test_what_special_tokens_say_is_not_learned(byte_level):
    specials = ["<|end|>", "<|end|>of"]
    documents = ["the mouse", "the cat <|endless", "the dog", ""]
    text = "<|end|>".join(documents[:2]) + "<|end|>of" + "<|end|>".join(documents[2:])
    options = dict(vocab_size=300, byte_level=byte_level, special_tokens=specials)
    made, expected = train_bpe([text] * 3, **options), train_bpe(documents * 3, **options)
    assert made.tokens == expected.tokens and made.merges == expected.merges
    assert not [token for token in made.tokens if "nd|" in token and token not in specials]


def test_wordpiece_does_not_learn_them_either():
    options = dict(vocab_size=60, min_count=1, special_tokens=["[UNK]", "[MASK]"])
    made = train_wordpiece("the [MASK]mouse [UNK] ate the[MASK]", **options)
    assert made.tokens == train_wordpiece(["the ", "mouse ", " ate the"], **options).tokens
