"""What BERT, T5 and ELECTRA are asked: counts against their probabilities, and every corruption undone again."""

import collections
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.bert import (
    IGNORED,
    mask_tokens,
    mlm_loss,
    random_spans,
    replaced_token_detection,
    replaced_token_loss,
    span_corruption,
)
from tests.random_inputs import generator


def within(count, n, p):
    """Whether a binomial count lies within six standard deviations: wrong once in five hundred million."""
    return abs(count - n * p) < 6 * math.sqrt(n * p * (1 - p)) + 1e-9


@pytest.mark.parametrize("p", [0.15, 0.5])
def test_of_the_chosen_tokens_80_percent_are_masked_10_random_and_10_as_they_were(p):
    ids = torch.randint(0, 24, (400, 500), generator=generator())
    inputs, labels = mask_tokens(ids, 24, mask_id=3, special_ids=(0, 1, 2), p=p, generator=generator(1))
    ordinary, chosen = ids > 3, labels != IGNORED
    assert not (chosen & ~ordinary).any()
    assert labels[chosen].equal(ids[chosen]) and inputs[~chosen].equal(ids[~chosen])
    n = int(chosen.sum())
    assert within(n, int(ordinary.sum()), p)
    masked, same = inputs[chosen] == 3, inputs[chosen] == ids[chosen]
    assert within(int(masked.sum()), n, 0.8)
    assert within(int(same.sum()), n, 0.1 + 0.1 / 20)  # a random token is the true one in 1 of 20
    random = inputs[chosen][~masked & ~same]
    counts = collections.Counter(random.tolist())
    assert set(counts) == set(range(4, 24))
    assert all(within(count, len(random), 1 / 20) for count in counts.values())


def test_masking_leaves_its_argument_alone_and_is_reproducible():
    ids = torch.randint(3, 30, (4, 50), generator=generator())
    before = ids.clone()
    first, second = (mask_tokens(ids, 30, 2, generator=generator(5)) for _ in range(2))
    assert ids.equal(before) and all(a.equal(b) for a, b in zip(first, second))
    assert not mask_tokens(ids, 30, 2, generator=generator(6))[1].equal(first[1])


def test_with_p_0_nothing_is_asked_and_with_p_1_every_token_that_is_not_special():
    ids = torch.tensor([[1, 4, 5, 6, 0]])
    inputs, labels = mask_tokens(ids, 7, 2, (0, 1), p=0.0)
    assert inputs.equal(ids) and labels.eq(IGNORED).all()
    assert mask_tokens(ids, 7, 2, (0, 1), p=1.0)[1].tolist() == [[IGNORED, 4, 5, 6, IGNORED]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999))
def test_the_masked_loss_equals_torchs_and_is_zero_where_nothing_is_asked(seed):
    logits = torch.randn(3, 5, 8, generator=generator(seed), requires_grad=True)
    labels = torch.randint(0, 8, (3, 5), generator=generator(seed))
    labels[torch.rand(3, 5, generator=generator(seed)) < 0.5] = IGNORED
    labels[0, 0] = 3
    torch.testing.assert_close(mlm_loss(logits, labels), F.cross_entropy(logits.flatten(0, 1), labels.flatten()))
    nothing = mlm_loss(logits, torch.full((3, 5), IGNORED))
    nothing.backward()
    assert nothing == 0 and logits.grad.eq(0).all()


def pieces(missing):
    """The runs of a boolean sequence: [(value, length), …]."""
    return [(value, len(list(run))) for value, run in itertools.groupby(missing.tolist())]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 999), st.integers(2, 60), st.floats(0.05, 0.95), st.floats(1.0, 6.0))
def test_missing_spans_have_the_number_and_the_lengths_that_were_asked_for(seed, length, density, mean_span):
    missing = random_spans(length, density, mean_span, generator(seed))
    assert missing.shape == (length,) and missing.dtype == torch.bool
    n_missing = min(max(round(length * density), 1), length - 1)
    assert missing.sum() == n_missing
    runs = pieces(missing)
    assert not runs[0][0] and runs[-1][0] and len(runs) % 2 == 0
    assert len(runs) // 2 == min(max(round(n_missing / mean_span), 1), length - n_missing)


def test_all_ways_to_divide_a_text_are_equally_likely():
    # 7 tokens, 3 of them missing in 2 spans: 1 + 2 or 2 + 1, and the other 4 are 1 + 3, 2 + 2 or 3 + 1
    rng, n = generator(), 3000
    seen = collections.Counter(tuple(random_spans(7, 3 / 7, 1.5, rng).tolist()) for _ in range(n))
    assert len(seen) == 6 and all(within(count, n, 1 / 6) for count in seen.values())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=20))
def test_filling_the_gaps_of_a_corrupted_text_gives_the_text(tokens):
    ids, missing = (torch.tensor(column) for column in zip(*tokens))
    sentinels = list(range(100, 100 - 21, -1))
    source, target = (part.tolist() for part in span_corruption(ids, missing, sentinels))
    n_gaps = sum(value for value, _ in pieces(missing))
    used = sentinels[: n_gaps + 1]
    assert [token for token in target if token > 50] == used
    assert [token for token in source if token > 50] == used[:-1]
    filled = []
    for token in source:
        if token > 50:
            start = target.index(token) + 1
            filled += target[start : target.index(used[used.index(token) + 1])]
        else:
            filled.append(token)
    assert filled == ids.tolist()
    assert all(a <= 50 or b <= 50 for a, b in itertools.pairwise(source))  # neighbours were one gap


def test_the_example_of_the_paper():
    words = "Thank you for inviting me to your party last week .".split()
    missing = torch.tensor([word in ("for", "inviting", "last") for word in words])
    source, target = span_corruption(torch.arange(11), missing, (20, 21, 22))
    names = dict(enumerate(words)) | {20: "<X>", 21: "<Y>", 22: "<Z>"}
    assert " ".join(names[token] for token in source.tolist()) == "Thank you <X> me to your party <Y> week ."
    assert " ".join(names[token] for token in target.tolist()) == "<X> for inviting <Y> last <Z>"


def test_replaced_tokens_are_drawn_from_the_small_model_and_a_right_guess_is_not_replaced():
    ids = torch.randint(0, 4, (200, 100), generator=generator())
    chosen = torch.rand(200, 100, generator=generator(1)) < 0.3
    probs = torch.tensor([0.1, 0.2, 0.3, 0.4])
    logits = probs.log().expand(200, 100, 4).clone().requires_grad_()
    before = ids.clone()
    corrupted, replaced = replaced_token_detection(ids, chosen, logits, generator(2))
    assert ids.equal(before) and not corrupted.requires_grad
    assert corrupted[~chosen].equal(ids[~chosen]) and replaced.equal(corrupted != ids)
    for true in range(4):
        guesses = corrupted[chosen & (ids == true)]
        assert all(within(int((guesses == token).sum()), len(guesses), p) for token, p in enumerate(probs.tolist()))
        still_right = ~replaced[chosen & (ids == true)]
        assert within(int(still_right.sum()), len(still_right), probs[true].item())
    certain = F.one_hot(ids, 4).float().log()
    assert not replaced_token_detection(ids, chosen, certain, generator())[1].any()
    assert replaced_token_detection(ids, torch.zeros_like(chosen), logits)[0].equal(ids)


def test_the_detection_loss_is_the_mean_over_all_real_tokens():
    scores, replaced = torch.randn(3, 6, generator=generator()), torch.rand(3, 6, generator=generator(1)) < 0.3
    real = torch.rand(3, 6, generator=generator(2)) < 0.7
    each = [
        -math.log(1 / (1 + math.exp(-score if yes else score)))
        for score, yes, counts in zip(scores.flatten().tolist(), replaced.flatten(), real.flatten())
        if counts
    ]
    assert replaced_token_loss(scores, replaced, real).item() == pytest.approx(sum(each) / len(each), rel=1e-5)
    everywhere = torch.ones(3, 6) == 1
    assert replaced_token_loss(scores, replaced).equal(replaced_token_loss(scores, replaced, everywhere))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda ids: mask_tokens(ids, 9, 2, p=1.5), ValueError, "p must be .* got 1.5"),
        (lambda ids: mask_tokens(ids, 9, 9), ValueError, r"from 0 to 8, got \[0, 9\]"),
        (lambda ids: mask_tokens(ids, 3, 2, (0, 1)), ValueError, "leave some of the 3 ids"),
        (lambda ids: mlm_loss(torch.zeros(2, 3), ids), ValueError, r"labels must have the shape \(2,\), got \(1, 3\)"),
        (lambda ids: random_spans(1), ValueError, "length must be at least 2, got 1"),
        (lambda ids: random_spans(9, 1.0), ValueError, "density must be more than 0 and less than 1, got 1"),
        (lambda ids: random_spans(9, mean_span=0.5), ValueError, "mean_span must be at least 1, got 0.5"),
        (lambda ids: span_corruption(ids, ids == 5, (9, 8)), ValueError, r"\(T,\), got \(1, 3\)"),
        (lambda ids: span_corruption(ids[0], ids[0], (9, 8)), TypeError, "torch.int64"),
        (lambda ids: span_corruption(ids[0], ids[0] != 5, (9, 8)), ValueError, "2 missing pieces, got 2"),
        (lambda ids: replaced_token_detection(ids, ids == 5, torch.zeros(3, 9)), ValueError, r"\(3, 9\)"),
        (lambda ids: replaced_token_loss(torch.zeros(1, 2), ids == 5), ValueError, r"one shape, got \(1, 2\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.tensor([[4, 5, 6]]))


@pytest.mark.gpu
def test_on_a_gpu_a_generator_of_the_cpu_chooses_the_same():
    ids = torch.randint(3, 30, (4, 50), generator=generator())
    inputs, labels = mask_tokens(ids, 30, 2, generator=generator(5))
    on_gpu = mask_tokens(ids.cuda(), 30, 2, generator=generator(5))
    assert on_gpu[0].is_cuda and on_gpu[0].cpu().equal(inputs) and on_gpu[1].cpu().equal(labels)
    missing = random_spans(50, generator=generator(3))
    source, target = span_corruption(ids[0].cuda(), missing.cuda(), range(99, 80, -1))
    expected = span_corruption(ids[0], missing, range(99, 80, -1))
    assert source.cpu().equal(expected[0]) and target.cpu().equal(expected[1])
    logits = torch.randn(4, 50, 30, generator=generator())
    corrupted, _ = replaced_token_detection(ids.cuda(), labels.cuda() >= 0, logits.cuda(), generator(4))
    assert corrupted.cpu().equal(replaced_token_detection(ids, labels >= 0, logits, generator(4))[0])
