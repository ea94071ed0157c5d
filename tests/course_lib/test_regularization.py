"""Penalties and dropout against torch's, early stopping against the Trainer's, noise in texts against its promises."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from torch import nn

from course_lib.regularization import (
    EarlyStopping,
    augment_tokens,
    bias_variance,
    dropout,
    early_stopping,
    l1_penalty,
    l2_penalty,
)
from course_lib.train import Trainer
from tests.random_inputs import generator

FALSE_ALARM = 1e-9  # of each statistical test; the draws are seeded anyway


# ---- penalties --------------------------------------------------------------------------------------------


def test_penalties_are_the_norms_of_all_weights_together():
    model = nn.Linear(3, 2)
    together = torch.cat([p.flatten() for p in model.parameters()])
    torch.testing.assert_close(l1_penalty(model.parameters()), together.norm(1))
    torch.testing.assert_close(l2_penalty(model.parameters()), together.norm() ** 2 / 2)
    torch.testing.assert_close(l2_penalty([torch.tensor(2.0)]), torch.tensor(2.0))


def test_plain_sgd_under_the_l2_penalty_is_sgd_with_weight_decay():
    x, y = torch.randn(8, 3, generator=generator()), torch.randn(8, 1, generator=generator(1))
    ours, theirs = nn.Linear(3, 1), nn.Linear(3, 1)
    theirs.load_state_dict(ours.state_dict())
    plain = torch.optim.SGD(ours.parameters(), lr=0.1)
    decaying = torch.optim.SGD(theirs.parameters(), lr=0.1, weight_decay=0.3)
    for _ in range(5):
        plain.zero_grad(), decaying.zero_grad()
        (F.mse_loss(ours(x), y) + 0.3 * l2_penalty(ours.parameters())).backward()
        F.mse_loss(theirs(x), y).backward()
        plain.step(), decaying.step()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


# ---- dropout ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_has_the_values_and_the_frequencies_of_torchs(p):
    x = torch.rand(300, 300, generator=generator()) + 1
    ours = dropout(x, p, generator=generator(1))
    torch.manual_seed(2)
    theirs = F.dropout(x, p)
    for dropped in (ours, theirs):
        kept = dropped != 0
        torch.testing.assert_close(dropped[kept], x[kept] / (1 - p))
        assert binomtest(int(kept.sum()), x.numel(), 1 - p).pvalue > FALSE_ALARM
    assert ours.mean().item() == pytest.approx(x.mean().item(), rel=0.05)


def test_dropout_does_nothing_at_test_time_and_everything_with_p_1():
    x = torch.tensor([1.0, -2.0, math.inf])
    assert dropout(x, 0.9, training=False) is x
    assert dropout(x, 0.0).equal(x)
    assert dropout(x, 1.0).tolist() == [0.0, 0.0, 0.0]


def test_the_gradient_of_dropout_is_the_mask_it_drew():
    for p in (0.5, 1.0):
        x = torch.ones(100, requires_grad=True)
        dropped = dropout(x, p, generator=generator())
        dropped.sum().backward()
        torch.testing.assert_close(x.grad, dropped.detach())


def test_dropout_is_repeated_by_its_generator_and_keeps_the_type():
    x = torch.ones(50, dtype=torch.bfloat16)
    assert dropout(x, 0.5, generator=generator(3)).equal(dropout(x, 0.5, generator=generator(3)))
    assert not dropout(x, 0.5, generator=generator(3)).equal(dropout(x, 0.5, generator=generator(4)))
    assert dropout(x, 0.5).dtype == torch.bfloat16


# ---- early stopping ---------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 5), min_size=1, max_size=30), st.integers(1, 5))
def test_early_stopping_ends_patience_evaluations_after_the_best(losses, patience):
    best, last = early_stopping(losses, patience)
    seen = losses[: last + 1]
    assert best == seen.index(min(seen))
    assert last - best == patience or (last == len(losses) - 1 and last - best < patience)


def test_it_looks_no_further_than_the_stop():
    series = iter([3.0, 2.0, 2.0, 2.5, 0.0])
    assert early_stopping(series, patience=2) == (1, 3)  # an equal loss is no improvement
    assert next(series) == 0.0


def test_losses_that_are_no_numbers_are_never_the_best_and_small_gains_may_be_ignored():
    assert early_stopping([math.nan, 2.0, math.nan, 3.0, 1.0], patience=2) == (1, 3)
    assert early_stopping([2.0, 1.95, 1.9, 1.85], patience=2, min_delta=0.1) == (0, 2)
    assert early_stopping([2.0, 1.95, 1.85, 1.84], patience=2, min_delta=0.1) == (2, 3)


def test_the_weights_of_the_best_evaluation_come_back():
    model, stopping = nn.Linear(2, 1), EarlyStopping(patience=2)
    for value, loss in ((1.0, 3.0), (2.0, 1.0), (3.0, 2.0), (4.0, 2.0)):
        nn.init.constant_(model.weight, value)
        stop = stopping.update(loss, model)
    assert stop and stopping.best == 1.0
    stopping.restore(model)
    assert model.weight.eq(2.0).all()


@pytest.mark.parametrize("losses", [[3.0, 2.0, 2.5, 2.4, 1.0, 0.5], [3.0, 2.0, 2.5, 1.0, 1.5, 1.2, 0.1]])
def test_the_trainer_stops_and_returns_as_early_stopping_says(losses):
    def scripted(model):
        seen.append(model.weight.detach().clone())
        return losses[len(seen) - 1]

    seen = []
    model = nn.Linear(1, 1)
    trainer = Trainer(
        model,
        lambda g: torch.randn(4, 1, generator=g),
        lambda model, x: model(x).square().mean(),
        steps=len(losses),
        evaluate=scripted,
        evaluate_every=1,
        patience=2,
    )
    steps = len(list(trainer))
    best, last = early_stopping(losses, patience=2)
    assert steps == last + 1
    assert model.weight.equal(seen[best])


# ---- augmentation -----------------------------------------------------------------------------------------

UNK = 99


@settings(max_examples=100)
@given(st.integers(0, 999), st.integers(0, 12), *[st.floats(0, 1)] * 3)
def test_augmented_text_holds_only_its_own_tokens_and_unknown_ones(seed, n, drop, swap, unk):
    ids = torch.arange(n)
    noisy = augment_tokens(ids, UNK, drop, swap, unk, generator(seed))
    assert min(n, 1) <= len(noisy) <= n and noisy.dtype == ids.dtype
    known = noisy[noisy != UNK].tolist()
    assert len(set(known)) == len(known) and set(known) <= set(range(n))
    assert ids.equal(torch.arange(n))


@settings(max_examples=50)
@given(st.integers(0, 999), st.integers(1, 12), st.floats(0, 1))
def test_swapping_moves_a_token_by_one_place_at_most_and_loses_none(seed, n, swap):
    noisy = augment_tokens(torch.arange(n), UNK, drop=0, swap=swap, unk=0, generator=generator(seed))
    assert sorted(noisy.tolist()) == list(range(n))
    assert (noisy - torch.arange(n)).abs().max() <= 1


@settings(max_examples=30)
@given(st.integers(0, 999), st.floats(0, 1))
def test_dropping_keeps_the_order_and_replacing_the_places(seed, p):
    ids = torch.arange(20)
    dropped = augment_tokens(ids, UNK, drop=p, swap=0, unk=0, generator=generator(seed))
    assert dropped.diff().gt(0).all()
    replaced = augment_tokens(ids, UNK, drop=0, swap=0, unk=p, generator=generator(seed))
    assert (replaced.eq(ids) | replaced.eq(UNK)).all()


def test_each_kind_of_noise_is_as_frequent_as_asked_for():
    n = 20_000
    ids = torch.arange(n)
    dropped = n - len(augment_tokens(ids, -1, drop=0.2, swap=0, unk=0, generator=generator(0)))
    unknown = int((augment_tokens(ids, -1, drop=0, swap=0, unk=0.3, generator=generator(1)) == -1).sum())
    for count, p in ((dropped, 0.2), (unknown, 0.3)):
        assert binomtest(count, n, p).pvalue > FALSE_ALARM
    moved = int((augment_tokens(ids, -1, drop=0, swap=0.25, unk=0, generator=generator(2)) != ids).sum())
    assert moved / n == pytest.approx(2 * 0.25 / 1.25, abs=0.02)  # a pair is skipped after a swap


def test_certain_noise_does_what_it_says():
    ids = torch.tensor([1, 2, 3, 4, 5])
    assert augment_tokens(ids, UNK, 0, 0, 0).equal(ids)
    assert augment_tokens(ids, UNK, 0, 1, 0).tolist() == [2, 1, 4, 3, 5]
    assert augment_tokens(ids, UNK, 0, 0, 1).tolist() == [UNK] * 5
    assert len(augment_tokens(ids, UNK, 1, 0, 0)) == 1
    assert augment_tokens(ids[:0], UNK, 1, 1, 1).tolist() == []
    first = augment_tokens(ids, UNK, 0.5, 0.5, 0.5, generator(7))
    assert first.equal(augment_tokens(ids, UNK, 0.5, 0.5, 0.5, generator(7)))


# ---- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, y: dropout(x, 1.5), "p must be a probability between 0 and 1, got 1.5"),
        (lambda x, y: dropout(x, -0.1, training=False), "got -0.1"),
        (lambda x, y: EarlyStopping(0), "patience must be at least 1, got 0"),
        (lambda x, y: EarlyStopping(1, min_delta=-1), "min_delta must be at least 0, got -1"),
        (lambda x, y: EarlyStopping(1).restore(nn.Linear(1, 1)), "got no weights so far"),
        (lambda x, y: early_stopping([], 3), "at least one number below infinity, got none"),
        (lambda x, y: early_stopping([math.nan], 3), "at least one number below infinity, got none"),
        (lambda x, y: augment_tokens(x, UNK), r"ids must have the shape \(T,\), got \(3, 2\)"),
        (lambda x, y: augment_tokens(y, UNK, swap=2), "swap must be a probability between 0 and 1, got 2"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), torch.tensor([1.0, 2.0, 4.0]))


@pytest.mark.gpu
def test_noise_stays_on_the_device_of_what_it_disturbs():
    assert dropout(torch.ones(9, device="cuda"), 0.5).is_cuda
    ids = torch.arange(9)
    noisy = augment_tokens(ids.cuda(), UNK, generator=generator())
    assert noisy.is_cuda and noisy.cpu().equal(augment_tokens(ids, UNK, generator=generator()))


def test_squared_bias_and_variance_are_numpys_and_add_up_to_the_mean_squared_error():
    predictions, truth = torch.randn(2, 7, 5, generator=generator())[0], torch.randn(5, generator=generator())
    bias, variance = bias_variance(predictions, truth)
    assert variance.item() == pytest.approx(predictions.numpy().var(axis=0).mean(), rel=1e-5)
    assert (bias + variance).item() == pytest.approx((predictions - truth).square().mean().item(), rel=1e-5)


def test_one_model_has_no_variance_to_measure():
    with pytest.raises(ValueError, match=r"predictions must have the shape \(M, N\), M ≥ 2"):
        bias_variance(torch.ones(1, 3), torch.ones(3))
