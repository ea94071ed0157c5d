"""No function of the library answers an exercise unless the lesson withholds it: each is tried on the public cases."""

import contextlib
import importlib
import inspect
import io
import pkgutil
from pathlib import Path

import pytest

import course_lib
from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.authoring.reference import PUBLIC_SEED, Reference
from course_lib.judging.probe import run_probe
from course_lib.judging.verdict import judge_exercise

LESSONS = find_lessons(Path(__file__).parents[3] / "solutions")
# what draws, trains, downloads or checks takes long to call and returns no answer
APART = ("figures", "widgets", "checks", "data", "scoreboard", "distributed", "train")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def library():
    """Return the library's public functions by their dotted names."""
    functions = {}
    for found in pkgutil.walk_packages(course_lib.__path__, "course_lib."):
        if found.name.split(".")[1] not in APART:
            module = importlib.import_module(found.name)
            for name, function in vars(module).items():
                if not name.startswith("_") and inspect.isfunction(function) and function.__module__ == found.name:
                    functions[f"{found.name}.{name}"] = function
    return functions


def answers(check, cases, function):
    """Whether a function, given the arguments in their order, earns points for an exercise."""

    def forward(**arguments):
        return function(*arguments.values())

    outcomes = []
    for case, expected in zip(cases.cases, cases.expected, strict=True):
        outcome = run_probe(forward, check.probe, case.arguments)
        if bool(outcome.raised) != bool(expected.raised):
            return False
        outcomes.append(outcome)
    return judge_exercise(check, cases, outcomes).points > 0


def takes(function, arguments):
    try:
        inspect.signature(function).bind(*arguments.values())
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_library_answers_no_exercise_by_a_function_that_is_there(path):
    lesson = read_lesson(path)
    reference, functions, found = Reference(lesson), library(), []
    for exercise in lesson.exercises.values():
        check = exercise.check
        if check.kind == "function" and not exercise.reference.startswith("class "):
            cases = reference.case_set(exercise, PUBLIC_SEED)
            for name, function in functions.items():
                if name not in check.withheld and takes(function, cases.cases[0].arguments):
                    with contextlib.redirect_stdout(io.StringIO()):
                        if answers(check, cases, function):
                            found.append(f"{check.id}: withhold {name}")
    assert not found


def test_a_function_that_answers_is_noticed():
    lesson = read_lesson(next(path for path in LESSONS if path.stem == "01_information"))
    exercise = lesson.exercises["entropy"]
    cases = Reference(lesson).case_set(exercise, PUBLIC_SEED)
    assert answers(exercise.check, cases, library()["course_lib.information.entropy"])
