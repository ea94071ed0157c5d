"""`python docs/build_teaching.py`: write docs/teaching/lessons.md, what each lesson asks and gives, from the lessons.

A lecturer plans with it: outcomes, minutes, what comes before, and which exercises are the core.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from autograder.authoring.lesson import AuthoredExercise, Lesson, find_lessons, read_lesson

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "teaching" / "lessons.md"
HEAD = """<!-- Written by `make teaching` from the lessons: do not edit. -->

# The lessons, for planning

What each lesson lets students do, in the words that it uses itself, and what it asks of them. *Core* exercises are
those on which later lessons and the outcomes rest; optional ones are marked so in the notebook, and graded like the
others.
Minutes are for the core, by estimate. Free texts need somebody to mark them; everything else marks itself.
"""
OUTCOMES = re.compile(r"(?ms)^## What you will be able to do\n+(.*?)(?:\n\n(?!-)|\Z)")
BUILDS_ON = re.compile(r"\[(\d\d) [^\]]*\]\(\d\d_\w+\.ipynb\)")


def outcomes(lesson: Lesson) -> str:
    """Return the list of what a lesson lets its students do, as Markdown. Raises ValueError when it has none."""
    for cell in lesson.cells:
        if cell.markdown and (found := OUTCOMES.search(cell.source)):
            return found[1]
    raise ValueError(f"{lesson.path} does not say what students will be able to do")


def builds_on(lesson: Lesson) -> list[str]:
    """Return the numbers of the lessons on which a lesson says that it builds. Later ones in that line lead onwards."""
    lines = [line for cell in lesson.cells if cell.markdown for line in cell.source.split("\n")]
    stated = next(line for line in lines if "**Builds on**" in line)
    return sorted(number for number in BUILDS_ON.findall(stated.split("**Builds on**")[1]) if number < lesson.name)


def points(exercises: Sequence[AuthoredExercise]) -> float:
    """Return what exercises are worth together."""
    return sum(exercise.check.points for exercise in exercises)


def _names(exercises: Sequence[AuthoredExercise]) -> str:
    return ", ".join(f"`{exercise.check.name}` {exercise.check.points:g}" for exercise in exercises) or "–"


def _section(lesson: Lesson) -> str:
    asked = list(lesson.exercises.values())
    text = [one for one in asked if one.check.kind == "text"]
    core = [one for one in asked if one not in text and not one.check.optional]
    optional = [one for one in asked if one not in text and one.check.optional]
    before = ", ".join(builds_on(lesson))
    rows = [
        f"| core | {points(core):g} | {_names(core)} |",
        f"| optional | {points(optional):g} | {_names(optional)} |",
        f"| marked by a person | {points(text):g} | {_names(text)} |",
    ]
    return "\n".join(
        [
            f"## {lesson.name[:2]} · {lesson.title}\n",
            f"[{lesson.name}](../../notebooks/{lesson.name}.ipynb), {lesson.minutes} minutes"
            + (f"; builds on {before}" if before else "")
            + f". {sum(one.check.points for one in asked):g} points in all.\n",
            outcomes(lesson) + "\n",
            "| exercises | points | each with its points |",
            "|---|---:|---|",
            *rows,
            "",
        ]
    )


def page() -> str:
    """Return the text of the page."""
    return "\n".join([HEAD, *(_section(read_lesson(path)) for path in find_lessons(ROOT / "solutions"))])


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
