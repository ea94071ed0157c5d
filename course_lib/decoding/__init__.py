"""Decoding: how a language model's probabilities become text.

    from course_lib.decoding import Sampling, generate
    ids = generate(model, prompt, 50, Sampling(temperature=0.8, top_p=0.9), generator=torch.Generator().manual_seed(0))

Works with every model that keeps to the contract of `course_lib.language_model`, with a cache or without.
"""

from course_lib.decoding.beam import Hypothesis, beam_search
from course_lib.decoding.filters import (
    apply_temperature,
    min_p_filter,
    repetition_penalty,
    top_k_filter,
    top_p_filter,
    typical_filter,
)
from course_lib.decoding.generation import generate, stream
from course_lib.decoding.predictor import Predictor
from course_lib.decoding.sampling import Sampling, draw_token
from course_lib.decoding.speculative import (
    SpeculativeText,
    acceptance_rate,
    speculative_accept,
    speculative_decode,
    tokens_per_call,
)

__all__ = [
    "Hypothesis",
    "Predictor",
    "Sampling",
    "SpeculativeText",
    "acceptance_rate",
    "apply_temperature",
    "beam_search",
    "draw_token",
    "generate",
    "min_p_filter",
    "repetition_penalty",
    "speculative_accept",
    "speculative_decode",
    "stream",
    "tokens_per_call",
    "top_k_filter",
    "top_p_filter",
    "typical_filter",
]
