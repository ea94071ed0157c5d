"""The outcomes that a lesson is graded by: the reference's when a class begins, a mistake's when somebody fails.

They are the same for a lesson, an exercise and a seed, so a course folder keeps them beside its seed, where no
submission's code can read or write: the next run of that class computes none of them.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from autograder.authoring.kept import Kept, course_code, digest_of, machine
from autograder.authoring.lesson import AuthoredExercise, Lesson
from autograder.authoring.reference import Reference
from autograder.grading.imports import imports_of
from course_lib.judging.case import Case, CaseSet, Mistake, Outcome
from course_lib.judging.exercise import read_cases, write_cases

_authors_code = threading.RLock()  # it draws from the process's generators, which threads share
Found = TypeVar("Found")


class Outcomes:
    """A lesson's references and mistakes, run on the cases of a seed when they are asked for. It may be pickled."""

    def __init__(self, lesson: Lesson, kept: Kept | None = None) -> None:
        """Run nothing yet.

        kept  where outcomes are kept from one run to the next; None to compute them
        """
        self.lesson, self.kept = lesson, kept
        self._reference: Reference | None = None
        self._mistakes: dict[tuple[str, int], tuple[Mistake, ...]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another machine: what to compute, and nothing of this one's folders."""
        return {"lesson": self.lesson, "kept": None, "_reference": None, "_mistakes": {}}

    @property
    def reference(self) -> Reference:
        """The lesson's references, executed when first needed."""
        with _authors_code:
            self._reference = self._reference or Reference(self.lesson)
            return self._reference

    def expected(self, exercise: AuthoredExercise, seed: int) -> tuple[CaseSet, float]:
        """Return the cases for a seed with the reference's outcomes, and the seconds that they took to compute."""

        def compute() -> tuple[CaseSet, float]:
            reference, began = self.reference, time.process_time()
            cases = reference.expected(exercise, seed)
            return cases, time.process_time() - began

        def write(found: tuple[CaseSet, float]) -> Any:
            return {"cases": write_cases(found[0]), "seconds": found[1]}

        def read(document: Any) -> tuple[CaseSet, float]:
            return read_cases(document["cases"]), float(document["seconds"])

        return self._found(self._key("expected", exercise, seed), compute, write, read)

    def mistakes(self, exercise: AuthoredExercise, seed: int, cases: tuple[Case, ...]) -> tuple[Mistake, ...]:
        """Return what every mistake gives on the cases of a seed; several threads may ask.

        cases  as `expected` returned them for this seed
        """

        def write(mistakes: tuple[Mistake, ...]) -> Any:
            return [[outcome.to_document() for outcome in mistake.outcomes] for mistake in mistakes]

        def read(document: Any) -> tuple[Mistake, ...]:
            return tuple(
                Mistake(authored.name, authored.hint, tuple(map(Outcome.from_document, outcomes)))
                for authored, outcomes in zip(exercise.mistakes, document, strict=True)
            )

        with _authors_code:
            place = exercise.check.name, seed
            if place not in self._mistakes:
                compute = lambda: self.reference.mistakes(exercise, cases)  # noqa: E731
                key = self._key("mistakes", exercise, seed)
                self._mistakes[place] = self._found(key, compute, write, read)
            return self._mistakes[place]

    def imports(self, cases: dict[str, tuple[Case, ...]]) -> tuple[str, ...]:
        """Return the modules that the lesson's answers import (see `imports_of`)."""
        key = digest_of("imports", self.lesson.version, self.lesson.setup, course_code(), machine())
        return self._found(key, lambda: imports_of(self.lesson, cases), list, tuple)

    def _key(self, kind: str, exercise: AuthoredExercise, seed: int) -> str:
        """Return a digest of all that decides outcomes: this machine, the course's code, and the lesson's."""
        references = [self.lesson.setup, *((one.check.name, one.reference) for one in self.lesson.exercises.values())]
        cases = exercise.cases.source if exercise.cases else ""
        mistakes = [(mistake.name, mistake.source) for mistake in exercise.mistakes]
        return digest_of(
            kind, seed, machine(), course_code(), self.lesson.name, references, exercise.check, cases, mistakes
        )

    def _found(
        self, key: str, compute: Callable[[], Found], write: Callable[[Found], Any], read: Callable[[Any], Found]
    ) -> Found:
        """Return what is kept under a key, else compute it and keep it."""
        document = self.kept.load(key) if self.kept else None
        if document is not None:
            try:
                return read(document)
            except (LookupError, TypeError, ValueError):  # not what was kept under this key
                pass
        with _authors_code:
            found = compute()
        if self.kept:
            self.kept.save(key, write(found))
        return found
