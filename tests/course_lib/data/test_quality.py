"""Gopher's rules at their borders, and on texts that a reader can judge."""

import pytest

import course_lib.attention
import course_lib.moe
from course_lib.data.quality import failed_rules

GOOD = "the mouse and the cat " * 10  # 50 words, 3.4 letters each


@pytest.mark.parametrize(
    "text, broken",
    [
        (GOOD, []),
        (" ".join(GOOD.split()[:49]), ["length"]),
        ("and the " * 25, []),  # exactly 3 letters a word
        ("and the " * 24 + "and to", ["word length"]),
        ("and the " + "lengthened " * 47 + "abcdefghij" * 2, []),
        ("and the " + "lengthened " * 48 + "abcdefghij" * 4, ["word length"]),
        (GOOD + "#####", []),  # the fifty-first word has all five
        (GOOD + "######", ["symbols"]),
        (GOOD + "... ... …", []),
        ("the mouse... and the cat… " * 10, ["symbols"]),
        ("the mouse and cat 1986 " * 10, []),
        ("the mouse and 12 1986 " * 10, ["letters"]),
        ("The mouse THE house " * 13, ["stop words"]),
        ("WITH the mouse, " * 17, []),
        ("Die Maus liebt alten Käse mit Brot. " * 8, ["stop words"]),
    ],
)
def test_each_rule_at_its_border(text, broken):
    assert failed_rules(text) == broken


def test_prose_is_kept_and_digits_are_not():
    assert failed_rules(course_lib.moe.__doc__) == failed_rules(course_lib.attention.__doc__) == []
    assert failed_rules("0 1 2 " * 40) == ["word length", "letters", "stop words"]
    with pytest.raises(ValueError, match="at least one word"):
        failed_rules("\n")
