"""The recall task asks for what stood where it says, and chance is what it says."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.data.recall import Recall
from course_lib.recurrent import RecurrentLM
from course_lib.train import Trainer
from tests.random_inputs import generator


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 99), st.integers(1, 4), st.integers(0, 9), st.integers(2, 9), st.integers(1, 3))
def test_every_answer_is_the_symbol_that_stood_a_distance_back(seed, n_items, more, n_symbols, n_fillers):
    task = Recall(n_items + more, n_symbols, n_items, n_fillers)
    ids, targets = task.sample(5, generator(seed))
    assert ids.shape == (5, task.distance + n_items) and targets.shape == (5, n_items)
    for i in range(n_items):
        asked = task.distance + i
        assert ids[:, asked].eq(0).all()
        assert (ids[:, asked - task.distance] - 1 == targets[:, i]).all()
    between = ids[:, n_items : task.distance]
    assert between.numel() == 0 or (between.min() > n_symbols and between.max() < task.vocab_size)


class Constant(nn.Module):
    """Knows nothing and says so."""

    def __init__(self, vocab_size):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, ids):
        return self.logits.expand(*ids.shape, -1)


class Oracle(Constant):
    """Looks back."""

    def forward(self, ids):
        return super().forward(ids) + 50 * nn.functional.one_hot(ids.roll(3, 1), len(self.logits))


def test_who_remembers_nothing_is_at_chance_and_who_looks_back_is_perfect():
    task = Recall(3, n_symbols=5, n_items=2)
    forgetful, oracle = Constant(task.vocab_size), Oracle(task.vocab_size)
    batch = task.draw(64)(generator())
    assert task.loss(forgetful, batch).item() == pytest.approx(math.log(5)) == pytest.approx(task.chance_loss)
    assert task.accuracy(forgetful, 20_000) == pytest.approx(task.chance, abs=0.01)  # 4 standard errors of 40,000
    assert task.accuracy(oracle) == 1.0 and task.loss(oracle, batch).item() < 1e-6


def test_a_recurrent_network_learns_a_short_distance():
    task = Recall(4, n_symbols=4)
    torch.manual_seed(0)
    model = RecurrentLM(task.vocab_size, "rnn", d_model=8, d_hidden=32)
    for _ in Trainer(model, task.draw(32), task.loss, steps=120, lr=0.01):
        pass
    assert task.accuracy(model) > 0.95


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="distance must be at least 3, got 2"):
        Recall(2, n_items=3)
    with pytest.raises(ValueError, match="n_symbols must be at least 2, got 1"):
        Recall(2, n_symbols=1)
