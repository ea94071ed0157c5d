"""The term kit is true: its page is what the lessons say, its schedules add up, and no lesson comes before its own."""

import importlib.util
import re
from pathlib import Path

import pytest

from autograder.authoring.lesson import find_lessons, read_lesson

ROOT = Path(__file__).parents[2]
KIT = (ROOT / "docs" / "teaching" / "README.md").read_text(encoding="utf-8")
SCHEDULES = ("Fourteen weeks", "Ten weeks")


@pytest.fixture(scope="module")
def lessons():
    """The lessons by their numbers."""
    return {path.stem[:2]: read_lesson(path) for path in find_lessons(ROOT / "solutions")}


def section(name: str) -> str:
    """The text under a heading of the kit."""
    return KIT.split(f"## {name}\n")[1].split("\n## ")[0]


def weeks(name: str) -> list[tuple[list[str], int]]:
    """The numbers of the lessons of each week, and its minutes."""
    rows = re.findall(r"(?m)^\| (\d+) \| ([^|]+) \| (\d+) \|$", section(name))
    assert [int(number) for number, _, _ in rows] == list(range(1, len(rows) + 1))
    return [(re.findall(r"\d\d", lessons), int(minutes)) for _, lessons, minutes in rows]


@pytest.fixture(scope="module")
def teaching():
    spec = importlib.util.spec_from_file_location("build_teaching", ROOT / "docs" / "build_teaching.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_makes(teaching):
    assert teaching.PAGE.read_text(encoding="utf-8") == teaching.page(), "run `make teaching`"


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedules_minutes_are_those_of_its_lessons(name, lessons):
    assert len(weeks(name)) == {"Fourteen weeks": 14, "Ten weeks": 10}[name]
    assert [minutes for _, minutes in weeks(name)] == [sum(lessons[n].minutes for n in some) for some, _ in weeks(name)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_lesson_is_taught_once_or_left_by_name_and_after_those_it_builds_on(name, teaching, lessons):
    taught = [number for some, _ in weeks(name) for number in some]
    left = (
        re.findall(r"\d\d", found[1]) if (found := re.search(r"left for self-study: ([\d, ]+)", section(name))) else []
    )
    assert sorted(taught + left) == sorted(lessons)
    early = {
        number: [before for before in teaching.builds_on(lessons[number]) if before in taught[place:]]
        for place, number in enumerate(taught)
    }
    assert {number: before for number, before in early.items() if before} == {}


def test_every_lesson_with_a_reading_is_one_of_the_course(lessons):
    read = re.findall(r"\d\d", " ".join(re.findall(r"(?m)^\| ([\d, ]+) \|", section("To read"))))
    assert len(read) == len(set(read)) >= 18 and set(read) <= set(lessons)
