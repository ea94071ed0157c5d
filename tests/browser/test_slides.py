"""Each lesson's slides in a browser without a network: formulas and figures are there, and everything fits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.authoring.slides import PARTS, main
from tests.browser.conftest import ROOT, screenshot

LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
SLIDES_PARTS = ROOT / "build" / "slides-parts"
pytestmark = pytest.mark.skipif(
    not all((SLIDES_PARTS / path).is_file() for path in PARTS.values()),
    reason="no reveal.js in build/slides-parts: make slides",
)


@pytest.fixture
def offline(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def _overflowing(page: Any) -> list[str]:
    """Walk through the slides; return those on which something is cut off."""
    return page.evaluate(
        """() => {
            const bad = [];
            for (const slide of Reveal.getSlides()) {
                const { h, v } = Reveal.getIndices(slide);
                Reveal.slide(h, v);
                const content = slide.querySelector('.content'), sign = slide.querySelector('.pause-sign');
                const bottom = sign ? sign.getBoundingClientRect().top + 2 : 720;
                const cut = slide.scrollHeight > 721 || slide.scrollWidth > 1281
                    || content.getBoundingClientRect().bottom > bottom || content.classList.contains('too-tall');
                if (cut) bad.push(`${h + 1}.${v + 1} ${slide.innerText.slice(0, 60)}`);
            }
            return bad;
        }"""
    )


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lecture_needs_no_network_and_everything_fits(offline: Any, tmp_path: Path, lesson: str):
    wanted, errors = [], []
    offline.on("request", lambda request: wanted.append(request.url))
    offline.on("pageerror", lambda error: errors.append(str(error)))
    assert main([lesson, "--short", "--to", str(tmp_path)]) == 0  # which tests/notebooks has run
    offline.goto(f"file://{tmp_path}/{lesson}.html")
    offline.wait_for_selector("body[data-ready]")
    screenshot(offline, f"{lesson}-slides")
    assert errors == []
    assert [url for url in wanted if not url.startswith(("file:", "data:"))] == []
    assert offline.locator("[data-mml-node=merror]").count() == 0
    unrendered = offline.locator(".content p, .content li").evaluate_all(
        "all => all.map(e => e.textContent).filter(t => /\\$\\$|\\\\frac|\\\\text\\{/.test(t))"
    )
    assert unrendered == [], "mathematics that was not rendered"
    assert offline.locator(".content img").count() >= 1
    assert offline.locator(".content img").evaluate_all("all => all.filter(i => i.naturalWidth === 0).length") == 0
    assert _overflowing(offline) == []
    offline.locator("summary").first.evaluate(
        "one => Reveal.slide(...Object.values(Reveal.getIndices(one.closest('.slides > section > section'))))"
    )
    offline.locator("section.present summary:visible").first.click()
    assert offline.locator("section.present details[open] .code").first.is_visible()
