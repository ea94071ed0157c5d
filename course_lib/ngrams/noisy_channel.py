"""The noisy channel: somebody meant a word, the channel garbled it, and we look for what was meant.

By Bayes' rule the best guess for what was meant, given the typed t, is the w that makes  p(t | w) · p(w)  largest: how
likely the channel is to turn w into t, times how likely anybody is to mean w. The second factor is a language model.
Speech recognition and machine translation were built on this for decades; here the channel is a typist (Kernighan,
Church and Gale 1990).
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from course_lib.arguments import require_counts, require_from
from course_lib.ngrams.model import NGramModel

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def edits(word: str, letters: str = LETTERS) -> Counter[str]:
    """Return everything that one slip can make of a word, and in how many ways.

    A slip leaves a letter out, swaps two neighbours, replaces a letter by another, or puts one in
    (Damerau 1964: four kinds that make up most of all typing errors).

    >>> sorted(edits("ab", letters="ab").items())[:4]
    [('a', 1), ('aa', 1), ('aab', 2), ('aba', 1)]
    """
    places = range(len(word))
    made = [word[:i] + word[i + 1 :] for i in places]
    made += [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in places[:-1] if word[i] != word[i + 1]]
    made += [word[:i] + letter + word[i + 1 :] for i in places for letter in letters if letter != word[i]]
    made += [word[:i] + letter + word[i:] for i in range(len(word) + 1) for letter in letters]
    return Counter(made)


def typing_log_prob(typed: str, meant: str, error_rate: float, letters: str = LETTERS) -> float:
    """Return log p(typed | meant): one slip with probability error_rate, all slips equally likely; else none.

    returns  nats; −inf for what is more than one slip away

    Raises ValueError for an error_rate that does not lie between 0 and 1.
    """
    if not 0 < error_rate < 1:
        raise ValueError(f"error_rate must lie between 0 and 1, got {error_rate}")
    made = edits(meant, letters)
    slip = error_rate * made[typed] / made.total()
    probability = slip + (1 - error_rate) * (typed == meant)
    return math.log(probability) if probability > 0 else -math.inf


class NoisyChannel:
    """Restores typed sentences.

    model       the language model p(w), an n-gram model over the vocabulary
    vocabulary  the V words by id
    unknown     the id that stands for a word the vocabulary lacks, for instance that of "<unk>"; never proposed
    start       the id before the first word of a sentence, for instance that of "<eos>"
    error_rate  how often a word is mistyped
    beam        how many beginnings of the sentence are kept in view

    Raises ValueError for a vocabulary of another size, ids that it does not have, and numbers out of their ranges.
    """

    def __init__(
        self,
        model: NGramModel,
        vocabulary: Sequence[str],
        unknown: int,
        start: int,
        error_rate: float = 0.05,
        beam: int = 16,
    ) -> None:
        if len(vocabulary) != model.vocab_size:
            raise ValueError(f"vocabulary must hold the model's {model.vocab_size} words, got {len(vocabulary)}")
        if not 0 < error_rate < 1:
            raise ValueError(f"error_rate must lie between 0 and 1, got {error_rate}")
        require_counts(beam=beam)
        require_from(0, len(vocabulary) - 1, unknown=unknown, start=start)
        self.model, self.vocabulary, self.unknown, self.start = model, list(vocabulary), unknown, start
        self.error_rate, self.beam = error_rate, beam
        self._ids = {word: number for number, word in enumerate(vocabulary)}

    def candidates(self, typed: str) -> dict[int, float]:
        """Return the words that may have been meant, id → log p(typed | word); itself and those one slip away.

        A word that the vocabulary lacks, with nothing near it, is left alone: {unknown: 0.0}.
        """
        near = {self._ids[word] for word in [typed, *edits(typed)] if word in self._ids} - {self.unknown}
        found = {word: typing_log_prob(typed, self.vocabulary[word], self.error_rate) for word in sorted(near)}
        return {word: nats for word, nats in found.items() if nats > -math.inf} or {self.unknown: 0.0}

    def correct(self, typed: Sequence[str]) -> list[str]:
        """Return the words most likely meant, given all of the typed words: argmax of Σ log p(t | w) + log p(w)."""
        beginnings: list[tuple[float, list[int]]] = [(0.0, [self.start])]
        for word in typed:
            longer = []
            candidates = self.candidates(word)
            numbers, channel = list(candidates), np.array(list(candidates.values()))
            for score, ids in beginnings:
                prior = np.log(self.model.next_probs(ids)[numbers])
                longer += [(score + s, [*ids, number]) for s, number in zip((channel + prior).tolist(), numbers)]
            beginnings = sorted(longer, key=lambda pair: -pair[0])[: self.beam]
        best = max(beginnings, key=lambda pair: pair[0] + float(np.log(self.model.next_probs(pair[1])[self.start])))[1][
            1:
        ]
        return [word if number == self.unknown else self.vocabulary[number] for word, number in zip(typed, best)]
