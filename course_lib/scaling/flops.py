"""Arithmetic of a Transformer: how many operations a token costs, counted by hand.

A product of a (1, m) row with an (m, n) matrix is m · n multiplications and as many additions: 2 operations for each
weight. So reading a token costs 2 per weight that multiplies it, plus the attention, whose cost grows with the number
of keys looked at. Backward, each product becomes two (one for the input, one for the weights): training costs three
times reading. Norms, activation functions and the softmax are left out: a few operations for each number, where a
product has as many as the matrix is wide.

Kaplan et al. 2020, §2.1; with the attention term as in Chowdhery et al. 2022, appendix B.
"""

from dataclasses import replace

from course_lib.arguments import require_at_least
from course_lib.gpt import GPTConfig


def matmul_parameters(config: GPTConfig) -> int:
    """Return N, how many weights multiply each token: all matrices, the output matrix too, tied or not.

    A row of the embedding is looked up, not multiplied. Biases and norms are left out.

    >>> matmul_parameters(GPTConfig(vocab_size=50257, seq_len=1024, d_model=768, n_heads=12, n_layers=12))
    123532032
    """
    parts = replace(config, bias=False).parameters_by_part()
    return parts["attention"] + parts["feed-forward"] + config.vocab_size * config.d_model


def flops_per_token(n_parameters: int, n_layers: int, d_model: int, n_keys: int, training: bool = True) -> int:
    """Return the operations that a token costs: 6N + 12 · L · T · d in training, a third of that in reading.

    n_parameters  N, weights that multiply a token (see `matmul_parameters`; of a mixture of experts, the active ones)
    n_layers      L
    d_model       d, features of all query heads together
    n_keys        T, keys that a query is multiplied with: the length of the window where the whole square of scores is
                  computed; (T + 1) / 2 on average where a kernel skips what the causal mask forbids; in generation
                  with a cache, the tokens so far
    training      False: the forward pass alone, 2N + 4 · L · T · d

    A multiplication and an addition are two operations, also where the hardware does them as one.
    Raises ValueError for a negative argument.

    >>> flops_per_token(1000, n_layers=2, d_model=10, n_keys=16, training=False)  # 2 · 1000 + 4 · 2 · 16 · 10
    3280
    """
    require_at_least(0, n_parameters=n_parameters, n_layers=n_layers, d_model=d_model, n_keys=n_keys)
    forward = 2 * n_parameters + 4 * n_layers * n_keys * d_model
    return 3 * forward if training else forward
