"""A lesson made ready for grading: hidden cases drawn, expected outcomes computed, limits set, once per class."""

import json
import random
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from nbformat.notebooknode import NotebookNode

from autograder.authoring.build import public_lesson, student_notebook
from autograder.authoring.kept import Kept
from autograder.authoring.lesson import Lesson
from autograder.authoring.mutants.recorded import recorded_slips
from autograder.authoring.reference import PUBLIC_SEED, Reference
from autograder.authoring.withheld import require_withheld
from autograder.grading.outcomes import Outcomes
from autograder.sandbox.session import CELL_SECONDS, IDLE_SECONDS
from course_lib.course_folder import CourseFolder
from course_lib.judging.case import Case, CaseSet, Mistake
from course_lib.judging.exercise import Exercise, ExerciseId, write_public, write_slips

HIDDEN_SEEDS = 2


@dataclass(frozen=True)
class Limits:
    """Seconds that a student's code may take. Waiting for a processor that others have is not counted.

    cell      computing, in one cell
    case      computing, in one case of an exercise, at least: the first call of a torch function may load libraries
    idle      sleeping, or waiting for something, in one cell or case
    notebook  computing and idle, in all of a notebook, with everything that has to be run again
    """

    cell: float = CELL_SECONDS
    case: float = 5.0
    idle: float = IDLE_SECONDS
    notebook: float = 300.0


@dataclass(frozen=True)
class GradedExercise:
    """An exercise with its public, then hidden cases, and what one case may take: seconds, bytes of reply.

    cases     with the reference's outcomes and no mistakes, which are run when somebody fails
    seeds     what drew the cases, in order, each with how many cases it drew
    outcomes  of the lesson, to be asked for those of mistakes
    """

    check: Exercise
    cases: CaseSet
    public: int
    seconds: float
    most: int
    seeds: tuple[tuple[int, int], ...]
    outcomes: Outcomes

    @property
    def has_mistakes(self) -> bool:
        """Whether the lesson names mistakes of this exercise."""
        return bool(self.outcomes.lesson.exercises[self.check.name].mistakes)

    def with_mistakes(self) -> CaseSet:
        """Return the cases with the outcomes of every mistake, by which one is recognised."""
        exercise = self.outcomes.lesson.exercises[self.check.name]
        cases, found = iter(self.cases.cases), [Mistake(m.name, m.hint, ()) for m in exercise.mistakes]
        for seed, count in self.seeds:
            more = self.outcomes.mistakes(exercise, seed, tuple(islice(cases, count)))
            found = [replace(a, outcomes=a.outcomes + b.outcomes) for a, b in zip(found, more)]
        return replace(self.cases, mistakes=tuple(found))


@dataclass(frozen=True)
class GradedLesson:
    """What grading a lesson needs, computed once per class.

    imports  modules that a student's process has imported before it starts
    seed     of the run, which drew the hidden cases
    """

    lesson: Lesson
    release: NotebookNode
    exercises: dict[ExerciseId, GradedExercise]
    imports: tuple[str, ...]
    limits: Limits = Limits()
    seed: int = 0


def prepare(lesson: Lesson, seed: int, limits: Limits = Limits(), kept: Kept | None = None) -> GradedLesson:
    """Return a lesson ready for grading, with hidden cases drawn from the run's seed.

    seed    of the grading run; the same seed draws the same hidden cases
    limits  on the time of a student's code
    kept    where outcomes are kept from one run to the next; None to compute them
    """
    outcomes, slips = Outcomes(lesson, kept), recorded_slips(lesson)
    require_withheld(lesson)
    exercises: dict[ExerciseId, GradedExercise] = {}
    public_cases: dict[str, tuple[Case, ...]] = {}
    for exercise in lesson.exercises.values():
        if exercise.check.kind == "text":
            continue
        seeds = [PUBLIC_SEED]
        if exercise.check.kind == "function":
            draw = random.Random(f"{seed} {exercise.check.id}")
            seeds += [draw.randrange(1, 2**31) for _ in range(HIDDEN_SEEDS)]
        sets = [outcomes.expected(exercise, one) for one in seeds]
        cases = replace(sum((right for right, _ in sets[1:]), sets[0][0]), slips=slips.get(exercise.check.id, ()))
        public = sets[0][0].cases
        public_cases[exercise.check.name] = public
        per_case = sum(taken for _, taken in sets) / len(cases.cases)
        seconds = max(limits.case, exercise.check.slowdown * per_case)
        largest = max(len(json.dumps(outcome.to_document())) for outcome in cases.expected)
        most = 2**20 + 8 * largest  # all replies are kept until they are judged
        drew = tuple((one, len(right.cases)) for one, (right, _) in zip(seeds, sets))
        exercises[exercise.check.id] = GradedExercise(exercise.check, cases, len(public), seconds, most, drew, outcomes)
    return GradedLesson(lesson, student_notebook(lesson), exercises, outcomes.imports(public_cases), limits, seed)


def public_case_file(lesson: Lesson) -> str:
    """Return the text of a lesson's public case file: the one that its course was built with, if it is up to date."""
    built = CourseFolder(lesson.path.parent.parent).notebooks / "cases" / f"{lesson.name}.json"
    try:
        text = built.read_text(encoding="utf-8")
        if _is_up_to_date(json.loads(text), lesson):
            return text
    except (OSError, ValueError, LookupError, TypeError):  # there is none, or it is no such file
        pass
    return write_public(public_lesson(Reference(lesson)))


def _is_up_to_date(document: Any, lesson: Lesson) -> bool:
    """Whether a case file says what the lesson and the record of its mutants say now: version, words, slips."""
    slips = recorded_slips(lesson)
    head = document["lesson"], document["title"], document["version"], document["terms"]
    if head != (lesson.name, lesson.title, lesson.version, lesson.terms):
        return False
    for exercise in lesson.exercises.values():
        entry = document["exercises"][exercise.check.id]
        if entry["hints"] != list(exercise.check.hints):
            return False
        if exercise.check.kind == "function":
            said = [(mistake["name"], mistake["hint"]) for mistake in entry["cases"]["mistakes"]]
            if said != [(mistake.name, mistake.hint) for mistake in exercise.mistakes]:
                return False
            if entry["cases"]["slips"] != write_slips(slips.get(exercise.check.id, ())):
                return False
    return True
