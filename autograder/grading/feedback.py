"""One page per submission: the student's code, the verdicts, what helps. Nothing hidden is in it, and no script.

What a page needs from a grading is plain data, which the autograded notebook carries along. So the same page can be
made again whenever a grader has given marks, by `autograder grade` and by Formgrader.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import jinja2
import nbformat
from markupsafe import Markup
from nbformat.notebooknode import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.authoring.lesson import Lesson
from autograder.grading.grade import Grading
from autograder.grading.plain_text import readable
from autograder.grading.prepare import GradedLesson
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.needed import with_help
from course_lib.judging.showing import case_label, difference, prose_html, whole_input
from course_lib.judging.verdict import Verdict, VerdictKind, simplest_failure

MAX_SOURCE = 50_000
_TONES = {VerdictKind.PASSED: "good", VerdictKind.BY_HAND: "wait", VerdictKind.NOT_STARTED: "quiet"}
_FORMATTER = HtmlFormatter(nowrap=False, cssclass="code")


# ---- what a page needs


@dataclass(frozen=True)
class Given:
    """What a grader gave one submission, by nbgrader's id of the exercise.

    by_hand   points instead of the automatic ones;  extra: points beside them
    comments  what the teacher writes
    penalty   points taken off for being late
    settled   whether a mark was given since the submission was last graded, so that it is about this submission
    """

    by_hand: dict[str, float] = field(default_factory=dict)
    extra: dict[str, float] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    penalty: float = 0.0
    settled: bool = False


def describe(graded: GradedLesson, grading: Grading, sandbox: str) -> dict:
    """Return what the page says about a grading, as plain data without anything hidden."""
    return {
        "title": graded.lesson.title,
        "refused": "",
        "notes": grading.submission.notes,
        "sandbox": sandbox,
        "exercises": [_exercise(graded, grading, verdict) for verdict in grading.verdicts],
    }


def reworded(about: dict, lesson: Lesson) -> dict:
    """Return what a page says with today's title, hints and sentences about mistakes; what was judged stays."""
    rows = []
    for row in about["exercises"]:
        exercise = lesson.exercises[ExerciseId(row["id"]).name]
        said = {m.name: m.hint for m in exercise.mistakes}.get(row.get("mistake", ""))
        message = {} if said is None else {"message": with_help(said, row["helped"])}
        hints = {"hints": list(exercise.check.hints)} if row.get("hints") else {}
        rows.append({**row, **message, **hints})
    return {**about, "title": lesson.title, "exercises": rows}


def describe_refusal(lesson: Lesson | None, name: str, reason: str) -> dict:
    """Return what the page says about a submission that could not be graded. lesson: None when there is none."""
    exercises = lesson.exercises.values() if lesson else ()
    rows = [
        {"id": e.check.id, "points": 0.0, "max_points": e.check.points, "verdict": VerdictKind.NOT_GRADED}
        for e in exercises
    ]
    title = lesson.title if lesson else name
    return {"title": title, "refused": reason, "notes": [], "sandbox": "", "exercises": rows}


def _exercise(graded: GradedLesson, grading: Grading, verdict: Verdict) -> dict:
    exercise = graded.lesson.exercises[verdict.id.name].check
    tried = verdict.verdict in (VerdictKind.MISTAKE, VerdictKind.WRONG, VerdictKind.ERROR)
    failed = simplest_failure(verdict.judged) if verdict.failed else None
    return {
        "id": verdict.id,
        "prose": exercise.kind == "text",
        "verdict": verdict.verdict,
        "mistake": verdict.mistake,
        "helped": list(verdict.helped),
        "points": verdict.points,
        "max_points": verdict.max_points,
        "message": verdict.message,
        "cases": [[case_label(j, i), not j.reason] for i, j in enumerate(verdict.judged)] if tried else [],
        "failing": case_label(failed, verdict.judged.index(failed)) if failed and verdict.mistake else "",
        "reason": failed.reason if failed else "",
        "difference": [list(row) for row in difference(failed)] if failed else [],
        "input": whole_input(failed.case) if failed else "",
        "hints": list(exercise.hints) if tried else [],
        "sources": [text[:MAX_SOURCE] for text in grading.submission.sources(verdict.id)],
        "images": grading.submission.images(verdict.id),
    }


# ---- the notebook carries it


def with_description(notebook: NotebookNode, about: dict) -> NotebookNode:
    """Return a notebook that carries what its feedback page says."""
    course = {**notebook.metadata.get("course", {}), "grading": about}
    return nbformat.from_dict({**notebook, "metadata": {**notebook.metadata, "course": course}})


def description_in(notebook: NotebookNode) -> dict:
    """Return what the feedback page of an autograded notebook says. Raises ValueError when we did not grade it."""
    about = notebook.metadata.get("course", {}).get("grading")
    if about is None:
        raise ValueError("This notebook was not graded by the course's autograder; autograde it first.")
    return about


def refused_notebook(release: NotebookNode, about: dict) -> NotebookNode:
    """Return what Formgrader shows of a submission that could not be graded: the lesson, with the reason on top."""
    text = "**This submission could not be graded.** Below is the lesson as students received it."
    text += f"\n\n    {' '.join(about['refused'].split())}"
    reason = nbformat.v4.new_markdown_cell(text, id="not-gradable", metadata={"course": {"role": "prose"}})
    return with_description(nbformat.from_dict({**release, "cells": [reason, *release.cells]}), about)


# ---- the page


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("autograder.grading", ".")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    return environment.get_template("feedback.html.jinja")


def feedback_page(student: str, lesson: str, about: dict, given: Given | None = None) -> str:
    """Return the HTML page about one submission.

    about  what `describe` or `describe_refusal` returned
    given  what the gradebook holds: marks that a grader gave, and comments
    """
    given = given or Given()
    rows = [_row(exercise, given) for exercise in about["exercises"]]
    most = sum(row["max_points"] for row in rows)
    score = max(0.0, sum(row["points"] for row in rows) - given.penalty)
    return _template().render(
        student=student,
        lesson=lesson,
        title=about["title"],
        refused=about["refused"],
        marked=not about["refused"] or given.settled,
        score=score,
        max_score=most,
        share=min(100.0, 100 * score / most) if most else 0,
        waiting=sum(row["max_points"] for row in rows if row["waiting"]),
        penalty=given.penalty,
        notes=about["notes"],
        exercises=rows,
        code_style=_FORMATTER.get_style_defs(".code"),
        sandbox="Graded without isolation." if about["sandbox"] == "none" else "",
    )


def _row(exercise: dict, given: Given) -> dict:
    """Return what the page shows of one exercise, with the mark and the comment that a grader gave."""
    id = ExerciseId(exercise["id"])
    name, by_hand = id.grade_id, given.by_hand.get(id.grade_id)
    read = by_hand is not None and exercise["verdict"] in (VerdictKind.BY_HAND, VerdictKind.NOT_GRADED)
    points = exercise["points"] if by_hand is None else by_hand
    points += given.extra.get(name, 0.0)
    tone = _TONES.get(exercise["verdict"], "bad")
    if read:
        tone = "good" if points >= exercise["max_points"] else "quiet"
    return {
        "name": id.name,
        "verdict": "graded by hand" if read else _words(exercise),
        "tone": tone,
        "points": points,
        "max_points": exercise["max_points"],
        "automatic": None if by_hand in (None, exercise["points"]) or read else exercise["points"],
        "waiting": by_hand is None and exercise["verdict"] in (VerdictKind.BY_HAND, VerdictKind.NOT_GRADED),
        "comment": given.comments.get(name, ""),
        "message": "" if read or _is_plainly_right(exercise) else _prose(exercise.get("message", "")),
        "cases": exercise.get("cases", []),
        "failing": exercise.get("failing", ""),
        "reason": exercise.get("reason", ""),
        "difference": exercise.get("difference", []),
        "input": exercise.get("input", ""),
        "hints": [_prose(hint) for hint in exercise.get("hints", [])],
        "sources": [_source(text, exercise["prose"]) for text in exercise.get("sources", [])],
        "images": exercise.get("images", {}),
    }


def _is_plainly_right(exercise: dict) -> bool:
    return exercise["verdict"] == VerdictKind.PASSED and not exercise.get("helped")


def _words(exercise: dict) -> str:
    mistake = exercise.get("mistake", "")
    return (
        f"mistake: {mistake.replace('_', ' ')}" if exercise["verdict"] == VerdictKind.MISTAKE else exercise["verdict"]
    )


def _prose(text: str) -> Markup:
    return Markup(prose_html(text))


def _source(text: str, prose: bool) -> Markup:
    if prose:
        return Markup('<pre class="prose">{}</pre>').format(text)
    return _highlighted(readable(text))


@lru_cache(maxsize=256)
def _highlighted(source: str) -> Markup:
    """Return a cell in colours. In a class, stubs and right answers repeat."""
    return Markup(highlight(source, PythonLexer(), _FORMATTER))
