"""One page per submission: the student's code, the verdicts, what helps. Nothing hidden is in it, and no script."""

from functools import lru_cache

import jinja2
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.grade import GradedLesson, Grading
from course_lib.checks import verdict as verdicts
from course_lib.checks.render import case_label, difference, prose_html
from course_lib.checks.verdict import Verdict, smallest_failure

_TONES = {verdicts.PASSED: "good", verdicts.BY_HAND: "wait", verdicts.NOT_STARTED: "quiet"}
_FORMATTER = HtmlFormatter(nowrap=False, cssclass="code")


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("autograder", ".")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    return environment.get_template("feedback.html.jinja")


def feedback_page(graded: GradedLesson, grading: Grading, sandbox: str = "auto") -> str:
    """Return the HTML page about one grading. sandbox: "none" is said on the page."""
    submission = grading.submission
    most = sum(verdict.max_points for verdict in grading.verdicts)
    waiting = sum(v.max_points for v in grading.verdicts if v.verdict == verdicts.BY_HAND)
    return _template().render(
        student=submission.student,
        lesson=submission.lesson,
        title=graded.lesson.title,
        score=grading.score,
        max_score=most,
        share=100 * grading.score / most if most else 0,
        by_hand=waiting,
        notes=submission.notes,
        exercises=[_exercise(graded, grading, verdict) for verdict in grading.verdicts],
        code_style=_FORMATTER.get_style_defs(".code"),
        sandbox="Graded without isolation." if sandbox == "none" else "",
    )


def refusal_page(student: str, lesson: str, title: str, reason: str) -> str:
    """Return the HTML page about a submission that could not be graded."""
    return _template().render(student=student, lesson=lesson, title=title, refused=reason, code_style="")


def _exercise(graded: GradedLesson, grading: Grading, verdict: Verdict) -> dict:
    exercise = graded.lesson.exercises[verdict.id.split(".", 1)[1]].check
    tried = verdict.verdict in (verdicts.MISTAKE, verdicts.WRONG, verdicts.ERROR)
    failed = smallest_failure(verdict.judged) if verdict.failed else None
    return {
        "name": exercise.name,
        "verdict": _words(verdict),
        "tone": _TONES.get(verdict.verdict, "bad"),
        "points": verdict.points,
        "max_points": verdict.max_points,
        "message": "" if verdict.verdict == verdicts.PASSED else _prose(verdict.message),
        "cases": [(case_label(j, i), not j.reason) for i, j in enumerate(verdict.judged)] if tried else [],
        "failing": case_label(failed, verdict.judged.index(failed)) if failed and verdict.mistake else "",
        "reason": failed.reason if failed else "",
        "difference": difference(failed) if failed else [],
        "hints": [_prose(hint) for hint in exercise.hints] if tried else [],
        "sources": [_source(text, exercise.kind == "text") for text in grading.submission.sources(verdict.id)],
    }


def _words(verdict: Verdict) -> str:
    return f"mistake: {verdict.mistake.replace('_', ' ')}" if verdict.verdict == verdicts.MISTAKE else verdict.verdict


def _prose(text: str) -> Markup:
    return Markup(prose_html(text))


def _source(text: str, prose: bool) -> Markup:
    if prose:
        return Markup('<pre class="prose">{}</pre>').format(text)
    return Markup(highlight(text[:50_000], PythonLexer(), _FORMATTER))
