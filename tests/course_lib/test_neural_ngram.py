"""The neural n-gram: against a plain loop over torch.nn modules and against a convolution, and as a language model."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.decoding import Sampling, beam_search, generate
from course_lib.language_model import count_parameters, draw_windows, nats_per_token, next_token_loss
from course_lib.neural_ngram import NeuralNgram, parameter_count, tie_weights, windows
from course_lib.ngrams import count_ngrams, kneser_ney
from course_lib.train import Trainer
from tests.language_models import WithoutCache

KINDS = [{}, {"direct": True}, {"tied": True, "d_hidden": 6}, {"direct": True, "tied": True, "d_hidden": 6}]
every_kind = pytest.mark.parametrize("options", KINDS)


def model(seed=0, n_context=3, **options):
    torch.manual_seed(seed)
    return NeuralNgram(11, n_context, **{"d_model": 6, "d_hidden": 9, **options})


def some_ids(seed, *shape):
    return torch.randint(11, shape, generator=torch.Generator().manual_seed(seed))


def by_loop(ours, ids):
    """Compute the same, a text and a token at a time, by modules that hold copies of the parameters."""
    table = nn.Embedding.from_pretrained(ours.tokens.weight.detach())
    hidden, output = (nn.Linear(layer.in_features, layer.out_features) for layer in (ours.hidden, ours.to_logits))
    hidden.load_state_dict(ours.hidden.state_dict())
    output.load_state_dict(ours.to_logits.state_dict())
    logits = torch.empty(*ids.shape, ours.vocab_size)
    for b, text in enumerate(ids.tolist()):
        for t in range(len(text)):
            x = []
            for position in range(t - ours.n_context + 1, t + 1):
                x.extend(table(torch.tensor(text[position])).tolist() if position >= 0 else [0.0] * 6)
            x = torch.tensor(x)
            logits[b, t] = nn.Sequential(hidden, nn.Tanh(), output)(x)
            if ours.direct is not None:
                logits[b, t] += ours.direct.weight @ x
    return logits.detach()


@every_kind
@pytest.mark.parametrize("n_context", [1, 2, 4])
def test_the_logits_are_those_of_a_plain_loop(options, n_context):
    ours, ids = model(1, n_context, **options), some_ids(0, 2, 7)
    torch.testing.assert_close(ours(ids), by_loop(ours, ids), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n_context", [1, 3])
def test_logits_and_gradients_are_those_of_a_convolution_over_a_padded_text(n_context):
    ours, ids = model(2, n_context, direct=True), some_ids(1, 2, 6)
    convolutions = [nn.Conv1d(6, 9, n_context), nn.Conv1d(6, 11, n_context, bias=False)]
    for convolution, linear in zip(convolutions, (ours.hidden, ours.direct)):
        weight = linear.weight.detach().unflatten(1, (n_context, 6)).transpose(1, 2)
        convolution.weight = nn.Parameter(weight.contiguous())
    convolutions[0].bias = nn.Parameter(ours.hidden.bias.detach().clone())
    table = nn.Parameter(ours.tokens.weight.detach().clone())
    x = nn.functional.pad(table[ids].transpose(1, 2), (n_context - 1, 0))
    hidden, direct = (convolution(x).transpose(1, 2) for convolution in convolutions)
    output = nn.Linear(9, 11)
    output.load_state_dict(ours.to_logits.state_dict())
    expected = output(hidden.tanh()) + direct
    logits = ours(ids)
    torch.testing.assert_close(logits, expected)
    logits.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.tokens.weight.grad, table.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.to_logits.weight.grad, output.weight.grad, atol=1e-4, rtol=1e-4)
    found = ours.hidden.weight.grad.unflatten(1, (n_context, 6)).transpose(1, 2)
    torch.testing.assert_close(found, convolutions[0].weight.grad, atol=1e-4, rtol=1e-4)


@given(st.integers(0, 999), st.integers(1, 3), st.integers(1, 6), st.integers(1, 8))
def test_windows_end_at_their_position_and_are_filled_up_before_the_first(seed, batch, length, size):
    ids = some_ids(seed, batch, length)
    found = windows(ids, size, fill=-1)
    assert found.shape == (batch, length, size) and found.dtype == ids.dtype
    for b in range(batch):
        for t in range(length):
            context = ids[b, max(0, t - size + 1) : t + 1].tolist()
            assert found[b, t].tolist() == [-1] * (size - len(context)) + context
    vectors = torch.randn(batch, length, 3)
    torch.testing.assert_close(windows(vectors, size)[..., 1], windows(vectors[..., 1], size))


@every_kind
def test_a_token_changes_the_logits_of_its_own_and_the_next_contexts_and_no_others(options):
    ours, ids = model(n_context=3, **options), some_ids(0, 1, 9)
    other = ids.clone()
    other[0, 4] = (other[0, 4] + 1) % 11
    changed = (ours(ids) - ours(other)).abs().amax(-1)[0] > 1e-6
    assert changed.tolist() == [4 <= t < 7 for t in range(9)]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.booleans(), st.booleans())
def test_parameters_are_counted_as_the_modules_have_them_and_as_the_paper_counts(v, context, m, h, direct, tied):
    h = m if tied else h
    found = parameter_count(v, context, m, h, direct, tied)
    assert found == count_parameters(NeuralNgram(v, context, m, h, direct, tied))
    if direct and not tied:
        n = context + 1
        assert found == v * (1 + n * m + h) + h * (1 + (n - 1) * m)


def test_tying_makes_one_matrix_that_learns_from_both_sides():
    ours = model(d_hidden=6)
    tie_weights(ours)
    assert ours.to_logits.weight is ours.tokens.weight
    ids = some_ids(0, 2, 5)
    ours(ids)[:, :-1].sum().backward()
    both = ours.tokens.weight.grad
    untied = model(d_hidden=6)
    with torch.no_grad():
        untied.to_logits.weight.copy_(ours.tokens.weight)
    untied(ids)[:, :-1].sum().backward()
    torch.testing.assert_close(both, untied.tokens.weight.grad + untied.to_logits.weight.grad)
    reloaded = model(1, tied=True, d_hidden=6)
    reloaded.load_state_dict(ours.state_dict())
    torch.testing.assert_close(reloaded(ids), ours(ids))


@every_kind
@pytest.mark.parametrize("pieces", [[1] * 8, [3, 5], [5, 1, 2], [8]])
def test_reading_piece_by_piece_through_a_cache_gives_the_same_logits(options, pieces):
    ours, ids = model(n_context=4, **options), some_ids(0, 3, 8)
    cache = ours.new_cache(3, 8)
    parts = [ours(part, cache) for part in ids.split(pieces, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), ours(ids))
    assert cache.length == 8


def test_a_cache_can_be_reordered_and_shortened():
    ours, ids = model(), some_ids(0, 2, 6)
    cache = ours.new_cache(2, 10)
    assert cache.length == 0
    ours(ids, cache)
    cache.truncate(4)
    rows = torch.tensor([1, 1, 0])
    cache.reorder(rows)
    new = some_ids(1, 3, 2)
    expected = ours(torch.cat([ids[rows, :4], new], dim=1))[:, -2:]
    torch.testing.assert_close(ours(new, cache), expected)
    cache.truncate(0)
    assert cache.length == 0
    torch.testing.assert_close(ours(new, cache), ours(new))
    with pytest.raises(ValueError, match=r"length must be between 0 and 2, .* got 3"):
        cache.truncate(3)


def test_it_writes_the_same_with_and_without_its_cache_and_beams_are_reordered():
    ours, prompt = model(n_context=2), some_ids(3, 2, 3)
    for sampling in (Sampling(temperature=0.0), Sampling(temperature=0.8, top_k=5)):
        texts = [
            generate(ours, prompt, 12, sampling, generator=torch.Generator().manual_seed(0), use_cache=use_cache)
            for use_cache in (True, False)
        ]
        assert texts[0].shape == (2, 15) and torch.equal(*texts)
    beams = [beam_search(language_model, prompt, 5, beams=3, n_best=3) for language_model in (ours, WithoutCache(ours))]
    for found, expected in zip(*beams):
        assert [beam.tokens for beam in found] == [beam.tokens for beam in expected]


@every_kind
def test_it_learns_what_its_context_holds_and_nothing_from_before_it(options):
    tokens = torch.tensor([0, 0, 1, 1] * 200)  # two tokens say what is next, one does not
    losses = {}
    for n_context in (1, 2):
        ours = model(n_context=n_context, **options)
        list(Trainer(ours, draw_windows(tokens, 16, 8), next_token_loss, steps=120, lr=5e-2))
        losses[n_context] = nats_per_token(ours, tokens)
    assert losses[2] < 0.05
    assert losses[1] == pytest.approx(math.log(2), abs=0.05)


def test_it_answers_for_a_context_that_was_never_seen_as_for_similar_ones_where_counts_cannot():
    generator = torch.Generator().manual_seed(0)
    # a name (0–3), a filler (4 or 5), and what the name decides: 6 after 0 and 1, 7 after 2 and 3
    names = torch.randint(4, (2000,), generator=generator)
    fillers = torch.randint(4, 6, (2000,), generator=generator)
    fillers[names == 1] = 4  # so that 1, 5 is never seen
    tokens = torch.stack([names, fillers, 6 + names // 2], dim=1).flatten()
    torch.manual_seed(0)
    ours = NeuralNgram(8, n_context=2, d_model=8, d_hidden=16)
    list(Trainer(ours, draw_windows(tokens, 32, 12), next_token_loss, steps=150, lr=2e-2))
    assert ours(torch.tensor([[1, 5]]))[0, -1].softmax(-1)[6] > 0.9
    assert kneser_ney(count_ngrams(tokens, 3, 8)).next_probs([1, 5])[6] < 0.5  # what follows 5, after any name


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: model(n_context=0), "n_context must be at least 1, got 0"),
        (lambda: windows(torch.zeros(1, 2), 0), "size must be at least 1, got 0"),
        (lambda: model(tied=True), r"d_hidden = d_model: to_logits has the shape \(11, 9\), tokens \(11, 6\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
def test_on_a_gpu_the_logits_are_those_of_the_cpu():
    ours, ids = model(direct=True), some_ids(0, 2, 6)
    expected = ours(ids)
    ours.cuda()
    torch.testing.assert_close(ours(ids.cuda()).cpu(), expected, atol=1e-4, rtol=1e-4)
    cache = ours.new_cache(2, 6)
    parts = [ours(part, cache) for part in ids.cuda().split(2, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1).cpu(), expected, atol=1e-4, rtol=1e-4)
