"""The pictures of GPT show the numbers that they were given."""

import pytest

from course_lib.figures import gpt as figures
from course_lib.figures.style import png
from course_lib.gpt import GPTConfig


def texts(axes):
    return " ".join(text.get_text() for text in axes.texts)


@pytest.mark.parametrize("choices", [{}, {"n_kv_heads": 2, "tied": False, "positions": "rope", "ffn": "swiglu"}])
def test_the_anatomy_names_the_sizes_and_shares_out_all_parameters(choices):
    config = GPTConfig(350, 64, 64, 4, 3, **choices)
    figure = figures.anatomy(config)
    stack, share = figure.axes
    assert f"{config.n_parameters():,}" in figure.get_suptitle()
    assert "× 3" in texts(stack) and f"64 → {config.d_ff} → 64" in texts(stack)
    heights = [bar.get_height() for bar in share.patches]
    counts = config.parameters_by_part().values()
    assert heights == pytest.approx([count / config.n_parameters() for count in counts])
    assert png(figure).startswith(b"\x89PNG")


def test_the_work_without_a_cache_is_a_triangle_and_with_one_a_diagonal():
    plain = figures.work(5, 14, 13, cached=False)
    assert "161 tokens computed to write 14" in plain.get_suptitle()  # 5 + 6 + … + 18
    cached = figures.work(5, 14, 13, cached=True)
    assert "18 tokens computed to write 14" in cached.get_suptitle()  # 5 + 13 · 1
    grid = cached.axes[0].images[0].get_array()
    assert (grid == 2).sum(axis=1).tolist() == [5] + [1] * 13


def test_lines_and_bars_are_the_values():
    figure = figures.time_to_write([1, 2], {"again": [0.5, 2.0], "cache": [0.5, 1.0]}, "title")
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[0.5, 2.0], [0.5, 1.0]]
    figure = figures.residual_growth({"a": [1.0, 2.0], "b": [1.0, 1.5]}, "title")
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[1.0, 2.0], [1.0, 1.5]]
    figure = figures.cache_sizes({"full": 16.0, "grouped": 4.0}, "title")
    assert [bar.get_width() for bar in figure.axes[0].patches] == [16.0, 4.0]
