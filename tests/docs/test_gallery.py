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
    assert page == gallery.page(), "docs/gallery.md is out of date: run `make gallery`."
    assert page.count("```text\n✗ ") == 20
