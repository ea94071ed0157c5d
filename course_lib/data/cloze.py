"""Sentences of the toy language with a hole: ids for a model that looks both ways, and the exact answer.

A masked language model needs three ids that the language lacks: padding, a first token that stands for the whole
sentence, and the mask. They come first, so that padding is 0; the words follow, “<eos>” as the first of them. The test
with holes is Taylor's cloze procedure (1953), to which Devlin et al. (2019) compare what BERT is asked.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from course_lib.arguments import require_counts, require_from
from course_lib.data.grammar import Grammar
from course_lib.data.mouse_and_cheese import ANIMALS, TRADES

PAD, CLS, MASK = range(3)
FIRST_WORD = 3  #: the id of the language's word number 0, “<eos>”
SPECIAL = (PAD, CLS, MASK, FIRST_WORD)  #: what is no word: never hidden, never put anywhere


def names(language: Grammar) -> tuple[str, ...]:
    """Return what each id means, V strings: three that are no words, then the language's vocabulary.

    >>> from course_lib.data.mouse_and_cheese import MouseAndCheese
    >>> names(MouseAndCheese())[:5]
    ('[PAD]', '[CLS]', '[MASK]', '<eos>', 'the')
    """
    return ("[PAD]", "[CLS]", "[MASK]", *language.vocabulary)


def sentences(stream: Iterable[int], longest: int | None = None) -> list[list[int]]:
    """Cut a stream of the language's ids into its sentences, each with the “<eos>” (0) that ends it.

    stream   ids of the language, a tensor (N,) or any other sequence; what comes after the last 0 is left out
    longest  words that a sentence may have, “<eos>” not counted; None: any
    returns  lists of ids of the language, in their order

    Raises ValueError for longest below 1.

    >>> sentences([5, 6, 0, 7, 0, 8])
    [[5, 6, 0], [7, 0]]
    """
    require_counts(longest=longest)
    rows: list[list[int]] = []
    row: list[int] = []
    for token in map(int, stream):
        row.append(token)
        if token == 0:
            rows.append(row)
            row = []
    return [row for row in rows if longest is None or len(row) <= longest + 1]


def encode(rows: Sequence[Sequence[int]]) -> Tensor:
    """Return sentences as the ids that a masked model reads: [CLS], the words, and padding at the end.

    rows     n lists of ids of the language, each with its “<eos>”
    returns  (n, T) int64, T one more than the longest row

    >>> encode([[5, 6, 0], [7, 0]])
    tensor([[ 1,  8,  9,  3],
            [ 1, 10,  3,  0]])
    """
    length = max(map(len, rows))
    filled = [[CLS, *(t + FIRST_WORD for t in row), *[PAD] * (length - len(row))] for row in rows]
    return torch.tensor(filled)


def subject_kinds(
    n: int, language: Grammar, generator: torch.Generator, half: int, longest: int = 12
) -> tuple[list[list[int]], Tensor]:
    """Return n sentences about animals and about people, in turn, whose subjects come from one half of the nouns.

    n        sentences, an even number
    half     0 or 1: nouns that are number 0, 2, 4, … of their table, or number 1, 3, 5, …; a model that was shown
             labels for one half can be asked about the other
    longest  words that a sentence may have, “<eos>” not counted
    returns  n lists of ids of the language, each with its “<eos>”, which begin with “the”, perhaps an adjective, and
             the subject; labels (n,) int64, 0 for an animal, 1 for a person

    Raises ValueError when n is odd, half is neither 0 nor 1, or longest is less than 1.
    """
    require_counts(n=n, longest=longest)
    require_from(0, 1, half=half)
    if n % 2:
        raise ValueError(f"n must be even, got {n}")
    kind = {
        language.encode(noun)[0]: label
        for label, table in enumerate((ANIMALS, TRADES))
        for line in table.strip().splitlines()[half::2]
        for noun in line.split()[:2]
    }
    the, found = language.encode("the")[0], (list[list[int]](), list[list[int]]())
    while min(map(len, found)) < n // 2:
        for row in language.sample(200, generator):
            subject = next((token for token in row[:3] if token in kind), None)
            if row[0] == the and subject is not None and len(row) <= longest + 1:
                found[kind[subject]].append(row)
    both = [row for pair in zip(found[0][: n // 2], found[1][: n // 2]) for row in pair]
    return both, torch.tensor([0, 1] * (n // 2))


def hole_probs(language: Grammar, sentence: Sequence[int], place: int) -> Tensor:
    """Return the exact probability of each word at one place of a sentence, given all its other words.

    sentence  ids of the language, with “<eos>” at the end; what is written at the place itself is not looked at
    place     from 0; not that of “<eos>”
    returns   (V,) float64, over the language's words, in the order of its vocabulary; sums to 1

    p(w | both sides) ∝ p(before, w, after). Raises ValueError when no word fits there, and for other places.
    """
    require_from(0, len(sentence) - 2, place=place)
    before, after = list(sentence[:place]), list(sentence[place + 1 :])
    fitting = language.next_token_probs(before).nonzero()[:, 0].tolist()
    log_p = [language.log_prob([*before, word, *after]) for word in fitting]
    if max(log_p) == float("-inf"):
        raise ValueError(f"sentence must leave a word that fits at place {place}, got {language.decode(sentence)!r}")
    probs = torch.zeros(len(language.vocabulary), dtype=torch.float64)
    probs[fitting] = torch.tensor(log_p, dtype=torch.float64).softmax(0)
    return probs
