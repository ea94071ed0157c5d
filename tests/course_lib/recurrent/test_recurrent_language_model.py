"""The recurrent language model keeps the course's contract, and trains on carried states."""

import pytest
import torch

from course_lib.language_model import draw_windows, nats_per_token, next_token_loss
from course_lib.recurrent import ConsecutiveWindows, RecurrentLM
from course_lib.train import Trainer

CELLS = ["rnn", "lstm", "gru"]


def ids(seed, *shape, vocab_size=7):
    return torch.randint(0, vocab_size, shape, generator=torch.Generator().manual_seed(seed))


def model(cell, seed=0, **options):
    torch.manual_seed(seed)
    return RecurrentLM(7, cell, d_model=5, d_hidden=6, n_layers=2, **options).eval()


@pytest.mark.parametrize("cell", CELLS)
def test_a_call_with_a_cache_continues_what_the_cache_holds(cell):
    lm, text = model(cell), ids(0, 2, 9)
    whole, cache = lm(text), lm.new_cache(2, 9)
    parts = [lm(text[:, :4], cache), lm(text[:, 4:5], cache), lm(text[:, 5:], cache)]
    assert whole.shape == (2, 9, 7) and cache.length == 9
    torch.testing.assert_close(torch.cat(parts, 1), whole)


@pytest.mark.parametrize("cell", CELLS)
def test_a_cache_can_permute_and_repeat_its_rows(cell):
    lm, text = model(cell), ids(0, 3, 4)
    cache, rows = lm.new_cache(3, 8), torch.tensor([2, 0, 2, 1])
    lm.new_cache(3, 8).reorder(rows)  # an empty cache has nothing to reorder
    lm(text, cache)
    cache.reorder(rows)
    more = ids(1, 4, 3)
    torch.testing.assert_close(lm(more, cache), lm(torch.cat([text[rows], more], 1))[:, 4:])


@pytest.mark.parametrize("cell", CELLS)
def test_no_logit_depends_on_a_later_token(cell):
    lm, text = model(cell), ids(0, 1, 6)
    other = text.clone()
    other[:, 3] = (other[:, 3] + 1) % 7
    moved = (lm(text) - lm(other)).abs().amax(-1)[0]
    assert moved[:3].eq(0).all() and moved[3:].gt(0).all()


def test_recurrent_matrices_start_orthogonal_and_forget_gates_open():
    lm = RecurrentLM(7, "lstm", d_hidden=8)
    for block in lm.layers.weight_hh_l0.detach().split(8):
        torch.testing.assert_close(block @ block.T, torch.eye(8), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close((lm.layers.bias_ih_l0 + lm.layers.bias_hh_l0)[8:16].detach(), torch.ones(8))


def test_dropout_is_off_in_evaluation():
    lm, text = model("rnn", dropout=0.5), ids(0, 1, 5)
    torch.testing.assert_close(lm(text), lm(text))
    assert not torch.allclose(lm.train()(text), lm(text))


def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match="cell must be one of rnn, lstm, gru, got 'transformer'"):
        RecurrentLM(7, "transformer")


def test_consecutive_windows_cover_each_part_in_order_and_start_again():
    stream = ConsecutiveWindows(torch.arange(20), batch_size=2, length=3)
    seen = [stream.draw(None) for _ in range(4)]
    assert seen[0].tolist() == [[0, 1, 2, 3], [10, 11, 12, 13]]
    assert seen[1].tolist() == [[3, 4, 5, 6], [13, 14, 15, 16]]
    assert seen[2].tolist() == [[6, 7, 8, 9], [16, 17, 18, 19]]
    assert seen[3].tolist() == seen[0].tolist()
    with pytest.raises(ValueError, match=r"more than batch_size · \(length \+ 1\) = 2 · \(3 \+ 1\)"):
        ConsecutiveWindows(torch.arange(7), batch_size=2, length=3)


def test_the_state_is_carried_from_window_to_window_and_reset_with_the_stream():
    lm, tokens = model("lstm"), ids(0, 10)
    stream = ConsecutiveWindows(tokens, batch_size=1, length=4)
    with torch.no_grad():
        losses = [stream.loss(lm, stream.draw()) for _ in range(3)]
        whole = next_token_loss(lm, tokens[None, :9])
        torch.testing.assert_close((losses[0] + losses[1]) / 2, whole)
        torch.testing.assert_close(losses[2], losses[0])


def test_no_gradient_flows_into_the_window_before():
    lm, tokens = model("rnn"), ids(0, 10)
    stream = ConsecutiveWindows(tokens, batch_size=1, length=4)
    stream.loss(lm, stream.draw()).backward()
    lm.zero_grad()
    state = stream.cache.state.detach()
    windows = stream.draw()
    stream.loss(lm, windows).backward()  # would raise if it reached back into the freed graph
    carried = [p.grad.clone() for p in lm.parameters()]
    lm.zero_grad()
    cache = lm.new_cache(1, 4)
    cache.state = state
    torch.nn.functional.cross_entropy(lm(windows[:, :-1], cache)[0], windows[0, 1:]).backward()
    torch.testing.assert_close(carried, [p.grad for p in lm.parameters()])


@pytest.mark.parametrize("carried", [True, False])
def test_it_learns_a_repeating_text_by_heart(carried):
    tokens = torch.tensor([0, 1, 2, 0, 3, 4]).repeat(100)  # after 0 comes 1 or 3: one token does not tell
    torch.manual_seed(0)
    lm = RecurrentLM(5, "rnn", d_model=8, d_hidden=16)
    stream = ConsecutiveWindows(tokens, 8, 12)
    draw, loss = (stream.draw, stream.loss) if carried else (draw_windows(tokens, 8, 12), next_token_loss)
    for _ in Trainer(lm, draw, loss, steps=60, lr=0.02):
        pass
    assert nats_per_token(lm, tokens, length=16) < 0.1  # with only the latest token it cannot be below ln 2 / 3


@pytest.mark.gpu
@pytest.mark.parametrize("cell", CELLS)
def test_a_gpu_computes_what_the_cpu_computes(cell):
    lm, text = model(cell), ids(0, 2, 9)
    expected = lm(text)
    lm.cuda()
    cache = lm.new_cache(2, 9)
    parts = [lm(text[:, :4].cuda(), cache), lm(text[:, 4:].cuda(), cache)]
    torch.testing.assert_close(torch.cat(parts, 1).cpu(), expected, atol=1e-4, rtol=1e-4)
    cache.reorder(torch.tensor([1, 1, 0]))
    assert lm(text[[1, 1, 0], :1].cuda(), cache).shape == (3, 1, 7)
