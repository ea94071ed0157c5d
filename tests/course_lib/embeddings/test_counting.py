"""Co-occurrence counts, PPMI and its SVD against loops, definitions and scipy; GloVe against autograd."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import svds

from course_lib.embeddings.cooccurrence import cooccurrences, ppmi, svd_vectors
from course_lib.embeddings.glove import GloVe, glove_loss
from course_lib.embeddings.table import Table
from course_lib.embeddings.vocabulary import Text
from tests.random_inputs import generator, normal, normal64


def random_counts(seed, n=12, density=0.4):
    x = torch.poisson(torch.full((n, n), 4.0), generator=generator(seed)) * (
        torch.rand(n, n, generator=generator(seed)) < density
    )
    return x + x.T


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), max_size=8), min_size=1, max_size=5), st.integers(1, 9), st.booleans())
def test_counts_are_those_of_two_loops(lines, window, harmonic):
    expected = torch.zeros(5, 5)
    for line in lines:
        for i, a in enumerate(line):
            for j, b in enumerate(line):
                if 0 < abs(i - j) <= window:
                    expected[a, b] += 1 / abs(i - j) if harmonic else 1
    ids = torch.tensor([word for line in lines for word in line], dtype=torch.int64)
    sentences = torch.tensor([n for n, line in enumerate(lines) for _ in line], dtype=torch.int64)
    counts = cooccurrences(Text(ids, sentences), 5, window, harmonic)
    torch.testing.assert_close(counts.to_dense(), expected)
    assert (counts.values() > 0).all()


@pytest.mark.parametrize(("k", "power"), [(1, 1.0), (5, 1.0), (1, 0.75), (3, 0.75)])
def test_ppmi_is_its_definition(k, power):
    counts = random_counts(2)
    joint = counts / counts.sum()
    contexts = counts.sum(0) ** power
    pmi = (joint / joint.sum(1, keepdim=True) / (contexts / contexts.sum()) / k).log()
    found = ppmi(counts.to_sparse(), k, power)
    torch.testing.assert_close(found.to_dense(), pmi.clamp(min=0))
    assert (found.values() > 0).all() and found._nnz() < counts.count_nonzero()


def test_independent_words_have_no_information_about_each_other():
    shares = torch.tensor([0.5, 0.3, 0.2])
    found = ppmi((1000 * shares[:, None] * shares).to_sparse())
    assert found.to_dense().abs().max() < 1e-6


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_svd_vectors_have_the_dot_products_of_the_exact_truncated_svd(power):
    matrix = normal64(0, 60, 8) @ normal64(1, 8, 50) + 0.01 * normal64(2, 60, 50)
    u, values, _ = svds(matrix.numpy(), k=8)
    exact = torch.tensor(u * values**power)
    ours = svd_vectors(matrix.to_sparse(), 8, generator(), power)
    torch.testing.assert_close(ours @ ours.T, exact @ exact.T, atol=1e-3, rtol=1e-3)
    assert ours.norm(dim=0).tolist() == pytest.approx(list(values[::-1] ** power), rel=1e-5)


def test_svd_vectors_of_a_matrix_without_a_gap_between_singular_values_keep_as_much_of_it():
    matrix = ppmi(random_counts(4, n=80, density=0.15).double().to_sparse())
    exact = torch.linalg.svdvals(matrix.to_dense())[:8]
    ours = svd_vectors(matrix, 8, generator(), power=1.0)
    torch.testing.assert_close(ours.norm(dim=0), exact, rtol=0.02, atol=0)


def test_svd_vectors_of_full_length_keep_all_dot_products_of_the_rows():
    matrix = random_counts(1, n=9)
    ours = svd_vectors(matrix.to_sparse(), 9, generator(), power=1.0)
    torch.testing.assert_close(ours @ ours.T, matrix @ matrix.T, rtol=1e-4, atol=1e-2)
    assert torch.equal(ours, svd_vectors(matrix.to_sparse(), 9, generator(), power=1.0))


def test_glove_loss_has_the_gradients_of_finite_differences_and_ignores_pairs_that_never_occur():
    arguments = [normal64(i, *shape).requires_grad_() for i, shape in enumerate([(4, 3), (4, 3), (4,), (4,)])]
    counts = torch.tensor([0.0, 0.5, 20.0, 500.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *a: glove_loss(*a, counts), arguments)
    loss = glove_loss(*arguments, counts)
    loss.backward()
    assert loss.isfinite() and all(x.grad[0].eq(0).all() and x.grad[1].ne(0).all() for x in arguments)
    by_definition = sum(
        min(1.0, (x / 100) ** 0.75) * ((w @ c).item() + b + d - math.log(x)) ** 2
        for w, c, b, d, x in zip(
            *(a.detach() for a in arguments[:2]), *(a.tolist() for a in arguments[2:]), counts.tolist()
        )
        if x > 0
    )
    assert loss.item() == pytest.approx(by_definition)


def test_an_update_of_glove_steps_by_the_gradients_of_the_loss(monkeypatch):
    steps = []
    monkeypatch.setattr(Table, "step", lambda self, ids, gradient, lr: steps.append((ids, gradient)))
    model = GloVe(random_counts(3).to_sparse(), 4, generator(), epochs=1, x_max=10.0)
    (step,) = model
    word, context = steps[0][0], steps[1][0]
    tables = (model.words, model.contexts, model.word_biases, model.context_biases)
    leaves = [t.take(ids).squeeze(-1).requires_grad_() for t, ids in zip(tables, (word, context, word, context))]
    counts = random_counts(3)[word, context]
    loss = glove_loss(*leaves, counts, x_max=10.0)
    assert step.loss == pytest.approx(loss.item() / len(counts), rel=1e-5)
    for leaf, (_, by_hand), by_autograd in zip(leaves, steps, torch.autograd.grad(loss, leaves)):
        torch.testing.assert_close(by_hand.reshape(leaf.shape), by_autograd)


def test_glove_sees_every_pair_once_an_epoch_in_an_order_of_its_own(monkeypatch):
    monkeypatch.setattr(Table, "step", lambda self, ids, gradient, lr: seen.setdefault(id(self), []).append(ids))
    seen = {}
    model = GloVe(torch.ones(70, 70).to_sparse(), 2, generator(), epochs=2)
    assert len(list(model)) == 4  # 4900 pairs, 4096 in a batch
    pairs = 70 * torch.cat(seen[id(model.words)]) + torch.cat(seen[id(model.contexts)])
    first, second = pairs.chunk(2)
    assert first.sort().values.equal(torch.arange(4900)) and second.sort().values.equal(torch.arange(4900))
    assert not first.equal(second)


def test_glove_explains_counts_that_were_made_by_vectors():
    w, b = normal(1, 30, 3) / 2, normal(2, 30)
    counts = (w @ w.T + b[:, None] + b + 3).exp()
    model = GloVe(counts.to_sparse(), 8, generator(), epochs=400, lr=0.1, x_max=20.0)
    losses = [step.loss for step in model]
    assert losses[-1] < 0.01 * losses[0]
    said = model.words.rows @ model.contexts.rows.T + model.word_biases.rows + model.context_biases.rows.T
    often = counts > 5
    torch.testing.assert_close(said[often], counts[often].log(), atol=0.4, rtol=0)
    assert model.vectors().shape == (30, 8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cooccurrences(Text(torch.tensor([0]), torch.tensor([0])), 1, 0), "window must be at least 1, got 0"),
        (lambda: ppmi(torch.ones(2, 2)), "counts must be a sparse tensor"),
        (lambda: ppmi(torch.ones(2, 2).to_sparse(), 0), "n_negatives must be positive, got 0"),
        (lambda: svd_vectors(torch.ones(2, 3).to_sparse(), 3, generator()), "d_model must be from 1 to 2, got 3"),
        (lambda: GloVe(torch.zeros(2, 2).to_sparse(), 3, generator()), "counts must be a sparse tensor with entries"),
        (lambda: GloVe(torch.ones(2, 2).to_sparse(), 0, generator()), "d_model must be at least 1, got 0"),
        (
            lambda: glove_loss(*[torch.ones(2, 2)] * 2, *[torch.ones(2)] * 2, -torch.ones(2)),
            "counts must be ≥ 0, got -1",
        ),
        (lambda: glove_loss(*[torch.ones(2, 2)] * 2, torch.ones(1), *[torch.ones(2)] * 2), "word_biases must have"),
        (lambda: glove_loss(torch.ones(2), torch.ones(2), *[torch.ones(2)] * 3), "words and contexts must be"),
    ],
)
def test_nonsense_is_refused_with_the_argument_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
