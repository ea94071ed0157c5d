"""A teacher in Formgrader, in a real browser: autograde, read and mark a free text, generate the feedback, open it."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.cli import main
from tests.browser.conftest import ROOT, screenshot, serving

LESSON = "90_sample"
COMMENT = "Good: <b>say</b> what the derivative is."


@pytest.fixture
def course(tmp_path: Path, sample_path: Path, solved: Any, hand_in: Any) -> Path:
    """A course folder with our nbgrader_config.py and three submissions."""
    (tmp_path / "solutions").mkdir()
    shutil.copy(sample_path, tmp_path / "solutions")
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    own = f"\nc.GradingExporter.solutions = {str(tmp_path / 'solutions')!r}\n"
    (tmp_path / "nbgrader_config.py").write_text(config + own, encoding="utf-8")
    no_error = "def mean(x):\n    return x.sum() / x.numel()"
    hand_in(tmp_path / "submitted", "ada", solved(mean=no_error, why_nats="Because of the **derivative** of $\\ln$."))
    hand_in(tmp_path / "submitted", "ben", solved(entropy="def entropy(p):\n    return p.sum(-1)", why_nats=None))
    hand_in(tmp_path / "submitted", "cut", "{")
    return tmp_path


@pytest.fixture
def server(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Jupyter server with nbgrader's extensions on that folder; its address."""
    home = tmp_path_factory.mktemp("jupyter")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # alembic
    with serving("jupyter_server", course, home, {"JUPYTER_DATA_DIR": str(home / "data"), "PATH": path}) as url:
        yield url


def _lines(folder: Path) -> list[str]:
    return sorted((folder / "results.jsonl").read_text(encoding="utf-8").splitlines())


def _row(page: Any, student: str) -> Any:
    return page.locator("tr", has=page.locator(".student-id", has_text=student))


def _press(page: Any, student: str, button: str) -> str:
    """Press one of Formgrader's buttons for a student; return what it says when it is done."""
    _row(page, student).locator(f".{button} a").click()
    page.wait_for_selector("#success-modal.in, #error-modal.in")
    said = page.inner_text(".modal-content")
    page.locator(".modal button", has_text="OK").click()
    page.wait_for_selector(".modal", state="detached")
    return said


def test_a_teacher_autogrades_marks_by_hand_and_gives_feedback(page: Any, server: str, course: Path):
    far, problems = [], []
    page.on("pageerror", lambda error: problems.append(str(error)))

    def only_here(route: Any) -> None:
        if route.request.url.startswith(server):
            route.continue_()
        else:  # MathJax from a server far away; the room may have no network
            far.append(route.request.url)
            route.abort()

    page.route("**/*", only_here)

    # the autograde button
    page.goto(f"{server}/formgrader/manage_submissions/{LESSON}")
    said = {student: _press(page, student, "autograde") for student in ("ada", "ben", "cut")}
    assert all("Successfully autograded" in text for text in said.values()), said
    assert "cut/90_sample: not gradable, The file is not a whole notebook: broken JSON" in said["cut"]
    screenshot(page, "formgrader-submissions")
    shown = {student: _row(page, student).locator(".score").inner_text() for student in said}
    assert shown == {"ada": "12 / 16", "ben": "11 / 16", "cut": "0 / 16"}
    status = {student: _row(page, student).locator(".status").inner_text() for student in said}
    assert status == {"ada": "needs manual grading", "ben": "graded", "cut": "needs manual grading"}
    other, seed = course / "other", (course / ".grading" / "seed").read_text()
    assert main(["grade", str(course / "submitted"), "--solutions", str(course / "solutions"), "--out", str(other),
                 "--seed", seed]) == 1  # fmt: skip
    assert _lines(other) == _lines(course)

    # a free text, read and marked
    _row(page, "ada").locator(".student-name a").click()
    page.locator("td.name a").click()
    page.wait_for_selector("#sample-why_nats")
    page.wait_for_function("() => window.formgrader && formgrader.grades.loaded && formgrader.comments.loaded")
    assert page.input_value("#sample-mean") == "0" or page.get_attribute("#sample-mean", "placeholder") == "0"
    assert "no mean" in page.get_attribute("#sample-mean-answer-comment", "placeholder")
    for target, text in (("#sample-why_nats", "2.5"), ("#sample-why_nats-comment", COMMENT)):
        page.fill(target, text)
        with page.expect_response(lambda answer: answer.request.method == "PUT"):
            page.locator(target).blur()
    page.locator("#sample-why_nats").scroll_into_view_if_needed()
    screenshot(page, "formgrader-by-hand")

    # feedback
    page.goto(f"{server}/formgrader/manage_submissions/{LESSON}")
    assert "Successfully generated feedback" in _press(page, "ada", "generate-feedback")
    assert _row(page, "ada").locator(".status").inner_text() == "graded"
    assert _row(page, "ada").locator(".score").inner_text() == "14.5 / 16"
    page.unroute("**/*")
    page.goto(f"file://{course}/feedback/ada/{LESSON}/{LESSON}.html")
    screenshot(page, "formgrader-feedback")
    body = page.inner_text("body")
    assert "14.5 of 16 points" in body and COMMENT in body and "graded by hand" in body
    assert "mistake: no error" in body and "raise ValueError" in body
    assert page.locator("script").count() == 0 and "reference_word" in body  # which ada wrote herself
    assert page.locator("#why_nats .verdict").inner_text() == "graded by hand"
    assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert set(problems) <= {"MathJax is not defined"} and all("mathjax" in url for url in far)
