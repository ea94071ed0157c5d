"""Tokenizers: from text to ids and back.

Algorithms: bytes, characters, words, BPE, WordPiece, Unigram. (SentencePiece, tokenizers and tiktoken are libraries
that implement some of these.) Every tokenizer has `encode(text) -> list[int]`, `decode(ids) -> str`, `vocab_size`;
those that are trained have `save(path)` and `load(path)`.
"""

from course_lib.tokenization.bpe import BPE
from course_lib.tokenization.bpe_training import train_bpe
from course_lib.tokenization.characters import Bytes, Characters, Words, train_characters, train_words
from course_lib.tokenization.pretokenize import bert_words, gpt2_words
from course_lib.tokenization.unigram import Unigram, train_unigram
from course_lib.tokenization.wordpiece import WordPiece, train_wordpiece

__all__ = [
    "BPE",
    "Bytes",
    "Characters",
    "Unigram",
    "WordPiece",
    "Words",
    "bert_words",
    "gpt2_words",
    "train_bpe",
    "train_characters",
    "train_unigram",
    "train_wordpiece",
    "train_words",
]
