"""The pictures of recurrent networks show the numbers that they were given, or the right ones."""

import numpy as np
import pytest
import torch

from course_lib.figures import recurrent as figures
from course_lib.figures.style import png
from course_lib.recurrent.bptt import spectral_radius
from course_lib.widgets.recurrent import NUMBERS, SENTENCES


def line(axes, label):
    return next(line for line in axes.lines if line.get_label() == label).get_ydata()


def test_the_latch_draws_the_states_and_the_products_of_their_slopes():
    figure = figures.latch(SENTENCES, NUMBERS, 3.0, 2.0)
    states = line(figure.axes[0], "one")
    h, expected = 0.0, []
    for x in NUMBERS["one"]:
        h = np.tanh(3 * h + 2 * x)
        expected.append(h)
    np.testing.assert_allclose(states, expected)
    slopes = 3 * (1 - np.array(expected) ** 2)
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), [1, *np.cumprod(slopes[:0:-1])])
    assert line(figure.axes[0], "many")[-1] < -0.9 < 0.9 < states[-1]


@pytest.mark.parametrize("radius, skew", [(0.9, 0.0), (0.9, 1.0), (1.2, 0.5)])
def test_skew_changes_the_singular_values_and_not_the_eigenvalues(radius, skew):
    w = figures.recurrent_matrix(24, radius, skew)
    assert spectral_radius(w) == pytest.approx(radius, rel=1e-3)
    assert torch.linalg.matrix_norm(w, 2).item() == pytest.approx(radius, rel=1e-9) or skew > 0
    assert skew == 0 or torch.linalg.matrix_norm(w, 2) > 1.2 * radius


def test_gradient_paths_equal_autograds():
    w = figures.recurrent_matrix(6, 0.9, 0.5)
    with_tanh, linear = figures.gradient_paths(w, drive=0.5, steps=4)
    generator = torch.Generator().manual_seed(1)
    x = 0.5 * torch.randn(16, 5, 6, generator=generator, dtype=torch.float64)
    g = torch.randn(16, 6, generator=generator, dtype=torch.float64)
    g = g / g.square().mean(0).sum().sqrt()
    for norms, f in ((with_tanh, torch.tanh), (linear, lambda a: a)):
        h, states = torch.zeros(16, 6, dtype=torch.float64), []
        for t in range(5):
            h = f(x[:, t] + h @ w.T).requires_grad_()
            h.retain_grad()
            states.append(h)
        (h * g).sum().backward()
        expected = [s.grad.square().sum(-1).mean().sqrt() for s in states[::-1]]
        torch.testing.assert_close(norms, torch.stack(expected))


def test_a_gradient_never_exceeds_the_bound_of_the_largest_singular_value():
    for radius, skew, drive in [(0.9, 0.0, 0.3), (0.95, 1.5, 0.0), (1.3, 0.5, 1.0)]:
        axes = figures.gradient_flow(radius, skew, drive).axes[1]
        bound = line(axes, "bound σᵏ") * (1 + 1e-6)
        assert (line(axes, "tanh network") <= bound).all() and (line(axes, "without tanh") <= bound).all()


def test_without_input_the_tanh_network_is_the_linear_one():
    axes = figures.gradient_flow(0.95, 1.0, 0.0).axes[1]
    np.testing.assert_allclose(line(axes, "tanh network"), line(axes, "without tanh"), rtol=1e-6)


def test_one_step_over_the_cliff_throws_the_weight_away_unless_it_is_clipped():
    def weights(clip):
        return figures.cliff(3.0, clip).axes[0].lines[1].get_xdata()

    assert max(weights(None)) > 8 and max(weights(0.05)) <= 5.0
    assert np.abs(np.diff(weights(0.05))).max() <= 3.0 * 0.05 + 1e-9


def test_a_gate_map_shows_the_chosen_units():
    gates = {"forget": torch.rand(3, 20, generator=torch.Generator().manual_seed(0))}
    shown = figures.gate_map(["a", "b", "c"], gates, units=[5, 1]).axes[0].images[0].get_array()
    np.testing.assert_allclose(shown, gates["forget"][:, [5, 1]].T)


def test_the_memory_of_a_unit_is_drawn_word_by_word():
    scene = {"one mouse": torch.tensor([0.5, 1.0]), "many mice": torch.tensor([0.5, -1.0])}
    figure = figures.memory({"title": scene}, "read-out")
    assert [line.get_ydata()[1] for line in figure.axes[0].lines[:2]] == [1.0, -1.0]
    assert [text.get_text() for text in figure.axes[0].texts] == ["one", "mouse", "many", "mice"]


@pytest.mark.parametrize(
    "figure",
    [
        figures.unrolled(["the", "mouse"], torch.tensor([[0.5, -0.5], [1.0, 0.0]]), "title"),
        figures.lstm_cell("title"),
        figures.reach({"a": [1.0, 0.5], "b": [1.0, 0.0]}, "title", "norm"),
        figures.recall_curves([2, 4], {"RNN": [1.0, 0.5], "LSTM": [1.0, 1.0]}, 0.125, "title"),
        figures.training_pair({"a": [2.0, 1.0]}, {"a": [3.0, 0.5]}, 1.0, "title"),
    ],
    ids=["unrolled", "lstm_cell", "reach", "recall_curves", "training_pair"],
)
def test_every_figure_can_be_drawn_and_has_a_title(figure):
    assert png(figure).startswith(b"\x89PNG")
    assert figure.axes[0].get_title(loc="left")
