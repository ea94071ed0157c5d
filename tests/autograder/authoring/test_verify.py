"""Verifying: the sample's trials all hold, and each trial fails where a lesson is bad in its way."""

import pytest

from autograder.authoring.lesson import read_lesson
from autograder.authoring.verify import verify

BAD = '''# ---
# jupyter:
#   course:
#     title: A bad lesson
# ---

# %% setup=true
import torch

# %% exercise="double" points=1 withheld="torch.x_never_called"
def double(x):
    """Doubles."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% cases="double" active="py"
def cases(seed):
    yield {"x": 2}

# %% mistake="double" name="square" hint="That is the square." active="py"
def double(x):
    return x * x

# %% mistake="double" name="constant" hint="That is a constant." active="py"
def double(x):
    return 5

# %% mistake="double" name="five" hint="That is five." active="py"
def double(x):
    return 5

# %% exercise="half" points=1
def half(x):
    """Halves."""
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION

# %% cases="half" active="py"
def cases(seed):
    yield {"x": seed + 1.0}

# %% judge="half" active="py"
def judge(case, expected, got):
    return True

# %% exercise="share" points=2 parts={"a": 1, "b": 1} withheld="course_lib.information.entropy"
def share(x):
    """A part that no case checks."""
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION

# %% cases="share" active="py"
def cases(seed):
    yield Case({"x": seed}, part="a")

# %% exercise="beyond" points=1 needs="share" withheld="course_lib.information.perplexity"
def beyond(x):
    """Builds on one whose tested version is another function altogether."""
    ### BEGIN SOLUTION
    return share(x) + 1
    ### END SOLUTION

# %% cases="beyond" active="py"
def cases(seed):
    yield {"x": seed}

# %% exercise="trusting" points=1 withheld="course_lib.information.softmax"
def trusting(x):
    """Returns x."""
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION

# %% cases="trusting" active="py"
def cases(seed):
    yield {"x": seed}

# %% probe="trusting" active="py"
def probe(student, case):
    return {"x": case["x"], "right": bool(student(case["x"]) == case["x"])}

# %% [markdown] exercise="why" points=1
r"""
Why?

### BEGIN SOLUTION
### END SOLUTION
"""
'''


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """The trials of a bad lesson that do not hold, as {(exercise, trial, what): finding}."""
    path = tmp_path_factory.mktemp("solutions") / "92_bad.py"
    path.write_text(BAD, encoding="utf-8")
    trials = verify(read_lesson(path))
    return {(t.exercise.split(".")[1], t.trial, t.what): t.finding for t in trials if not t.holds}


def test_every_trial_of_the_sample_holds(sample):
    trials = verify(sample)
    assert [trial for trial in trials if not trial.holds] == []
    kinds = {trial.trial for trial in trials}
    assert kinds == {
        "reference", "stub", "lookup table", "mistake", "forwarding", "rubric", "hints", "mistakes",
        "needs", "forged outcomes", "replayed outcomes", "lying object",
    }  # fmt: skip
    assert len([trial for trial in trials if trial.trial == "mistake"]) == 2 * sum(
        len(exercise.mistakes) for exercise in sample.exercises.values()
    )


def test_a_mistake_that_the_cases_let_pass_is_found(bad):
    assert "it earns all points" in bad["double", "mistake", "square, public"]


def test_two_mistakes_that_give_the_same_are_found(bad):
    assert bad["double", "mistake", "five, graded"] == "it is taken for the mistake “constant”"
    assert ("double", "mistake", "constant, graded") not in bad


def test_cases_that_do_not_depend_on_the_seed_are_found(bad):
    assert "earns 1 points" in bad["double", "lookup table", ""]


def test_a_judge_that_accepts_forged_outcomes_is_found(bad):
    assert "the judge accepts None in place of all" in bad["half", "forged outcomes", ""]


def test_outcomes_that_are_the_same_for_every_seed_are_found(bad):
    assert bad["double", "replayed outcomes", "the public outcomes by position"] == "they earn 1 points"


def test_a_probe_that_a_lying_object_persuades_is_found(bad):
    assert "it earns 1 points" in bad["trusting", "lying object", "an object that says yes"]


def test_an_exercise_without_enough_mistakes_or_hints_is_found(bad):
    assert bad["half", "mistakes", ""] == "there are 0, not at least 2"
    assert bad["double", "hints", ""] == "there are 0, not 3"


def test_an_exercise_that_withholds_nothing_is_found(bad):
    assert "nothing is withheld" in bad["half", "forwarding", ""]


def test_a_part_that_no_case_checks_is_found(bad):
    assert "it earns 1 points, not 0" in bad["share", "stub", ""]


def test_a_tested_version_that_does_something_else_is_found(bad):
    assert "the verdict is “error”" in bad["beyond", "needs", "share"]


def test_a_question_without_rubric_and_model_answer_is_found(bad):
    assert bad["why", "rubric", ""] == "no rubric and no model answer"


def test_a_judge_that_accepts_anything_lets_no_lookup_table_be_told_but_the_stub_is(sample_path, tmp_path):
    text = sample_path.read_text(encoding="utf-8")
    accepting = text.replace('    return judge_draws(case["probs"], case["n"], got)', "    return True")
    path = tmp_path / "90_sample.py"
    path.write_text(accepting, encoding="utf-8")
    failing = {trial.what for trial in verify(read_lesson(path)) if not trial.holds and trial.trial == "mistake"}
    assert {"uniform, public", "uniform, graded", "greedy, public", "greedy, graded"} == failing
