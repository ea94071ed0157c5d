"""What a learner sees first: words that can be read, no red box, no words between an author and a formatter."""

import inspect
import logging
from pathlib import Path

import matplotlib.font_manager
import pytest

from autograder.authoring.build import without_notes
from course_lib.checks import render
from course_lib.figures import style

ROOT = Path(__file__).resolve().parents[2]


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


TEXT = [style.INK, style.BLUE, style.QUIET, style.GREEN_INK, style.RUST_INK, render._RED, *render._COLOURS.values()]


@pytest.mark.parametrize("colour", TEXT)
def test_a_colour_of_words_has_a_contrast_of_four_and_a_half_on_white(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_the_rest_of_the_palette_is_for_lines_and_areas():
    assert 1.05 / (luminance(style.GREEN) + 0.05) < 4.5  # else the shades for words were not needed


def test_the_list_of_fonts_is_made_without_a_warning(caplog):
    words = "building the font cache"
    assert words in inspect.getsource(matplotlib.font_manager)
    log = logging.getLogger("matplotlib.font_manager")
    log.warning("Matplotlib is %s; this may take a moment.", words)
    log.warning("findfont: another one")
    assert [record.getMessage() for record in caplog.records] == ["findfont: another one"]


def test_notes_to_the_formatter_stay_with_the_author():
    assert without_notes("f(a,\n  b)  # fmt: skip\nx = '# fmt: skip'\n") == "f(a,\n  b)\nx = '# fmt: skip'\n"
    assert not [path.name for path in (ROOT / "notebooks").glob("*.ipynb") if "# fmt: skip" in path.read_text("utf-8")]
