"""What a student wrote is shown where it can do nothing: in a terminal, in pages of nbgrader, and without delay."""

import io
import re

import pytest
from rich.console import Console

from autograder.classroom.class_table import print_tables
from autograder.classroom.results import ExerciseResult, Result, Status
from autograder.grading.plain_text import plain_name, printable, readable, spelled_out
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.verdict import VerdictKind

ACTING = [
    "\x1b[31mred", "\x1b]0;title\x07", "\x1b[2J", "\x9b2J", "a\bb", "a\rb", "a\x00b", "a\x7fb", "a\u2028b", "a\u2029b",
    "a\x85b", "\u202egnihtyna", "\u2066a", "\ud800", "a\x0bb", "a\x0cb",
]  # fmt: skip


@pytest.mark.parametrize("text", ACTING)
def test_what_acts_in_a_terminal_is_spelled_out(text):
    shown = spelled_out(text)
    assert shown.encode() and shown.isprintable()
    assert re.search(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4})", shown)


def test_lines_and_words_in_every_script_stay_as_they_are():
    text = "def f(x):\n\treturn 'größer 李 🙂 👩‍🔬'"
    assert spelled_out(text) == text
    assert "\n" not in spelled_out(text, keep="")


@pytest.mark.parametrize("text", ACTING)
def test_no_name_and_no_message_reaches_the_terminal_of_a_grading_run_as_it_is(text):
    exercise = ExerciseResult(ExerciseId("a.b"), 0, 1, VerdictKind.MISTAKE, "named", f"because {text}")
    graded = Result(f"{text} ada", "a", 0, 1, Status.GRADED, exercises=(exercise,))
    refused = Result(f"{text} ben", f"b {text}", 0, 1, Status.NOT_GRADABLE, reason=f"There is {text}.")
    console = Console(file=io.StringIO(), width=400, color_system=None)
    print_tables(console, [graded, refused], out=__import__("pathlib").Path("out"))
    shown = console.file.getvalue().replace("\n", "")
    assert shown.isprintable() and shown.count(spelled_out(text)) >= 5


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "a<b", "&lt;b&gt;", '" onclick="x', "a\nb", *ACTING])
def test_a_name_is_recorded_in_a_spelling_that_is_text_in_html(name):
    recorded = plain_name(name)
    assert recorded.isprintable() and not set(recorded) & set('<>&"')


@pytest.mark.parametrize("name", ["Anna Maria O'Neill", "Łukasz Żółć 李", "a.b.c-1", "🙂", "50 %", "back\\slash"])
def test_an_ordinary_name_is_recorded_as_it_is(name):
    assert plain_name(name) == name == printable(name)


def test_no_two_names_with_different_characters_are_recorded_alike():
    characters = [chr(number) for number in range(0x3000)]
    assert len({plain_name(character) for character in characters}) == len(characters)


@pytest.mark.parametrize("source", [" \n" * 25_000, "case" + " " * 49_000, "'" + "\\N{a" * 12_000, "\t" * 50_000])
def test_what_colours_programs_is_given_no_long_gap_and_no_long_line(source):
    shown = readable(source)
    assert max(map(len, shown.split("\n"))) <= 5002 and not re.search(r"\s{201}", shown)


def test_an_ordinary_program_is_shown_as_it_is():
    source = "def f(x):\n\n\n    return x" + " + 1" * 1000 + "\n" * 100 + "y = 1"
    assert readable(source) == source
