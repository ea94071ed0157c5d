"""A simulated class of any size: students of different ability who solve, err, give up, crash, and copy.

Each is drawn from the seed alone, so the same call writes the same bytes. What a student writes is a lesson's own
reference or one of its mistakes, rewritten: other names, comments and steps on the way. Those who copy hand in another
one's code with names and comments of their own, or a function of `course_lib`.
"""

import ast
import functools
import importlib
import json
import math
import random
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from autograder.authoring.build import student_notebook
from autograder.authoring.lesson import AuthoredExercise, Lesson
from autograder.simulation.rewriting import Version, rewritten
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.forbidden import forbidden_in

FIRST = (
    "amina ben chiara dmitri elif farid grace hiro ines jonas kofi leila mateo nadia oskar priya quentin rosa sanjay "
    "tuulia ulrich vera wei ximena yusuf zofia"
).split()
LAST = (
    "abe becker costa dahl eriksen fischer garcia haas ivanov jansen kumar lopez meyer nowak okafor petrov quist rossi "
    "schmidt tanaka urban vidal wagner xu yilmaz zhang"
).split()
COMMENTS = (
    "see the formula above", "works on the first case", "shapes: checked by hand", "to ask about in class",
    "the last dimension is what is summed over", "finally", "not sure about the edge cases", "as on the slides",
    "second attempt", "this took an hour", "why does this need a float?", "cleaned up",
)  # fmt: skip
SENTENCES = (
    "It follows from the definition when both are written out side by side.",
    "The two numbers differ by what the model does not know about the data.",
    "I would first measure it on a text that was not used for training.",
    "In the example of the lesson the difference was small, but it had the same sign in every run.",
    "A larger model lowers the first term; nothing lowers the second.",
    "I do not see why this must hold in general, but it holds for two outcomes.",
    "The mean is over tokens and not over sentences, which matters when lengths differ.",
    "Without the mask every position could look at the answer.",
)
VERSIONS = 24  # ways to write the same solution; honest students who write the same one in all exercises are rare
RIGHT, STUB, CRASH, SYNTAX, WRONG, FORBIDDEN, ENDLESS, PASTED = (
    "right", "stub", "crash", "syntax", "wrong", "forbidden", "endless", "pasted",
)  # fmt: skip
MISHAPS = {  # what happens to a file on its way, and how often
    "not handed in": 0.03, "truncated": 0.006, "empty": 0.003, "other name": 0.006, "check deleted": 0.01,
    "check copied": 0.006, "no metadata": 0.006, "byte-order mark": 0.004,
}  # fmt: skip


@dataclass(frozen=True)
class Student:
    """One simulated student.

    ability      0 is the mean of a class, 1 its standard deviation
    copies_from  the number of the student whose code this one hands in, or None
    pastes       whether functions of course_lib are pasted in place of what was asked for
    """

    number: int
    name: str
    ability: float
    copies_from: int | None = None
    pastes: bool = False


def students_of(size: int, seed: int) -> list[Student]:
    """Return a class: abilities are normally distributed, about 6 in 100 copy from another, 4 in 100 from the library.

    Those who copy do so from a student before them who does not, mostly from an able one.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    draw = random.Random(f"class {seed}")
    names = [f"{first}.{last}" for first in FIRST for last in LAST]
    draw.shuffle(names)
    students: list[Student] = []
    for number in range(size):
        again, place = divmod(number, len(names))
        name = f"{names[place]}{again or ''}"
        ability, kind = draw.gauss(0, 1), draw.random()
        honest = [student for student in students[-200:] if student.copies_from is None and not student.pastes]
        source = max(draw.sample(honest, min(3, len(honest))), key=lambda s: s.ability).number if honest else None
        copies = source if kind < 0.06 else None
        students.append(Student(number, name, ability, copies, 0.06 <= kind < 0.10))
    return students


def simulate_class(lessons: list[Lesson], to: Path, size: int, seed: int = 0) -> list[Path]:
    """Write the submissions of a class in nbgrader's layout; return the paths of those that were handed in.

    size  number of students
    seed  of everything that is drawn

    Raises ValueError when there would be nobody.
    """
    students, written = students_of(size, seed), []
    for lesson in lessons:
        sheet = _Sheet(lesson, seed)
        for student in students:
            draw = random.Random(f"file {seed} {lesson.name} {student.number}")
            mishap = _drawn(draw, MISHAPS)
            if mishap == "not handed in":
                continue
            folder = to / student.name / lesson.name
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{lesson.short}-final(2)" if mishap == "other name" else lesson.name
            path = folder / f"{name}.ipynb"
            path.write_bytes(_damaged(sheet.notebook(student, students, mishap).encode(), mishap))
            written.append(path)
    return written


def _drawn(draw: random.Random, chances: dict[str, float]) -> str:
    """Return one of the names with its chance, or "" with what is left."""
    point = draw.random()
    for name, chance in chances.items():
        point -= chance
        if point < 0:
            return name
    return ""


def _damaged(data: bytes, mishap: str) -> bytes:
    if mishap == "truncated":
        return data[: len(data) // 2]
    if mishap == "empty":
        return b""
    return b"\xef\xbb\xbf" + data if mishap == "byte-order mark" else data


class _Sheet:
    """A lesson as a form to be filled in: the notebook's JSON with gaps for the exercises."""

    GAP = "\ue010"

    def __init__(self, lesson: Lesson, seed: int) -> None:
        self.lesson, self.seed = lesson, seed
        self.tasks = {e.check.id: _Task(e, number, seed) for number, e in enumerate(lesson.exercises.values())}
        notebook = student_notebook(lesson)
        self.cells: list[tuple[str, str, tuple[str, str]]] = []  # role, exercise, JSON before and after the gap
        for cell in notebook.cells:
            course = cell.metadata.get("course", {})
            role, exercise = course.get("role", ""), course.get("exercise", "")
            if role in ("exercise", "answer"):
                before, after = json.dumps({**cell, "source": self.GAP}, indent=1).split(json.dumps(self.GAP))
            else:
                before, after = json.dumps(cell, indent=1, ensure_ascii=False), ""
            self.cells.append((role, exercise, (before, after)))
        rest = {key: value for key, value in notebook.items() if key != "cells"}
        self.end = json.dumps(rest, indent=1)[1:]

    def notebook(self, student: Student, students: list[Student], mishap: str) -> str:
        """Return the text of a student's notebook."""
        author = student if student.copies_from is None else students[student.copies_from]
        hand = _Hand(student, f"{self.seed} {self.lesson.name}")
        cells, checks = [], 0
        for role, exercise, (before, after) in self.cells:
            if role in ("exercise", "answer"):
                text = self.tasks[ExerciseId(exercise)].answer(author, student, hand)
                before = before + json.dumps(text.splitlines(keepends=True), ensure_ascii=False) + after
            if role == "check":
                checks += 1
                if checks == 1 and mishap == "check deleted":
                    continue
                if checks == 2 and mishap == "check copied":
                    cells.append(before)
            cells.append(before)
        text = '{"cells": [\n' + ",\n".join(cells) + "],\n" + self.end
        return re.sub(r'"(nbgrader|course|id)":', r'"lost_\1":', text) if mishap == "no metadata" else text


class _Hand:
    """How one student names things and comments."""

    def __init__(self, student: Student, seed: str) -> None:
        self.draw = random.Random(f"hand {seed} {student.number}")
        self.student = student
        self.start, self.suffix = self.draw.randrange(1000), self.draw.choice(("", "", "_", "1", "_t", "_x"))

    def fill(self, version: Version) -> str:
        """Return a version in this student's own words."""
        comments = (f"# {self.comment()}" for _ in iter(int, 1))
        return version.text(self.start, self.suffix, comments)

    def comment(self) -> str:
        if self.draw.random() < 0.04:
            return f"{self.student.name.replace('.', ' ').title()}, {self.draw.randrange(10**6)}"
        return f"{self.draw.choice(COMMENTS)} ({self.draw.randrange(1000)})"


class _Task:
    """An exercise, and what students make of it."""

    def __init__(self, exercise: AuthoredExercise, number: int, seed: int) -> None:
        self.exercise, self.check = exercise, exercise.check
        draw = random.Random(f"task {seed} {exercise.check.id}")
        self.seed = f"{seed} {exercise.check.id}"
        self.difficulty = draw.gauss(-1.1 + 0.25 * exercise.check.points + 0.03 * number, 0.5)
        usable = [m for m in exercise.mistakes if not forbidden_in(m.source, exercise.check.withheld)]
        draw.shuffle(usable)
        self.mistakes = {mistake.name: mistake.source for mistake in usable}  # the first ones are the popular ones
        self.pasted = _library_source(exercise.tested) if exercise.tested else ""
        self.version = functools.cache(self._version)

    def answer(self, author: Student, student: Student, hand: _Hand) -> str:
        """Return what a student writes; when the author is somebody else, it is copied."""
        draw = random.Random(zlib.crc32(f"{self.seed} {author.number}".encode()))
        kind, number = self.choose(author, draw), draw.randrange(VERSIONS)
        if self.check.kind == "text":
            if kind == STUB:
                return self.check.stub
            return " ".join(hand.draw.sample(SENTENCES, 3)) + f" ({hand.comment()})"
        if kind == STUB:
            return self.check.stub
        if self.check.kind != "function":
            right = kind == RIGHT or not self.mistakes
            answer = self.exercise.reference if right else self.mistakes[self.popular(draw)]
            return f"{answer.split('#')[0].rstrip()}  # {hand.comment()}"
        if kind == PASTED:
            return self.pasted
        if author is not student and hand.draw.random() < 0.1:
            number = hand.draw.randrange(VERSIONS)  # the one part that was done alone
        return hand.fill(self.version(kind, number))

    def choose(self, author: Student, draw: random.Random) -> str:
        """Return what becomes of it (Rasch 1960: the chance of success depends on ability less difficulty)."""
        if author.pastes and self.pasted and draw.random() < 0.6:
            return PASTED
        if draw.random() < 1 / (1 + math.exp(-1.7 * (author.ability - self.difficulty))):
            return RIGHT
        gives_up = 0.2 if author.ability > -1 else 0.4
        kind = _drawn(draw, {STUB: gives_up, CRASH: 0.1, SYNTAX: 0.03, WRONG: 0.08, FORBIDDEN: 0.02, ENDLESS: 0.001})
        if self.check.kind == "function" and kind in (FORBIDDEN, ENDLESS) and not self.exercise.tested:
            kind = ""
        return kind or (self.popular(draw) if self.mistakes else CRASH)

    def popular(self, draw: random.Random) -> str:
        """Return a mistake: the second is made half as often as the first, the third a third as often, and so on."""
        weights = [1 / rank for rank in range(1, len(self.mistakes) + 1)]
        return draw.choices(list(self.mistakes), weights)[0]

    def _version(self, kind: str, number: int) -> Version:
        draw = random.Random(f"version {self.seed} {kind} {number}")
        name = self.check.name
        if kind == ENDLESS:
            return Version.of(f"def {name}(*args, **kwargs):\n    while True:\n        pass")
        if kind == FORBIDDEN:
            module, _, function = self.exercise.tested.rpartition(".")
            body = f"def {name}(*args, **kwargs):\n    return library.{function}(*args, **kwargs)"
            return Version.of(f"import {module} as library\n\n\n{body}")
        source = self.mistakes.get(kind, self.exercise.reference)
        if kind in self.mistakes and _mentions(source, name):  # a patch of the reference, which it needs above it
            source = f"{self.exercise.reference}\n\n\n{source}"
        version = rewritten(source, draw, fault=kind if kind in (CRASH, WRONG) else "")
        return version.without_colon() if kind == SYNTAX else version


def _mentions(source: str, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(ast.parse(source)))


@functools.cache
def _library_source(dotted: str) -> str:
    """Return a function or class of the library with the private things of its module that it uses."""
    module, _, name = dotted.rpartition(".")
    text = Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8")
    there: dict[str, ast.stmt] = {}
    for node in ast.parse(text).body:
        names = [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []
        names += [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
        there |= dict.fromkeys(names, node)
    wanted, found = [name], []
    while wanted:
        used = there.get(wanted.pop())
        if used is not None and used not in found:
            found.append(used)
            wanted += [n.id for n in ast.walk(used) if isinstance(n, ast.Name) and n.id.startswith("_")]
    ordered = sorted(found, key=lambda node: node.lineno)
    return "\n\n\n".join(ast.get_source_segment(text, node) or "" for node in ordered)
