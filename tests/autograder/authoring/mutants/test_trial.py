"""A mutant that the cases do not tell is found, whatever it does to the process that tries it."""

import pytest

from autograder.authoring.lesson import AuthoringError
from autograder.authoring.mutants.record import mutations, record_file

LESSON = '''# ---
# jupyter:
#   course:
#     title: What do the cases tell?
# ---

# %% setup=true
import torch

# %% exercise="scaled" points=1 withheld="course_lib.information.entropy"
def scaled(x, factor=2.0):
    """The rows of x, divided by their sums, times a factor."""
    ### BEGIN SOLUTION
    return factor * x / x.sum(-1, keepdim=True)
    ### END SOLUTION

# %% cases="scaled" active="py"
def cases(seed):
    {cases}

# %% mistake="scaled" name="whole" hint="Divide each row by its own sum." active="py"
def scaled(x, factor=2.0):
    return factor * x / x.sum()

{equivalents}
'''
WEAK = 'yield {"x": random_distributions(seed, 3, 3)}'
STRONG = """yield {"x": 5 * random_distributions(seed, 2, 3)}
    yield {"x": 5 * random_distributions(seed, 2, 3), "factor": 0.5 + seed}
    yield {"x": 5 * random_distributions(seed, 4, 3), "factor": 0.7 + seed}"""


@pytest.fixture
def tried(tmp_path):
    def try_it(cases, equivalents=""):
        path = tmp_path / "91_mutants.py"
        path.write_text(LESSON.replace("{cases}", cases).replace("{equivalents}", equivalents), encoding="utf-8")
        (result,) = mutations(path)
        return result, path

    return try_it


def passing(result):
    return {survivor.mutant.slip for survivor in result.survivors}


def test_what_weak_cases_do_not_tell_is_found_on_the_public_cases_and_on_every_seed(tried):
    result, path = tried(WEAK)
    assert "factor_ignored" in passing(result)
    assert next(s for s in result.survivors if s.mutant.slip == "factor_ignored").passes[0] == "public"
    assert len(next(s for s in result.survivors if s.mutant.slip == "factor_ignored").passes) == 11
    assert not result.clean and not record_file(path).exists()


def test_strong_cases_leave_only_what_is_equivalent(tried):
    result, _ = tried(STRONG)
    assert passing(result) == set() and result.clean and result.total > 10


def test_a_change_that_the_lesson_calls_equivalent_is_counted_as_such(tried):
    said = """# %% equivalents="scaled" active="py"
equivalents = {"scaled: factor_ignored": "nobody gives another factor"}
"""
    result, _ = tried(WEAK, said)
    assert "factor_ignored" not in passing(result) and result.equivalent == 1 and result.outdated == ()


def test_a_change_that_is_called_equivalent_although_the_cases_tell_it_is_reported(tried):
    result, _ = tried(STRONG, '# %% equivalents="scaled" active="py"\nequivalents = {"scaled: factor_ignored": "?"}')
    assert result.outdated == ("scaled: factor_ignored",) and not result.clean


@pytest.mark.parametrize("cell", ["equivalents = 3", "equivalents = {'a': ''}", "x", "equivalents = {1: 2}"])
def test_equivalents_that_are_no_texts_are_an_authoring_error(tried, cell):
    with pytest.raises(AuthoringError, match="equivalents are one dict of texts"):
        tried(STRONG, f'# %% equivalents="scaled" active="py"\n{cell}')


def test_what_is_clean_is_not_tried_again_until_the_exercise_changes(tried, monkeypatch):
    result, path = tried(STRONG)
    before = record_file(path).read_text(encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("autograder.authoring.mutants.record.mutation", None)  # calling it would fail
        assert mutations(path) == [result]
    path.write_text(path.read_text(encoding="utf-8").replace("0.5 + seed", "1.5 + seed"), encoding="utf-8")
    assert mutations(path)[0].clean and record_file(path).read_text(encoding="utf-8") != before


ENDLESS = '''# ---
# jupyter:
#   course:
#     title: Which mutants do not end?
# ---

# %% setup=true
import os

# %% exercise="digits" points=1 withheld="course_lib.information.entropy"
def digits(n):
    """How many digits a number has."""
    ### BEGIN SOLUTION
    count = 1
    while n >= 10:
        n = n // 10
        count += 1
    if n < 0:
        os._exit(3)
    return count
    ### END SOLUTION

# %% cases="digits" active="py"
def cases(seed):
    yield {"n": 7}
    yield {"n": 10 ** (seed % 5 + 1)}
    yield {"n": 10 ** (seed % 5 + 1) - 1}

# %% mistake="digits" name="one_less" hint="Count the last one, too." active="py"
def digits(n, right=digits):
    return right(n) - 1
'''


def test_mutants_that_never_end_or_end_their_process_are_told_and_the_others_are_still_tried(tmp_path):
    path = tmp_path / "92_endless.py"
    path.write_text(ENDLESS, encoding="utf-8")
    (result,) = mutations(path)
    passing = {survivor.mutant.change for survivor in result.survivors}
    assert "if n < 0: → if False:" in passing  # no case tells
    assert not {"if n < 0: → if True:", "n = n // 10 → pass", "count += 1 → pass"} & passing
    assert len(passing) < result.total - 5
