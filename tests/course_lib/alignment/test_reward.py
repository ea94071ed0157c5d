"""The Bradley–Terry loss against its formula and a fit with a known answer; the reward model against plain slices."""

import math

import pytest
import torch
from torch import nn

from course_lib.alignment import RewardModel, bradley_terry_loss
from course_lib.gpt import GPT, GPTConfig


def small_gpt(**options):
    config = GPTConfig(vocab_size=9, seq_len=10, d_model=16, n_heads=2, n_layers=2, **options)
    return GPT(config, generator=torch.Generator().manual_seed(0))


def random_ids(*shape, seed=1):
    return torch.randint(9, shape, generator=torch.Generator().manual_seed(seed))


def test_the_loss_is_minus_the_log_of_the_winners_probability():
    chosen, rejected = [2.0, -1.0, 0.5], [1.0, 1.0, 0.5]
    by_hand = [-math.log(math.exp(a) / (math.exp(a) + math.exp(b))) for a, b in zip(chosen, rejected)]
    loss = bradley_terry_loss(torch.tensor(chosen), torch.tensor(rejected))
    assert loss.item() == pytest.approx(sum(by_hand) / 3)


def test_the_loss_stays_finite_where_the_probability_underflows_and_only_differences_count():
    far = bradley_terry_loss(torch.tensor([-500.0]), torch.tensor([500.0]))
    assert far.item() == 1000.0
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(bradley_terry_loss(a + 7, b + 7), bradley_terry_loss(a, b))
    assert torch.autograd.gradcheck(bradley_terry_loss, (a.requires_grad_(), b.requires_grad_()))


def test_fitted_to_every_comparison_it_gives_back_the_strengths_that_made_them():
    strengths = torch.tensor([0.0, 1.5, -0.7, 0.4], dtype=torch.float64)
    wins = torch.sigmoid(strengths[:, None] - strengths)  # (4, 4): how often the row beats the column
    scores = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scores], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14)

    def closure():
        optimizer.zero_grad()
        pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
        loss = sum(wins[i, j] * bradley_terry_loss(scores[i : i + 1], scores[j : j + 1]) for i, j in pairs)
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close((scores - scores[0]).detach(), strengths, atol=1e-6, rtol=0)


def test_the_score_is_that_after_the_last_real_token_and_padding_does_not_change_it():
    model, ids = RewardModel(small_gpt(), torch.Generator().manual_seed(2)), random_ids(3, 8)
    lengths = torch.tensor([8, 3, 1])
    scores = model(ids, lengths)
    assert scores.shape == (3,)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(scores[row : row + 1], model(ids[row : row + 1, :length]))
        torch.testing.assert_close(scores[row], model.scores(ids)[row, length - 1])


def test_scores_are_a_linear_map_of_the_bodys_features():
    body = small_gpt(tied=False)
    model, ids = RewardModel(body), random_ids(2, 5)
    torch.testing.assert_close(model.scores(ids), body.features(ids) @ model.score.weight[0] + model.score.bias)
    assert model.scores(ids).std() > 0.1  # the norm gives unit features, so a score is about 1 wide from the start


def test_a_step_trains_the_body_and_leaves_the_untied_head_alone():
    body = small_gpt(tied=False)
    model = RewardModel(body)
    bradley_terry_loss(model(random_ids(4, 6)), model(random_ids(4, 6, seed=2))).backward()
    assert body.to_logits.weight.grad is None
    assert all(p.grad is not None for name, p in model.named_parameters() if name != "model.to_logits.weight")


def test_it_learns_which_token_people_like():
    generator = torch.Generator().manual_seed(3)
    model = RewardModel(small_gpt(), generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        chosen, rejected = torch.randint(8, (2, 32, 6), generator=generator)
        chosen.scatter_(1, torch.randint(6, (32, 1), generator=generator), 8)  # token 8, somewhere
        optimizer.zero_grad()
        loss = bradley_terry_loss(model(chosen), model(rejected))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_arguments_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"rejected must have the shape of chosen, \(2,\), got \(3,\)"):
        bradley_terry_loss(torch.zeros(2), torch.zeros(3))
    with pytest.raises(TypeError, match=r"features.* got Linear"):
        RewardModel(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"lengths must have the shape \(2,\), got \(3,\)"):
        RewardModel(small_gpt())(random_ids(2, 4), torch.tensor([1, 2, 3]))
