"""The numbers that lesson 01 states in its prose are right (those that no cell of the lesson prints)."""

import math

import pytest
import torch

from course_lib import information, scoreboard
from course_lib.figures.information import peaked

LN2 = math.log(2)
TABLE = torch.tensor([0.5, 0.25, 0.125, 0.125], dtype=torch.float64)  # cheese, bread, corn, shoe
EXPECTS_BREAD = torch.tensor([0.125, 0.5, 0.25, 0.125], dtype=torch.float64)


def rounded(x: torch.Tensor, digits: int = 4) -> list | float:
    return [rounded(y, digits) for y in x] if x.ndim else round(x.item(), digits)


def test_surprises_by_hand():
    assert rounded(information.surprisal(torch.tensor([0.125, 0.5]).double())) == [2.0794, 0.6931]


def test_the_table_has_1_75_bits_and_a_model_that_expects_bread_pays_2_375():
    assert information.entropy(TABLE) / LN2 == pytest.approx(1.75)
    assert rounded(information.entropy(TABLE)) == 1.2130
    assert information.cross_entropy(TABLE, EXPECTS_BREAD) / LN2 == pytest.approx(2.375)
    assert rounded(information.cross_entropy(TABLE, EXPECTS_BREAD)) == 1.6462
    assert information.kl_divergence(TABLE, EXPECTS_BREAD) / LN2 == pytest.approx(0.625)
    assert rounded(information.kl_divergence(TABLE, EXPECTS_BREAD)) == 0.4332
    assert information.kl_divergence(EXPECTS_BREAD, TABLE) / LN2 == pytest.approx(0.5)


def test_the_biased_coin_and_the_27_letters():
    coin = torch.tensor([0.9, 0.1], dtype=torch.float64)
    assert round(information.entropy(coin).item() / LN2, 6) == 0.468996
    assert round(math.log2(27), 2) == 4.75


def test_the_two_divergences_have_their_minima_at_0_45_and_0_67():
    p = torch.tensor([0.45, 0.45, 0.025, 0.025, 0.025, 0.025], dtype=torch.float64)
    weights = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    models = peaked(6, 0, weights)
    assert round(weights[information.kl_divergence(p, models).argmin()].item(), 2) == 0.45
    assert round(weights[information.kl_divergence(models, p).argmin()].item(), 2) == 0.67


def test_perplexities_by_hand():
    probs = torch.tensor([0.5, 0.25, 0.125])
    assert information.perplexity(probs.log()).item() == pytest.approx(4)
    assert round((1 / probs).mean().item(), 2) == 4.67


def test_softmax_by_hand():
    z = torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64)
    assert rounded(z.exp(), 3) == [7.389, 2.718, 1.0] and rounded(z.exp().sum(), 3) == 11.107
    assert rounded(information.softmax(z)) == [0.6652, 0.2447, 0.09]
    assert rounded(information.softmax(z, 0.5)) == [0.8668, 0.1173, 0.0159]
    assert rounded(information.log_softmax(z)) == [-0.4076, -1.4076, -2.4076]
    assert round(math.log(11.107), 4) == 2.4076


def test_the_ten_words():
    scores = torch.tensor([3.2, -1.0, 0.5, 2.4, 0.0, -0.5, 0.8, 4.5, 1.6, 0.3], dtype=torch.float64)
    assert scores.argmax() == 7
    assert information.softmax(scores, 0.1)[7] > 0.999
    assert 0.65 < information.softmax(scores)[7] < 0.66
    assert math.log(10) - information.entropy(information.softmax(scores, 10.0)) < 0.02


def test_losses_by_hand():
    one = torch.tensor([2.0], dtype=torch.float64)
    losses = [information.binary_cross_entropy_with_logits(one, torch.tensor([y])).item() for y in (1.0, 0.0)]
    assert [round(x, 4) for x in losses] == [0.1269, 2.1269]
    assert round(torch.sigmoid(one).item(), 4) == 0.8808
    z = torch.tensor([[2.0, 1.0, 0.0]] * 2, dtype=torch.float64)
    assert round(information.categorical_cross_entropy(z, torch.tensor([0, 2])).item(), 4) == 1.4076


def test_where_the_sigmoid_is_rounded_to_1():
    z = torch.tensor([16.0, 17.0, 20.0])
    assert (torch.sigmoid(z) == 1).tolist() == [False, True, True]
    assert (torch.sigmoid(torch.tensor([36.0, 37.0]).double()) == 1).tolist() == [False, True]
    p = torch.sigmoid(z.requires_grad_())
    loss = torch.nn.functional.binary_cross_entropy(p, torch.zeros(3), reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    assert loss[2] == 100 and gradient[2] == 0


def test_what_the_lesson_says_about_the_toy_language():
    world = scoreboard.language()
    assert len(world.vocabulary) == 348 and round(math.log(348), 2) == 5.85
    assert world.entropy_rate == pytest.approx(1.75, abs=0.005)
    eats = world.next_token_probs(world.encode("the mouse ate the"))
    assert [round(eats[i].item(), 9) for i in world.encode("cheese bread corn")] == [0.7, 0.2, 0.1]
    city = world.next_token_probs(world.encode("the Eiffel Tower stands in"))
    assert city[world.encode("Paris")[0]].item() == pytest.approx(0.97)
    assert (city > 0).sum() == 14
    unigram = information.entropy(world.unigram_probs()).item()
    assert unigram == pytest.approx(4.48, abs=0.01) and round(unigram - world.entropy_rate, 1) == 2.7


def test_the_memoriser_is_below_the_entropy_rate_and_meets_sentences_that_are_new():
    def sentences(tokens: torch.Tensor) -> list[tuple[int, ...]]:
        ends = (tokens == 0).nonzero().flatten().tolist()
        return [tuple(tokens[a + 1 : b + 1].tolist()) for a, b in zip([-1, *ends], ends)]

    stored = sentences(scoreboard.training(100_000))
    # Were all its sentences different, it would pay log N for each; repeated ones are cheaper.
    most = math.log(len(stored)) / (sum(map(len, stored)) / len(stored))
    assert most < scoreboard.language().entropy_rate
    known, new = set(stored), sentences(scoreboard.held_out())
    assert sum(sentence not in known for sentence in new) > len(new) / 2
