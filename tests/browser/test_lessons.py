"""Each lesson in JupyterLab, as a learner opens it: it runs, widgets move, a check fails and then passes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ROOT, Lab, screenshot

LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_from_top_to_bottom_shows_pictures_and_a_slider_redraws_one(lab: Lab, page: Any, lesson: str):
    console = []
    page.on("console", lambda message: console.append(message.text) if message.type == "error" else None)
    lab.open(page, f"{lesson}.ipynb")
    lab.run_all(page)
    assert lab.errors(page) == []
    page.locator(".jp-Notebook img:visible").first.scroll_into_view_if_needed()
    screenshot(page, f"{lesson}-first-screen")
    assert page.locator(".jp-Notebook img:visible").count() >= 2
    pictures = page.locator(".jp-Notebook .jp-RenderedHTMLCommon img")
    assert all(pictures.evaluate_all("all => all.map(i => Boolean(i.alt))"))
    assert page.locator(".jp-Notebook .course-check").count() >= 3
    assert set(page.locator(".course-check").evaluate_all("all => all.map(c => c.dataset.verdict)")) == {"not started"}
    unrendered = page.locator(".jp-MarkdownOutput").evaluate_all(
        "all => all.map(m => m.innerText).filter(t => /\\$\\$|\\\\frac|\\\\text\\{/.test(t))"
    )
    assert unrendered == [], "mathematics that was not rendered"
    assert [line for line in console if "Failed to load widget" in line or "Error displaying widget" in line] == []

    live = page.locator(".jp-Cell:not(:has(.course-prediction)) .jupyter-widgets:has(.noUi-handle)").first
    slider = live.locator(".noUi-handle").first
    slider.scroll_into_view_if_needed()
    picture = live.locator("img, .widget-html-content").first  # or a page
    before = picture.evaluate("shown => shown.src ?? shown.innerHTML")
    slider.focus()
    at_its_left_end = slider.evaluate("handle => handle.ariaValueNow === handle.ariaValueMin")
    for _ in range(3):
        page.keyboard.press("ArrowRight" if at_its_left_end else "ArrowLeft")
    page.wait_for_function(
        "([shown, before]) => (shown.src ?? shown.innerHTML) !== before", arg=[picture.element_handle(), before]
    )
    screenshot(page, f"{lesson}-slider-moved")


def test_a_saved_lesson_that_is_opened_again_shows_a_still_of_each_widget(lab: Lab, page: Any):
    lesson = "00_start_here"
    stills, views = page.locator("[class^=course-still-]"), page.locator("[class*=course-live-]")
    lab.open(page, f"{lesson}.ipynb")
    lab.run_all(page)
    assert lab.errors(page) == []
    made = stills.count()
    assert made >= 2 and views.count() == made
    assert all(views.evaluate_all(_SEEN)) and not any(stills.evaluate_all(_SEEN)), "live, the view alone is seen"
    page.evaluate(
        """async () => {
            const panel = window.jupyterapp.shell.currentWidget;
            await panel.context.save();
            await panel.sessionContext.shutdown();
        }"""
    )
    for trusted in (True, False):
        if not trusted:  # as for whoever is sent the file
            saved = json.loads((lab.folder / f"{lesson}.ipynb").read_text(encoding="utf-8"))
            saved["cells"][0]["metadata"]["sent"] = True
            (lab.folder / "sent.ipynb").write_text(json.dumps(saved), encoding="utf-8")
        page.goto("about:blank")
        lab.open(page, f"{lesson}.ipynb" if trusted else "sent.ipynb")
        stills.first.wait_for(state="attached")
        page.wait_for_timeout(1500)  # the time in which a view would be looked for
        assert views.count() == 0 and stills.count() == made
        filled = stills.evaluate_all("all => all.filter(one => one.innerHTML.trim()).map(one => one.offsetHeight > 0)")
        assert len(filled) >= 2 and all(filled), "without a kernel, the still is seen"
        shown = page.locator(".jp-Notebook").inner_text()
        assert "model not found" not in shown and "Loading widget" not in shown and "Error displaying" not in shown
        stills.first.scroll_into_view_if_needed()
        screenshot(page, f"{lesson}-opened-again-{'trusted' if trusted else 'sent'}")


_SEEN = "all => all.map(one => one.offsetParent !== null)"


def _verdict(lab: Lab, page: Any, check: str) -> str:
    lab.run_cell(page, check)
    shown = lab.output_of(page, check).locator(".course-check")
    shown.wait_for()
    shown.scroll_into_view_if_needed()
    return shown.get_attribute("data-verdict")


def test_a_check_names_the_mistake_and_then_passes_and_the_board_remembers(lab: Lab, page: Any):
    lab.open(page, "01_information.ipynb")
    lab.run_cell(page, "import")
    check = 'check("information.entropy")'
    stub = "def entropy("

    lab.set_cell(page, stub, "def entropy(p):\n    return -(p * p.log2()).nansum(-1)")
    lab.run_cell(page, stub)
    assert _verdict(lab, page, check) == "mistake"
    box = lab.output_of(page, check)
    text = box.inner_text()
    assert "expected" in text and "yours" in text and re.search("bits", text) and "nats" in text
    box.locator("summary").first.click()
    screenshot(box, "check-mistake")

    right = "    return torch.where(p > 0, -p * p.clamp_min(1e-30).log(), 0.0).sum(-1)"
    lab.set_cell(page, stub, f"def entropy(p):\n{right}")
    lab.run_cell(page, stub)
    assert _verdict(lab, page, check) == "passed"
    screenshot(lab.output_of(page, check), "check-passed")

    lab.open(page, "00_start_here.ipynb")
    lab.run_all(page)
    board = lab.output_of(page, "progress_board()")
    board.scroll_into_view_if_needed()
    screenshot(board, "progress-board")
    assert re.search(r"[1-9]\d* of \d+ exercises passed", board.inner_text())


def test_a_failing_check_fits_a_narrow_window_and_a_dark_theme(lab: Lab, page: Any):
    page.set_viewport_size({"width": 760, "height": 900})
    lab.open(page, "01_information.ipynb")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    lab.run_cell(page, "import")
    wrong = "def softmax(logits, temperature=1.0):\n    return logits / logits.sum(-1, keepdim=True)"
    lab.set_cell(page, "def softmax(", wrong)
    lab.run_cell(page, "def softmax(")
    assert _verdict(lab, page, 'check("information.softmax")') in ("wrong", "mistake", "error")
    box = lab.output_of(page, 'check("information.softmax")')
    screenshot(box, "check-wrong-dark-narrow")
    width = box.locator(".course-check").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert width[0] <= width[1] + 1
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")


def test_the_feedback_page_reads_well(page: Any, tmp_path: Path):
    from autograder.authoring.lesson import find_lessons, read_lesson
    from autograder.cli import main
    from autograder.simulation.simulate import simulate

    lessons = [read_lesson(path) for path in find_lessons(ROOT / "solutions", ("01_information",))]
    simulate(lessons, tmp_path / "submitted")
    for student in (tmp_path / "submitted").iterdir():
        if student.name not in ("ben", "grace"):
            for path in sorted(student.rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            student.rmdir()
    assert main(["grade", str(tmp_path / "submitted"), "--seed", "1"]) == 1  # grace's file is broken
    for student in ("ben", "grace"):
        page.goto(f"file://{tmp_path}/feedback/{student}/01_information/01_information.html")
        screenshot(page, f"feedback-{student}")
        overflow = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0
        assert page.locator("script").count() == 0
    assert "broken JSON" in page.inner_text("body")
    page.goto(f"file://{tmp_path}/feedback/ben/01_information/01_information.html")
    assert page.locator("section").count() == len(lessons[0].exercises)
    assert "mistake" in page.inner_text("table.overview")
