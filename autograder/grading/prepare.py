"""A lesson made ready for grading: hidden cases drawn, expected outcomes computed, limits set, once per class."""

import json
import random
import time
from dataclasses import dataclass, replace

from nbformat.notebooknode import NotebookNode

from autograder.authoring.build import public_lesson, student_notebook
from autograder.authoring.lesson import Lesson
from autograder.authoring.mutants.recorded import recorded_slips
from autograder.authoring.reference import PUBLIC_SEED, Reference
from autograder.grading.imports import imports_of
from autograder.sandbox.session import CELL_SECONDS, IDLE_SECONDS
from course_lib.judging.case import Case, CaseSet
from course_lib.judging.exercise import Exercise, ExerciseId, PublicLesson

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
    """An exercise with its public, then hidden cases, and what one case may take: seconds, bytes of reply."""

    check: Exercise
    cases: CaseSet
    public: int
    seconds: float
    most: int


@dataclass(frozen=True)
class GradedLesson:
    """What grading a lesson needs, computed once per class.

    imports  modules that a student's process has imported before it starts
    seed     of the run, which drew the hidden cases
    """

    lesson: Lesson
    release: NotebookNode
    public: PublicLesson
    exercises: dict[ExerciseId, GradedExercise]
    imports: tuple[str, ...]
    limits: Limits = Limits()
    seed: int = 0


def prepare(lesson: Lesson, seed: int, limits: Limits = Limits()) -> GradedLesson:
    """Return a lesson ready for grading, with hidden cases drawn from the run's seed.

    seed    of the grading run; the same seed draws the same hidden cases
    limits  on the time of a student's code
    """
    reference, slips = Reference(lesson), recorded_slips(lesson)
    exercises: dict[ExerciseId, GradedExercise] = {}
    public_cases: dict[str, tuple[Case, ...]] = {}
    for exercise in lesson.exercises.values():
        if exercise.check.kind == "text":
            continue
        started = time.process_time()
        public = reference.case_set(exercise, PUBLIC_SEED)
        cases = replace(public, slips=slips.get(exercise.check.id, ()))
        public_cases[exercise.check.name] = public.cases
        if exercise.check.kind == "function":
            draw = random.Random(f"{seed} {exercise.check.id}")
            for _ in range(HIDDEN_SEEDS):
                cases = cases + reference.case_set(exercise, draw.randrange(1, 2**31))
        runs = max(1, len(cases.cases) * (1 + len(cases.mistakes)))
        per_case = (time.process_time() - started) / runs
        seconds = max(limits.case, exercise.check.slowdown * per_case)
        largest = max(len(json.dumps(outcome.to_document())) for outcome in cases.expected)
        most = 2**20 + 8 * largest  # all replies are kept until they are judged
        exercises[exercise.check.id] = GradedExercise(exercise.check, cases, len(public.cases), seconds, most)
    imports = imports_of(lesson, public_cases)
    return GradedLesson(lesson, student_notebook(lesson), public_lesson(reference), exercises, imports, limits, seed)
