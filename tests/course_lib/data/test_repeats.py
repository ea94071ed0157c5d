"""The repeat task: every row begins again after its period, and only what can be known is asked for."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.data.repeats import Repeats
from tests.random_inputs import generator


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(2, 5), st.integers(0, 4), st.integers(0, 3), st.integers(1, 9))
def test_rows_repeat_different_symbols_after_their_period(seed, shortest, more, spare, further):
    longest = shortest + more
    task = Repeats(longest + spare, shortest, longest, longest + further)
    ids, periods = task.sample(6, generator(seed))
    assert ids.shape == (6, task.length + 1) and ids.max() < task.vocab_size
    for row, period in zip(ids.tolist(), periods.tolist()):
        assert shortest <= period <= longest
        assert len(set(row[:period])) == period
        assert row[period:] == row[: len(row) - period] and len(row) > period


def test_all_periods_and_all_symbols_occur():
    ids, periods = Repeats(7, 2, 4, 6).sample(400, generator(0))
    assert periods.unique().tolist() == [2, 3, 4]
    assert torch.bincount(ids[:, 0], minlength=7).min() > 30


class Copier(nn.Module):
    """Says what stood `back` tokens ago, and after fewer than that knows nothing."""

    def __init__(self, vocab_size, back):
        super().__init__()
        self.vocab_size, self.back, self.scale = vocab_size, back, nn.Parameter(torch.tensor(50.0))

    def forward(self, ids):
        logits = torch.zeros(*ids.shape, self.vocab_size)
        logits[:, self.back - 1 :] = nn.functional.one_hot(
            ids[:, : ids.size(1) - self.back + 1], self.vocab_size
        ).float()
        return self.scale * logits


def test_who_remembers_the_period_has_no_loss_and_who_does_not_has_ln_v():
    task = Repeats(9, 3, 6, 12)
    batch = task.sample(20, generator(0), period=4)
    assert task.loss(Copier(9, 4), batch).item() == pytest.approx(0, abs=1e-6)
    blind = Copier(9, 4)
    nn.init.zeros_(blind.scale)
    assert task.loss(blind, batch).item() == pytest.approx(math.log(9))
    assert task.loss(Copier(9, 3), batch).item() > 40


@pytest.mark.parametrize("sizes", [(9, 1, 4, 8), (9, 5, 4, 8), (3, 2, 4, 8), (9, 2, 4, 4)])
def test_sizes_that_do_not_fit_are_refused(sizes):
    with pytest.raises(ValueError, match="must be"):
        Repeats(*sizes)


@pytest.mark.parametrize("period", [2, 7])
def test_a_period_outside_the_range_is_refused(period):
    with pytest.raises(ValueError, match="period must be"):
        Repeats(9, 3, 6, 12).sample(1, generator(0), period=period)
