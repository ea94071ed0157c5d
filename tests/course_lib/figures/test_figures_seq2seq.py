"""The pictures of lesson 11 show the numbers that they were given."""

import pytest
import torch

from course_lib.figures import seq2seq as figures
from course_lib.figures.style import png


def test_two_phases_show_every_token_once_and_the_decoder_reads_what_it_wrote():
    figure = figures.two_phases("ab", ["x", "y", "◂"])
    words = [text.get_text() for text in figure.axes[0].texts]
    assert [words.count(w) for w in ("a", "b", "x", "y", "◂", "▸", "h", "s", " c ")] == [1, 1, 2, 2, 1, 1, 2, 3, 1]
    assert png(figure).startswith(b"\x89PNG")


def test_a_line_is_the_mean_of_the_runs_and_every_run_is_there():
    figure = figures.with_seeds({"a": [[1.0, 0.2], [0.5, 0.4]]}, [1, 2], "x", "y", "title", chance=0.1, edge=1.5)
    heights = [list(line.get_ydata()) for line in figure.axes[0].lines]
    assert heights[0] == pytest.approx([0.75, 0.3])
    assert heights[1:3] == [[1.0, 0.2], [0.5, 0.4]] and heights[3] == [0.1, 0.1]


def test_an_alignment_is_the_matrix_of_weights():
    weights = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.5, 0.5]])
    figure = figures.alignment_map("a b", "x◂", weights, "title")
    assert figure.axes[0].images[0].get_array().tolist() == weights.tolist()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["a", "␣", "b"]


@pytest.mark.parametrize("alpha, best", [(0.0, "short"), (1.0, "long one")])
def test_rescoring_divides_by_the_length_and_names_the_winner(alpha, best):
    figure = figures.rescoring(["short", "long one"], [-1.5, -2.0], [2, 4], alpha)
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx([-1.5 / 2**alpha, -2 / 4**alpha])
    assert best in figure.axes[0].get_title(loc="left")
