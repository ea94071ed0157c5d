"""Numbers and comparisons in prose: how an author binds them, what students see, and what a false one is called."""

import math

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.authoring.build import build
from autograder.authoring.claims import findings_of, measuring_cell, read_claims, unmet
from autograder.authoring.lesson import AuthoringError, read_lesson
from autograder.authoring.run_through import run_through, solved_notebook
from autograder.authoring.slides import lecture
from course_lib.course_folder import CourseFolder

LESSON = r'''# ---
# jupyter:
#   course:
#     title: How long is it?
# ---

# %% [markdown]
r"""
# Lengths

The text has {{3 words : len(words) == 3}}, the mean
length is {{4.67 = mean}} letters,
and $\frac{{a}}{b}$ is a formula.
"""

# %% setup=true
from course_lib.checks import check, show_answer

# %%
words = ["the", "mouse", "sleeps"]
mean = sum(map(len, words)) / 3

# %% [markdown] teacher=true
"""Say {{14 = sum(map(len, words))}} twice."""

# %% [markdown]
"""
### Exercise · longest
"""

# %% exercise="longest" points=1
def longest(words):
    """The length of the longest word."""
    ### BEGIN SOLUTION
    return max(map(len, words))
    ### END SOLUTION

# %% [markdown] hints="longest"
r"""
1. Of three words the longest has {{6 = longest(words)}} letters. Which Python function finds it?
2. Use `max`.
3. `max(words, …)`
"""

# %% cases="longest" active="py"
def cases(seed):
    yield {"words": ["a" * (1 + seed % 7)]}

# %% mistake="longest" name="first" hint="That is the first." active="py"
def longest(words):
    return len(words[0]) + 1

# %% mistake="longest" name="total" hint="That is the sum." active="py"
def longest(words):
    return sum(map(len, words)) + 2

# %% [markdown] exercise="why" points=1
r"""
### In your own words · why

The median is {{5 = sorted(map(len, words))[1]}}. Why is the mean smaller?

### BEGIN SOLUTION
The word *the* is {{farther below the median than *sleeps* is above it : 5 - 3 > 6 - 5}}.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: names the {{3 = len(words[0])}} letters.
### END RUBRIC
"""
'''


def line_of(text: str, part: str) -> int:
    """Return the number of the only line that holds a part of the text."""
    (number,) = [n for n, line in enumerate(text.split("\n"), 1) if part in line]
    return number


def write(tmp_path, text=LESSON):
    path = tmp_path / "solutions" / "91_lengths.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def executed(path, course, compare=True):
    """Build a lesson, run its notebook with the references and the measuring cell, and return the findings."""
    for file, text in build(path, CourseFolder(course)).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    notebook = run_through(read_lesson(path), CourseFolder(course), course / "home", full=compare)
    return findings_of(notebook.cells[-1])


def claim(prose):
    """Return the only claim of a piece of prose."""
    (found,) = read_claims(prose, "lesson.py", 1)[1]
    return found


# ---- what is a claim


@pytest.mark.parametrize(
    ("shown", "number", "tolerance"),
    [
        ("1.806", 1.806, 0.0005),
        ("9", 9, 0.5),
        ("−0.5", -0.5, 0.05),
        ("-0.5", -0.5, 0.05),
        ("+3", 3, 0.5),
        ("1,024", 1024, 0.5),
        ("73,000.5", 73000.5, 0.05),
        ("87 %", 0.87, 0.005),
        ("87%", 0.87, 0.005),
        ("2.5\N{NARROW NO-BREAK SPACE}%", 0.025, 0.0005),
        ("7e-9", 7e-9, 0.5e-9),
    ],
)
def test_a_number_is_read_as_prose_writes_it_and_holds_to_its_last_digit(shown, number, tolerance):
    found = claim(f"about {{{{{shown} = x}}}}-fold")
    assert (found.shown, found.expression) == (shown, "x")
    assert (found.number, found.tolerance) == (pytest.approx(number), pytest.approx(tolerance))


def test_a_tolerance_is_given_as_the_number_is():
    assert claim("{{1.806 = loss ± 0.03}}").tolerance == 0.03
    assert claim("{{87 % = share ± 2 %}}").tolerance == 0.02
    assert claim("{{1,000 = n ± 1,000}}").tolerance == 1000


def test_words_are_bound_to_a_comparison_whatever_they_hold():
    found = claim("It is {{*closer* at $T = 10^{2}$ : abs(a - b) < {1: 2}[1]}}.")
    assert (found.shown, found.number) == ("*closer* at $T = 10^{2}$", None)
    assert found.expression == "abs(a - b) < {1: 2}[1]"


def test_an_expression_may_have_slices_comparisons_braces_and_a_second_line():
    assert claim("{{2 = len(x[0 : 2])}}").expression == "len(x[0 : 2])"
    assert claim("{{1 = (a == b)}}").expression == "(a == b)"
    assert claim("{{1 = len({2})}}").expression == claim("{{1 =\nlen({2})\n}}").expression == "len({2})"
    assert claim("{{1 = {2: 1}[2]}}").expression == "{2: 1}[2]"
    assert claim("{{2 = {2}}}").expression == "{2}"


@pytest.mark.parametrize("prose", [r"$\frac{{a}}{b}$", "$e^{{-x}}$", "${{x}}_{{y:z}}$", "{{}}", "{ {1 = x} }"])
def test_formulas_are_left_alone(prose):
    assert read_claims(prose, "lesson.py", 1) == (prose, [], [])


# ---- what students see


def test_neither_notebook_nor_answers_nor_cases_nor_slides_show_an_expression(tmp_path):
    path = write(tmp_path)
    files = build(path, CourseFolder(tmp_path))
    shown = [
        "\n".join(files.values()),
        "\n".join(cell.source for cell in lecture(solved_notebook(read_lesson(path), full=True)).cells),
    ]
    for text in shown:
        assert "{{" not in text.replace(r"\frac{{a}}", "").replace(r"\\frac{{a}}", "")
        assert "4.67" in text and "frac{{a}}{b}" in text and "The median is 5." in text
    assert "Of three words the longest has 6 letters." in shown[0]
    assert "farther below the median than *sleeps* is above it." in shown[0] and "names the 3 letters" in shown[0]
    assert "Say 14 twice." in shown[1]


def test_a_lesson_builds_to_the_same_bytes_with_and_without_expressions(tmp_path):
    bound = build(write(tmp_path), CourseFolder(tmp_path))
    for expression in ("len(words) == 3", "sum(map(len, words))", "longest(words)", "len(words[0])", "5 - 3 > 6 - 5"):
        assert expression in LESSON
    plain = LESSON.replace("{{3 words : len(words) == 3}}", "3 words").replace("{{4.67 = mean}}", "4.67")
    assert build(write(tmp_path, plain), CourseFolder(tmp_path)) == bound


# ---- what an author gets wrong


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("{{4.67 = mean}}", "{{4.67 = the mean}}", "the claim “4.67” needs Python: `the mean`"),
        ("{{4.67 = mean}}", "{{4.67 = mean; 1}}", "the claim “4.67” needs Python: `mean; 1`"),
        ("{{4.67 = mean}}", "{{4.67 = mean ± some}}", "the claim “4.67” needs Python: `mean ± some`"),
        ("{{4.67 = mean}}", "{{about 4.67 = mean}}", "the claim “about 4.67 = …” must begin with a number"),
        ("{{4.67 = mean}}", "{{4.67 : mean is 4}}", ""),
        ("{{4.67 = mean}}", "{{larger : mean than 4}}", "the claim “larger” needs Python: `mean than 4`"),
    ],
)
def test_a_claim_that_is_not_python_is_an_authoring_error_with_its_line(tmp_path, old, new, sentence):
    text = LESSON.replace(old, new)
    path = write(tmp_path, text)
    if not sentence:
        assert len(read_lesson(path).claims) == 7
        return
    with pytest.raises(AuthoringError) as problem:
        read_lesson(path)
    assert str(problem.value).startswith(f"{path}:{line_of(text, new)}: {sentence}")
    assert "\n" not in str(problem.value)


# ---- what is true


def test_every_claim_names_the_line_it_is_on(tmp_path):
    lesson = read_lesson(write(tmp_path))
    lines = {found.expression: found.line for found in lesson.claims}
    assert lines == {expression: line_of(LESSON, f" {expression}}}}}") for expression in lines} and len(lines) == 7
    assert {found.file for found in lesson.claims} == {str(lesson.path)}


def test_a_true_lesson_has_no_findings(tmp_path):
    assert executed(write(tmp_path), tmp_path) == []


def test_what_does_not_hold_is_named_with_file_line_and_both_values(tmp_path):
    text = LESSON.replace('"sleeps"]', '"falls", "asleep"]')
    path = write(tmp_path, text)
    lines = {part: line_of(text, part) for part in ("3 words", "4.67", "{{14", "median is")}
    assert executed(path, tmp_path) == [
        f"{path}:{lines['3 words']}: the text says “3 words”; `len(words) == 3` is false: 4, 3",
        f"{path}:{lines['4.67']}: the text says 4.67; `mean` is 6.33333 (± 0.005)",
        f"{path}:{lines['{{14']}: the text says 14; `sum(map(len, words))` is 19 (± 0.5)",
    ]


def test_on_the_short_budget_an_expression_must_run_and_its_value_may_be_anything(tmp_path):
    text = LESSON.replace('"sleeps"]', '"falls", "asleep"]').replace("{{14 = sum(map(len, words))", "{{14 = total")
    path = write(tmp_path, text)
    assert executed(path, tmp_path, compare=False) == [
        f"{path}:{line_of(text, '{{14')}: the text says 14; `total` fails: NameError: name 'total' is not defined"
    ]


@pytest.mark.parametrize(
    ("prose", "value", "holds"),
    [
        ("{{0.20 = x}}", 0.204, True),
        ("{{0.20 = x}}", 0.206, False),
        ("{{0.12 = x}}", 0.125, True),
        ("{{0.13 = x}}", 0.125, True),
        ("{{0.20 = x ± 0.03}}", 0.23, True),
        ("{{0.20 = x ± 0.03}}", 0.17, True),
        ("{{0.20 = x ± 0.03}}", 0.2301, False),
        ("{{87 % = x}}", 0.874, True),
        ("{{87 % = x}}", 87, False),
        ("{{1 = x}}", math.nan, False),
        ("{{1 = x}}", math.inf, False),
        ("{{true : x}}", 0, False),
        ("{{true : x}}", 2, True),
    ],
)
def test_a_number_holds_within_its_tolerance_ends_included(prose, value, holds):
    assert (unmet([claim(prose)], {"x": value}) == []) == holds


def test_tensors_of_one_number_count_as_numbers_and_larger_ones_do_not():
    import torch

    for x in (torch.tensor(0.5), torch.tensor([0.5], requires_grad=True)):
        assert unmet([claim("{{0.5 = x}}"), claim("{{less : x < 1}}")], {"x": x}) == []
    (finding,) = unmet([claim("{{0.5 = x}}")], {"x": torch.zeros(2)})
    assert "`x` fails: RuntimeError" in finding


def test_what_else_is_written_while_claims_are_measured_does_not_matter():
    noisy = [claim("{{1 = (print('hello'), sys.stderr.write('help'), 1)[2]}}"), claim("{{2 = 1}}")]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"import sys\n{measuring_cell(noisy, True)}")])
    NotebookClient(notebook, timeout=60).execute()
    assert findings_of(notebook.cells[0]) == ["lesson.py:1: the text says 2; `1` is 1 (± 0.5)"]
