"""The experiment “train short, test long”: the same decoder with every encoding, measured position by position."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.extrapolation import ENCODINGS, PositionalLM, loss_by_position
from course_lib.language_model import draw_windows, next_token_loss
from course_lib.train import Trainer


def small(positions, **options):
    torch.manual_seed(0)
    return PositionalLM(5, positions, **({"seq_len": 16, "d_model": 16, "n_heads": 2} | options))


def some_ids(seed, *shape):
    return torch.randint(5, shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("positions", ENCODINGS)
def test_changing_a_token_changes_no_logits_before_it(positions):
    model, ids = small(positions), some_ids(0, 1, 12)
    other = ids.clone()
    other[0, 7] = (ids[0, 7] + 1) % 5
    difference = (model(ids) - model(other)).abs().amax(-1)[0]
    assert model(ids).shape == (1, 12, 5)
    assert difference[:7].max() < 1e-5 < difference[7:].min()


@pytest.mark.parametrize("positions", ENCODINGS)
def test_all_but_learned_positions_can_be_read_past_the_training_length(positions):
    model, ids = small(positions), some_ids(0, 1, 40)
    if positions == "learned":
        with pytest.raises(ValueError, match="0 … 15 only"):
            model(ids)
    else:
        assert model(ids).isfinite().all()


@pytest.mark.parametrize("positions", ENCODINGS)
def test_every_encoding_but_none_tells_orders_apart_in_one_layer(positions):
    model = small(positions, n_layers=1)
    for parameter in model.parameters():  # the T5 bias starts at zero, learned positions start small
        torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(parameter.numel()))
    first, second = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[2, 1, 3, 4]])
    difference = (model(first) - model(second))[0, -1].abs().max()  # one layer sees a set when it sees no positions
    assert difference < 1e-6 if positions == "none" else difference > 1e-4


def test_the_loss_by_position_is_the_cross_entropy_there():
    model, tokens = small("rope"), some_ids(1, 95)
    losses = loss_by_position(model, tokens, 30, batch_size=2)
    windows = tokens[:93].view(3, 31)
    for t in (0, 13, 29):
        expected = F.cross_entropy(model(windows[:, :-1])[:, t], windows[:, t + 1])
        assert losses[t].item() == pytest.approx(expected.item(), abs=1e-5)
    with pytest.raises(ValueError, match="at least length \\+ 1 = 31 ids, got 30"):
        loss_by_position(model, tokens[:30], 30)


def test_alibi_carries_a_local_rule_past_the_training_length_and_sinusoids_do_not():
    tokens = torch.tensor([0, 0, 1, 1] * 500)  # the next token needs the last two, at any position
    late = {}
    for positions in ("alibi", "sinusoidal"):
        model = small(positions, d_model=32, n_heads=4)
        list(Trainer(model, draw_windows(tokens, 16, 16), next_token_loss, steps=250, lr=5e-3))
        losses = loss_by_position(model, tokens, 96)
        assert losses[4:16].mean() < 0.05
        late[positions] = losses[48:].mean().item()
    assert late["alibi"] < 0.1 and late["sinusoidal"] > 0.3


def test_an_unknown_encoding_is_refused():
    with pytest.raises(ValueError, match=r"one of none, learned, .*got 'absolute'"):
        PositionalLM(5, "absolute")


def test_stretched_positions_turn_queries_and_keys_less():
    model, without, ids = small("rope"), small("none"), some_ids(2, 1, 12)
    plain = model(ids)
    model.stretch = 4.0
    squeezed = model(ids)
    assert (squeezed - plain).abs().max() > 1e-4
    model.stretch = 1e9  # all positions are 0: what is left is the decoder without any
    assert torch.allclose(model(ids), without(ids), atol=1e-6)
