"""The README and the guides name only commands, targets and files that exist."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autograder.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "deploy" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def test_every_make_target_in_the_guides_exists():
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    assert set(re.findall(r"\bmake ([a-z-]+)(?=`|\s+#|$)", TEXT, flags=re.M)) <= targets


@pytest.mark.parametrize("command", sorted(set(re.findall(r"(?m)(?:^|`)autograder ([a-z]+)", TEXT))))
def test_every_autograder_command_in_the_guides_explains_itself(command: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0 and "usage" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path):
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def anchors(page: Path) -> set[str]:
    """Return the names under which GitHub links to a page's headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path):
    links = re.findall(r"\]\(([^):#]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [(to, name) for to, name in links if name not in anchors(page.parent / to if to else page)] == []


def test_every_path_in_a_test_command_of_the_guides_exists():
    words = " ".join(re.findall(r"python -m pytest ([^\n`|]*)", TEXT)).split()
    paths = {word for word in words if re.match(r"(tests|course_lib|autograder)\b", word)}
    assert paths and {path for path in paths if not (ROOT / path).exists()} == set()


def test_the_lessons_that_the_readme_lists_are_those_that_there_are():
    listed = set(re.findall(r"(?m)^\| `(\d\d_\w+)` \|", (ROOT / "README.md").read_text()))
    assert listed == {path.stem for path in (ROOT / "solutions").glob("*.py")}


def test_conda_and_pip_users_get_the_same_pins():
    environment = (ROOT / "environment.yml").read_text()
    assert "-c constraints.txt" in environment and "-e .[learner,grader]" in environment
    assert re.search(r"(?m)^torch==", (ROOT / "constraints.txt").read_text())


def test_the_scoreboard_in_the_readme_is_the_measured_one():
    readme, board = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/scoreboard.md"))
    measured: dict[str, list[str]] = {}  # model → its numbers for the toy language, then those for English
    for model, numbers in re.findall(r"(?m)^\| ([\w –-]+) \| ([\d.]+ \| .*) \|$", board):
        measured[model] = measured.get(model, []) + [cell.strip() for cell in numbers.split("|")]
    shown = re.findall(r"(?m)^\| ([\w –-]+) \| ([\d.]+) \| ([\d.]+) \|$", readme)
    assert len(measured) == 9 and len(shown) == 5
    assert shown == [(model, measured[model][1], measured[model][6]) for model, *_ in shown]


def needed(package: str, extras: frozenset[str], found: set[tuple[str, frozenset[str]]]) -> set[str]:
    """Return the names of everything that a package needs here, itself among them."""
    name = canonicalize_name(package)
    if (name, extras) in found:
        return set()
    found.add((name, extras))
    names = {name}
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            names |= needed(requirement.name, frozenset(requirement.extras), found)
    return names


def test_everything_that_an_installation_brings_is_pinned():
    pinned = {canonicalize_name(line.split("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    brought = needed("language-model-course", frozenset({"learner", "grader", "dev"}), set())
    assert len(brought) > 100 and brought - pinned <= {"language-model-course", "setuptools", "pip"}
