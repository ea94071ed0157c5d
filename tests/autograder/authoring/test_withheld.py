"""No function of the library, torch, NumPy or SciPy answers an exercise unless the lesson withholds it."""

import os
from pathlib import Path

import pytest

from autograder.authoring.equivalents import candidates, equivalents
from autograder.authoring.lesson import AuthoringError, find_lessons, read_lesson
from autograder.authoring.reference import Reference

LESSONS = find_lessons(Path(__file__).parents[3] / "solutions")
FULL = bool(os.environ.get("COURSE_FULL"))  # `make full`: the other packages' functions, too, which takes minutes
# what is asked for is no more than this
ALLOWED = {
    "information.surprisal": {"torch.log, negated", "numpy.log, negated"},
    "sampling.greedy": {"torch.argmax along the last dimension"},
}
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_exercise_is_answered_by_a_function_that_is_there(path):
    functions = {name: f for name, f in candidates().items() if FULL or name.startswith("course_lib.")}
    lesson = read_lesson(path)
    reference, found = Reference(lesson), {}
    for exercise in lesson.exercises.values():
        answers = set(equivalents(reference, exercise, functions)) - ALLOWED.get(exercise.check.id, set())
        if answers:
            found[exercise.check.id] = answers
    assert found == {}  # withhold these, or allow them with a reason


LESSON = """# ---
# jupyter:
#   course:
#     title: Functions that are there
# ---

# %% setup=true
import torch

# %% exercise="largest" points=1 withheld="{withheld}"
def largest(x):
    \"\"\"The largest number of each row.\"\"\"
    ### BEGIN SOLUTION
    return -(-x).sort(-1).values[..., 0]
    ### END SOLUTION

# %% cases="largest" active="py"
def cases(seed):
    yield {{"x": random_tensor(seed, 3, 4)}}
"""


def found_in(tmp_path, withheld, functions):
    path = tmp_path / "93_there.py"
    path.write_text(LESSON.format(withheld=withheld), encoding="utf-8")
    lesson = read_lesson(path)
    return equivalents(Reference(lesson), lesson.exercises["largest"], functions)


def hang(x):
    while True:
        try:
            while True:
                pass
        except TimeoutError:
            continue


def leave(x):
    import os

    os._exit(1)


def test_a_function_that_answers_is_found_unless_it_is_withheld(tmp_path):
    functions = {name: function for name, function in candidates().items() if name.endswith((".amax", ".amin"))}
    assert found_in(tmp_path, "torch.sort", functions) == ["torch.amax along the last dimension"]
    assert found_in(tmp_path, "torch.sort torch.amax", functions) == []


def test_a_function_that_hangs_or_ends_the_process_costs_only_itself(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr("autograder.authoring.equivalents.STUCK_SECONDS", 1.5)
    functions = {"a.hang": hang, "a.leave": leave, "a.right": lambda x: torch.amax(x, -1)}
    assert found_in(tmp_path, "torch.sort", functions) == ["a.right"]


def test_a_name_that_the_library_lacks_is_an_error_of_the_lesson(sample_path, tmp_path):
    path = tmp_path / sample_path.name
    path.write_text(sample_path.read_text().replace("information.entropy", "information.enthalpy"))
    with pytest.raises(AuthoringError, match=r"90_sample.py:\d+: .*`course_lib.information.enthalpy`"):
        Reference(read_lesson(path))
