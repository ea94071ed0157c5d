"""What the cards of lesson 21 say about code."""

import torch


def test_a_column_minus_a_row_is_a_table_whose_mean_square_is_least_at_the_mean():
    targets = torch.tensor([1.0, 4.0, 7.0])
    outputs = torch.zeros(3, 1, requires_grad=True)
    assert (outputs - targets).shape == (3, 3)
    for _ in range(200):
        (gradient,) = torch.autograd.grad((outputs - targets).square().mean(), outputs)
        outputs = (outputs - gradient).detach().requires_grad_()
    torch.testing.assert_close(outputs, torch.full((3, 1), 4.0))


def test_of_two_rows_for_one_token_one_is_lost_unless_they_are_added_by_index():
    rows, token = torch.tensor([[1.0], [7.0]]), torch.tensor([0, 0])
    out = torch.zeros(1, 1)
    out[token] += rows
    assert out.item() in (1.0, 7.0) and torch.zeros(1, 1).index_add(0, token, rows).item() == 8.0


def test_a_row_without_an_end_has_its_largest_number_at_0():
    assert (torch.tensor([[5, 6, 7]]) == 2).int().argmax(1).item() == 0


def test_a_matrix_without_eigenvalues_but_0_doubles_a_vector():
    matrix = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    assert torch.linalg.eigvals(matrix).abs().max() == 0 and torch.linalg.svdvals(matrix).max() == 2


def test_the_mean_of_means_is_not_the_mean_where_sizes_differ():
    assert (1.0 * 20 + 4.0 * 10) / 30 == 2.0 != (1.0 + 4.0) / 2
