"""Outcomes that were kept are those that would be computed; they are kept by all that decides them."""

import pickle

import pytest

from autograder.authoring import kept as keeping
from autograder.authoring.kept import Kept
from autograder.authoring.lesson import read_lesson
from autograder.authoring.reference import Reference
from autograder.grading.outcomes import Outcomes
from autograder.grading.prepare import public_case_file
from course_lib.judging.case import CaseSet
from course_lib.judging.exercise import write_cases


def found(outcomes, lesson, seed=7):
    """Everything that grading asks for, as documents."""
    sets = []
    for exercise in lesson.exercises.values():
        if exercise.check.kind == "function":
            right, _ = outcomes.expected(exercise, seed)
            sets.append(
                write_cases(CaseSet(right.cases, right.expected, outcomes.mistakes(exercise, seed, right.cases)))
            )
    return sets


@pytest.fixture
def no_reference(monkeypatch):
    def refuse(lesson):
        raise AssertionError("an outcome was computed")

    return lambda: monkeypatch.setattr("autograder.grading.outcomes.Reference", refuse)


def test_kept_outcomes_are_those_that_are_computed_and_nothing_is_run_for_them(sample, tmp_path, no_reference):
    computed = found(Outcomes(sample), sample)
    assert found(Outcomes(sample, Kept(tmp_path)), sample) == computed
    no_reference()
    assert found(Outcomes(sample, Kept(tmp_path)), sample) == computed
    with pytest.raises(AssertionError, match="computed"):
        found(Outcomes(sample, Kept(tmp_path)), sample, seed=8)


def test_a_damaged_file_is_computed_again(sample, tmp_path):
    computed = found(Outcomes(sample, Kept(tmp_path)), sample)
    for path in tmp_path.iterdir():
        path.write_text(path.read_text().replace("A", "B"))
    assert found(Outcomes(sample, Kept(tmp_path)), sample) == computed


@pytest.mark.parametrize(
    "what", ["the setup", "the reference", "a mistake", "the cases", "the library", "an installed package"]
)
def test_whatever_decides_an_outcome_is_in_its_key(what, sample, sample_path, tmp_path, monkeypatch):
    text = sample_path.read_text(encoding="utf-8")
    exercise = sample.exercises["entropy"]
    before = Outcomes(sample)._key("mistakes", exercise, 7)
    if what == "the library":
        monkeypatch.setattr("autograder.grading.outcomes.course_code", lambda: "another version")
    elif what == "an installed package":
        (tmp_path / "torch-99.dist-info").mkdir()
        monkeypatch.syspath_prepend(tmp_path)
        keeping._installation.cache_clear()
    else:
        place = {"the setup": sample.setup, "the reference": exercise.reference, "the cases": exercise.cases.source}
        source = place.get(what) or exercise.mistakes[0].source
        last = source.strip().splitlines()[-1]
        assert last in text
        (tmp_path / "90_sample.py").write_text(text.replace(last, f"{last}  # changed"), encoding="utf-8")
        exercise = (sample := read_lesson(tmp_path / "90_sample.py")).exercises["entropy"]
    try:
        assert Outcomes(sample)._key("mistakes", exercise, 7) != before
    finally:
        monkeypatch.undo()
        keeping._installation.cache_clear()


def test_mistakes_are_run_when_somebody_fails_and_not_before(sample, graded):
    exercise = graded.exercises["sample.entropy"]
    assert exercise.cases.mistakes == () and exercise.has_mistakes
    complete = Reference(sample).case_set(sample.exercises["entropy"], 0)
    with_mistakes = exercise.with_mistakes()
    assert with_mistakes.cases == exercise.cases.cases
    assert [m.name for m in with_mistakes.mistakes] == [m.name for m in complete.mistakes]
    for got, public in zip(with_mistakes.mistakes, complete.mistakes):
        assert len(got.outcomes) == len(exercise.cases.cases) > exercise.public
        documents = [outcome.to_document() for outcome in got.outcomes[: exercise.public]]
        assert documents == [outcome.to_document() for outcome in public.outcomes]


def test_what_travels_holds_no_folder_and_finds_the_same(sample, tmp_path):
    here = Outcomes(sample, Kept(tmp_path / "a-secret-place"))
    computed = found(here, sample)
    sent = pickle.dumps(here)
    assert b"a-secret-place" not in sent
    assert found(pickle.loads(sent), sample) == computed


def test_the_case_file_that_was_built_is_used_while_it_says_what_the_lesson_says(sample_path, tmp_path):
    from autograder.authoring.build import build
    from course_lib.course_folder import CourseFolder

    course = CourseFolder(tmp_path)
    lesson = course.solutions / "90_sample.py"
    lesson.parent.mkdir()
    lesson.write_text(sample_path.read_text(encoding="utf-8"), encoding="utf-8")
    for path, text in build(lesson, course).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    file = course.notebooks / "cases" / "90_sample.json"
    made = file.read_text(encoding="utf-8")
    marked = made.replace("{\n", '{\n "mark": 1,\n', 1)  # tells it from one that was made again
    file.write_text(marked, encoding="utf-8")
    assert public_case_file(read_lesson(lesson)) == marked
    file.unlink()
    assert public_case_file(read_lesson(lesson)) == made
    file.write_text(marked, encoding="utf-8")
    hint = read_lesson(lesson).exercises["entropy"].mistakes[0].hint
    lesson.write_text(lesson.read_text(encoding="utf-8").replace(hint, "Another hint."), encoding="utf-8")
    assert "Another hint." in public_case_file(read_lesson(lesson))
