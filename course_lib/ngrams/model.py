"""An n-gram model: the probability of a token given at most order − 1 tokens before it.

Every estimate in this package becomes the same two tables, those of an ARPA file: a log probability for each n-gram
that was counted, and for each history a weight for what was not counted after it,

    log p(w | h) = log_prob[h w]                       if h w was counted,
                   log_backoff[h] + log p(w | h')      otherwise, where h' is h without its first token.

A history that was itself never counted has log weight `unseen`: 0, so that the shorter history decides alone, except
for the two estimates that say otherwise (`mle`, `stupid_backoff`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.arguments import require_counts
from course_lib.ngrams.trie import Trie, as_stream


@dataclass(frozen=True)
class NGramModel:
    """A table of log probabilities and back-off weights, in nats. Made by the estimates of this package.

    trie         the n-grams of the table
    log_prob     for each length 1 … order, by number: float64 (M,), log p(last token | the others)
    log_backoff  for each length 1 … order − 1, by number: float64 (M,), log weight of what did not follow
    unseen       log weight of a history that is not in the table

    The start of a stream: its first tokens are predicted from the shorter histories that they have.
    """

    trie: Trie
    log_prob: list[np.ndarray]
    log_backoff: list[np.ndarray]
    unseen: float = 0.0

    @property
    def order(self) -> int:
        """n: the model looks at n − 1 tokens."""
        return self.trie.order

    @property
    def vocab_size(self) -> int:
        """V, the number of different tokens."""
        return self.trie.vocab_size

    def log_probs(self, tokens: Sequence[int] | np.ndarray | Tensor) -> np.ndarray:
        """Return the log probability of each token of a stream given those before it.

        tokens   (N,) token ids
        returns  float64 (N,) in nats; −inf where the model rules the token out, nan where it has no prediction

        Raises ValueError for ids outside [0, V).
        """
        stream = as_stream(tokens, self.vocab_size)
        log_probs = self.log_prob[0][stream]
        for length, ends, histories, numbers in self.trie.walk(stream):
            longer = log_probs[ends] + self.log_backoff[length - 2][histories]
            seen = numbers >= 0
            longer[seen] = self.log_prob[length - 1][numbers[seen]]
            if self.unseen != 0:
                log_probs[length - 1 :] += self.unseen
            log_probs[ends] = longer
        return log_probs

    def nats_per_token(self, tokens: Sequence[int] | np.ndarray | Tensor) -> float:
        """Return the cross-entropy of the model on a stream (N,): −mean log p, in nats. ValueError for an empty one."""
        if not len(tokens):
            raise ValueError("tokens must hold at least one id, got none")
        return -float(self.log_probs(tokens).mean())

    def next_probs(self, context: Sequence[int] | np.ndarray | Tensor = ()) -> np.ndarray:
        """Return the probability of every token as the next one, float64 (V,).

        context  the tokens so far; only the last order − 1 matter. Fewer: the shorter history decides
        """
        known = as_stream(context, self.vocab_size)
        log_probs = self.log_prob[0].copy()
        for length in range(1, min(len(known), self.order - 1) + 1):
            history = self.trie.numbers(known[None, -length:])[0]
            if history < 0:
                log_probs += self.unseen
                continue
            log_probs += self.log_backoff[length - 1][history]
            following, last = self.trie.successors(length, history)
            log_probs[last] = self.log_prob[length][following]
        return np.exp(log_probs)

    def sample(
        self,
        n_tokens: int,
        generator: torch.Generator,
        context: Sequence[int] | np.ndarray | Tensor = (),
        stop: int | None = None,
    ) -> list[int]:
        """Return random tokens that continue the context, each drawn from `next_probs`.

        n_tokens   how many, at most
        generator  the source of randomness
        context    the tokens before, not returned
        stop       a token after which to end, for instance the id of "<eos>"; None: always n_tokens

        Raises ValueError when the model has no prediction for a history, and for a negative n_tokens.
        """
        require_counts(0, n_tokens=n_tokens)
        text = as_stream(context, self.vocab_size).tolist()
        begin = len(text)
        for draw in torch.rand(n_tokens, generator=generator, dtype=torch.float64).tolist():
            cumulative = self.next_probs(text[max(0, len(text) + 1 - self.order) :]).cumsum()
            if not cumulative[-1] > 0:
                raise ValueError(f"the model has no prediction after {text[-self.order + 1 :]}: it was never counted")
            text.append(int(np.searchsorted(cumulative / cumulative[-1], draw, side="right")))
            if text[-1] == stop:
                break
        return text[begin:]
