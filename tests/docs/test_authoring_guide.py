"""The guide for authors says what the code does: its tables, its numbers, and an example that can be verified."""

import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from autograder.authoring.claims import read_claims, unmet
from autograder.authoring.lesson import INERT, KINDS, OPTIONS, read_lesson
from autograder.authoring.reference import Reference
from autograder.authoring.verify import HINTS, MIN_MISTAKES, verify
from autograder.grading.prepare import Limits
from course_lib.judging.exercise import Exercise

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "authoring.md").read_text(encoding="utf-8")
WORDS = {2: "two", 3: "three"}


def table(heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, without its head."""
    section = "\n" + GUIDE.split(f"\n{heading}\n", 1)[1]
    lines = [line for line in section.split("\n\n| ", 1)[1].split("\n\n")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_the_table_of_cells_has_every_kind_of_cell_and_no_other():
    heads = [row[0] for row in table("## Cells")]
    named = [kind for head in heads for kind in KINDS if re.search(rf"\b{kind}=", head)]
    assert set(named) == set(KINDS)
    assert all('active="py"' in head for head in heads if any(f"{kind}=" in head for kind in INERT))


def test_the_table_of_options_has_every_option_and_no_other():
    named = {re.match(r"`(\w+)=", row[0])[1] for row in table("### Options of an exercise")}
    assert named == set(OPTIONS["exercise"].split())


@pytest.mark.parametrize("row", table("### Options of an exercise"), ids=lambda row: row[0])
def test_a_default_in_the_table_is_the_one_in_the_code(row):
    name, said = re.match(r"`(\w+)=", row[0])[1], row[-1]
    default = {f.name: f.default if f.default is not MISSING else None for f in fields(Exercise)}.get(name)
    shown = {False: "false", (): "none", 50.0: "50"}.get(default)
    if shown and not said.startswith("required"):
        assert said == shown
    elif name == "parts":
        assert said == "none"
    else:
        assert said.startswith("required") or (name, said) in {("kind", "function"), ("slide", "by role")}


def test_the_time_limit_of_a_case_is_the_one_in_the_code():
    assert f"(never under {Limits().case:g} s)" in GUIDE


def test_how_many_hints_and_mistakes_are_demanded_is_said():
    assert f"a numbered list of {WORDS[HINTS]}:" in GUIDE
    assert f"At least {WORDS[MIN_MISTAKES]} per exercise" in GUIDE


def blocks(part: str) -> list[str]:
    """Return the Python blocks that hold a text."""
    return [block for block in re.findall(r"(?s)```python\n(.*?)```", GUIDE) if part in block]


def test_the_example_can_be_verified_as_it_is_printed(tmp_path):
    (header,) = blocks("# jupyter:")
    (exercise,) = blocks("### Exercise · entropy")
    (mistake,) = blocks('name="of_the_batch"')
    setup = "# %% setup=true\nimport torch\nfrom torch import Tensor\n"
    path = tmp_path / "01_information.py"
    path.write_text("\n".join((header, setup, exercise, mistake)), encoding="utf-8")
    lesson = read_lesson(path)
    assert [m.name for m in lesson.exercises["entropy"].mistakes] == ["bits", "nan_at_zero", "of_the_batch"]
    assert [trial for trial in verify(lesson) if not trial.holds] == []


def test_the_example_of_numbers_in_the_prose_holds_when_its_cells_have_run(tmp_path):
    (header,) = blocks("# jupyter:")
    (exercise,) = blocks("### Exercise · entropy")
    (example,) = blocks("{{")
    setup = "# %% setup=true\nimport torch\nfrom torch import Tensor\nfrom course_lib import information\n"
    path = tmp_path / "01_information.py"
    path.write_text("\n".join((header, setup, exercise, example)), encoding="utf-8")
    lesson = read_lesson(path)
    names = dict(Reference(lesson).names)
    exec(next(cell.source for cell in lesson.cells if cell.source.startswith("heads")), names)
    assert [claim.shown for claim in lesson.claims] == ["0.6931", "90 %", "0.33", "less"]
    assert unmet(lesson.claims, names) == []
    (finding,) = unmet(lesson.claims, names | {"heads": 0.8})
    assert finding.startswith(f"{path}:") and finding.endswith("the text says 90 %; `heads` is 0.8 (± 0.005)")


def test_what_a_claim_shows_in_the_table_is_what_students_see():
    for written, seen, _ in table("## Numbers in the prose"):
        prose, claims, wrong = read_claims(written.strip("`"), "lesson.py", 1)
        assert (prose, len(claims), wrong) == (seen, 1, [])
