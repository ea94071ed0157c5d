"""Functions that answer an exercise though nobody withholds them: torch's, NumPy's, SciPy's and the library's own.

Each is called with the inputs of the public cases, in a few ways that take no thought: in order, reversed, the first
alone, along the last dimension; and what it returns is taken as it is, negated, or summed. It happens in forked
processes, since some functions never return when they get odd arguments, and some end the process.
"""

import copy
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

import course_lib
from autograder.authoring.forked import forked
from autograder.authoring.lesson import AuthoredExercise
from autograder.authoring.reference import PUBLIC_SEED, Reference
from course_lib.judging import wire
from course_lib.judging.absent import absent_names, refusing
from course_lib.judging.case import CaseSet, Outcome, judge_outcome
from course_lib.judging.forbidden import forbidden_in
from course_lib.judging.probe import run_probe
from course_lib.judging.verdict import judge_exercise

OTHERS = ("torch", "torch.nn.functional", "torch.special", "torch.linalg", "torch.func", "scipy.special", "numpy")
# what draws, trains, downloads or checks takes long to call and returns no answer
APART = ("figures", "widgets", "checks", "judging", "data", "scoreboard", "distributed", "train", "work")
SETTINGS = ("set_", "seed", "manual_seed", "seterr", "setbufsize", "init_", "use_", "save", "load", "fork", "compile")
CALL_SECONDS, STUCK_SECONDS = 1.0, 4.0

Way = Callable[..., Any]
CALLS: dict[str, Way] = {
    "": lambda f, *a: f(*a),
    " with the arguments reversed": lambda f, *a: f(*a[::-1]) if len(a) > 1 else _none(),
    " of the first argument": lambda f, *a: f(a[0]) if len(a) > 1 else _none(),
    " along the last dimension": lambda f, *a: f(*a, dim=-1),
}
RESULTS: dict[str, Way] = {
    "": lambda y: y,
    ", negated": lambda y: -y,
    ", summed": lambda y: y.sum(-1),
    ", summed and negated": lambda y: -y.sum(-1),
    ", averaged": lambda y: y.mean(),
}


def _none() -> Any:
    raise TypeError("the same as in order")


def candidates() -> dict[str, Callable]:
    """Return the functions that may answer an exercise, by dotted names."""
    functions: dict[str, Callable] = {}
    for found in pkgutil.walk_packages(course_lib.__path__, "course_lib."):
        if found.name.split(".")[1] not in APART and not found.name.endswith("__main__"):
            functions |= _own_functions(importlib.import_module(found.name))
    for name in OTHERS:
        try:
            module = importlib.import_module(name)
        except ImportError:  # SciPy comes with scikit-learn, where that is installed
            continue
        for attribute, thing in vars(module).items():
            if callable(thing) and not inspect.isclass(thing) and not attribute.startswith(("_", *SETTINGS)):
                functions[f"{name}.{attribute}"] = thing
    return functions


def _own_functions(module: ModuleType) -> dict[str, Callable]:
    return {
        f"{module.__name__}.{name}": thing
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__ and not name.startswith("_")
    }


def equivalents(reference: Reference, exercise: AuthoredExercise, functions: dict[str, Callable]) -> list[str]:
    """Return the functions that earn points for an exercise and are not refused, each with how it was called."""
    check = exercise.check
    if check.kind != "function" or exercise.reference.lstrip().startswith("class "):
        return []
    absent = absent_names(check)
    names = [name for name in functions if name not in absent and not forbidden_in(_import(name), check.withheld)]
    cases = reference.cases(exercise, PUBLIC_SEED)
    expected = CaseSet(cases, reference.outcomes(exercise, reference.names[check.name], cases))
    with refusing(absent):  # forked processes inherit it

        def attempt(index: int) -> list[str]:
            return _try(exercise, expected, names[index], functions[names[index]])

        return forked(attempt, len(names), CALL_SECONDS, STUCK_SECONDS)


def _import(name: str) -> str:
    module, _, attribute = name.rpartition(".")
    return f"from {module} import {attribute}"


def _try(exercise: AuthoredExercise, cases: CaseSet, name: str, function: Callable) -> list[str]:
    """Return how one function answers an exercise, in the ways that are tried."""
    found = []
    with warnings.catch_warnings(action="ignore"):
        for call, result in _promising(exercise, cases, function):
            way, finish = CALLS[call], RESULTS[result]

            def student(*args: Any, way: Way = way, finish: Way = finish, **arguments: Any) -> Any:
                return finish(_tensor(way(function, *args, *arguments.values())))

            if _earns(exercise, cases, student):
                found.append(f"{name}{call}{result}")
                break  # one way is enough to say so
    return found


def _promising(exercise: AuthoredExercise, cases: CaseSet, function: Callable) -> Iterator[tuple[str, str]]:
    """Yield the ways that give the right outcome on one case, which is what nearly all fail at."""
    check = exercise.check
    if check.probe is not None:
        yield "", ""
        return
    case, expected = next(pair for pair in zip(cases.cases, cases.expected) if not pair[1].raised)
    for call, way in CALLS.items():
        try:
            returned = _tensor(way(function, *copy.deepcopy(tuple(case.arguments.values()))))
        except Exception:
            continue
        for result, finish in RESULTS.items():
            try:
                outcome = Outcome(wire.plain(finish(returned)))
                if not judge_outcome(case, expected, outcome, check.judge, check.mutates):
                    yield call, result
            except Exception:
                continue


def _earns(exercise: AuthoredExercise, cases: CaseSet, student: Callable) -> bool:
    check, outcomes = exercise.check, []
    for case, expected in zip(cases.cases, cases.expected, strict=True):
        outcome = run_probe(student, check.probe, case.arguments, check.withheld)
        outcomes.append(outcome)
        if not check.parts and bool(outcome.raised) != bool(expected.raised):
            return False
    return judge_exercise(check, cases, outcomes).points > 0


def _tensor(returned: Any) -> Any:
    """Return an array as the tensor that a student would make of it."""
    if isinstance(returned, Tensor) or not hasattr(returned, "__array__"):
        return returned
    tensor = torch.as_tensor(returned)
    return tensor.float() if tensor.dtype == torch.float64 else tensor
