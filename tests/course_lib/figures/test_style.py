"""The look of the figures: what `png` draws is what matplotlib's own `savefig` does."""

import io

import matplotlib
import numpy as np
from PIL import Image

from course_lib.figures.style import _RC, figure_title, panels, png


def figure():
    figure, (left, right) = panels(2)
    left.plot([1, 2, 3], [4.0, 3.0, 5.5], label="a long label")
    left.set(xlabel="updates", ylabel="nats per token")
    left.legend(title="which")
    figure.colorbar(right.imshow(np.arange(12).reshape(3, 4)), ax=right)
    figure_title(figure, "Two panels, a legend and a bar of colours")
    return figure


def test_the_pixels_are_those_of_savefig():
    saved, other = io.BytesIO(), figure()
    with matplotlib.rc_context(_RC):
        other.savefig(saved, format="png")
    ours, theirs = (np.asarray(Image.open(file)) for file in (io.BytesIO(png(figure())), saved))
    assert ours.std() > 10 and np.array_equal(ours, theirs)
