"""What the interview room asks: the questions of all lessons, and what becomes of code with a fault in it.

The questions are the free-text ones of every lesson whose notebook is here; their model answers and rubrics come from
the answers, where this copy of the course has them.
"""

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from course_lib.checks import public
from course_lib.judging.exercise import Exercise, PublicExercise, PublicLesson
from course_lib.judging.probe import run_probe
from course_lib.judging.verdict import judge_exercise


@dataclass(frozen=True)
class Question:
    """A question that is answered in one's own words.

    id       the exercise, "attention.too_good"; lesson: its lesson's file name, "12_attention"
    text     the question, Markdown with formulas between dollar signs
    answer   the model answer, Markdown; "" where this copy of the course has no answers
    points   that it is worth
    rubric   what earns them: (points, for what), 0 points for a remark; empty where there are no answers
    """

    id: str
    lesson: str
    text: str
    points: float
    answer: str = ""
    rubric: tuple[tuple[float, str], ...] = ()

    @property
    def is_ticked_off(self) -> bool:
        """Whether the points of the rubric's lines add up to those of the question, so that they can be ticked."""
        return sum(points for points, _ in self.rubric) == self.points


@dataclass(frozen=True)
class Broken:
    """What becomes of code that a find-the-bug exercise hands out, on its public cases.

    id       the exercise; cases: the number of its cases
    right    in how many of them the result is right all the same
    stops    in how many of them it stops with an error
    """

    id: str
    cases: int
    right: int
    stops: int

    @property
    def is_silent(self) -> bool:
        """Whether nothing ever stops with an error."""
        return self.stops == 0


def questions() -> list[Question]:
    """Return the free-text questions of every lesson that is here, in the order of the course.

    A lesson without a readable notebook has none.
    """
    return [question for lesson in public.lessons().values() for question in _of_lesson(lesson)]


def broken_versions(lesson: str) -> list[Broken]:
    """Run the code that each find-the-bug exercise of a lesson hands out on the public cases.

    lesson  its name, "interview_room"

    Raises FileNotFoundError when the lesson's case file is not here, ValueError when it is damaged.

    Example: `sum(one.is_silent for one in broken_versions("interview_room"))` faults say nothing.
    """
    hunts = [one for one in public.find(lesson).exercises.values() if _hands_out_code(one.exercise)]
    return [_run(hunt) for hunt in hunts]


def _hands_out_code(exercise: Exercise) -> bool:
    return exercise.kind == "function" and "NotImplementedError" not in exercise.stub


def _run(hunt: PublicExercise) -> Broken:
    exercise, cases = hunt.exercise, hunt.cases
    if cases is None:
        raise ValueError(f"{exercise.id} has no public cases; the case file is damaged")
    names: dict[str, Any] = {}
    exec(compile(f"{exercise.setup}\n{exercise.stub}", f"<{exercise.id} as handed out>", "exec"), names)
    got = [run_probe(names[exercise.name], exercise.probe, case.arguments, exercise.withheld) for case in cases.cases]
    judged = judge_exercise(exercise, cases, got).judged
    return Broken(
        exercise.id,
        len(judged),
        right=sum(not one.reason for one in judged),
        stops=sum(bool(one.got.raised) and not one.expected.raised for one in judged),
    )


def _of_lesson(lesson: PublicLesson) -> list[Question]:
    asked = {id: one.exercise for id, one in lesson.exercises.items() if one.exercise.kind == "text"}
    texts, answers = _texts(lesson.name) if asked else {}, public.answers(lesson.name[3:]) if asked else {}
    return [
        Question(id, lesson.name, texts[id], exercise.points, *_answer_and_rubric(answers.get(id, {})))
        for id, exercise in asked.items()
        if texts.get(id)
    ]


def _texts(lesson: str) -> dict[str, str]:
    """Return the questions in a lesson's notebook by exercise id: what is above each empty answer cell."""
    for folder in public.folders("cases"):
        path = folder.parent / f"{lesson}.ipynb"
        if path.exists():
            return _read_texts(path)
    return {}


def _read_texts(path: Path) -> dict[str, str]:
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    found = {}
    for above, cell in pairwise(cells):
        about = cell["metadata"].get("course", {})
        if about.get("role") == "answer" and cell["cell_type"] == "markdown":
            text = "".join(above["source"])
            found[about["exercise"]] = re.split(r"(?m)^#+ .*$", text)[-1].strip()
    return found


def _answer_and_rubric(entry: dict[str, Any]) -> tuple[str, tuple[tuple[float, str], ...]]:
    lines = re.findall(r"(?m)^- (?:([\d.]+) points?\b:? *)?(.*)$", entry.get("rubric", ""))
    return entry.get("answer", ""), tuple((float(points or 0), what.strip()) for points, what in lines)
