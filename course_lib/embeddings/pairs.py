"""What the word2vec models are shown: words, and the words around them.

- Skip-gram predicts each neighbour from the centre word: one example is a pair (centre, neighbour).
- CBOW predicts the centre word from all its neighbours together, as a bag: one example is (neighbours, centre).
  It looks to both sides. An n-gram model looks only back, and predicts the next word.

`skipgram_pairs` and `cbow_examples` show the idea, on lists. `context_blocks` says the same of a whole text in one
tensor: it cuts the text into blocks of T words, and holds for each block a matrix of who is whose neighbour.
Both models in `course_lib.embeddings.word2vec` learn from these blocks, by matrix products.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from course_lib.arguments import require_counts
from course_lib.embeddings.vocabulary import Text

Word = TypeVar("Word")


class Blocks(NamedTuple):
    """n blocks of T words in a row, each with the S = T + 2 · window words that stand in and around it."""

    centres: Tensor  #: (n, T) ids
    contexts: Tensor  #: (n, S) ids; the block's own words start at place `window`
    pairs: Tensor  #: (n, T, S) boolean, True = the context is a neighbour of the centre


def skipgram_pairs(words: Sequence[Word], window: int) -> list[tuple[Word, Word]]:
    """Return all pairs (centre, neighbour) of a sentence, in the order of the text.

    words    the sentence: strings or ids
    window   how many words to each side are neighbours; fewer at both ends of the sentence
    returns  pairs, by centre, its neighbours from left to right

    Raises ValueError when window is below 1.  Mikolov et al. 2013a.

    >>> skipgram_pairs(["the", "cat", "sat"], window=1)
    [('the', 'cat'), ('cat', 'the'), ('cat', 'sat'), ('sat', 'cat')]
    """
    return [(centre, neighbour) for neighbours, centre in cbow_examples(words, window) for neighbour in neighbours]


def cbow_examples(words: Sequence[Word], window: int) -> list[tuple[tuple[Word, ...], Word]]:
    """Return an example (neighbours, centre) for each word of a sentence that has a neighbour.

    words    the sentence: strings or ids
    window   how many words to each side are neighbours; fewer at both ends of the sentence
    returns  examples in the order of the text, neighbours from left to right

    Raises ValueError when window is below 1.  Mikolov et al. 2013a.

    >>> cbow_examples(["the", "cat", "sat"], window=1)
    [(('cat',), 'the'), (('the', 'sat'), 'cat'), (('cat',), 'sat')]
    """
    require_counts(window=window)
    examples = [
        (tuple(words[max(0, i - window) : i]) + tuple(words[i + 1 : i + 1 + window]), words[i])
        for i in range(len(words))
    ]
    return [example for example in examples if example[0]]


def dynamic_windows(n: int, window: int, generator: torch.Generator) -> Tensor:
    """Return a window for each of n centres, drawn uniformly from 1 … window.

    So a neighbour at distance d is met with probability (window + 1 − d) / window: near words count more
    (Mikolov et al. 2013a, §3.2). Returns (n,) int64 on the generator's device.
    Raises ValueError for a window below 1 and a negative n.
    """
    require_counts(0, n=n)
    require_counts(window=window)
    return torch.randint(1, window + 1, (n,), generator=generator, device=generator.device)


def context_blocks(text: Text, windows: Tensor, window: int, block: int = 32) -> Blocks:
    """Return every word of a text with its neighbours, as blocks for matrix products.

    text     N words; words of different sentences are never neighbours
    windows  (N,) how far each centre sees: at most `window`
    window   the widest there can be
    block    T, centres in a block; the last block is filled up with words that have no neighbours
    returns  n = ⌈N / T⌉ blocks

    The True entries of all `pairs` together are the pairs of `skipgram_pairs`, each once.

    Raises ValueError for sizes below 1, and windows of another number or wider than the widest.

    >>> text = Text(torch.tensor([7, 8, 9]), torch.tensor([0, 0, 0]))
    >>> blocks = context_blocks(text, torch.tensor([1, 1, 1]), window=1, block=3)
    >>> blocks.contexts  # id 0 stands in for what lies outside the text
    tensor([[0, 7, 8, 9, 0]])
    >>> blocks.pairs.int()
    tensor([[[0, 0, 1, 0, 0],
             [0, 1, 0, 1, 0],
             [0, 0, 1, 0, 0]]], dtype=torch.int32)
    """
    require_counts(window=window, block=block)
    if windows.shape != text.ids.shape or (windows > window).any():
        raise ValueError(f"windows must hold {len(text.ids)} numbers up to window = {window}, got {windows}")
    n = -(-len(text.ids) // block)
    after = n * block - len(text.ids)
    centres = _padded(text.ids, 0, after, 0).view(n, block)
    reach = _padded(windows, 0, after, 0).view(n, block, 1)
    sentences = _padded(text.sentences, 0, after, -1).view(n, block, 1)
    # a block's contexts overlap with the next block's: views that step by T and hold S
    contexts = _padded(text.ids, window, after + window, 0).unfold(0, block + 2 * window, block)
    around = _padded(text.sentences, window, after + window, -2).unfold(0, block + 2 * window, block)[:, None, :]
    places = torch.arange(block + 2 * window, device=text.ids.device)
    distance = (places - window - places[:block, None]).abs()  # (T, S)
    pairs = (distance > 0) & (distance <= reach) & (sentences == around)
    return Blocks(centres, contexts, pairs)


def _padded(x: Tensor, before: int, after: int, value: int) -> Tensor:
    return torch.nn.functional.pad(x, (before, after), value=value)
