"""N-gram models one formula at a time, as lesson 03 asks for them: small, slow, and nothing hidden.

The rest of this package does the same for millions of tokens. Here a text is a list of token ids, a history a tuple of
ids, and a distribution a tensor (V,).
"""

import math
from collections import Counter

import torch
from torch import Tensor

from course_lib.arguments import require_counts, require_positive, require_probability
from course_lib.ngrams.noisy_channel import edits


def sequence_log_prob(tokens: list[int], bigram: Tensor, eos: int) -> Tensor:
    """Return the log probability of a sentence under a bigram model, its end included.

    tokens   the L token ids of the sentence, without the end; L may be 0
    bigram   (V, V) row h holds p(w | h); the row of eos is the distribution of the first word
    eos      the id that is before the first word and after the last
    returns  () nats: log p(x_1 | eos) + … + log p(eos | x_L); −inf for an impossible sentence
    """
    path = torch.tensor([eos, *tokens, eos])
    return bigram[path[:-1], path[1:]].log().sum()


def count_ngrams(tokens: list[int], n: int) -> Counter[tuple[int, ...]]:
    """Return how often each n-gram occurs in a text: tuple of n ids → count. ValueError for n below 1."""
    require_counts(n=n)
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def counts_after(tokens: list[int], history: tuple[int, ...], vocab_size: int) -> Tensor:
    """Return how often each token followed a history in a text: (V,). The empty history () precedes every token.

    Raises ValueError for a vocab_size below 1.
    """
    require_counts(vocab_size=vocab_size)
    after = torch.zeros(vocab_size)
    for (*before, token), count in count_ngrams(tokens, len(history) + 1).items():
        if tuple(before) == tuple(history):
            after[token] = count
    return after


def mle(tokens: list[int], history: tuple[int, ...], vocab_size: int) -> Tensor:
    """Return the relative frequencies (V,) of what follows a history in a text.

    Raises ValueError when nothing ever followed it: 0/0 is no prediction.
    """
    after = counts_after(tokens, history, vocab_size)
    if after.sum() == 0:
        raise ValueError(f"history {history} was never continued: its relative frequencies are 0/0")
    return after / after.sum()


def add_k(tokens: list[int], history: tuple[int, ...], vocab_size: int, k: float) -> Tensor:
    """Return p(w | history) for all w (V,), with k added to every count. ValueError unless k is positive and finite."""
    require_positive(k=k)
    after = counts_after(tokens, history, vocab_size)
    return (after + k) / (after.sum() + k * vocab_size)


def interpolate(probs: Tensor, weights: Tensor) -> Tensor:
    """Return the mixture of several predictions of the next token.

    probs    (M, V) one distribution a row; a row of nan is a model that has no prediction here
    weights  (M,) at least 0, sum 1; the weight of a model without a prediction goes to the others in proportion
    returns  (V,) sums to 1

    Raises ValueError for weights below 0 or with another sum.
    """
    if (weights < 0).any() or not math.isclose(float(weights.sum()), 1.0, abs_tol=1e-5):
        raise ValueError(f"weights must be at least 0 and sum to 1, got {weights.tolist()}")
    usable = ~probs.isnan().any(dim=-1)  # (M,)
    return weights[usable] @ probs[usable] / weights[usable].sum()


def continuation_prob(tokens: list[int], vocab_size: int) -> Tensor:
    """Return the share (V,) of all different bigrams of a text that end with each token.

    Raises ValueError for a vocab_size below 1 and a text of fewer than two tokens.
    """
    require_counts(vocab_size=vocab_size)
    if len(tokens) < 2:
        raise ValueError(f"tokens must hold at least two ids, got {len(tokens)}")
    different = count_ngrams(tokens, 2).keys()
    ends = torch.tensor([w for _, w in different], dtype=torch.long)
    return torch.bincount(ends, minlength=vocab_size) / len(different)


def kneser_ney(tokens: list[int], history: int, vocab_size: int, discount: float) -> Tensor:
    """Return the bigram model of interpolated Kneser–Ney smoothing for one history: (V,).

    tokens    the text, at least two ids
    history   one token id; one that was never continued gets the continuation probabilities
    discount  D, between 0 and 1, taken off every count above 0

    Raises ValueError for another discount, for a vocab_size below 1 and a text that is too short.
    """
    require_probability(discount=discount)
    after, lower = counts_after(tokens, (history,), vocab_size), continuation_prob(tokens, vocab_size)
    if after.sum() == 0:
        return lower
    freed = discount * (after > 0).sum()
    return ((after - discount).clamp_min(0) + freed * lower) / after.sum()


def corpus_perplexity(log_probs: list[Tensor]) -> Tensor:
    """Return the perplexity of a text: every token counts the same, however the sentences divide them.

    log_probs  one tensor (L,) a sentence, nats; sentences differ in length
    returns    () exp(−mean); inf when a token was impossible

    Raises ValueError when there is no token at all.
    """
    if not sum(map(len, log_probs)):
        raise ValueError("log_probs must hold at least one token, got none")
    return (-torch.cat(log_probs).mean()).exp()


def sample_text(bigram: Tensor, eos: int, max_tokens: int, generator: torch.Generator) -> list[int]:
    """Return a random sentence of a bigram model.

    bigram      (V, V) row h holds p(w | h)
    eos         comes before the first word; drawing it ends the sentence, and it is not returned
    max_tokens  the sentence is cut off after so many
    generator   the source of randomness

    Raises ValueError for a negative max_tokens.
    """
    require_counts(0, max_tokens=max_tokens)
    text: list[int] = []
    bigram = bigram.to(generator.device)
    while len(text) < max_tokens:
        token = int(torch.multinomial(bigram[text[-1] if text else eos], 1, generator=generator))
        if token == eos:
            break
        text.append(token)
    return text


def noisy_channel_correct(typed: str, prior: dict[str, float], error_rate: float) -> str:
    """Return the word most likely meant: the w that makes p(typed | w) · p(w) largest.

    typed       what was typed, lower-case letters
    prior       word → p(w)
    error_rate  probability that one slip happened; p(typed | w) is error_rate · edits(w)[typed] / edits(w).total()
                for another word, 1 − error_rate for w itself, and 0 for what is more than one slip away
    returns     typed itself when no word could have led to it

    Raises ValueError for an error_rate outside [0, 1].
    """
    require_probability(error_rate=error_rate)

    def score(word: str) -> float:
        made = edits(word)
        slip = error_rate * made[typed] / made.total()
        return prior[word] * (slip + (1 - error_rate) * (word == typed))

    best = max(prior, key=score, default=typed)
    return best if prior and score(best) > 0 else typed


def absolute_backoff(counts: Tensor, lower: Tensor, discount: float) -> Tensor:
    """Return a bigram model that backs off: seen words keep their discounted share, unseen words divide the rest.

    counts    (V, V) row h: how often each word followed h
    lower     (V,) a distribution, positive everywhere
    discount  D between 0 and 1, taken off every count above 0
    returns   (V, V) rows sum to 1. Unseen words of a row get what was freed in proportion to lower; a row without
              counts is lower; a row in which all words were seen is discounted and scaled to sum to 1

    Raises ValueError for another discount.
    """
    require_probability(discount=discount)
    seen = counts > 0
    share = (counts - discount).clamp_min(0) / counts.sum(1, keepdim=True).clamp_min(1)
    unseen = torch.where(seen, 0.0, lower)  # (V, V)
    freed = 1 - share.sum(1, keepdim=True)
    full = unseen.sum(1, keepdim=True) == 0
    backed_off = share + freed * unseen / torch.where(full, 1.0, unseen.sum(1, keepdim=True))
    return torch.where(full, share / share.sum(1, keepdim=True), backed_off)
