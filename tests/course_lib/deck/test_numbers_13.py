"""The numbers and statements on the cards of lesson 13."""

import math

import pytest
import torch

from course_lib.attention import MultiHeadAttention, causal_mask
from course_lib.deck import DECK
from course_lib.positions import (
    LearnedPositions,
    alibi_bias,
    alibi_slopes,
    rope,
    shift_matrix,
    sinusoidal,
    yarn_frequencies,
)

CARDS = {card.id: card for card in DECK if card.lesson == "13_positions"}


def test_only_a_mask_tells_the_order_of_tokens_without_positions():
    torch.manual_seed(0)
    layer, x, order = MultiHeadAttention(8, 2), torch.randn(1, 4, 8), [1, 0, 2, 3]
    last, last_shuffled = layer(x)[0][:, -1], layer(x[:, order])[0][:, -1]
    assert torch.allclose(last, last_shuffled, atol=1e-6)
    mask = causal_mask(4)
    assert not torch.allclose(layer(x, mask=mask)[0][:, 1], layer(x[:, order], mask=mask)[0][:, 0], atol=1e-4)


def test_a_table_of_1024_rows_has_no_row_1024():
    table = LearnedPositions(1024, 2)
    assert len(table(1, start=1023)) == 1
    with pytest.raises(ValueError):
        table(1, start=1024)


def test_one_matrix_moves_every_position():
    table = sinusoidal(20, 8)
    assert torch.allclose(table[:-3] @ shift_matrix(3, 8).T, table[3:], atol=1e-5)


def test_other_pairs_are_a_permutation_of_the_features():
    q, k = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(0))
    places = torch.tensor([3])
    interleaved = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])  # where (2i, 2i + 1) must go to be (i, i + D/2)
    right = rope(q[:, interleaved], places) @ rope(k[:, interleaved], torch.tensor([1])).T
    assert not torch.allclose(rope(q, places) @ rope(k, torch.tensor([1])).T, right, atol=1e-3)


def test_257_is_256_in_bfloat16():
    assert torch.tensor(257.0).bfloat16().item() == 256
    assert "no 257, which becomes 256" in CARDS["angles_in_float32"].answer


def test_the_slopes_of_8_heads():
    assert alibi_slopes(8).tolist() == [2.0**-h for h in range(1, 9)]
    assert 2**8 == 256 and r"\frac1{256}" in CARDS["alibi_slopes"].answer


def test_the_only_query_is_at_the_last_position():
    assert (alibi_bias(8, 1, 5)[0, 0] / -0.5).tolist() == [4, 3, 2, 1, 0]


def test_128_tokens_are_four_windows_of_32():
    assert f"divides all positions by {128 // 32}" in CARDS["interpolation"].answer


def test_the_cache_of_local_and_global_layers():
    share = (8 * 131_072 + 40 * 1_024) / (48 * 131_072)
    assert CARDS["mixed_cache"].answer.startswith(f"{share:.0%}".replace("%", " %"))


def test_yarn_for_texts_four_times_as_long():
    frequencies, factor = yarn_frequencies(64, 4.0, 4096)
    plain = yarn_frequencies(64, 1.0, 4096)[0]
    turns = 4096 * plain / (2 * math.pi)
    assert torch.allclose(frequencies[turns > 64], plain[turns > 64])
    assert torch.allclose(frequencies[turns < 0.5], plain[turns < 0.5] / 4)
    assert f"= {factor:.2f}$" in CARDS["yarn_bands"].answer
