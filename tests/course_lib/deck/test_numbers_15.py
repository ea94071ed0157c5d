"""The numbers on the cards of lesson 15."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.deck import DECK
from course_lib.gpt import GPT, GPTConfig
from course_lib.interpretability import induction_score, logit_lens
from course_lib.widgets.gpt import SIZES

CARDS = {card.id: card for card in DECK if card.lesson == "15_gpt"}


def test_the_tied_matrix_of_gpt2_small():
    small = SIZES["GPT-2 small"]
    saved, has = 50_257 * small.d_model / 1e6, small.n_parameters() / 1e6
    assert CARDS["gpt_tied"].answer.startswith(f"{saved:.0f} million, beside the {has:.0f} million")


def test_two_norms_of_three_and_four():
    x = torch.tensor([3.0, 4.0])
    assert F.rms_norm(x, (2,), eps=0.0).tolist() == pytest.approx([0.849, 1.131], abs=5e-4)
    assert x.square().mean() == 12.5
    assert F.layer_norm(x, (2,), eps=0.0).tolist() == pytest.approx([-1, 1])


def test_three_narrow_matrices_are_as_large_as_two_wide_ones():
    assert 3 * 8 / 3 == 2 * 4


def test_the_mean_over_all_targets_and_the_mean_of_means():
    assert ((4 + 3 * 2) / 4, (4 + 2) / 2) == (2.5, 3)


def test_the_bytes_of_a_cache():
    gib = [2 * 80 * n_kv_heads * 128 * 4096 * 2 / 2**30 for n_kv_heads in (8, 64)]
    assert gib == [1.25, 10]


def test_neighbours_share_a_head():
    heads = torch.arange(2)
    assert heads.repeat_interleave(2).tolist()[1] == 0
    assert heads.repeat(2).tolist()[1] == 1


def test_tokens_that_pass_through_the_model():
    assert CARDS["token_passes"].answer.startswith(f"{200 * 100 + 200 * 199 // 2:,}, ")
    assert f"with a cache {100 + 200 - 1}, " in CARDS["token_passes"].answer


def test_where_an_induction_head_looks_and_how_often_the_lens_reads():
    looks_at_19 = torch.zeros(1, 1, 31, 31)
    looks_at_19[0, 0, 30, 19] = 19.0
    assert induction_score(looks_at_19, 12).item() == 1  # the only weight, over the 19 tokens from 12 to 30
    assert CARDS["induction_place"].answer.strip().startswith("At token 19, ")
    for n_layers in (1, 3):
        model = GPT(GPTConfig(vocab_size=5, seq_len=4, d_model=8, n_heads=2, n_layers=n_layers))
        assert len(logit_lens(model, torch.tensor([[0, 1]]))) == n_layers + 1
