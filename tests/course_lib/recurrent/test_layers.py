"""The recurrent layers against torch.nn's: outputs, states, gradients, weights in and out, padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course_lib.recurrent import GRU, LSTM, RNN, orthogonal_, set_forget_bias
from tests.random_inputs import normal

KINDS = {
    "rnn": (RNN, nn.RNN, {}),
    "relu": (RNN, nn.RNN, {"relu": True}),
    "lstm": (LSTM, nn.LSTM, {}),
    "gru": (GRU, nn.GRU, {}),
}


def pair(kind, d_input, d_hidden, n_layers=1, bidirectional=False, seed=0):
    """Ours and theirs, with their weights."""
    torch.manual_seed(seed)
    our_class, their_class, options = KINDS[kind]
    theirs = their_class(
        d_input,
        d_hidden,
        n_layers,
        batch_first=True,
        bidirectional=bidirectional,
        **({"nonlinearity": "relu"} if options else {}),
    )
    ours = our_class(d_input, d_hidden, n_layers, bidirectional, **({"activation": "relu"} if options else {}))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def flat(state):
    return [state] if isinstance(state, torch.Tensor) else list(state)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(KINDS)),
    st.integers(0, 999),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.booleans(),
)
def test_outputs_and_final_states_equal_torchs(kind, seed, batch, length, d_input, d_hidden, n_layers, both):
    ours, theirs = pair(kind, d_input, d_hidden, n_layers, both, seed)
    x = normal(seed, batch, length, d_input)
    directions = 1 + both
    start = [normal(seed + i, n_layers * directions, batch, d_hidden) for i in range(1 + (kind == "lstm"))]
    for state in (None, tuple(start) if kind == "lstm" else start[0]):
        (output, final), (expected, expected_final) = ours(x, state), theirs(x, state)
        torch.testing.assert_close(output, expected)
        torch.testing.assert_close(flat(final), flat(expected_final))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_torchs_in_every_parameter_and_in_the_input(kind):
    ours, theirs = pair(kind, 3, 4, n_layers=2, bidirectional=True)
    for layer in (ours, theirs):
        layer.x = normal(1, 2, 6, 3).requires_grad_()
        output, final = layer(layer.x)
        (output.square().sum() + sum((s**3).sum() for s in flat(final))).backward()
    torch.testing.assert_close(ours.x.grad, theirs.x.grad)
    mine, others = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert list(mine) == list(others)
    for name in mine:
        torch.testing.assert_close(mine[name].grad, others[name].grad)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_load_both_ways(kind):
    ours, theirs = pair(kind, 3, 4, n_layers=2, bidirectional=True)
    orthogonal_(ours)
    theirs.load_state_dict(ours.state_dict())
    x = normal(1, 2, 5, 3)
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(list(KINDS)), st.integers(0, 99), st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_padded_sequences_equal_torchs_packed_ones(kind, seed, lengths):
    ours, theirs = pair(kind, 2, 3, n_layers=2, bidirectional=True, seed=seed)
    n, x = torch.tensor(lengths), normal(seed, len(lengths), max(lengths), 2)
    output, final = ours(x, lengths=n)
    packed, expected_final = theirs(pack_padded_sequence(x, n, batch_first=True, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, batch_first=True)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(flat(final), flat(expected_final))


def test_padding_has_no_influence_and_gets_no_gradient():
    torch.manual_seed(0)
    layer, x = LSTM(2, 3, 2, bidirectional=True), normal(1, 2, 5, 2)
    lengths = torch.tensor([5, 2])
    other = x.clone()
    other[1, 2:] = 100.0
    torch.testing.assert_close(layer(x, lengths=lengths), layer(other, lengths=lengths))
    x.requires_grad_()
    output, _ = layer(x, lengths=lengths)
    output.square().sum().backward()
    assert x.grad[1, 2:].eq(0).all() and x.grad[1, :2].ne(0).any()


def test_reading_in_two_parts_equals_reading_at_once():
    torch.manual_seed(0)
    for layer in (RNN(2, 3, 2), LSTM(2, 3, 2), GRU(2, 3, 2)):
        x = normal(1, 2, 7, 2)
        whole, final = layer(x)
        first, state = layer(x[:, :4])
        second, state = layer(x[:, 4:], state)
        torch.testing.assert_close(torch.cat([first, second], 1), whole)
        torch.testing.assert_close(flat(state), flat(final))


def test_dropout_acts_between_layers_and_only_in_training():
    torch.manual_seed(0)
    layer, x = RNN(2, 8, 2, dropout=0.5), normal(1, 1, 4, 2)
    quiet, final = layer.eval()(x)
    noisy, noisy_final = layer.train()(x)
    assert not torch.allclose(quiet, noisy)
    torch.testing.assert_close(final[0], noisy_final[0])  # nothing is dropped within the first layer


def test_fresh_weights_are_uniform_within_one_over_the_root_of_the_state():
    torch.manual_seed(0)
    weight = LSTM(8, 64).weight_hh_l0
    assert weight.abs().max() <= 1 / 8
    assert weight.std().item() == pytest.approx(1 / 8 / 3**0.5, rel=0.02)


@pytest.mark.parametrize("layer", [RNN(3, 8, 2, True), LSTM(3, 8), GRU(3, 8), nn.LSTM(3, 8), nn.GRU(3, 8)])
def test_an_orthogonal_start_keeps_the_length_of_every_vector_in_every_gate(layer):
    orthogonal_(layer, gain=0.9, generator=torch.Generator().manual_seed(0))
    for name, weight in layer.named_parameters():
        if "weight_hh" in name:
            for block in weight.detach().split(8):
                torch.testing.assert_close(torch.linalg.svdvals(block), torch.full((8,), 0.9))


@pytest.mark.parametrize("layer", [LSTM(3, 4, 2, True), nn.LSTM(3, 4, 2, bidirectional=True)])
def test_the_forget_bias_is_the_sum_of_the_two_and_touches_no_other_gate(layer):
    before = {name: parameter.detach().clone() for name, parameter in layer.named_parameters()}
    set_forget_bias(layer, 1.5)
    for name, parameter in layer.named_parameters():
        if name.startswith("bias_ih"):
            total = parameter + getattr(layer, name.replace("_ih_", "_hh_"))
            torch.testing.assert_close(total[4:8], torch.full((4,), 1.5))
        rest = torch.ones(len(parameter), dtype=torch.bool)
        if name.startswith("bias"):
            rest[4:8] = False
        torch.testing.assert_close(parameter[rest], before[name][rest])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: RNN(0, 3), "d_input must be at least 1, got 0"),
        (lambda: RNN(2, 3, dropout=2.0), "got 2.0"),
        (lambda: RNN(2, 3, activation="sigmoid"), "got 'sigmoid'"),
        (lambda: RNN(2, 3)(torch.zeros(1, 4, 3)), r"x must have the shape \(B, T ≥ 1, 2\), got \(1, 4, 3\)"),
        (lambda: RNN(2, 3)(torch.zeros(1, 4, 2), torch.zeros(1, 2, 3)), r"shape \(1, 1, 3\), got \(1, 2, 3\)"),
        (lambda: LSTM(2, 3)(torch.zeros(1, 4, 2), torch.zeros(1, 1, 3)), "state must be 2"),
        (lambda: RNN(2, 3)(torch.zeros(1, 4, 2), lengths=torch.tensor([5])), r"1 to T = 4, got \[5\]"),
        (lambda: RNN(2, 3)(torch.zeros(1, 4, 2), lengths=torch.tensor([0])), r"got \[0\]"),
        (lambda: set_forget_bias(GRU(2, 3)), "got GRU"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_computes_what_the_cpu_computes(kind):
    ours, _ = pair(kind, 3, 16, n_layers=2, bidirectional=True)
    x, lengths = normal(1, 4, 9, 3), torch.tensor([9, 1, 5, 9])
    expected, final = ours(x, lengths=lengths)
    output, cuda_final = ours.cuda()(x.cuda(), lengths=lengths.cuda())
    torch.testing.assert_close(output.cpu(), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close([s.cpu() for s in flat(cuda_final)], flat(final), atol=1e-4, rtol=1e-4)
