"""Which words get a vector, and how often the text shows each of them.

- A word that occurs fewer than `min_count` times gets none, and is taken out of the text.
- Very frequent words are thinned out at random while training (Mikolov et al. 2013b, §2.3): “the” next to “cat”
  says little about cats.
- Negatives are drawn from the noise distribution, counts to the power ¾ (Mikolov et al. 2013b, §2.2).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.arguments import require_at_least, require_counts, require_positive


class Text(NamedTuple):
    """A text as numbers: all sentences one after the other, without the words that have no vector."""

    ids: Tensor  #: (N,) int64, the words
    sentences: Tensor  #: (N,) int64, the number of the sentence that each word stands in; never falling


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words that get a vector, most frequent first; a word's place is its id.

    words   V different words
    counts  (V,) int64, how often the text has each

    `ids` maps each word to its id.

    Raises ValueError when a word occurs twice, or words and counts differ in number.

    >>> vocabulary = Vocabulary.from_sentences([["the", "cat", "saw", "the", "cat"]], min_count=2)
    >>> vocabulary.words, vocabulary.counts.tolist()
    (['the', 'cat'], [2, 2])
    >>> vocabulary.encode([["the", "dog"], ["cat"]])
    Text(ids=tensor([0, 1]), sentences=tensor([0, 1]))
    """

    words: list[str]
    counts: Tensor
    ids: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.counts.shape != (len(self.words),):
            raise ValueError(
                f"there must be one count for each of {len(self.words)} words, got {tuple(self.counts.shape)}"
            )
        object.__setattr__(self, "ids", {word: i for i, word in enumerate(self.words)})
        if len(self.ids) < len(self.words):
            twice = next(word for word, n in Counter(self.words).items() if n > 1)
            raise ValueError(f"words must be different from each other, got {twice!r} more than once")

    @classmethod
    def from_sentences(cls, sentences: Iterable[Sequence[str]], min_count: int = 5) -> "Vocabulary":
        """Count the words of a text.

        sentences  each a sequence of words
        min_count  how often a word must occur to get a vector
        returns    the vocabulary; words of equal count stand in the order in which they first occur

        Raises ValueError when min_count is below 1, a sentence is a string, or no word is left.
        """
        require_counts(min_count=min_count)
        frequent = Counter(chain.from_iterable(map(_words, sentences))).most_common()
        kept = [(word, n) for word, n in frequent if n >= min_count]
        if not kept:
            raise ValueError(f"sentences must have a word that occurs at least {min_count} times, got none")
        words, counts = zip(*kept)
        return cls(list(words), torch.tensor(counts))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, sentences: Iterable[Sequence[str]]) -> Text:
        """Return the text as ids. Unknown words are left out, so that those around them become neighbours.

        Raises ValueError for a sentence that is a text, not a list of words.
        """
        lines = [[self.ids[word] for word in _words(sentence) if word in self.ids] for sentence in sentences]
        lengths = torch.tensor([len(line) for line in lines], dtype=torch.int64)
        ids = torch.tensor(list(chain.from_iterable(lines)), dtype=torch.int64)
        return Text(ids, torch.arange(len(lines)).repeat_interleave(lengths))


def keep_probability(counts: Tensor, threshold: float = 1e-3) -> Tensor:
    """Return the probability with which each occurrence of a word stays in the text.

    counts     (V,) of the words
    threshold  t, a share of the text; words below about that share always stay
    returns    (V,) min(1, √(t / f) + t / f), f being the word's share of the text

    Eq. 5 of Mikolov et al. 2013b has √(t / f) alone; their program, and every program after it, adds the second term.

    Raises ValueError when threshold or the counts are not positive.

    >>> keep_probability(torch.tensor([900, 99, 1]), threshold=0.01).round(decimals=2)
    tensor([0.1200, 0.4200, 1.0000])
    """
    require_positive(threshold=threshold)
    _require_counts(counts)
    ratio = threshold * counts.sum() / counts.to(torch.get_default_dtype())
    return (ratio.sqrt() + ratio).clamp(max=1.0)


def subsample(text: Text, keep: Tensor, generator: torch.Generator) -> Text:
    """Return the text with each word kept with its probability, `keep[id]`; what is left moves together.

    text       N words
    keep       (V,) from `keep_probability`
    generator  on the device of text
    """
    stays = torch.rand(len(text.ids), generator=generator, device=text.ids.device) < keep[text.ids]
    return Text(text.ids[stays], text.sentences[stays])


def noise_distribution(counts: Tensor, power: float = 0.75) -> Tensor:
    """Return the probabilities with which words are drawn as negatives: counts^power, made to sum to 1.

    counts   (V,) of the words
    power    1 draws words as often as the text shows them, 0 all alike; ¾ lies between and works better than both
    returns  (V,) float, sum 1

    Raises ValueError for a count below 0, when all counts are 0, and for a negative power.  §2.2 of Mikolov et al.
    2013b.

    >>> noise_distribution(torch.tensor([16, 1]))
    tensor([0.8889, 0.1111])
    """
    _require_counts(counts)
    require_at_least(0, power=power)
    # on the CPU, since not every device has float64. 0 ** 0 is 1, but what never occurs is never drawn
    weights = torch.where(counts.cpu() > 0, counts.cpu().double() ** power, 0.0)
    return (weights / weights.sum()).to(counts.device, torch.get_default_dtype())


def _words(sentence: Sequence[str]) -> Sequence[str]:
    if isinstance(sentence, str):
        raise ValueError(f"a sentence must be a sequence of words, got the string {sentence[:40]!r}")
    return sentence


def _require_counts(counts: Tensor) -> None:
    if counts.dim() != 1 or not len(counts) or (counts < 0).any() or not counts.any():
        raise ValueError(f"counts must be one number ≥ 0 for each word, not all 0, got {counts}")
