"""The deep averaging network: against nn.EmbeddingBag, blind to padding and order, able to learn."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.neural.deep_averaging import DeepAveragingNetwork, drop_words, mean_of_words


def network(seed=0, **options):
    torch.manual_seed(seed)
    return DeepAveragingNetwork(12, 3, d_model=5, d_hidden=7, **options)


def texts(seed, batch=6, length=8):
    """Return ids (B, T) with 0 … T − 1 padding tokens at the right, as long texts and short ones in a batch have."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 12, (batch, length), generator=generator)
    lengths = torch.randint(1, length + 1, (batch, 1), generator=generator)
    return ids.masked_fill(torch.arange(length) >= lengths, 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(0, 3))
def test_it_equals_torchs_embedding_bag_and_linear_layers_with_all_gradients(seed, n_layers):
    ours, ids = network(seed, n_layers=n_layers), texts(seed)
    bag = nn.EmbeddingBag(12, 5, mode="mean", padding_idx=0)
    bag.weight.data.copy_(ours.words.weight.data)
    linears = []
    for layer in [*ours.hidden, ours.to_logits]:
        copy = nn.Linear(layer.in_features, layer.out_features)
        copy.load_state_dict(layer.state_dict())
        linears += [copy, nn.ReLU()]
    theirs = nn.Sequential(bag, *linears[:-1])
    torch.testing.assert_close(ours(ids), theirs(ids))
    for model in (ours, theirs):
        model(ids).square().sum().backward()
    torch.testing.assert_close([p.grad for p in ours.parameters()], [p.grad for p in theirs.parameters()])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(0, 5), st.permutations(range(8)))
def test_neither_more_padding_nor_another_order_changes_anything(seed, more, order):
    model, ids = network(seed), texts(seed)
    torch.testing.assert_close(model(F.pad(ids, (more, more))), model(ids), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(model(ids[:, order]), model(ids), atol=1e-6, rtol=1e-5)


def test_a_text_without_words_has_the_mean_zero_and_finite_gradients():
    model = network()
    logits = model(torch.tensor([[0, 0, 0], [1, 2, 0]]))
    logits.square().sum().backward()
    zero = torch.zeros(1, 5)
    for layer in model.hidden:
        zero = layer(zero).relu()
    torch.testing.assert_close(logits[:1], model.to_logits(zero))
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert model.words.weight.grad[0].eq(0).all() and model.words.weight.grad[1].ne(0).any()


def test_what_padding_holds_does_not_matter_even_if_it_is_not_a_number():
    vectors, mask = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)), torch.ones(2, 3).bool()
    mask[1, 1:] = False
    spoiled = vectors.masked_fill(~mask[..., None], float("nan"))
    assert torch.equal(mean_of_words(spoiled, mask), mean_of_words(vectors, mask))
    torch.testing.assert_close(mean_of_words(vectors, mask)[1], vectors[1, 0])


def test_words_are_dropped_independently_at_the_given_rate():
    mask = torch.ones(4000, 5).bool()
    mask[:, 4] = False
    kept = drop_words(mask, 0.3, torch.Generator().manual_seed(0))
    assert not kept[:, 4].any()
    counts = torch.bincount(kept.sum(-1), minlength=5)[1:5] / 4000
    expected = torch.tensor([4 * 0.7 * 0.3**3, 6 * 0.49 * 0.09, 4 * 0.343 * 0.3, 0.7**4])
    expected[3] += 0.3**4  # texts that would have lost everything keep everything
    torch.testing.assert_close(counts, expected, atol=0.03, rtol=0)
    assert (kept[:, :4].float().mean(0) - (0.7 + 0.3**4)).abs().max() < 0.03


def test_dropping_everything_or_nothing_keeps_every_word():
    mask = texts(0) != 0
    for dropout in (0.0, 1.0):
        assert torch.equal(drop_words(mask, dropout, torch.Generator().manual_seed(0)), mask)
    assert not drop_words(torch.zeros(2, 3).bool(), 0.5).any()


def test_word_dropout_works_in_training_only_and_gives_means_of_fewer_words():
    model, ids = network(word_dropout=0.5, n_layers=0), torch.tensor([[1, 2]])
    model.to_logits = nn.Identity()
    first, second = model.words.weight[1], model.words.weight[2]
    possible = {"first": first, "second": second, "both": (first + second) / 2}
    torch.manual_seed(0)
    seen = set()
    for _ in range(60):
        seen |= {name for name, mean in possible.items() if torch.allclose(model(ids)[0], mean)}
    assert seen == set(possible)
    model.eval()
    assert all(torch.allclose(model(ids)[0], possible["both"]) for _ in range(10))


def test_it_learns_which_of_two_words_is_in_a_text():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(3, 12, (400, 6), generator=generator)
    labels = torch.randint(2, (400,), generator=generator)
    ids[torch.arange(400), torch.randint(6, (400,), generator=generator)] = 1 + labels
    model = network(word_dropout=0.2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(ids[:300]), labels[:300]).backward()
        optimizer.step()
    assert (model.eval()(ids[300:]).argmax(-1) == labels[300:]).float().mean() > 0.95


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda v: mean_of_words(v, torch.ones(2, 3)), TypeError, "mask must be boolean, .* torch.float32"),
        (lambda v: mean_of_words(v, torch.ones(2, 4).bool()), ValueError, r"\(2, 3\), got \(2, 4\)"),
        (lambda v: drop_words(torch.ones(2, 3).bool(), 1.5), ValueError, "between 0 and 1, got 1.5"),
        (lambda v: network(word_dropout=-0.1), ValueError, "word_dropout must .* got -0.1"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.zeros(2, 3, 4))
