"""`python docs/build_gallery.py`: write docs/gallery.md, wrong answers and what the check says about each.

The answers are in docs/gallery.toml; each is judged here on the public cases of its exercise, as in a notebook.
"""

import io
import re
import tomllib
from contextlib import redirect_stdout
from dataclasses import replace
from functools import lru_cache
from math import isclose
from pathlib import Path

from autograder.authoring.lesson import read_lesson
from autograder.authoring.mutants.recorded import recorded_slips
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
own sentence; elsewhere it is a *slip*, if the results are exactly those of a mutant of the reference or of two mistakes
at once, or a *symptom*: how the outcomes differ from the expected ones, read off them by rules that
hold for every exercise (`course_lib/judging/symptoms`). A symptom states what was measured in all failing cases. Where
no rule finds any, the simplest case that fails is all that is shown.
"""


NUMBER = re.compile(r"(-?\d+\.\d*(?:e[+-]?\d+)?)")


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
    slips = recorded_slips(known.lesson).get(authored.check.id, ())
    cases = replace(known.case_set(authored, PUBLIC_SEED), slips=slips)  # as the notebook's check has them
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


def same(one: str, other: str) -> bool:
    """Whether two pages say the same: texts exactly, numbers but for the last digits, in which processors differ."""
    a, b = (NUMBER.split(re.sub(" +", " ", text)) for text in (one, other))
    return a[::2] == b[::2] and all(
        isclose(float(x), float(y), rel_tol=1e-4, abs_tol=1e-6) for x, y in zip(a[1::2], b[1::2])
    )


if __name__ == "__main__":
    made = page()
    if not (PAGE.exists() and same(made, PAGE.read_text(encoding="utf-8"))):
        PAGE.write_text(made, encoding="utf-8")
