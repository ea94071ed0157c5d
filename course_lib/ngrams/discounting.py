"""Kneser–Ney smoothing, interpolated and modified (Kneser and Ney 1995; Chen and Goodman 1998).

Two ideas. A constant D is taken off each count, and what this sets free goes to the next shorter history h':

    p(w | h) = max(c(h w) − D, 0) / c(h)  +  γ(h) p(w | h').

And the shorter histories do not count how often a word occurs but in how many different surroundings: “Tower” is
frequent in the toy language and follows only “Eiffel”, so after an unknown history it is an unlikely word. *Modified*:
one D for counts of 1, one for 2, one for 3 and more, computed from how many n-grams were seen once, twice, three and
four times.
"""

import numpy as np

from course_lib.arguments import require_probability
from course_lib.ngrams.counts import Counts
from course_lib.ngrams.estimates import mix
from course_lib.ngrams.model import NGramModel

#: what is taken off where the counts of counts cannot tell (KenLM's `--discount_fallback` has the same numbers)
FALLBACK = (0.5, 1.0, 1.5)


def kneser_ney(counts: Counts, discount: float | None = None) -> NGramModel:
    """Return the interpolated Kneser–Ney model of the order of the counts; it gives every token a probability above 0.

    discount  D in [0, 1], the same for all counts and orders (Kneser–Ney as first described, interpolated);
              None: *modified* Kneser–Ney, three discounts for each order from the counts of counts

    The longest n-grams count occurrences, shorter ones different tokens before them. Below single tokens stands 1/V.
    Raises ValueError for a discount outside [0, 1].
    """
    require_probability(discount=discount)
    shares, leftovers = [], []
    for length in range(1, counts.order + 1):
        counted = counts.counts[-1] if length == counts.order else counts.continuations(length)
        three = discounts(counted) if discount is None else (discount,) * 3
        taken = np.minimum(np.array([0.0, *three])[np.minimum(counted, 3)], counted)
        totals = counts.sum_by_history(length, counted)
        safe = np.maximum(totals, 1)
        shares.append((counted - taken) / safe[counts.histories(length)])
        leftovers.append(np.where(totals > 0, counts.sum_by_history(length, taken) / safe, 1.0))
    return mix(counts, shares, leftovers)


def discounts(counted: np.ndarray) -> tuple[float, float, float]:
    """Return D₁, D₂ and D₃₊ for the counts of all n-grams of one length.

    counted  (M,) integers; with n_r the number of entries equal to r and Y = n₁ / (n₁ + 2 n₂),
             D_r = r − (r + 1) Y n_{r+1} / n_r   for r = 1, 2, 3        (Chen and Goodman 1998)

    Where an n_r is 0, or a discount would not lie between 0 and r, as in tiny or artificial texts: FALLBACK.

    >>> [round(d, 3) for d in discounts(np.repeat([1, 2, 3, 4], [1000, 300, 150, 90]))]
    [0.625, 1.062, 1.5]
    """
    n1, n2, n3, n4 = np.bincount(np.minimum(counted, 5), minlength=6)[1:5].tolist()
    if min(n1, n2, n3, n4) == 0:
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 <= d <= r for r, d in enumerate(found, start=1)) else FALLBACK
