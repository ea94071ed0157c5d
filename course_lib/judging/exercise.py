"""An exercise as a check sees it, and the public case file that carries it to the student."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from course_lib.judging import random_inputs, sampling, wire
from course_lib.judging.answer import read_choice, read_number
from course_lib.judging.case import Case, CaseSet, Judge, Mistake, Outcome, Probe, Slip
from course_lib.judging.compare import compare
from course_lib.judging.program import same_code
from course_lib.judging.shared_tensors import pack, unpack

AUTHOR_NAMES: dict[str, Any] = {
    "Case": Case,
    "compare": compare,
    "generator": random_inputs.generator,
    "random_tensor": random_inputs.random_tensor,
    "random_distributions": random_inputs.random_distributions,
    "random_integers": random_inputs.random_integers,
    "plain": wire.plain,
    "judge_entries": sampling.judge_entries,
    "judge_draws": sampling.judge_draws,
    "judge_counts": sampling.judge_counts,
    "judge_spread": sampling.judge_spread,
}
"""What every cases, probe, judge and mistake cell may use without importing it."""


class ExerciseId(str):
    """What an exercise is called everywhere: `lesson.name`, as in "information.entropy"."""

    @property
    def lesson(self) -> str:
        """The lesson's name, without its number."""
        return self.partition(".")[0]

    @property
    def name(self) -> str:
        """The name that the student defines."""
        return self.partition(".")[2]

    @property
    def grade_id(self) -> str:
        """What nbgrader calls it: that allows no dot."""
        return self.replace(".", "-", 1)


@dataclass(frozen=True)
class Exercise:
    """One function, class or answer that a student writes, and how it is checked.

    kind      "function" (or class), "choice", "number", "text" (graded by hand)
    points    the sum of `parts` if there are any, which are then earned one by one
    withheld  names that would answer it; needs: exercises that it builds on
    elsewhere names of `course_lib` that would answer another exercise of its lesson (see `of_one_lesson`)
    optional  beyond the core path of its lesson; graded like the others
    stub      the source of the cell as the student receives it
    setup     source of the lesson's setup cells, whose names probe and judge may use
    probe_source, judge_source   "" for the defaults
    """

    id: ExerciseId
    kind: str
    points: float
    stub: str
    parts: dict[str, float] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    mutates: bool = False
    slowdown: float = 50.0
    hints: tuple[str, ...] = ()
    setup: str = ""
    probe_source: str = ""
    judge_source: str = ""
    elsewhere: tuple[str, ...] = field(default=(), repr=False)  # follows from the others' `withheld`
    optional: bool = field(default=False, repr=False)  # no part of what a verdict comes from

    @property
    def name(self) -> str:
        """The name that the student defines."""
        return self.id.name

    @property
    def lesson(self) -> str:
        """The lesson's name, without its number."""
        return self.id.lesson

    def is_unchanged(self, answer: Any, source: str) -> bool:
        """Whether the cell is still as the student received it.

        answer  what the cell defined; of a question an unchanged one is None
        source  the cell's text; "" where it is not known
        """
        if self.kind in ("choice", "number") and answer is None:
            return True
        return bool(source) and same_code(source, self.stub)

    @cached_property
    def _names(self) -> dict[str, Any]:
        names = dict(AUTHOR_NAMES)
        if self.probe_source or self.judge_source:
            exec(compile(self.setup, f"<setup of {self.lesson}>", "exec"), names)
        for kind in ("probe", "judge"):
            if source := getattr(self, f"{kind}_source"):
                exec(compile(source, f"<{kind} of {self.id}>", "exec"), names)
        return names

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: the sources, and not the functions that were made of them."""
        return {name: value for name, value in self.__dict__.items() if name != "_names"}

    @property
    def probe(self) -> Probe | None:
        """probe(student, case), or None for the default."""
        return self._names["probe"] if self.probe_source else None

    @property
    def judge(self) -> Judge | None:
        """judge(case, expected, got), or None for the default."""
        own = self._names["judge"] if self.judge_source else None
        return partial(self._judge_answer, own or _close_enough) if self.kind in ("choice", "number") else own

    def _judge_answer(self, judge: Judge, case: dict, expected: Any, got: Any) -> Any:
        if (read := self.read_answer(got)) is None:
            return self.wanted_answer(got)
        return judge(case, self.read_answer(expected), read)

    def read_answer(self, value: Any) -> Any:
        """Return the answer to a question that a value is, or None. See course_lib.judging.answer."""
        return read_choice(self.choices, value) if self.kind == "choice" else read_number(value)

    def wanted_answer(self, value: Any) -> str:
        """Say what kind of answer was wanted in place of this value."""
        options = ", ".join(f'"{choice}"' for choice in self.choices)
        wanted = f"one of {options}" if self.kind == "choice" else "a number"
        shown = repr(value)
        return f"The answer is {wanted}; yours is {shown if len(shown) <= 60 else shown[:57] + '…'}."


def of_one_lesson(exercises: Iterable[Exercise]) -> list[Exercise]:
    """Return the exercises of a lesson, each with the names of `course_lib` that would answer one of the others."""
    together = list(exercises)
    names = dict.fromkeys(n for exercise in together for n in exercise.withheld if n.startswith("course_lib."))
    return [replace(e, elsewhere=tuple(name for name in names if name not in e.withheld)) for e in together]


def _close_enough(case: dict, expected: str | float, got: str | float) -> bool | str:
    """Judge a choice, or a number: to 1 %, but whole ones, which are counts, exactly."""
    if isinstance(expected, str) or isinstance(got, str):
        return compare(expected, got)
    if all(isinstance(number, int) or number.is_integer() for number in (expected, got)):
        return compare(int(expected), int(got))
    return compare(expected, got, rtol=1e-2)


@dataclass(frozen=True)
class PublicExercise:
    """An exercise with its public cases (seed 0). `cases` is None for questions: those go by the answers file."""

    exercise: Exercise
    cases: CaseSet | None


@dataclass(frozen=True)
class PublicLesson:
    """What a public case file holds: the lesson's file name, title, version, and its exercises in order.

    terms  the field's words that the lesson explains: word → heading of the section
    """

    name: str
    title: str
    version: str
    exercises: dict[ExerciseId, PublicExercise]
    terms: dict[str, str] = field(default_factory=dict)


def write_public(lesson: PublicLesson) -> str:
    """Return the text of a public case file: JSON, a line for each exercise, so that changes show where they are."""
    documents: dict[str, dict] = {}
    for id, public in lesson.exercises.items():
        documents[id] = {k: v for k, v in asdict(public.exercise).items() if k not in ("id", "setup", "elsewhere")}
        if not documents[id]["optional"]:
            del documents[id]["optional"]
        documents[id]["cases"] = public.cases and write_cases(public.cases)
    packed, tensors = pack(documents)
    setup = next((p.exercise.setup for p in lesson.exercises.values()), "")
    head = {
        "lesson": lesson.name,
        "title": lesson.title,
        "version": lesson.version,
        "terms": lesson.terms,
        "setup": setup,
    }
    fields = [f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
    blocks = [
        _block(
            "exercises", "{}", [f"{json.dumps(id)}: {json.dumps(d, ensure_ascii=False)}" for id, d in packed.items()]
        ),
        _block("tensors", "[]", list(map(json.dumps, tensors))),
    ]
    return "{\n" + ",\n".join([*fields, *blocks]) + "\n}\n"


def _block(name: str, brackets: str, rows: list[str]) -> str:
    """Return a field of a JSON object whose value has a line for each item."""
    return f" {json.dumps(name)}: {brackets[0]}\n" + ",\n".join(f"  {row}" for row in rows) + f"\n {brackets[1]}"


def unpacked(text: str) -> dict:
    """Return the document of a public case file, with its shared tensors in their places.

    Raises ValueError, LookupError or TypeError when it is not one.
    """
    document = json.loads(text)
    tensors = document.pop("tensors", [])
    return unpack(document, tensors)


def read_public(path: Path) -> PublicLesson:
    """Return the lesson of a public case file. Raises ValueError, naming the file, when it is not one."""
    try:
        document = unpacked(path.read_text(encoding="utf-8"))
        checks: list[Exercise] = []
        cases: list[CaseSet | None] = []
        for id, entry in document["exercises"].items():
            shipped = entry.pop("cases")
            cases.append(shipped and read_cases(shipped))
            entry = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
            checks.append(Exercise(id=ExerciseId(id), setup=document["setup"], **entry))
        exercises = {check.id: PublicExercise(check, its) for check, its in zip(of_one_lesson(checks), cases)}
        terms = document.get("terms", {})  # those of an earlier version have none
        return PublicLesson(document["lesson"], document["title"], document["version"], exercises, terms)
    except (AttributeError, LookupError, TypeError, ValueError) as problem:
        raise ValueError(f"{path} is not a public case file of this course ({problem!r}).") from problem


def write_cases(cases: CaseSet) -> dict:
    """Return a case set as a JSON document."""
    return {
        "cases": [case.to_document() for case in cases.cases],
        "expected": [outcome.to_document() for outcome in cases.expected],
        "mistakes": [
            {"name": m.name, "hint": m.hint, "outcomes": [o.to_document() for o in m.outcomes]} for m in cases.mistakes
        ],
        "slips": write_slips(cases.slips),
    }


def write_slips(slips: Iterable[Slip]) -> list[dict]:
    """Return slips as JSON documents."""
    return [{"name": slip.name, "words": slip.words, "prints": [list(one) for one in slip.prints]} for slip in slips]


def read_slips(documents: list[dict]) -> tuple[Slip, ...]:
    """Return the slips of documents that `write_slips` wrote."""
    return tuple(Slip(d["name"], d["words"], tuple((f, a, b) for f, a, b in d["prints"])) for d in documents)


def read_cases(document: dict) -> CaseSet:
    """Return the case set of a document that `write_cases` wrote."""
    try:
        return CaseSet(
            tuple(Case.from_document(case) for case in document["cases"]),
            tuple(Outcome.from_document(outcome) for outcome in document["expected"]),
            tuple(
                Mistake(m["name"], m["hint"], tuple(Outcome.from_document(o) for o in m["outcomes"]))
                for m in document["mistakes"]
            ),
            read_slips(document.get("slips", [])),  # those of an earlier version have none
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise wire.WireError(f"not a case set: {problem!r}") from None
