"""Windows, loss and measure of a language model, against plain loops over single predictions."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import language_model
from course_lib.language_model import (
    count_parameters,
    draw_windows,
    nats_per_token,
    next_token_loss,
    read_tokens,
    write_tokens,
)
from course_lib.train import Trainer


class Bigram(nn.Module):
    """The simplest language model: a table of logits. It counts how often it is called."""

    def __init__(self, vocab_size: int, seq_len: int | None = None) -> None:
        super().__init__()
        self.vocab_size, self.seq_len = vocab_size, seq_len
        self.table = nn.Embedding(vocab_size, vocab_size)
        nn.init.normal_(self.table.weight, generator=torch.Generator().manual_seed(0))

    def forward(self, ids, cache=None):
        assert self.seq_len is None or ids.size(1) <= self.seq_len
        return self.table(ids)


def stream(n=50, vocab_size=5):
    return torch.randint(vocab_size, (n,), generator=torch.Generator().manual_seed(1))


def test_windows_are_runs_of_the_stream_and_every_start_occurs():
    draw = draw_windows(torch.arange(20), batch_size=400, length=4)
    windows = draw(torch.Generator().manual_seed(0))
    assert windows.shape == (400, 5)
    assert (windows.diff(dim=1) == 1).all()
    assert windows[:, 0].unique().tolist() == list(range(16))


def test_the_same_generator_state_draws_the_same_windows():
    draw = draw_windows(torch.arange(100), 8, 4)
    one, two = (draw(torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two) and not torch.equal(one, draw(torch.Generator().manual_seed(4)))


def test_the_loss_is_the_mean_surprisal_of_the_next_tokens():
    model, windows = Bigram(5), torch.tensor([[0, 1, 2], [3, 3, 4]])
    log_probs = model.table.weight.log_softmax(-1)
    pairs = [(0, 1), (1, 2), (3, 3), (3, 4)]
    expected = -sum(log_probs[a, b] for a, b in pairs) / len(pairs)
    torch.testing.assert_close(next_token_loss(model, windows), expected)


@pytest.mark.parametrize("length", [4, 5, 8])
def test_each_counted_prediction_is_counted_once_with_half_a_window_of_context(length):
    class Positions(Bigram):  # its surprisal is the position in the window, so the sum tells which ones counted
        def forward(self, ids, cache=None):
            logits = torch.zeros(*ids.shape, 5)
            cost = torch.arange(ids.size(1)).float()
            logits[..., 1:] = torch.log(torch.expm1(cost) / 4).clamp(min=-1e9)[None, :, None]
            return logits

    zeros = torch.zeros(1 + length + 7 * (length - length // 2), dtype=torch.long)
    counted = torch.arange(length // 2, length).float().mean().item()
    assert nats_per_token(Positions(5), zeros, length) == pytest.approx(counted, rel=1e-5)


def test_the_measure_does_not_depend_on_the_batch_size_and_keeps_the_mode():
    model, tokens = Bigram(5, seq_len=6).train(), stream()
    values = [nats_per_token(model, tokens, batch_size=size) for size in (1, 3, 64)]
    assert max(values) - min(values) < 1e-6 and model.training
    log_probs = model.table.weight.log_softmax(-1)
    counted = range(3, 3 + 3 * len(tokens.unfold(0, 7, 3)))  # the first half window has too little context
    by_hand = -sum(log_probs[tokens[i], tokens[i + 1]].item() for i in counted) / len(counted)
    assert values[0] == pytest.approx(by_hand, rel=1e-5)


def test_an_untrained_uniform_model_measures_the_log_of_the_vocabulary():
    model = Bigram(5)
    nn.init.zeros_(model.table.weight)
    assert nats_per_token(model, stream(200)) == pytest.approx(math.log(5), rel=1e-6)


def test_shared_and_frozen_parameters_are_not_counted_twice_or_at_all():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model[1].bias.requires_grad_(False)
    assert count_parameters(model) == 9 + 3


@pytest.mark.parametrize("call", [lambda t: draw_windows(t, 2, 10), lambda t: nats_per_token(Bigram(5), t, 10)])
@pytest.mark.parametrize("tokens", [torch.zeros(10, dtype=torch.long), torch.zeros(4, 30, dtype=torch.long)])
def test_a_stream_that_is_too_short_or_not_a_stream_is_refused(call, tokens):
    with pytest.raises(ValueError, match="length = 10"):
        call(tokens)


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(ValueError, match="batch_size"):
        draw_windows(torch.arange(20), 0, 4)


@pytest.mark.parametrize("vocab_size, dtype", [(300, "uint16"), (1 << 16, "uint16"), (70_000, "uint32")])
def test_windows_of_a_file_are_those_of_the_same_stream_in_memory(tmp_path, vocab_size, dtype):
    ids = torch.randint(vocab_size, (5000,), generator=torch.Generator().manual_seed(0))
    assert write_tokens(tmp_path / "ids.npy", iter(ids.tolist()), vocab_size) == 5000
    opened = read_tokens(tmp_path / "ids.npy")
    assert isinstance(opened, np.memmap) and opened.dtype == dtype and opened.tolist() == ids.tolist()
    assert (tmp_path / "ids.npy").stat().st_size == 128 + 5000 * opened.dtype.itemsize
    batches = [draw_windows(tokens, 8, 16)(torch.Generator().manual_seed(1)) for tokens in (ids, opened)]
    assert batches[0].equal(batches[1]) and batches[1].dtype == torch.int64


def test_a_stream_is_written_piece_by_piece_and_an_interrupted_one_leaves_the_earlier_file(tmp_path, monkeypatch):
    monkeypatch.setattr(language_model, "_WRITTEN", 7)
    path = tmp_path / "ids.npy"
    for n in (0, 6, 7, 8, 20):
        assert write_tokens(path, range(n), 20) == n
        assert np.load(path).tolist() == list(range(n))  # numpy's own reader, without a memory map
    with pytest.raises(ValueError, match=r"tokens must be from 0 to 19, got 14 to 20"):
        write_tokens(path, range(21), 20)
    with pytest.raises(ValueError, match=r"tokens must be from 0 to 19, got -1 to -1"):
        write_tokens(path, [-1], 20)
    assert read_tokens(path).tolist() == list(range(20))
    np.save(path, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"ids.npy must hold one stream of integers, got shape \(2, 3\), float64"):
        read_tokens(path)


def test_a_model_is_trained_from_a_file(tmp_path):
    write_tokens(tmp_path / "ids.npy", [0, 1, 2, 3, 4] * 200, 5)
    model = Bigram(5)
    trainer = Trainer(model, draw_windows(read_tokens(tmp_path / "ids.npy"), 8, 10), next_token_loss, steps=60, lr=0.3)
    losses = [step.loss for step in trainer]
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("n, counted", [(9, 4), (12, 4), (13, 8), (16, 8), (17, 12)])
def test_what_fills_no_half_window_at_the_end_is_not_counted(n, counted):
    class Counted(Bigram):
        asked = 0

        def forward(self, ids, cache=None):
            Counted.asked += len(ids) * 4
            return super().forward(ids)

    Counted.asked = 0
    nats_per_token(Counted(5), torch.zeros(n, dtype=torch.long), 8)
    assert Counted.asked == counted
