"""Reading a lesson file: every authoring error is reported as `file:line: sentence`, with the line where it stands."""

import pytest

from autograder.authoring.lesson import AuthoringError, find_lessons, read_lesson
from autograder.authoring.markers import question_text
from autograder.authoring.reference import Reference

HEADER = """# ---
# jupyter:
#   course:
#     title: A title
# ---
"""
EXERCISE = '''
# %% exercise="f" points=1
def f(x):
    """Doubles."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
'''
CASES = """
# %% cases="f" active="py"
def cases(seed):
    yield {"x": seed}
"""
GOOD = HEADER + EXERCISE + CASES


def write(tmp_path, text):
    path = tmp_path / "91_trial.py"
    path.write_text(text, encoding="utf-8")
    return path


def errors(tmp_path, text):
    """Return the errors of a lesson as pairs of a line and a sentence."""
    path = write(tmp_path, text)
    with pytest.raises(AuthoringError) as problem:
        Reference(read_lesson(path))
    found = []
    for line in str(problem.value).splitlines():
        name, number, sentence = line.removeprefix(str(tmp_path) + "/").split(":", 2)
        assert name == "91_trial.py"
        found.append((int(number), sentence.strip()))
    return found


def line_of(text, part):
    """Return the number of the line that holds a part of the text."""
    (number,) = [n for n, line in enumerate(text.split("\n"), 1) if part in line]
    return number


HEADING = '\n# %% [markdown]\nr"""\n### Exercise · f · optional\n"""\n'


def test_an_optional_exercise_is_read_and_is_no_part_of_the_version(tmp_path):
    optional = read_lesson(
        write(tmp_path, GOOD.replace(EXERCISE, HEADING + EXERCISE.replace("=1", "=1 optional=true")))
    )
    assert optional.exercises["f"].check.optional
    assert optional.version == read_lesson(write(tmp_path, GOOD)).version


def test_terms_are_found_with_the_heading_above_them(tmp_path):
    prose = (
        '\n# %% [markdown]\nr"""\n## 1 · Why\nIt ***overfits***, **badly**.\n### More\nA ***lasso*** keeps few.\n"""\n'
    )
    assert read_lesson(write(tmp_path, GOOD + prose)).terms == {"overfits": "1 · Why", "lasso": "More"}


def test_a_good_lesson_is_read(tmp_path):
    lesson = read_lesson(write(tmp_path, GOOD))
    assert (lesson.name, lesson.short, lesson.title, lesson.minutes) == ("91_trial", "trial", "A title", 60)
    check = lesson.exercises["f"].check
    assert (check.id, check.kind, check.points, check.slowdown) == ("trial.f", "function", 1.0, 50.0)
    assert lesson.exercises["f"].reference.endswith('"""Doubles."""\n    return 2 * x')
    assert "YOUR CODE HERE" in check.stub and "2 * x" not in check.stub


MISTAKE = """
# %% mistake="f" name="once" hint="You return x itself." active="py"
def f(x):
    return x
"""
HINTS = '''
# %% [markdown] hints="f"
r"""
1. What is twice x?
2. Multiply.
"""
'''
PROBE = """
# %% probe="f" active="py"
def probe(student, case):
    return student(**case)
"""
SETUP = "\n# %% setup=true\nimport math\n"
FULL = HEADER + SETUP + EXERCISE + HINTS + CASES + PROBE + MISTAKE


def versions(tmp_path, text):
    lesson = read_lesson(write(tmp_path, text))
    return lesson.version, lesson.wording


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("points=1", "points=2"),
        ("points=1", 'points=1 withheld="torch.double"'),
        ("points=1", "points=1 mutates=true"),
        ("points=1", "points=1 slowdown=9"),
        ("return 2 * x", "return x + x"),
        ("Doubles.", "Doubles x."),
        ('"x": seed', '"x": seed + 1'),
        ("student(**case)", "student(case['x'])"),
        ("    return x\n", "    return 3 * x\n"),
        ("import math", "import math, random"),
    ],
)
def test_what_can_change_a_verdict_changes_the_version(tmp_path, old, new):
    assert FULL.count(old) == 1
    assert versions(tmp_path, FULL.replace(old, new))[0] != versions(tmp_path, FULL)[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [("A title", "Another title"), ("You return x itself.", "That is x."), ("Multiply.", "Multiply it by 2.")],
)
def test_what_feedback_quotes_changes_the_wording_and_not_the_version(tmp_path, old, new):
    assert FULL.count(old) == 1
    version, wording = versions(tmp_path, FULL)
    again, other = versions(tmp_path, FULL.replace(old, new))
    assert again == version and other != wording


@pytest.mark.parametrize("more", ["\n# %%\nx = 1\n", '\n# %% [markdown]\nr"""\nProse.\n"""\n'])
def test_prose_and_demos_change_neither(tmp_path, more):
    assert versions(tmp_path, FULL + more) == versions(tmp_path, FULL)


# what is wrong: (the change, the line that is named, a part of the sentence)
WRONG = {
    "optional in the heading alone": (HEADER + HEADING + EXERCISE + CASES, "def f", "exactly where the cell says"),
    "optional in the cell alone": (GOOD.replace("points=1", "points=1 optional=true"), "def f", "exactly where"),
    "a term twice": (
        GOOD + '\n# %% [markdown]\nr"""\n# A\nA ***b***.\nAgain ***b***.\n"""\n', "Again", "is in bold italics in “A”"
    ),
    "no title": (GOOD.replace("#     title: A title", "#     minutes: 3"), 1, "title"),
    "text before": ("x = 1\n" + GOOD.removeprefix(HEADER), None, "before the first"),
    "two things": (GOOD.replace('# %% cases="f"', '# %% cases="f" exercise="f"'), "cases=", "is one thing"),
    "unknown option": (GOOD.replace("points=1", "points=1 pionts=2"), "pionts", "`pionts` is not an option"),
    "an option of another kind": (GOOD.replace('active="py"', 'active="py" points=2'), "active=", "`points` is not"),
    "not inert": (GOOD.replace(' active="py"', ""), "cases=", 'needs active="py"'),
    "syntax": (GOOD.replace("return 2 * x", "return 2 *"), "return 2 *", "not Python"),
    "no name": (GOOD.replace('exercise="f"', 'exercise="f g"'), +1, "is no name"),
    "twice": (GOOD + EXERCISE, None, "there is an exercise `f` already"),
    "no such exercise": (GOOD.replace('cases="f"', 'cases="g"'), "def cases", "no exercise `g`"),
    "cases twice": (GOOD + CASES, None, "has its cases already"),
    "a strange kind": (GOOD.replace("points=1", 'points=1 kind="essay"'), "def f", "not 'essay'"),
    "no points": (GOOD.replace(" points=1", ""), "def f", "needs points"),
    "points in words": (GOOD.replace("points=1", 'points="one"'), "def f", "needs points"),
    "negative points": (GOOD.replace("points=1", "points=-1"), "def f", "needs points"),
    "parts": (GOOD.replace("points=1", 'points=3 parts={"a": 1, "b": 1}'), "def f", "add up to 2, but points=3"),
    "no cases": (GOOD.replace(CASES, ""), "def f", "has no cases"),
    "cases of another name": (GOOD.replace("def cases", "def kases"), "def kases", "function `cases`"),
    "no markers": (GOOD.replace("### BEGIN", "### BEGGING"), "def f", "between `### BEGIN SOLUTION`"),
    "one marker": (GOOD.replace("    ### END SOLUTION\n", ""), "def f", "between `### BEGIN SOLUTION`"),
    "another name": (GOOD.replace("def f(x)", "def g(x)"), "def g", "must define `f`"),
    "no docstring": (GOOD.replace('    """Doubles."""\n', ""), "def f", "needs a docstring"),
    "no choices": (
        GOOD + '\n# %% exercise="q" points=1 kind="choice"\n### BEGIN SOLUTION\nq = "a"\n### END SOLUTION\n',
        None,
        "needs choices",
    ),
    "a demo defines it": (GOOD + "\n# %%\nfor f in range(3): pass\n", "for f", "demo cell defines `f`"),
    "a setup defines it": (GOOD + "\n# %% setup=true\nimport x as f\n", "import x", "setup cell defines `f`"),
    "a judge mentions it": (
        GOOD + '\n# %% judge="f" active="py"\ndef judge(case, expected, got):\n    return f(1) == got\n',
        "def judge",
        "must not mention `f`",
    ),
    "needs nothing known": (GOOD.replace("points=1", 'points=1 needs="g"'), "def f", "no exercise of this lesson"),
    "needs what is not withheld": (
        GOOD + EXERCISE.replace("f", "g").replace("dge", "def").replace("points", 'needs="f" points')
        + CASES.replace("f", "g").replace("dge", "def"),
        None,
        "must withhold its tested version",
    ),
    "a mistake without a name": (
        GOOD + '\n# %% mistake="f" hint="No." active="py"\ndef f(x): return x\n', "def f(x): return x", 'needs name='
    ),
    "a mistake without a hint": (
        GOOD + '\n# %% mistake="f" name="m" active="py"\ndef f(x): return x\n', "def f(x): return x", 'needs hint='
    ),
    "a mistake of another name": (
        GOOD + '\n# %% mistake="f" name="m" hint="No." active="py"\ndef h(x): return x\n', "def h", "must define `f`"
    ),
    "a mistake twice": (
        GOOD + 2 * '\n# %% mistake="f" name="m" hint="No." active="py"\ndef f(x): return x\n', None, "`m` already"
    ),
    "the reference raises": (GOOD.replace("points=1\n", "points=1\nraise KeyError(3)\n"), "KeyError", "KeyError: 3"),
    "the setup raises": (GOOD + "\n# %% setup=true\n\nimport torch\n1 / 0\n", "1 / 0", "division by zero"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_an_authoring_error_is_reported_with_its_line(tmp_path, name):
    text, where, sentence = WRONG[name]
    found = errors(tmp_path, text)
    (line,) = [line for line, said in found if sentence in said]
    if isinstance(where, str):
        assert line == line_of(text, where)


def test_the_line_is_right_below_empty_lines_too(tmp_path):
    text = GOOD + "\n# %%\n\n\nx = = 1\n"
    assert [line for line, _ in errors(tmp_path, text)] == [line_of(text, "x = =")]


def test_all_errors_are_reported_at_once(tmp_path):
    text = GOOD.replace("points=1", "pionts=1").replace("def cases", "def kases")
    assert len(errors(tmp_path, text)) == 3  # the option, the missing points, the cases


# ---- what the cases give


@pytest.mark.parametrize(
    ("body", "part", "sentence"),
    [
        ("    yield {'x': 1 / 0}", "1 / 0", "for seed 0 fail: division by zero"),
        ("    yield {'x': object()}", "def cases", "not plain data"),
        ("    yield Case({'x': 1}, part='nothing')", "def cases", "no part 'nothing'"),
        ("    return []", "def cases", "has no case at all"),
        ("    yield {'x': None}", None, ""),
    ],
)
def test_cases_that_cannot_be_made_are_reported(tmp_path, body, part, sentence):
    text = GOOD.replace("points=1", 'points=1 parts={"a": 1}').replace('    yield {"x": seed}', body)
    reference = Reference(read_lesson(write(tmp_path, text)))
    if part is None:
        reference.case_set(reference.lesson.exercises["f"], 0)
        return
    with pytest.raises(AuthoringError, match=sentence) as problem:
        reference.case_set(reference.lesson.exercises["f"], 0)
    assert f"91_trial.py:{line_of(text, part)}: " in str(problem.value)


@pytest.mark.parametrize("body", ["return lambda: x", "raise NotImplementedError"])
def test_a_reference_without_a_result_is_reported(tmp_path, body):
    text = GOOD.replace("return 2 * x", body)
    reference = Reference(read_lesson(write(tmp_path, text)))
    with pytest.raises(AuthoringError, match="gives no outcome"):
        reference.case_set(reference.lesson.exercises["f"], 0)


# ---- the sample's exercises


def test_each_kind_of_exercise_is_read(sample):
    kinds = {name: exercise.check.kind for name, exercise in sample.exercises.items()}
    assert [kinds[name] for name in ("Affine", "which_log", "nats_in_a_bit", "why_nats")] == [
        "function",
        "choice",
        "number",
        "text",
    ]
    checks = {name: exercise.check for name, exercise in sample.exercises.items()}
    assert checks["Affine"].parts == {"values": 2.0, "gradient": 1.0}
    assert checks["perplexity"].needs == ("entropy",)
    assert checks["clip_"].mutates and not checks["entropy"].mutates
    assert checks["which_log"].choices == ("a", "b", "c")
    assert checks["draw"].judge is not None and checks["Affine"].judge is None and checks["Affine"].probe is not None
    assert checks["entropy"].hints == (
        "What does `0 * log(0)` give, and what should it count as?",
        "Replace the product by 0 where `p` is 0, sum over the last dimension, change the sign.",
        "`-torch.where(p > 0, …, 0).sum(…)`",
    )


def test_a_stub_keeps_signature_and_docstring_and_loses_every_solution(sample):
    stub = sample.exercises["Affine"].check.stub
    assert stub.count('raise NotImplementedError("Affine is not started yet")') == 2
    assert "def forward(self, x: Tensor) -> Tensor:" in stub and "super().__init__()" in stub
    assert "(..., D) → (..., E), x Wᵀ + b" in stub
    assert "nn.Parameter" not in stub and "SOLUTION" not in stub


def test_find_the_bug_gives_the_broken_code_and_the_reference_has_none_of_it(sample):
    exercise = sample.exercises["count"]
    assert exercise.check.stub.endswith(
        "    counts = torch.zeros(vocab_size, dtype=torch.int64)\n"
        "    for id in ids:\n        counts[id] = 1\n    return counts"
    )
    assert "counts[id] += 1" in exercise.reference and "counts[id] = 1" not in exercise.reference


def test_a_free_text_question_keeps_its_answer_and_rubric_apart(sample):
    exercise = sample.exercises["why_nats"]
    assert "no odd factor" not in question_text(exercise.cell.source) and "Why nats?" in question_text(
        exercise.cell.source
    )
    assert exercise.reference == "The derivative of the natural logarithm has no odd factor."
    assert exercise.rubric == "- 3 points: says that derivatives are simple."


def test_lessons_are_found_by_either_name_and_a_wrong_name_is_answered(solutions):
    assert find_lessons(solutions, ("sample",)) == find_lessons(solutions, ("90_sample",)) == find_lessons(solutions)
    with pytest.raises(ValueError, match="90_sample"):
        find_lessons(solutions, ("marzipan",))
