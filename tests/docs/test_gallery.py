"""The gallery is what its script makes: each wrong answer with what the check says about it today."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "build_gallery.py"


@pytest.fixture(scope="module")
def gallery():
    spec = importlib.util.spec_from_file_location("build_gallery", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_makes(gallery):
    page = gallery.PAGE.read_text(encoding="utf-8")
    assert gallery.same(page, gallery.page()), "docs/gallery.md is out of date: run `make gallery`."
    assert page.count("```text\n✗ ") == 20


def test_the_last_digits_of_another_processor_are_no_difference_and_others_are(gallery):
    page = "yours  [  2.0760276, -6.345659]\n2 of 7 cases"
    assert gallery.same(page, "yours  [  2.0760274,  -6.3456583]\n2 of 7 cases")
    assert not gallery.same(page, page.replace("2.076", "2.086"))
    assert not gallery.same(page, page.replace("2 of", "3 of"))
