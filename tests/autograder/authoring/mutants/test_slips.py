"""What mutants give is shipped with the public cases, and the check and the grader name the slip by it."""

from pathlib import Path

import pytest
import torch

from autograder.authoring.build import public_lesson
from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.authoring.mutants.make import mutants_of
from autograder.authoring.mutants.record import mutations
from autograder.authoring.mutants.words import words_of
from autograder.authoring.reference import PUBLIC_SEED, Reference
from autograder.grading.prepare import prepare
from course_lib.judging.exercise import read_public, write_public
from course_lib.judging.probe import run_probe
from course_lib.judging.verdict import judge_exercise

LESSONS = find_lessons(Path(__file__).parents[4] / "solutions")
LESSON = '''# ---
# jupyter:
#   course:
#     title: What do mutants give?
# ---

# %% setup=true
import torch

# %% exercise="shares" points=1 withheld="course_lib.information.entropy"
def shares(x):
    """The rows of x, divided by their sums."""
    ### BEGIN SOLUTION
    return x / x.sum(-1, keepdim=True)
    ### END SOLUTION

# %% cases="shares" active="py"
def cases(seed):
    yield {"x": torch.tensor([[1.0, 3.0], [2.0, 2.0]])}
    yield {"x": 5 * random_distributions(seed, 2, 3)}

# %% mistake="shares" name="whole" hint="Divide each row by its own sum." active="py"
def shares(x):
    return x / x.sum()

# %% mistake="shares" name="percent" hint="Leave the shares as they are: they sum to 1." active="py"
def shares(x, right=shares):
    return 100 * right(x)
'''


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    path = tmp_path_factory.mktemp("slips") / "93_slips.py"
    path.write_text(LESSON, encoding="utf-8")
    mutations(path)
    return path


def verdict_on(check, cases, student):
    return judge_exercise(check, cases, [run_probe(student, None, case.arguments) for case in cases.cases])


def by_columns(x):
    return x / x.sum(0)[None, :]


def test_a_slip_that_no_author_wrote_is_named_in_the_public_check(lesson, tmp_path):
    file = tmp_path / "cases.json"
    file.write_text(write_public(public_lesson(Reference(read_lesson(lesson)))), encoding="utf-8")
    (public,) = read_public(file).exercises.values()
    verdict = verdict_on(public.exercise, public.cases, by_columns)
    assert verdict.mistake == "" and verdict.symptom.name == "slip_other_dimension"
    assert "`sum` goes along another dimension" in verdict.message
    assert verdict_on(public.exercise, public.cases, lambda x: x / x.sum()).mistake == "whole"
    assert not verdict_on(public.exercise, public.cases, lambda x: x * 0.9).symptom.name.startswith("slip_")


def test_two_mistakes_at_once_are_named_as_both(lesson):
    (public,) = public_lesson(Reference(read_lesson(lesson))).exercises.values()
    verdict = verdict_on(public.exercise, public.cases, lambda x: 100 * x / x.sum())
    assert verdict.mistake == "" and verdict.symptom.name == "slip_whole_and_percent"
    assert "two mistakes: “Divide each row by its own sum.” and “Leave the shares" in verdict.message


def test_a_pair_of_mistakes_is_forgotten_when_one_of_them_changes(lesson, tmp_path):
    changed = tmp_path / "93_slips.py"
    changed.write_text(LESSON.replace("100 *", "1000 *"), encoding="utf-8")
    (tmp_path / "mutants").mkdir()
    (tmp_path / "mutants" / "93_slips.json").write_bytes((lesson.parent / "mutants" / "93_slips.json").read_bytes())
    (public,) = public_lesson(Reference(read_lesson(changed))).exercises.values()
    assert public.cases.slips and not any("_and_" in slip.name for slip in public.cases.slips)
    (result,) = mutations(changed)
    (public,) = public_lesson(Reference(read_lesson(changed))).exercises.values()
    assert result.clean and any("_and_" in slip.name for slip in public.cases.slips)


def test_and_in_grading_where_hidden_cases_come_after_the_public_ones(lesson):
    (graded,) = prepare(read_lesson(lesson), seed=5).exercises.values()
    assert len(graded.cases.cases) > 2
    assert verdict_on(graded.check, graded.cases, by_columns).symptom.name == "slip_other_dimension"


def test_a_lesson_that_changed_since_ships_no_slips(lesson, tmp_path):
    changed = tmp_path / "93_slips.py"
    changed.write_text(LESSON.replace("3.0", "4.0"), encoding="utf-8")
    (tmp_path / "mutants").mkdir()
    (tmp_path / "mutants" / "93_slips.json").write_bytes((lesson.parent / "mutants" / "93_slips.json").read_bytes())
    (public,) = public_lesson(Reference(read_lesson(changed))).exercises.values()
    assert public.cases.slips == ()


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_slip_has_words(path):
    for name, exercise in read_lesson(path).exercises.items():
        if exercise.check.kind == "function":
            first = {"x": 1, "text": "a"}
            assert all(words_of(mutant) for mutant in mutants_of(exercise.reference, name, first))


def test_the_sentence_is_not_said_of_what_is_right(lesson):
    reference = Reference(read_lesson(lesson))
    exercise = reference.lesson.exercises["shares"]
    cases = reference.case_set(exercise, PUBLIC_SEED)
    assert verdict_on(exercise.check, cases, lambda x: torch.nn.functional.normalize(x, p=1, dim=-1)).symptom is None
