"""The class report in a browser without a network: it fits every window, opens by keyboard, and hands out tables."""

import csv
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.report.graded_class import ClassLesson, Mark, Work
from autograder.report.report import report_page
from autograder.simulation.simulated_class import RIGHT, STUB, _Hand, _Task, students_of
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.verdict import VerdictKind
from tests.browser.conftest import ROOT, screenshot

HOSTILE = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 1'>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page about a simulated class of 60, with verdicts as the simulation meant them, and a hostile student."""
    lesson = read_lesson(find_lessons(ROOT / "solutions", ("12_attention",))[0])
    tasks = [_Task(exercise, number, seed=1) for number, exercise in enumerate(lesson.exercises.values())]
    students, works = students_of(60, seed=1), []
    for student in students:
        author, hand = students[student.copies_from or student.number], _Hand(student, "1")
        marks, code = [], {}
        for task in tasks:
            code[task.check.id] = task.answer(author, student, hand)
            marks.append(_mark(task, task.choose(author, random.Random(f"{author.number} {task.check.id}"))))
        works.append(Work(student.name, lesson.name, "graded", "", [], True, marks, seconds=1.0, code=code))
    broken = Mark(ExerciseId("attention.split_heads"), 0.0, 1.0, VerdictKind.WRONG, "", "x" * 300 + HOSTILE)
    code = {"attention.split_heads": "def f(): return '" + "y" * 300 + HOSTILE + "'"}
    works += [Work(f"{HOSTILE}{n}", lesson.name, "graded", "", [HOSTILE], False, [broken], code=code) for n in range(2)]
    works.append(Work("torn", lesson.name, "not gradable", "z" * 300 + HOSTILE, [], True, []))
    received = {task.check.id: task.check.stub for task in tasks}
    page = report_page([ClassLesson(lesson.name, lesson.title, works, received, [])], {}, datetime(2026, 3, 4))
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _mark(task: _Task, kind: str) -> Mark:
    check = task.check
    if check.kind == "text":
        return Mark(check.id, 0.0, check.points, VerdictKind.BY_HAND, "", "")
    if kind in task.mistakes:
        hint = next(m.hint for m in task.exercise.mistakes if m.name == kind)
        return Mark(check.id, 0.0, check.points, VerdictKind.MISTAKE, kind, hint)
    if kind in (RIGHT, STUB):
        verdict = VerdictKind.PASSED if kind == RIGHT else VerdictKind.NOT_STARTED
        return Mark(check.id, check.points * (kind == RIGHT), check.points, verdict, "", "")
    return Mark(check.id, 0.0, check.points, VerdictKind.ERROR, "", "NameError: name 'reslut' is not defined")


@pytest.fixture(params=["desktop", "phone", "dark"])
def window(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    size = {"width": 390, "height": 844} if request.param == "phone" else {"width": 1280, "height": 900}
    scheme = "dark" if request.param == "dark" else "light"
    context = browser.new_context(viewport=size, color_scheme=scheme, offline=True, accept_downloads=True)
    page = context.new_page()
    page.kind = request.param
    yield page
    context.close()


def test_the_page_fits_has_figures_and_runs_nothing(window: Any, report: Path):
    complaints: list[str] = []
    window.on("console", lambda message: complaints.append(message.text))
    window.on("request", lambda request: complaints.append(request.url) if not request.url.startswith("file") else None)
    window.goto(f"file://{report}")
    screenshot(window, f"report-{window.kind}")
    window.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert window.evaluate(overflow) <= 0
    assert window.evaluate("() => window.stolen") is None
    assert complaints == []
    widths = window.locator("svg rect").evaluate_all("all => all.map(bar => bar.getBoundingClientRect().height)")
    assert len(widths) == 10 and max(widths) > 60
    assert all(window.locator("[role=img]").evaluate_all("all => all.map(one => Boolean(one.ariaLabel))"))
    for name, place in (("exercise", "article.exercise"), ("alike", "#alike")):
        window.locator(place).first.evaluate("e => window.scrollTo(0, e.getBoundingClientRect().top + scrollY - 10)")
        screenshot(window, f"report-{window.kind}-{name}")
    assert window.locator("mark").count() > 5


def test_an_example_opens_by_keyboard_and_a_table_is_handed_out(browser: Any, report: Path):
    context = browser.new_context(offline=True, accept_downloads=True)
    page = context.new_page()
    page.goto(f"file://{report}")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    example = page.locator("article details").first
    assert not example.locator("pre").is_visible()
    example.locator("summary").focus()
    page.keyboard.press("Enter")
    assert example.locator("pre").is_visible()
    with page.expect_download() as waiting:
        page.get_by_text("marks, student by exercise").click()
    rows = list(csv.reader(Path(waiting.value.path()).read_text(encoding="utf-8-sig").splitlines()))
    assert waiting.value.suggested_filename == "marks.csv"
    assert len(rows) == 64 and rows[0][0] == "student"
    context.close()


def test_on_paper_the_lessons_examples_are_open_and_the_names_parts_are_as_they_were_left(browser: Any, report: Path):
    page = browser.new_context(viewport={"width": 794, "height": 1123}).new_page()
    page.goto(f"file://{report}")
    page.emulate_media(media="print", color_scheme="dark")
    screenshot(page, "report-print")
    assert page.locator("article details pre").first.is_visible()
    assert not page.locator("#alike ~ .box details .pair").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.context.close()
