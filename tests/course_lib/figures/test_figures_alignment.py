"""Pictures of alignment say in their titles and marks what was computed."""

import math

from course_lib.figures import alignment as figures

RUNS = {
    name: {"grammatical": g, "different": d, "nats": n, "texts": ["the mice sleep <eos>"] * 6}
    for name, g, d, n in (("before", 0.6, 389, 1.87), (0.0, 0.98, 278, 2.42), (0.3, 0.88, 360, 1.99))
}


def test_the_leash_names_its_length_and_its_cost():
    long, short = figures.leash(-2), figures.leash(1)
    assert "β = 0.01" in long.axes[0].get_title("left") and "β = 10: the best policy is 0.00" in short.axes[
        0
    ].get_title("left")
    widths = [bar.get_width() for bar in long.axes[0].patches]
    assert len(widths) == 8 and math.isclose(sum(widths), 2, rel_tol=1e-6) and max(widths[4:]) > 0.99


def test_the_push_ends_on_the_side_where_the_token_should_go():
    for advantage, words, flat in ((1.0, "above 1.20", slice(260, None)), (-1.0, "below 0.80", slice(0, 150))):
        axes = figures.clip_objective(0.2, advantage).axes[0]
        gain = axes.lines[1].get_ydata()[flat]
        assert words in axes.get_title("left") and max(gain) - min(gain) < 1e-6


def test_the_trade_has_three_meters_and_the_texts_of_the_chosen_run():
    figure = figures.trade(RUNS, 0.3)
    assert [axes.get_title("left") for axes in figure.axes] == [
        "Grammatical", "Different of 400", "Held-out nats", "Texts at β = 0.3",
    ]  # fmt: skip
    assert [bar.get_height() for bar in figure.axes[1].patches] == [278, 360]
    assert "the mice sleep" in figure.axes[3].texts[0].get_text()


def test_the_frontier_begins_at_the_base_and_its_star_costs_what_conditioning_costs():
    figure = figures.frontier({"β = 0.3": (0.9, 0.88)}, [(0.8, 0.1), (0.99, 0.45)], 0.6)
    line, star = figure.axes[0].lines[:2]
    assert (line.get_xdata()[0], line.get_ydata()[0]) == (0, 0.6)
    assert math.isclose(star.get_xdata()[0], math.log(1 / 0.6)) and star.get_ydata()[0] == 1


def test_curves_show_what_they_were_given():
    hacked = figures.hacked([(0, 9.0, 0.6, 9.0), (10, 28.0, 0.03, 31.0)])
    assert list(hacked.axes[0].lines[0].get_ydata()) == [9, 28] and list(hacked.axes[1].lines[0].get_ydata()) == [
        0.6,
        0.03,
    ]
    gains = figures.gains([(0.69, 0.0, 0.0), (0.2, -0.3, -20.0)])
    assert list(gains.axes[1].lines[1].get_ydata()) == [0, -20]
    curves = figures.pass_curves((1, 2), {"base": [(0.5, 0.1), (0.8, 0.1)], "trained": [(0.9, 0.1), (0.9, 0.1)]})
    assert [text.get_text() for text in curves.axes[0].get_legend().get_texts()] == ["base", "trained"]
