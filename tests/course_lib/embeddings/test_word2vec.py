"""Gradients written by hand against autograd, and training against what is known of its optimum."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.embeddings.cooccurrence import cooccurrences
from course_lib.embeddings.table import Table
from course_lib.embeddings.vocabulary import Vocabulary, noise_distribution
from course_lib.embeddings.word2vec import Word2Vec, cbow_gradients, negative_sampling_loss, skipgram_gradients
from tests.random_inputs import generator, normal64

sizes = st.integers(1, 4)
ANIMALS, CITY = "mouse cat cheese milk hole".split(), "paris tower river bridge street".split()


def worlds(n=2000):
    """Two worlds that never mix: animals and food in one, the city in the other."""
    draws = torch.randint(0, 5, (n, 6), generator=generator(3)).tolist()
    return [[(ANIMALS, CITY)[i % 2][word] for word in draw] for i, draw in enumerate(draws)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), sizes, sizes, sizes)
def test_the_loss_is_binary_cross_entropy_with_labels_one_and_zero(seed, batch, n_negatives, d_model):
    u, v, n = (
        normal64(seed, batch, d_model),
        normal64(seed + 1, batch, d_model),
        normal64(seed + 2, batch, n_negatives, d_model),
    )
    scores = torch.cat([(u * v).sum(-1, keepdim=True), torch.einsum("bd,bkd->bk", u, n)], dim=1)
    labels = torch.zeros_like(scores)
    labels[:, 0] = 1
    expected = F.binary_cross_entropy_with_logits(scores, labels, reduction="sum") / batch
    torch.testing.assert_close(negative_sampling_loss(u, v, n), expected)


def test_the_loss_stays_finite_for_huge_scores_and_is_known_for_zero_vectors():
    u, v, n = torch.full((1, 1), 100.0), torch.full((1, 1), -100.0), torch.full((1, 2, 1), 100.0)
    assert negative_sampling_loss(u, v, n).item() == pytest.approx(30_000)
    assert negative_sampling_loss(0 * u, v, n).item() == pytest.approx(3 * math.log(2))


def test_the_loss_has_the_gradients_of_finite_differences():
    arguments = tuple(normal64(i, *shape).requires_grad_() for i, shape in enumerate([(2, 3), (2, 3), (2, 4, 3)]))
    assert torch.autograd.gradcheck(negative_sampling_loss, arguments)


def one_by_one(centres, contexts, negatives, pairs, n_negatives, cbow):
    """The loss of blocks, pair by pair, by its definition."""
    total = torch.zeros((), dtype=torch.float64)
    weight = n_negatives / negatives.size(1)
    for b in range(len(pairs)):
        for t in range(pairs.size(1)):
            around = contexts[b, pairs[b, t]]
            if cbow:
                examples = [(around.mean(0), centres[b, t])] if len(around) else []
            else:
                examples = [(centres[b, t], context) for context in around]
            for vector, target in examples:
                total = total - F.logsigmoid(vector @ target)
                total = total - weight * F.logsigmoid(-(negatives[b] @ vector)).sum()
    return total


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), sizes, sizes, sizes, sizes, st.booleans())
def test_gradients_of_blocks_equal_autograds_for_any_pairs(seed, n, t, s, k, cbow):
    arrays = [normal64(seed + i, n, size, 3).requires_grad_() for i, size in enumerate((t, s, k))]
    pairs = torch.rand(n, t, s, generator=generator(seed)) < 0.5
    expected = one_by_one(*arrays, pairs, 5, cbow)
    by_autograd = (
        torch.autograd.grad(expected, arrays, allow_unused=True, materialize_grads=True) if pairs.any() else None
    )
    with torch.no_grad():
        loss, examples, *by_hand = (cbow_gradients if cbow else skipgram_gradients)(*arrays, pairs, 5)
    torch.testing.assert_close(loss, expected.detach())
    assert examples == (pairs.any(2) if cbow else pairs).sum()
    for got, want in zip(by_hand, by_autograd or [torch.zeros_like(array) for array in arrays]):
        torch.testing.assert_close(got, want)


def test_an_update_of_a_table_without_repeated_ids_is_adagrads():
    rows, gradient = normal64(0, 6, 1), normal64(1, 6, 1)
    weight = torch.nn.Parameter(rows.clone())
    optimizer = torch.optim.Adagrad([weight], lr=0.3, initial_accumulator_value=1e-6, eps=0)
    ours = Table(rows)
    for _ in range(3):
        weight.grad = gradient.clone()
        optimizer.step()
        ours.step(torch.arange(6), gradient, lr=0.3)
    torch.testing.assert_close(ours.rows, weight.detach())


def test_a_table_adds_the_gradients_of_an_id_that_comes_twice_and_leaves_others_alone():
    ours = Table(torch.zeros(3, 2))
    ids, gradient = torch.tensor([[2, 0, 2]]), torch.tensor([[[1.0, 1.0], [3.0, 3.0], [2.0, 2.0]]])
    ours.step(ids, gradient, lr=0.1)
    torch.testing.assert_close(ours.squares, torch.tensor([9.0, 0.0, 5.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.rows[:, 0], torch.tensor([-0.1, 0.0, -0.3 / math.sqrt(5)]), atol=1e-5, rtol=0)
    assert torch.equal(ours.take(ids), ours.rows[ids])
    with pytest.raises(ValueError, match="rows must be a matrix of floating-point numbers"):
        Table(torch.zeros(3))


@pytest.mark.parametrize("cbow", [False, True])
def test_words_of_one_world_end_up_near_each_other_and_the_loss_falls(cbow):
    sentences = worlds()
    vocabulary = Vocabulary.from_sentences(sentences)
    text = vocabulary.encode(sentences)
    model = Word2Vec(text, vocabulary, 16, generator(), cbow=cbow, epochs=20, threshold=1.0)
    steps = list(model)
    assert [step.number for step in steps] == list(range(1, model.steps + 1)) and list(model) == []
    # a neighbour is 2/7 likely to be real: of a word's world it is drawn with 1/5, each of 5 negatives with 1/10
    lowest = -math.log(2 / 7) - 5 / 2 * math.log(5 / 7)
    assert steps[0].loss == pytest.approx(6 * math.log(2), rel=1e-4)
    assert sum(step.loss for step in steps[-20:]) / 20 == pytest.approx(lowest, abs=0.02)
    vectors = F.normalize(model.inputs.rows, dim=1)
    animals = torch.tensor([word in ANIMALS for word in vocabulary.words])
    cosines = vectors @ vectors.T
    assert cosines[animals][:, animals].min() > cosines[animals][:, ~animals].max() + 0.5


@pytest.mark.parametrize("cbow", [False, True])
def test_the_same_seed_gives_the_same_vectors_and_another_seed_others(cbow):
    sentences = worlds(60)
    vocabulary = Vocabulary.from_sentences(sentences)

    def trained(seed):
        model = Word2Vec(vocabulary.encode(sentences), vocabulary, 4, generator(seed), cbow=cbow, epochs=2)
        losses = [step.loss for step in model]
        return model.inputs.rows, losses

    rows, losses = trained(1)
    again, same = trained(1)
    assert torch.equal(rows, again) and losses == same
    assert not torch.equal(rows, trained(2)[0])


def test_the_scores_of_skipgram_become_pointwise_mutual_information_minus_ln_k():
    # Levy and Goldberg 2014, for vectors long enough to say everything; the noise is p^¾, so PMI is taken with it
    chance, k = generator(5), 2
    words = torch.multinomial(torch.tensor([0.4, 0.3, 0.2, 0.1]), 6000, replacement=True, generator=chance)
    follows = (words + torch.randint(0, 2, (6000,), generator=chance)) % 4
    sentences = [[str(a), str(b)] for a, b in zip(words.tolist(), follows.tolist())]
    vocabulary = Vocabulary.from_sentences(sentences)
    text = vocabulary.encode(sentences)
    model = Word2Vec(text, vocabulary, 8, generator(), window=1, n_negatives=k, epochs=60, threshold=1.0)
    for _ in model:
        pass
    counts = cooccurrences(text, 4, window=1).to_dense()
    expected = (counts / counts.sum(1, keepdim=True) / noise_distribution(vocabulary.counts) / k).log()
    scores = model.inputs.rows @ model.outputs.rows.T
    seen = counts > 0
    torch.testing.assert_close(scores[seen], expected[seen], atol=0.1, rtol=0)
    assert (scores[~seen] < expected[seen].min() - 1).all()


def test_a_batch_of_which_nothing_is_kept_changes_nothing():
    sentences = [["cheese"] * 40]
    vocabulary = Vocabulary.from_sentences(sentences)
    model = Word2Vec(vocabulary.encode(sentences), vocabulary, 2, generator(), threshold=1e-9, epochs=1)
    before = model.inputs.rows.clone()
    assert [step.loss for step in model] == [0.0] and torch.equal(before, model.inputs.rows)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"d_model": 0}, "d_model must be at least 1, got 0"),
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"n_negatives": 0}, "n_negatives must be at least 1, got 0"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"lr": 0.0}, "lr must be positive, got 0.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    vocabulary = Vocabulary(["a", "b"], torch.tensor([1, 1]))
    with pytest.raises(ValueError, match=message):
        Word2Vec(vocabulary.encode([["a", "b"]]), vocabulary, **({"d_model": 2, "generator": generator()} | settings))


def test_an_empty_text_and_shapes_that_do_not_fit_are_refused():
    vocabulary = Vocabulary(["a", "b"], torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="text must have words of the vocabulary, got none"):
        Word2Vec(vocabulary.encode([["c"]]), vocabulary, 2, generator())
    with pytest.raises(ValueError, match=r"negatives must have the shape \(2, K, 3\), got \(2, 3\)"):
        negative_sampling_loss(torch.ones(2, 3), torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"centres and contexts must both be \(B, D\)"):
        negative_sampling_loss(torch.ones(2, 3), torch.ones(1, 3), torch.ones(2, 1, 3))


@pytest.mark.gpu
@pytest.mark.parametrize("cbow", [False, True])
def test_training_on_a_gpu_reaches_the_same_loss(cbow):
    sentences = worlds()
    vocabulary = Vocabulary.from_sentences(sentences)
    last = {}
    for device in ("cpu", "cuda"):
        model = Word2Vec(
            vocabulary.encode(sentences), vocabulary, 16, generator(0, device), cbow=cbow, epochs=10, threshold=1.0
        )
        last[device] = [step.loss for step in model][-1]
        assert model.inputs.rows.device.type == device
    assert last["cuda"] == pytest.approx(last["cpu"], abs=0.1)
