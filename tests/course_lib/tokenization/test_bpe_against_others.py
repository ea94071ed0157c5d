"""Byte-level BPE against Hugging Face's tokenizers and OpenAI's tiktoken, on real text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.corpora import english, python_sources
from course_lib.tokenization import BPE, train_bpe
from course_lib.tokenization.pretokenize import GPT2_PATTERN

REASON = "compared with here, and not installed: pip install -e '.[dev]'"
tiktoken = pytest.importorskip("tiktoken", reason=REASON)
tokenizers = pytest.importorskip("tokenizers", reason=REASON)
Tokenizer, decoders, models, pre_tokenizers, trainers = (
    getattr(tokenizers, name) for name in "Tokenizer decoders models pre_tokenizers trainers".split()
)

SIZE = 1200
any_text = st.one_of(
    st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=("Cs", "Cn", "Co")), max_size=60),
    st.text(st.sampled_from("aeinrst  'dlm.\n12中é"), max_size=60),
)


@pytest.fixture(scope="module", params=["English", "Python"])
def trained(request):
    """Our tokenizer and theirs, trained on the same documents; and text that neither has seen."""
    source = english if request.param == "English" else python_sources
    documents = source(120_000).split("\n\n")
    ours = train_bpe(documents, SIZE)
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=SIZE, initial_alphabet=alphabet, show_progress=False)
    theirs.train_from_iterator(documents, trainer)
    return ours, theirs, source(30_000, held_out=True)


def test_training_finds_the_vocabulary_and_the_merges_of_hugging_face_ties_included(trained):
    ours, theirs, _ = trained
    assert ours.ids == theirs.get_vocab()
    assert ours.vocab_size == SIZE


def test_text_becomes_the_same_ids(trained):
    ours, theirs, text = trained
    assert ours.encode(text) == theirs.encode(text).ids
    assert theirs.decode(ours.encode(text)) == text


@settings(max_examples=150, deadline=None)
@given(any_text)
def test_any_text_becomes_the_same_ids(trained, text):
    ours, theirs, _ = trained
    assert ours.encode(text) == theirs.encode(text).ids


def test_files_of_hugging_face_are_read_and_ours_are_read_by_it(trained, tmp_path):
    ours, theirs, text = trained
    vocab, merges = theirs.model.save(str(tmp_path), "theirs")
    read = BPE.from_gpt2_files(vocab, merges, special_tokens=())
    assert read.merges == ours.merges and read.tokens == ours.tokens
    ours.to_gpt2_files(tmp_path / "vocab.json", tmp_path / "merges.txt")
    back = Tokenizer(models.BPE.from_file(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt")))
    back.pre_tokenizer = theirs.pre_tokenizer
    assert back.encode(text).ids == ours.encode(text)


def test_tiktoken_with_our_tokens_as_ranks_gives_the_same_ids(trained):
    ours, _, text = trained
    ours = BPE([*ours.tokens, "<|endoftext|>"], ours.merges, special_tokens=["<|endoftext|>"])
    encoding = tiktoken.Encoding(
        "ours",
        pat_str=GPT2_PATTERN.pattern,
        mergeable_ranks={data: i for i, data in enumerate(ours.token_bytes[:SIZE])},
        special_tokens={"<|endoftext|>": SIZE},
    )
    assert encoding.encode_ordinary(text) == ours.encode(text)
    text = "one mouse<|endoftext|>two mice  <|endoftext|>"
    assert encoding.encode_ordinary(text) == ours.encode(text)
    assert encoding.encode(text, allowed_special="all") == ours.encode(text, allow_special=True)
    assert encoding.decode_bytes(ours.encode(text)) == text.encode()


def test_over_characters_training_agrees_with_hugging_face_where_words_are_given():
    text = "low low low low low lower lower newest newest newest newest newest newest widest widest widest"
    words = text.split()
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    theirs.train_from_iterator([text], trainers.BpeTrainer(vocab_size=30, show_progress=False))
    ours = train_bpe(words, 31, byte_level=False)  # one document a word, and one token more: <unk>
    assert {token: i for token, i in ours.ids.items() if token != "<unk>"} == theirs.get_vocab()
    assert ours.tokens[10:13] == ["es", "est", "lo"]  # Sennrich et al.'s example, less their end-of-word mark
