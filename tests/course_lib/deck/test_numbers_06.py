"""The numbers on the cards of lesson 06."""

import torch

from course_lib.regularization import dropout, soft_threshold


def test_the_soft_threshold_of_three_numbers():
    assert soft_threshold(torch.tensor([2.0, 0.5, -3.0]), 1.0).tolist() == [1.0, 0.0, -2.0]


def test_sgd_with_a_penalty_takes_the_steps_of_twice_the_decay():
    def step(penalty, decay):
        w = torch.tensor([2.0, -1.0], requires_grad=True)
        sgd = torch.optim.SGD([w], lr=0.1, weight_decay=decay)
        (w.sum() + penalty * w.square().sum()).backward()
        sgd.step()
        return w.detach()

    torch.testing.assert_close(step(0.3, 0.0), step(0.0, 0.6))


def test_a_four_becomes_0_or_5():
    x = torch.full((100,), 4.0)
    assert set(dropout(x, 0.2, generator=torch.Generator().manual_seed(0)).tolist()) == {0.0, 5.0}
    assert dropout(x, 0.2, training=False).equal(x)
