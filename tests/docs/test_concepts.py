"""The index of concepts leads somewhere: each entry to a section of a notebook in which the concept stands."""

import importlib.util
import re
import sys
from functools import lru_cache
from pathlib import Path

import pytest

from course_lib.judging.exercise import read_public

ROOT = Path(__file__).parents[2]
CASES = ROOT / "notebooks" / "cases"
LESSONS = sorted(path.stem for path in CASES.glob("*.json"))


def _script():
    spec = importlib.util.spec_from_file_location("build_concepts", ROOT / "docs" / "build_concepts.py")
    module = sys.modules["build_concepts"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


concepts = _script()
Entry = concepts.Entry
ENTRIES = concepts.entries(concepts.SOURCE.read_text(encoding="utf-8"))
sections = lru_cache(concepts.sections)
lesson_of = lru_cache(lambda name: read_public(CASES / f"{name}.json"))


def plain(text: str) -> str:
    """The words of a text: without emphasis, line breaks and capitals."""
    return re.sub(r"\s+", " ", text.replace("*", "")).casefold()


def fault(entry) -> str:
    """What is wrong with an entry, "" if it leads to its concept."""
    if entry.lesson not in LESSONS:
        return f"{entry.concept}: there is no lesson {entry.lesson}"
    if not sections(entry.lesson).get(entry.section):
        return f"{entry.concept}: {entry.lesson} has not one section “{entry.section}”"
    if not re.search(rf"(?<!\w){re.escape(plain(entry.words))}", plain(sections(entry.lesson)[entry.section])):
        return f"{entry.concept}: “{entry.words}” is not in {entry.lesson}, “{entry.section}”"
    if entry.exercise and f"{entry.lesson.split('_', 1)[1]}.{entry.exercise}" not in lesson_of(entry.lesson).exercises:
        return f"{entry.concept}: {entry.lesson} has no exercise {entry.exercise}"
    return ""


def test_the_page_is_what_the_script_makes():
    page = concepts.PAGE.read_text(encoding="utf-8")
    assert page == concepts.page(ENTRIES), "docs/concepts.md is out of date: run `make concepts`."


@pytest.mark.parametrize("lesson", sorted({entry.lesson for entry in ENTRIES}))
def test_every_entry_leads_to_its_concept(lesson: str):
    assert [said for entry in ENTRIES if entry.lesson == lesson and (said := fault(entry))] == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_term_of_a_lesson_is_in_the_index_where_it_is_explained(lesson: str):
    indexed = {
        name
        for entry in ENTRIES
        if entry.lesson == lesson
        for name in entry.names
        if f"***{name}***" in re.sub(r"\s+", " ", sections(lesson).get(entry.section, "")).casefold()
    }
    assert [term for term in lesson_of(lesson).terms if term.casefold() not in indexed] == []


def test_every_lesson_is_in_the_index():
    assert {entry.lesson for entry in ENTRIES} >= set(LESSONS)


def test_a_concept_has_one_spelling():
    spellings: dict[str, set[str]] = {}
    for entry in ENTRIES:
        spellings.setdefault(entry.concept.casefold().split(" (")[0], set()).add(entry.concept)
    assert [names for names in spellings.values() if len(names) > 1] == []


def test_a_row_of_a_concept_names_all_of_its_places():
    page = concepts.page([Entry("b", "02_two", "S", "e"), Entry("a", "01_one", "S"), Entry("b", "01_one", "T", "f")])
    assert "| a | [01_one](../notebooks/01_one.ipynb): S |  |\n" in page
    assert "[01_one](../notebooks/01_one.ipynb): T<br>[02_two](../notebooks/02_two.ipynb): S" in page
    assert page.endswith("| `one.f`<br>`two.e` |\n")


GOOD = Entry("entropy", "01_information", "3. Entropy: the surprise that you should expect", "entropy", "entropy")


@pytest.mark.parametrize(
    "changed, said",
    [
        ({}, ""),
        ({"lesson": "99_nowhere"}, "no lesson 99_nowhere"),
        ({"section": "3. Entropy"}, "not one section “3. Entropy”"),
        ({"section": "2. Surprise"}, "“entropy” is not in"),
        ({"words": "enthalpy"}, "“enthalpy” is not in"),
        ({"words": "ntropy"}, "“ntropy” is not in"),
        ({"exercise": "enthalpy"}, "no exercise enthalpy"),
    ],
)
def test_an_entry_that_leads_nowhere_is_found(changed: dict, said: str):
    found = fault(Entry(**{**vars(GOOD), **changed}))
    assert said in found and bool(said) == bool(found)


def test_a_heading_that_occurs_twice_leads_nowhere():
    assert "not one section" in fault(Entry("state", "09_rnn", "By hand", "", "state"))


def test_an_exercise_ends_no_section():
    text = sections("02_tokenization")["The words that are not there"]
    assert "### Exercise · unknown_share" in text and "Zipf's law" in text


def test_a_section_ends_at_the_next_heading_of_its_level_and_holds_the_smaller_ones():
    of = sections("01_information")
    assert "### The coin" in of["3. Entropy: the surprise that you should expect"]
    assert "Move the slider" in of["The coin"] and "Shannon's bound" not in of["The coin"]
    assert "## 1. A language model" not in of["How surprised should a model be?"]


def test_hints_and_solutions_of_an_exercise_are_no_part_of_its_section():
    text = sections("01_information")["3. Entropy: the surprise that you should expect"]
    assert "check(" not in text and "torch.where" not in text


def test_a_field_that_no_entry_has_is_refused():
    with pytest.raises(TypeError, match="exercize"):
        concepts.entries('[01_information."2. Surprise"]\nsurprisal = { exercize = "surprisal" }')
