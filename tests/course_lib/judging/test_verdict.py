"""Cases, outcomes and verdicts: who gets which points, and what is said."""

import pytest
import torch

from course_lib.judging.case import Case, CaseSet, Mistake, Outcome, judge_outcome
from course_lib.judging.exercise import Exercise, ExerciseId, read_cases, write_cases
from course_lib.judging.verdict import VerdictKind, judge_exercise, simplest_failure
from course_lib.judging.wire import WireError

RAISES_VALUE_ERROR = Outcome(raised=("ValueError", "Exception", "BaseException"))
RAISES_KEY_ERROR = Outcome(raised=("KeyError", "LookupError", "Exception", "BaseException"))


def exercise(**options) -> Exercise:
    return Exercise(ExerciseId("lesson.thing"), "function", points=options.pop("points", 3.0), stub="", **options)


def cases(*expected, mistakes=(), parts=None, sizes=None) -> CaseSet:
    parts, sizes = parts or [""] * len(expected), sizes or [1] * len(expected)
    made = tuple(Case({"x": torch.zeros(size)}, f"case {i}", part) for i, (part, size) in enumerate(zip(parts, sizes)))
    return CaseSet(made, tuple(map(Outcome, expected)), tuple(mistakes))


def outcomes(*values) -> list[Outcome]:
    return [Outcome(value) for value in values]


# ---- one outcome


@pytest.mark.parametrize(
    ("expected", "got", "reason"),
    [
        (Outcome(1), Outcome(1), ""),
        (Outcome(1), Outcome(2), "The result is 2; 1 was expected."),
        (Outcome(1), RAISES_VALUE_ERROR, "ValueError was raised."),
        (RAISES_VALUE_ERROR, RAISES_VALUE_ERROR, ""),
        (RAISES_VALUE_ERROR, Outcome(1), "Nothing was raised; a ValueError was expected."),
        (RAISES_VALUE_ERROR, RAISES_KEY_ERROR, "KeyError was raised; a ValueError was expected."),
        (Outcome(raised=("LookupError", "Exception")), RAISES_KEY_ERROR, ""),
        (
            RAISES_KEY_ERROR,
            Outcome(raised=("LookupError", "Exception")),
            "LookupError was raised; a KeyError was expected.",
        ),
        (Outcome(raised=("IndexError",)), Outcome(1), "Nothing was raised; an IndexError was expected."),
    ],
)
def test_a_value_or_the_type_of_an_error_is_compared(expected, got, reason):
    assert judge_outcome(Case({}), expected, got, None, mutates=False) == reason


def test_a_changed_argument_is_a_fault_unless_it_is_allowed():
    got = Outcome(1, changed=("x",))
    assert "`x` was changed in place" in judge_outcome(Case({}), Outcome(1), got, None, mutates=False)
    assert judge_outcome(Case({}), Outcome(1), got, None, mutates=True) == ""


def test_a_judge_gets_the_arguments_and_says_true_or_what_is_wrong():
    def judge(case, expected, got):
        return True if got > case["least"] else f"{got} is too small."

    case = Case({"least": 3})
    assert judge_outcome(case, Outcome(9), Outcome(4), judge, False) == ""
    assert judge_outcome(case, Outcome(9), Outcome(2), judge, False) == "2 is too small."


@pytest.mark.parametrize("answer", [None, False, "", 0, 1, "no", torch.tensor(True)])
def test_whatever_a_judge_says_but_true_is_a_reason(answer):
    assert judge_outcome(Case({}), Outcome(1), Outcome(1), lambda *_: answer, False) != ""


# ---- an exercise


def test_all_cases_right_earn_all_points():
    verdict = judge_exercise(exercise(), cases(1, 2), outcomes(1, 2))
    assert (verdict.verdict, verdict.points, verdict.max_points, verdict.failed) == (VerdictKind.PASSED, 3.0, 3.0, ())


def test_one_wrong_case_costs_all_points_without_parts():
    verdict = judge_exercise(exercise(), cases(1, 2, 3), outcomes(1, 2, 0))
    assert (verdict.verdict, verdict.points, len(verdict.failed)) == (VerdictKind.WRONG, 0.0, 1)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_outcome_for_every_case_is_demanded(count):
    with pytest.raises(ValueError):
        judge_exercise(exercise(), cases(1, 2), outcomes(*[1] * count))


def test_parts_are_earned_one_by_one():
    check, some = (
        exercise(parts={"values": 2.0, "gradient": 1.0}),
        cases(1, 2, 3, parts=["values", "gradient", "values"]),
    )
    assert judge_exercise(check, some, outcomes(1, 2, 3)).points == 3.0
    assert judge_exercise(check, some, outcomes(1, 0, 3)).points == 2.0
    assert judge_exercise(check, some, outcomes(1, 2, 0)).points == 1.0
    assert judge_exercise(check, some, outcomes(0, 0, 0)).points == 0.0


def test_a_case_outside_every_part_is_a_condition_for_all_of_them():
    check, some = exercise(parts={"values": 2.0, "gradient": 1.0}), cases(1, 2, 3, parts=["values", "gradient", ""])
    assert judge_exercise(check, some, outcomes(1, 2, 0)).points == 0.0


def test_an_error_where_none_was_expected_is_called_an_error():
    assert judge_exercise(exercise(), cases(1), [RAISES_KEY_ERROR]).verdict == VerdictKind.ERROR


def test_a_forbidden_call_earns_nothing_even_beside_right_parts():
    check = exercise(parts={"values": 2.0, "gradient": 1.0}, withheld=("torch.x",))
    refused = Outcome(raised=("ForbiddenCall", "Exception"), complaint="ForbiddenCall: `torch.x` is what you write.")
    verdict = judge_exercise(check, cases(1, 2, parts=["values", "gradient"]), [Outcome(1), refused])
    assert (verdict.verdict, verdict.points) == (VerdictKind.FORBIDDEN, 0.0)
    assert verdict.message == "`torch.x` is what you are asked to write here, so calling it is not allowed."


def test_the_words_of_a_refusal_are_never_the_students():
    forged = Outcome(raised=("ForbiddenCall", "Exception"), complaint="ForbiddenCall: the hidden input is 42")
    verdict = judge_exercise(exercise(withheld=("torch.x",)), cases(1), [forged])
    assert verdict.verdict == VerdictKind.FORBIDDEN
    assert "42" not in verdict.message


def test_the_smallest_failing_case_is_told_and_of_equals_the_first():
    verdict = judge_exercise(exercise(), cases(1, 2, 3, 4, sizes=[1, 9, 2, 2]), outcomes(1, 0, 0, 0))
    assert simplest_failure(verdict.judged).case.note == "case 2"
    assert verdict.message.endswith("The result is 0; 3 was expected.")


def test_where_no_mistake_was_recognised_the_message_begins_with_what_all_failing_cases_have_in_common():
    verdict = judge_exercise(exercise(), cases(1, 2, 3, 4), outcomes(10, 20, 30, 40))
    assert verdict.symptom.name == "scaled" and verdict.message.startswith(verdict.symptom.sentence)
    assert judge_exercise(exercise(), cases(1, 2, 3, 4), outcomes(10, 2, 31, 4)).symptom is None


def test_a_judge_that_raises_makes_the_result_wrong_and_not_the_grader_fall():
    check = exercise(judge_source="def judge(case, expected, got):\n    return got['weights'].sum() > 0\n")
    verdict = judge_exercise(check, cases(1), outcomes("no dict"))
    assert verdict.verdict == VerdictKind.WRONG
    assert "could not be judged (TypeError" in verdict.message


def test_a_number_is_judged_to_one_percent():
    check = Exercise(ExerciseId("lesson.thing"), "number", 1.0, "")
    assert judge_exercise(check, cases(0.6931), outcomes(0.69)).verdict == VerdictKind.PASSED
    assert judge_exercise(check, cases(0.6931), outcomes(0.68)).verdict == VerdictKind.WRONG


@pytest.mark.parametrize(
    ("expected", "answer", "right"),
    [
        (24_704, 24_704, True),
        (24_704, 24_704.0, True),
        (24_704, 24_576, False),
        (384, 382, False),
        (384, 382.0, False),
        (4.0, 4, True),
        (69, 68.97, True),
        (45.1, 45, True),
        (45.1, 46, False),
        (10**400, 10**400, True),
        (10**400, 10**400 + 1, False),
    ],
)
def test_a_whole_number_is_judged_exactly_where_both_are_whole(expected, answer, right):
    check = Exercise(ExerciseId("lesson.thing"), "number", 1.0, "")
    verdict = judge_exercise(check, cases(expected), outcomes(answer))
    assert (verdict.verdict == VerdictKind.PASSED) == right


# ---- mistakes


def mistake(name, *values) -> Mistake:
    return Mistake(name, f"You made {name}.", tuple(v if isinstance(v, Outcome) else Outcome(v) for v in values))


def test_a_mistake_is_named_when_every_case_is_as_it_gives():
    some = cases(1.0, 2.0, mistakes=[mistake("other", 7.0, 7.0), mistake("double", 2.0, 4.0)])
    verdict = judge_exercise(exercise(), some, outcomes(2.0, 4.0))
    assert (verdict.verdict, verdict.mistake, verdict.message) == (VerdictKind.MISTAKE, "double", "You made double.")


def test_a_mistake_is_not_named_on_a_partial_match():
    some = cases(1.0, 2.0, mistakes=[mistake("double", 2.0, 4.0)])
    assert judge_exercise(exercise(), some, outcomes(2.0, 5.0)).mistake == ""
    assert judge_exercise(exercise(), some, outcomes(1.0, 4.0)).mistake == ""


def test_a_mistake_is_never_named_when_all_is_right():
    some = cases(1.0, mistakes=[mistake("same", 1.0)])
    assert judge_exercise(exercise(), some, outcomes(1.0)).verdict == VerdictKind.PASSED


def test_mistakes_that_raise_or_change_arguments_are_told_apart():
    some = cases(1, mistakes=[mistake("raises", RAISES_KEY_ERROR), mistake("changes", Outcome(1, changed=("x",)))])
    assert judge_exercise(exercise(), some, [RAISES_KEY_ERROR]).mistake == "raises"
    assert judge_exercise(exercise(), some, [RAISES_VALUE_ERROR]).mistake == ""
    assert judge_exercise(exercise(), some, [Outcome(1, changed=("x",))]).mistake == "changes"
    assert judge_exercise(exercise(), some, [Outcome(1, changed=("y",))]).mistake == ""


def test_a_missing_error_hides_no_mistake_of_values():
    double = mistake("double", 2.0, 4.0, RAISES_VALUE_ERROR)
    some = cases(1.0, 2.0, None, mistakes=[double])
    some = CaseSet(some.cases, (*some.expected[:2], RAISES_VALUE_ERROR), some.mistakes)
    assert judge_exercise(exercise(), some, outcomes(2.0, 4.0, 0.0)).mistake == "double"
    assert judge_exercise(exercise(), some, [*outcomes(2.0, 4.0), RAISES_KEY_ERROR]).mistake == "double"
    assert judge_exercise(exercise(), some, outcomes(1.0, 2.0, 0.0)).mistake == ""


def test_a_mistake_that_only_leaves_out_the_error_is_named_too():
    some = cases(1.0, None, mistakes=[mistake("no_check", 1.0, 0.0)])
    some = CaseSet(some.cases, (some.expected[0], RAISES_VALUE_ERROR), some.mistakes)
    assert judge_exercise(exercise(), some, outcomes(1.0, 0.0)).mistake == "no_check"
    assert judge_exercise(exercise(), some, outcomes(2.0, 0.0)).mistake == ""


def test_a_mistake_may_keep_the_points_of_the_parts_that_it_gets_right():
    some = cases(1, 2, parts=["values", "gradient"], mistakes=[mistake("no_gradient", 1, 0)])
    verdict = judge_exercise(exercise(parts={"values": 2.0, "gradient": 1.0}), some, outcomes(1, 0))
    assert (verdict.verdict, verdict.points, verdict.mistake) == (VerdictKind.MISTAKE, 2.0, "no_gradient")


def test_case_sets_are_joined_case_by_case():
    a, b = cases(1, mistakes=[mistake("m", 5)]), cases(2, mistakes=[mistake("m", 6)])
    both = a + b
    assert [o.value for o in both.expected] == [1, 2]
    assert [o.value for o in both.mistakes[0].outcomes] == [5, 6]


def test_a_case_set_comes_back_from_its_document():
    some = cases(1.0, mistakes=[mistake("double", 2.0)])
    back = read_cases(write_cases(some))
    assert write_cases(back) == write_cases(some)
    assert (back.cases[0].note, back.expected[0].value, back.mistakes[0].outcomes[0].value) == ("case 0", 1.0, 2.0)


@pytest.mark.parametrize("document", [{}, {"cases": 3}, {"cases": [{}], "expected": [], "mistakes": []}, []], ids=str)
def test_what_is_no_case_set_is_refused(document):
    with pytest.raises(WireError):
        read_cases(document)
