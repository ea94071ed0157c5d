"""N-gram language models: counting, smoothing, sampling, ARPA files, and a spelling corrector built on them."""

from course_lib.ngrams.arpa import read_arpa, write_arpa
from course_lib.ngrams.counts import Counts, count_ngrams
from course_lib.ngrams.discounting import discounts, kneser_ney
from course_lib.ngrams.estimates import add_k, interpolated, interpolation_weights, mle, stupid_backoff
from course_lib.ngrams.model import NGramModel
from course_lib.ngrams.noisy_channel import NoisyChannel, edits, typing_log_prob

__all__ = [
    "Counts",
    "NGramModel",
    "NoisyChannel",
    "add_k",
    "count_ngrams",
    "discounts",
    "edits",
    "interpolated",
    "interpolation_weights",
    "kneser_ney",
    "mle",
    "read_arpa",
    "stupid_backoff",
    "typing_log_prob",
    "write_arpa",
]
