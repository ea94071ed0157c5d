"""`python docs/build_gallery.py`: write docs/gallery.md, wrong answers and what the check says about each.

The answers are in docs/gallery.toml; each is judged here on the public cases of its exercise, as in a notebook.
"""

import io
import tomllib
from contextlib import redirect_stdout
from functools import lru_cache
from pathlib import Path

from autograder.authoring.lesson import read_lesson
from autograder.authoring.reference import PUBLIC_SEED, Reference
from course_lib.checks.render import CheckView
from course_lib.judging.probe import run_probe
from course_lib.judging.verdict import judge_exercise

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "gallery.md"
HEAD = """<!-- Written by `make gallery` from docs/gallery.toml: do not edit. -->

# Wrong answers, and what the check says

Each of these answers was run on the public cases of its exercise. Below the code is, word for word, what `check` prints
outside Jupyter. Where an author foresaw the mistake, the second line is the lesson's
own sentence; elsewhere it is a *symptom*: how the outcomes differ from the expected ones, read off them by rules that
hold for every exercise (`course_lib/judging/symptoms`). A symptom states what was measured in all failing cases. Where
no rule finds any, the simplest case that fails is all that is shown.
"""


@lru_cache
def reference(lesson: str) -> Reference:
    """Return the references of a lesson, by its file's name."""
    return Reference(read_lesson(ROOT / "solutions" / f"{lesson}.py"))


def said(lesson: str, exercise: str, code: str) -> str:
    """Return what the check says about an answer, as text."""
    known = reference(lesson)
    authored = known.lesson.exercises[exercise]
    names = dict(known.names)
    exec(compile(code, "<ipython-input>", "exec"), names)
    cases = known.case_set(authored, PUBLIC_SEED)
    with redirect_stdout(io.StringIO()):  # one of the answers prints
        got = [run_probe(names[exercise], authored.check.probe, case.arguments) for case in cases.cases]
    return repr(CheckView(authored.check, judge_exercise(authored.check, cases, got)))


def page() -> str:
    """Return the text of the gallery."""
    answers = tomllib.loads((ROOT / "docs" / "gallery.toml").read_text(encoding="utf-8"))["answer"]
    parts = [HEAD]
    for number, answer in enumerate(answers, 1):
        code, text = answer["code"].strip(), said(answer["lesson"], answer["exercise"], answer["code"])
        title = f"## {number}. `{answer['exercise']}`: {answer['slip']}"
        parts.append(f"{title}\n\n```python\n{code}\n```\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
