"""The pictures of decoding show the numbers that they were given."""

import math

import pytest
import torch

from course_lib.decoding import Sampling, beam_search
from course_lib.figures import decoding as figures
from course_lib.figures.style import png
from tests.language_models import TableLM
from tests.random_inputs import normal

WORDS = ["cheese", "bread", "corn", "cake", "pie"]
PROBS = torch.tensor([0.5, 0.25, 0.125, 0.0625, 0.0625])


# After 0 the greedy choice 1 leads into a spread, and 2 into certainty.
DECEIVING = torch.tensor(
    [[0.01, 0.5, 0.45, 0.02, 0.02], [0.2] * 5, [0.01, 0.01, 0.01, 0.96, 0.01], [0.2] * 5, [0.2] * 5]
).log()


def widths(axes):
    return [bar.get_width() for bar in axes.patches]


def heights(axes):
    return [bar.get_height() for bar in axes.patches]


def test_survivors_draws_both_distributions_and_marks_what_is_cut():
    figure = figures.survivors(WORDS, PROBS.log(), Sampling(top_k=2), bars=3)
    (axes,) = figure.axes
    assert widths(axes) == pytest.approx([0.5, 0.25, 0.125, 0.125, 2 / 3, 1 / 3, 0.0, 0.0], abs=1e-6)
    assert [text.get_text() for text in axes.texts][1:] == ["0.333", "cut", "cut"]
    assert axes.get_title(loc="left").startswith("2 of 5 tokens can be drawn; entropy 1.3")
    assert png(figure).startswith(b"\x89PNG")


def test_temperatures_have_a_panel_each_and_zero_is_greedy():
    figure = figures.temperatures(WORDS, PROBS.log(), [0, 1, 4])
    assert heights(figure.axes[0]) == [1, 0, 0, 0, 0]
    assert heights(figure.axes[1]) == pytest.approx(PROBS.tolist())
    flat = PROBS**0.25 / (PROBS**0.25).sum()
    assert heights(figure.axes[2]) == pytest.approx(flat.tolist())
    assert figure.axes[2].texts[0].get_text() == f"entropy {-(flat * flat.log()).sum():.2f}"


def test_draws_stand_beside_what_was_expected():
    figure = figures.draws_against(WORDS, torch.tensor([6, 3, 2, 1, 4]), 16 * PROBS, "title")
    assert heights(figure.axes[0]) == pytest.approx([8, 4, 2, 1, 1, 6, 3, 2, 1, 4])


def test_the_beam_tree_shows_what_beam_search_keeps_and_the_greedy_path_that_it_dropped():
    figure = figures.beam_tree(TableLM(DECEIVING), torch.tensor([[0]]), WORDS, steps=2, beams=1)
    greedy_alone = [text.get_text() for text in figure.axes[0].texts]
    assert len(greedy_alone) == 3 and figure.axes[0].get_title(loc="left") == "1 beams; orange wins"
    figure = figures.beam_tree(TableLM(DECEIVING), torch.tensor([[0]]), WORDS, steps=2, beams=2)
    ((best,),) = beam_search(TableLM(DECEIVING), torch.tensor([[0]]), 2, 2)
    assert best.tokens == [2, 3] and math.exp(best.log_prob) == pytest.approx(0.432, abs=1e-3)
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"prompt", "bread\n0.5", "corn\n0.45", "cake\n0.43"} <= texts
    assert "dashed is greedy" in figure.axes[0].get_title(loc="left")


def test_the_beam_tree_has_every_beginning_of_what_it_shows_even_where_finished_texts_fill_the_list():
    for seed in range(20):
        table = TableLM(2 * normal(seed, 5, 5))
        figure = figures.beam_tree(table, torch.tensor([[1]]), WORDS, steps=4, beams=3, eos_id=0)
        ((best,),) = beam_search(table, torch.tensor([[1]]), 4, 3, eos_id=0)
        texts = [text.get_text() for text in figure.axes[0].texts]
        assert f"{WORDS[best.tokens[-1]]}\n{math.exp(best.log_prob):.2g}" in texts


def test_acceptance_stacks_the_overlap_and_both_remainders():
    figure = figures.acceptance(WORDS[:2], torch.tensor([0.7, 0.3]), torch.tensor([0.4, 0.6]))
    assert heights(figure.axes[0]) == pytest.approx([0.4, 0.3, 0.0, 0.3, 0.3, 0.0])
    assert figure.axes[0].get_title(loc="left") == "A drafted token is kept with probability 0.70"


def test_calls_saved_follows_the_geometric_sum():
    figure = figures.calls_saved({"0.5": 0.5}, longest=3, cost=0.1)
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx([1, 1.5, 1.75, 1.875])
    assert figure.axes[1].lines[0].get_ydata() == pytest.approx([1, 1.5 / 1.1, 1.75 / 1.2, 1.875 / 1.3])


def test_rankings_count_the_nucleus():
    figure = figures.rankings({"sure": PROBS, "unsure": torch.full((5,), 0.2)}, p=0.75, k=1, shown=5)
    labels = [axes.get_legend().get_texts()[1].get_text() for axes in figure.axes]
    assert labels == ["top-p: 2", "top-p: 4"]


def test_quality_and_diversity_has_a_curve_for_each_method_and_a_star():
    curves = {"temperature": ([1, 2, 3], [0.9, 0.8, 0.5], ["0.5", "1", "2"]), "top-p": ([1], [0.9], ["0.9"])}
    figure = figures.quality_and_diversity(curves, (2.5, 1.0), xlabel="x", ylabel="y", title="title")
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [3, 1, 1]
