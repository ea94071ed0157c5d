"""The numbers on the cards of lesson 16."""

import math

import pytest
import torch
from torch import nn

from course_lib.bert import IGNORED, mask_tokens, mlm_loss, span_corruption
from course_lib.language_model import count_parameters
from course_lib.lora import add_lora, merge_lora


def test_a_thousand_words_are_asked_for_and_hidden_as_the_card_says():
    ids = torch.full((1000, 1000), 7)
    inputs, labels = mask_tokens(ids, 5000, mask_id=2, generator=torch.Generator().manual_seed(0))
    asked = labels != IGNORED
    assert asked.sum() / 1000 == pytest.approx(150, abs=1.5)
    assert (inputs == 2).sum() / 1000 == pytest.approx(120, abs=1.5)
    assert (asked & (inputs == ids)).sum() / 1000 == pytest.approx(15, abs=0.8)


def test_two_of_ten_places_cost_log_4():
    labels = torch.full((1, 10), IGNORED)
    labels[0, :2] = 1
    loss = mlm_loss(torch.zeros(1, 10, 4), labels).item()
    assert loss == pytest.approx(math.log(4)) and loss == pytest.approx(1.386, abs=5e-4)


def test_a_lora_trains_the_numbers_of_the_card_and_merges_into_the_old_shape():
    model = nn.Sequential(nn.Linear(768, 768, bias=False))
    add_lora(model, 8, 16, ["0"])
    assert count_parameters(model) == 12_288
    assert 12_288 / 768**2 == pytest.approx(0.021, abs=5e-4) and 768**2 == 589_824
    assert merge_lora(torch.ones(5, 4), torch.ones(2, 4), torch.ones(5, 2), 3.0).shape == (5, 4)


def test_the_sentence_of_the_card_is_corrupted_as_it_says():
    words = "the little mouse often eats cheese".split()
    missing = torch.tensor([word in ("little", "mouse", "eats", "cheese") for word in words])
    source, target = span_corruption(torch.arange(6), missing, (10, 11, 12))
    names = [*words, *"????", "⟨0⟩", "⟨1⟩", "⟨2⟩"]
    assert " ".join(names[i] for i in source) == "the ⟨0⟩ often ⟨1⟩"
    assert " ".join(names[i] for i in target) == "⟨0⟩ little mouse ⟨1⟩ eats cheese ⟨2⟩"
