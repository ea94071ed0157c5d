"""BLEU: how many of a translation's n-grams do its references have, too?

Corpus BLEU (Papineni et al. 2002) and the smoothed score of a single sentence (Chen and Cherry 2014), equal to
sacrebleu's (Post 2018) on text that is already cut into tokens. Scores lie between 0 and 100.

- A token is whatever can be compared and hashed: a word, a character, an id. Scores are comparable only between
  texts that were tokenized the same way.
- Matches are summed over the corpus before they are divided: corpus BLEU is no mean of sentence scores.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from torch import Tensor

from course_lib.arguments import require_at_least, require_counts, require_one_of

Tokens = Sequence[Hashable]  #: a text, cut into tokens

_SMOOTHINGS = ("exp", "add-k", "none")


def bleu(
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    max_n: int = 4,
    smoothing: str = "exp",
    k: float = 1.0,
) -> float:
    """Return the BLEU score of a corpus: brevity penalty · geometric mean of the n-gram precisions · 100.

    hypotheses  the texts to be judged, each a sequence of tokens; one may be empty
    references  for each hypothesis the texts it is compared with, at least one
    max_n       longest n-gram that is compared
    smoothing   what a precision without a match becomes. "none": 0, and so does the score (Papineni et al. 2002);
                "exp": 1/2, 1/4, … of one match, halved at each such order (sacrebleu's default);
                "add-k": every order but the first gets k more matches and k more n-grams (Lin and Och 2004)
    k           what "add-k" adds, at least 0
    returns     0 to 100. Where not even one token matches it is 0, with any smoothing

    Raises TypeError for texts that are not sequences of tokens, ValueError for a number of reference lists that is
    not the number of hypotheses, for an empty corpus, a hypothesis without a reference, max_n below 1, k below 0, and
    a smoothing that does not exist.  §2.3 of Papineni et al. 2002.

    >>> hypothesis, reference = "the cat sat on the mat".split(), "the cat sat on a mat".split()
    >>> round(bleu([hypothesis], [[reference]]), 4)  # 100 · (5/6 · 3/5 · 2/4 · 1/3)^¼
    53.7285
    """
    if len(hypotheses) != len(references):
        raise ValueError(
            f"references must have one list for each of the {len(hypotheses)} hypotheses, got {len(references)}"
        )
    if not hypotheses:
        raise ValueError("hypotheses must hold at least one text, got none")
    totals = _Statistics(max_n)
    for hypothesis, several in zip(hypotheses, references):
        totals.add(hypothesis, several)
    return totals.score(smoothing, k)


def sentence_bleu(
    hypothesis: Tokens, references: Sequence[Tokens], max_n: int = 4, smoothing: str = "exp", k: float = 1.0
) -> float:
    """Return the BLEU score of one text.

    Arguments, result and errors are those of `bleu`, for a single hypothesis and its references. One thing differs:
    n-grams that are longer than the hypothesis are left out of the mean, or no short text could score.

    >>> round(sentence_bleu(["a", "b"], [["a", "b"]]), 6), round(bleu([["a", "b"]], [[["a", "b"]]]), 6)
    (100.0, 0.0)
    """
    totals = _Statistics(max_n)
    totals.add(hypothesis, references)
    return totals.score(smoothing, k, up_to_its_length=True)


def clipped_matches(hypothesis: Tokens, references: Sequence[Tokens], n: int) -> tuple[int, int]:
    """Return how many n-grams of the hypothesis a reference has, and how many n-grams the hypothesis has.

    An n-gram that the hypothesis repeats counts only as often as the one reference in which it is most frequent has
    it: “the the the” is no good translation.  Their ratio is the modified precision, §2.1 of Papineni et al. 2002.
    Raises ValueError for n below 1.

    >>> clipped_matches("the the the".split(), ["the cat on the mat".split()], n=1)
    (2, 3)
    """
    require_counts(n=n)
    most: Counter[Tokens] = Counter()
    for reference in references:
        most |= _ngrams(reference, n)  # the larger count of each n-gram
    counts = _ngrams(hypothesis, n)
    return (counts & most).total(), counts.total()  # & takes the smaller count


def _ngrams(text: Tokens, n: int) -> Counter[Tokens]:
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))


def brevity_penalty(hypothesis_length: int, reference_length: int) -> float:
    """Return the factor that takes away what a text gains by leaving out its doubtful parts.

    hypothesis_length  tokens in all hypotheses together
    reference_length   tokens in all references together; of several, the one closest in length
    returns            1 when the hypotheses are as long or longer, else exp(1 − r/h); 0 for nothing at all

    Raises ValueError for a negative length.  §2.2.2 of Papineni et al. 2002.
    """
    require_counts(0, hypothesis_length=hypothesis_length, reference_length=reference_length)
    if hypothesis_length >= reference_length:
        return 1.0
    return math.exp(1 - reference_length / hypothesis_length) if hypothesis_length else 0.0


class _Statistics:
    """What BLEU sums over a corpus: matches and n-grams of each order, and the two lengths."""

    def __init__(self, max_n: int) -> None:
        require_counts(max_n=max_n)
        self.matches: list[float] = [0] * max_n
        self.ngrams: list[float] = [0] * max_n
        self.hypothesis_length, self.reference_length = 0, 0

    def add(self, hypothesis: Tokens, references: Sequence[Tokens]) -> None:
        _require_tokens(hypothesis, "a hypothesis")
        for reference in references:
            _require_tokens(reference, "a reference")
        if not references:
            raise ValueError(f"references must hold at least one text for each hypothesis, got none for {hypothesis}")
        for i in range(len(self.matches)):
            matches, ngrams = clipped_matches(hypothesis, references, i + 1)
            self.matches[i] += matches
            self.ngrams[i] += ngrams
        self.hypothesis_length += len(hypothesis)
        # of two lengths that are equally close, the shorter one
        self.reference_length += min(map(len, references), key=lambda r: (abs(r - len(hypothesis)), r))

    def score(self, smoothing: str, k: float, up_to_its_length: bool = False) -> float:
        require_one_of(_SMOOTHINGS, smoothing=smoothing)
        require_at_least(0, k=k)
        if not any(self.matches):
            return 0.0
        added = k if smoothing == "add-k" else 0
        log_precisions, partial = [], 1.0
        for i, (matches, ngrams) in enumerate(zip(self.matches, self.ngrams)):
            if i > 0:
                matches, ngrams = matches + added, ngrams + added
            if ngrams == 0 and up_to_its_length:
                break
            if ngrams == 0:
                return 0.0
            if matches == 0 and smoothing == "exp":
                matches = partial = partial / 2
            if matches == 0:
                return 0.0
            log_precisions.append(math.log(matches / ngrams))
        mean = sum(log_precisions) / len(log_precisions)
        return 100 * brevity_penalty(self.hypothesis_length, self.reference_length) * math.exp(mean)


def _require_tokens(text: Tokens, name: str) -> None:
    # a string would count as a list of characters, and two tensors that hold the same number are different keys
    if isinstance(text, str) or not isinstance(text, Sequence) or any(isinstance(token, Tensor) for token in text):
        raise TypeError(
            f"{name} must be a list of tokens, got {type(text).__name__} {text!r}. For a string write text.split(), "
            "for a tensor ids.tolist(); references has a list of references for each hypothesis."
        )
