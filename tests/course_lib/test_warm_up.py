"""The two functions of lesson 00."""

import torch

from course_lib.warm_up import double, nats_to_bits


def test_doubling_leaves_the_input_and_the_kind_of_number_alone():
    x = torch.tensor([1, 2, -3])
    assert double(x).tolist() == [2, 4, -6]
    assert double(x).dtype == x.dtype
    assert x.tolist() == [1, 2, -3]


def test_bits_of_a_choice_among_n_are_the_logarithm_of_n_to_the_base_two():
    n = torch.tensor([1.0, 2.0, 8.0, 348.0])
    torch.testing.assert_close(nats_to_bits(n.log()), n.log2())
