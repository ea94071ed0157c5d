"""Information theory and losses agree with scipy, torch and torch.distributions, at the edges too."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_lib.information import (
    binary_cross_entropy_with_logits,
    categorical_cross_entropy,
    cross_entropy,
    entropy,
    kl_divergence,
    log_softmax,
    perplexity,
    softmax,
    surprisal,
)
from tests.random_inputs import generator

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def logits_of(*shape: int, scale: float = 3.0, seed: int = 0) -> torch.Tensor:
    return scale * torch.randn(shape, generator=generator(seed), dtype=torch.float64)


@st.composite
def distributions(draw, rows: int = 2):
    """Rows of at least two weights, some of them 0, scaled to sum to 1."""
    size = draw(st.integers(2, 8))
    weights = draw(hnp.arrays(np.float64, (rows, size), elements=st.floats(0, 1)))
    weights = np.where(weights < 1e-6, 0, weights)
    weights[:, 0] += 1e-3
    return torch.from_numpy(weights / weights.sum(-1, keepdims=True))


# ---- surprisal --------------------------------------------------------------------------------------------


def test_the_surprise_of_a_probability_is_its_negative_logarithm():
    p = torch.rand(3, 4, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(surprisal(p), torch.from_numpy(-np.log(p.numpy())))


def test_certainty_is_no_surprise_and_the_impossible_an_infinite_one():
    assert surprisal(torch.tensor([1.0, 0.0])).tolist() == [0.0, math.inf]
    assert math.copysign(1, surprisal(torch.tensor(1.0)).item()) == 1.0  # 0.0, which does not print as -0


def test_surprises_of_independent_events_add():
    p, q = torch.rand(2, 5, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(surprisal(p * q), surprisal(p) + surprisal(q))


# ---- entropy, cross-entropy, divergence -------------------------------------------------------------------


@given(distributions())
def test_entropy_agrees_with_scipy(p):
    torch.testing.assert_close(entropy(p), torch.from_numpy(scipy.stats.entropy(p.numpy(), axis=-1)))


@given(distributions())
def test_entropy_lies_between_0_and_that_of_the_uniform_distribution(p):
    assert (entropy(p) >= -1e-12).all()
    assert (entropy(p) <= math.log(p.shape[-1]) + 1e-12).all()


def test_entropy_agrees_with_torch_distributions():
    p = logits_of(4, 7).softmax(-1)
    torch.testing.assert_close(entropy(p), torch.distributions.Categorical(p).entropy())


@given(distributions(rows=1), distributions(rows=1))
def test_divergence_agrees_with_scipy_where_p_is_0_and_where_q_is_0(p, q):
    size = min(p.shape[-1], q.shape[-1])
    p, q = p[..., :size] / p[..., :size].sum(), q[..., :size] / q[..., :size].sum()
    expected = scipy.special.rel_entr(p.numpy(), q.numpy()).sum(-1)
    torch.testing.assert_close(kl_divergence(p, q), torch.from_numpy(expected), atol=1e-9, rtol=1e-9)


def test_divergence_agrees_with_torch_distributions():
    p, q = logits_of(4, 7).softmax(-1), logits_of(4, 7, seed=1).softmax(-1)
    expected = torch.distributions.kl_divergence(torch.distributions.Categorical(p), torch.distributions.Categorical(q))
    torch.testing.assert_close(kl_divergence(p, q), expected)


@given(distributions(rows=2))
def test_divergence_is_never_negative_and_0_only_from_itself(rows):
    p, q = rows
    assert kl_divergence(p, q) >= -1e-12
    assert kl_divergence(p, p) == 0


@given(distributions(rows=2))
def test_cross_entropy_is_entropy_plus_divergence(rows):
    p, q = rows
    torch.testing.assert_close(cross_entropy(p, q), entropy(p) + kl_divergence(p, q))


def test_a_model_that_rules_out_what_happens_is_infinitely_wrong_and_not_the_other_way_round():
    p, q = torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0])
    assert kl_divergence(p, q) == math.inf and cross_entropy(p, q) == math.inf
    torch.testing.assert_close(kl_divergence(q, p), torch.tensor(math.log(2)))
    torch.testing.assert_close(cross_entropy(q, p), torch.tensor(math.log(2)))


def test_an_outcome_that_neither_expects_counts_for_nothing():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.75, 0.0])
    torch.testing.assert_close(cross_entropy(p, q), cross_entropy(p[:2], q[:2]))
    torch.testing.assert_close(kl_divergence(p, q), kl_divergence(p[:2], q[:2]))


def test_one_model_may_be_compared_with_many_distributions():
    p, q = logits_of(3, 5).softmax(-1), logits_of(5, seed=1).softmax(-1)
    expected = torch.stack([cross_entropy(row, q) for row in p])
    torch.testing.assert_close(cross_entropy(p, q), expected)
    torch.testing.assert_close(kl_divergence(p, q), expected - entropy(p))


@pytest.mark.parametrize("function", [cross_entropy, kl_divergence])
def test_distributions_over_different_outcomes_are_refused(function):
    with pytest.raises(ValueError, match=r"q must have the last dimension of p.*\(1,\).*\(3,\)"):
        function(torch.full((3,), 1 / 3), torch.ones(1))


def test_gradients_are_finite_where_probabilities_are_0():
    logits = torch.tensor([0.0, 1.0, -math.inf], requires_grad=True)
    for function in (entropy, lambda p: cross_entropy(p, p.detach()), lambda p: kl_divergence(p, p.detach())):
        (gradient,) = torch.autograd.grad(function(torch.softmax(logits, -1)), logits)
        assert gradient.isfinite().all()
    p = torch.tensor([1.0, 0.0])
    q = torch.tensor([0.25, 0.75], requires_grad=True)
    (gradient,) = torch.autograd.grad(cross_entropy(p, q), q)
    assert gradient.tolist() == [-4.0, 0.0]


def test_the_gradient_of_cross_entropy_by_p_is_the_surprise_even_where_p_is_0():
    p = torch.tensor([1.0, 0.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(cross_entropy(p, torch.tensor([0.25, 0.75])), p)
    torch.testing.assert_close(gradient, -torch.tensor([0.25, 0.75]).log())


def test_gradients_agree_with_finite_differences():
    z = logits_of(2, 4).requires_grad_()
    w = logits_of(2, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda z, w: kl_divergence(softmax(z), softmax(w)), (z, w))
    assert torch.autograd.gradcheck(lambda z, w: cross_entropy(softmax(z, 0.7), softmax(w)), (z, w))
    assert torch.autograd.gradcheck(lambda z: entropy(log_softmax(z).exp()), (z,))


# ---- perplexity -------------------------------------------------------------------------------------------


def test_the_perplexity_of_a_uniform_guess_is_the_number_of_choices():
    log_probs = torch.full((10,), -math.log(8))
    torch.testing.assert_close(perplexity(log_probs), torch.tensor(8.0))


def test_perplexity_is_the_exponential_of_the_mean_surprise_over_all_tokens():
    log_probs = -torch.rand(3, 5, generator=generator(), dtype=torch.float64)
    expected = scipy.stats.gmean(np.exp(-log_probs.numpy().reshape(-1)))
    torch.testing.assert_close(perplexity(log_probs).item(), expected)


def test_one_impossible_token_makes_the_perplexity_infinite():
    assert perplexity(torch.tensor([-1.0, -math.inf])) == math.inf


def test_perplexity_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"log_probs must hold at least one token, got shape \(0,\)"):
        perplexity(torch.empty(0))


# ---- softmax ----------------------------------------------------------------------------------------------


@given(hnp.arrays(np.float64, (2, 5), elements=st.floats(-1e4, 1e4)), st.floats(1e-3, 1e3))
def test_softmax_agrees_with_scipy_at_any_temperature(logits, temperature):
    expected = scipy.special.softmax((logits - logits.max(-1, keepdims=True)) / temperature, axis=-1)
    torch.testing.assert_close(softmax(torch.from_numpy(logits), temperature), torch.from_numpy(expected))


@given(hnp.arrays(np.float64, (2, 5), elements=st.floats(-1e4, 1e4)))
def test_log_softmax_agrees_with_scipy(logits):
    torch.testing.assert_close(
        log_softmax(torch.from_numpy(logits)), torch.from_numpy(scipy.special.log_softmax(logits, axis=-1))
    )


@pytest.mark.parametrize("dtype", FLOATS)
def test_temperature_0_shares_all_mass_equally_among_the_largest(dtype):
    logits = torch.tensor([[1.0, 3.0, 3.0, -2.0], [5.0, 1.0, 0.0, -math.inf]], dtype=dtype)
    assert softmax(logits, 0).tolist() == [[0, 0.5, 0.5, 0], [1, 0, 0, 0]]


def test_temperature_0_is_the_limit_of_small_temperatures():
    logits = logits_of(6, 9)
    torch.testing.assert_close(softmax(logits, 1e-6), softmax(logits, 0.0))


@pytest.mark.parametrize("temperature", [1e-4, 1e-38, 1e-39, 1e-45, 1e-308, 5e-324])
@pytest.mark.parametrize("dtype", FLOATS)
def test_tiny_temperatures_do_not_overflow(dtype, temperature):
    logits = torch.tensor([20.0, 19.0, 0.0], dtype=dtype)
    assert softmax(logits, temperature).tolist() == [1.0, 0.0, 0.0]
    assert softmax(-logits, temperature).tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("temperature", [-1.0, -1e-300, math.nan, math.inf])
def test_a_temperature_that_is_negative_or_not_finite_is_refused(temperature):
    with pytest.raises(ValueError, match=r"temperature must be at least 0.*, got"):
        softmax(torch.zeros(3), temperature)


def test_masked_logits_get_no_probability_and_a_finite_gradient():
    logits = torch.tensor([1.0, 2.0, -math.inf], requires_grad=True)
    p = softmax(logits)
    assert p[2] == 0
    (gradient,) = torch.autograd.grad(p[0], logits, retain_graph=True)
    torch.testing.assert_close(gradient, torch.autograd.grad(torch.softmax(logits, -1)[0], logits)[0])
    (gradient,) = torch.autograd.grad(log_softmax(logits)[0], logits)
    torch.testing.assert_close(gradient, torch.autograd.grad(torch.log_softmax(logits, -1)[0], logits)[0])


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_row_without_any_allowed_outcome_has_no_softmax(temperature):
    assert softmax(torch.full((2,), -math.inf), temperature).isnan().all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_large_logits_overflow_in_no_type(dtype):
    logits = torch.tensor([60000.0, -60000.0, 59000.0], dtype=dtype)
    assert softmax(logits).tolist() == [1.0, 0.0, 0.0]
    assert log_softmax(logits)[0] == 0 and log_softmax(logits).isnan().sum() == 0
    assert softmax(logits).dtype == dtype and log_softmax(logits).dtype == dtype


# ---- losses -----------------------------------------------------------------------------------------------


def test_binary_cross_entropy_agrees_with_torch():
    z, y = logits_of(6, 3, scale=10.0), torch.rand(6, 3, generator=generator(1), dtype=torch.float64)
    expected = F.binary_cross_entropy_with_logits(z, y)
    torch.testing.assert_close(binary_cross_entropy_with_logits(z, y), expected)


def test_binary_cross_entropy_is_the_negative_log_likelihood_of_a_bernoulli():
    z, y = logits_of(8), torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])
    expected = -torch.distributions.Bernoulli(logits=z).log_prob(y.double()).mean()
    torch.testing.assert_close(binary_cross_entropy_with_logits(z, y), expected)
    torch.testing.assert_close(binary_cross_entropy_with_logits(z, y.bool()), expected)


@settings(max_examples=50)
@given(st.floats(-1e4, 1e4), st.sampled_from([0.0, 0.25, 1.0]))
def test_the_gradient_of_binary_cross_entropy_is_probability_minus_label(z, y):
    logit = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    binary_cross_entropy_with_logits(logit, torch.tensor(y)).backward()
    assert logit.grad.item() == pytest.approx(scipy.special.expit(z) - y, abs=1e-12)


def test_a_confidently_wrong_example_is_still_corrected():
    z = torch.tensor([20.0, 120.0, -120.0, 0.0], requires_grad=True)
    y = torch.tensor([0.0, 0.0, 1.0, 1.0])
    loss = binary_cross_entropy_with_logits(z, y)
    loss.backward()
    torch.testing.assert_close(loss.detach(), torch.tensor((20 + 120 + 120 + math.log(2)) / 4))
    torch.testing.assert_close(z.grad, torch.tensor([0.25, 0.25, -0.25, -0.125]))


def test_a_confidently_right_example_has_a_small_loss_and_not_0():
    loss = binary_cross_entropy_with_logits(torch.tensor([20.0]), torch.tensor([1.0]))
    assert loss.item() == pytest.approx(math.exp(-20), rel=1e-5)


def test_labels_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"labels must have the shape of logits, got \(4,\) and \(4, 1\)"):
        binary_cross_entropy_with_logits(torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_categorical_cross_entropy_agrees_with_torch(shape):
    logits = logits_of(*shape, 7).requires_grad_()
    targets = torch.randint(7, shape, generator=generator(1))
    loss = categorical_cross_entropy(logits, targets)
    expected = F.cross_entropy(logits.reshape(-1, 7), targets.reshape(-1))
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], torch.autograd.grad(expected, logits)[0])


def test_categorical_cross_entropy_of_huge_logits_is_finite():
    logits = torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]])
    assert categorical_cross_entropy(logits, torch.tensor([1, 0])) == 1000.0


def test_two_classes_are_the_binary_loss():
    z, y = logits_of(9), torch.randint(2, (9,), generator=generator(1))
    two = torch.stack([torch.zeros_like(z), z], -1)
    torch.testing.assert_close(categorical_cross_entropy(two, y), binary_cross_entropy_with_logits(z, y))


def test_targets_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"targets must have the shape \(2,\), got \(2, 1\)"):
        categorical_cross_entropy(torch.zeros(2, 3), torch.zeros(2, 1, dtype=torch.long))


@pytest.mark.parametrize("dtype", FLOATS)
def test_results_keep_the_type_of_their_argument(dtype):
    p = torch.tensor([0.25, 0.75], dtype=dtype)
    y = torch.tensor([1, 0])
    results = [
        surprisal(p),
        entropy(p),
        cross_entropy(p, p),
        kl_divergence(p, p),
        perplexity(p.log()),
        softmax(p),
        log_softmax(p),
        binary_cross_entropy_with_logits(p, y),
        categorical_cross_entropy(p, torch.tensor(1)),
    ]
    assert {result.dtype for result in results} == {dtype}
