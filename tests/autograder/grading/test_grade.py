"""Grading one submission: each trouble costs what it must and nothing else, and nothing hidden is told."""

import json

import nbformat
import pytest
import torch

from autograder.grading.feedback import describe, feedback_page
from autograder.grading.grade import grade_submission
from autograder.grading.prepare import prepare
from autograder.grading.submitted_file import read_submission

TOTAL = 13.0  # what the sample gives without its free text


@pytest.fixture(scope="module")
def grade(graded, hand_in, tmp_path_factory, sandbox):
    """A function that grades a notebook; returns the grading."""

    def grades(notebook):
        path = hand_in(tmp_path_factory.mktemp("submitted"), "ada", notebook)
        return grade_submission(graded, read_submission("ada", "90_sample", path.parent, graded.release), sandbox)

    return grades


def by_name(grading):
    return {verdict.id.split(".")[1]: verdict for verdict in grading.verdicts}


def lost(grading):
    """Return the exercises that did not earn all their points, with the verdict's word."""
    return {
        name: verdict.verdict for name, verdict in by_name(grading).items()
        if verdict.points < verdict.max_points and name != "why_nats"
    }  # fmt: skip


def after_setup(notebook, source):
    """Insert a cell of the student's own after the setup."""
    place = next(i for i, cell in enumerate(notebook.cells) if cell.metadata["course"]["role"] == "setup")
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(source))
    return notebook


# ---- the twins


def test_an_honest_notebook_earns_everything_but_what_a_person_must_read(grade, solved):
    grading = grade(solved())
    assert grading.score == TOTAL and lost(grading) == {}
    text = by_name(grading)["why_nats"]
    assert (text.verdict, text.points, text.max_points) == ("to be graded by hand", 0.0, 3.0)


def test_an_untouched_notebook_earns_nothing_and_is_not_started(grade, graded):
    grading = grade(graded.release)
    assert grading.score == 0
    assert {verdict.verdict for verdict in grading.verdicts} == {"not started"}


def test_an_empty_notebook_misses_everything(grade):
    grading = grade(nbformat.v4.new_notebook())
    assert grading.score == 0
    assert {verdict.verdict for verdict in grading.verdicts} == {"missing"}


def test_every_mistake_is_named_and_keeps_only_what_its_parts_earn(grade, solved, sample):
    chosen = {
        "entropy": "nan_at_zero",
        "Affine": "detached",
        "draw": "greedy",
        "mean": "other_error",
        "count": "as_floats",
    }
    chosen |= {"clip_": "one_side", "which_log": "c", "nats_in_a_bit": "inverse"}
    sources = {}
    for name, mistake in chosen.items():
        exercise = sample.exercises[name]
        before = exercise.reference + "\n\n" if name == "Affine" else ""
        sources[name] = before + next(m.source for m in exercise.mistakes if m.name == mistake)
    verdicts = by_name(grade(solved(**sources)))
    assert {name: verdicts[name].mistake for name in chosen} == chosen
    assert {name: verdicts[name].points for name in chosen} == dict.fromkeys(chosen, 0.0) | {"Affine": 2.0}
    assert verdicts["perplexity"].points == 1.0


# ---- accidents


ACCIDENTS = {
    "a loop without end": ("def count(ids, vocab_size):\n    while True: pass", "timeout"),
    "a process that ends": ("import os\ndef count(ids, vocab_size):\n    os._exit(0)", "error"),
    "a segmentation fault": ("import ctypes\ndef count(ids, vocab_size):\n    ctypes.string_at(0)", "error"),
    "a cell that ends the process": ("import os\nos._exit(0)\ndef count(ids, vocab_size): pass", "error"),
    "too much memory": ("def count(ids, vocab_size):\n    return torch.zeros(10**11)", "memory"),
    "too much python memory": ("def count(ids, vocab_size):\n    return bytearray(10**11)", "memory"),
    "an exit": ("import sys\ndef count(ids, vocab_size):\n    sys.exit(0)", "error"),
    "a question": ("def count(ids, vocab_size):\n    return input('count? ')", "error"),
    "deep recursion": ("def count(ids, vocab_size):\n    return count(ids, vocab_size)", "error"),
    "a syntax error": ("def count(ids, vocab_size)\n    return 1", "error"),
    "an error in the cell": ("1 / 0\ndef count(ids, vocab_size): pass", "error"),
    "another name": ("def mittel(x):\n    return ids", "error"),
    "a comment": ("# I do not know", "error"),
    "nothing": ("  \n", "not started"),
    "no plain data": ("def count(ids, vocab_size):\n    return object()", "error"),
    "a string": ("def count(ids, vocab_size):\n    return 'count'", "wrong"),
    "a changed argument": (
        "def count(ids, vocab_size):\n    counts = torch.stack([(ids == i).sum() for i in range(vocab_size)])\n"
        "    ids += 1\n    return counts",
        "wrong",
    ),
    "half a character": ("def count(ids, vocab_size):\n    raise KeyError('\\ud800')", "error"),
    "an unprintable error": (
        "class E(Exception):\n    def __str__(s): raise s\ndef count(ids, vocab_size):\n    raise E",
        "error",
    ),
    "a real-time signal": (
        "import os\ndef count(ids, vocab_size):\n    os.kill(os.getpid(), 35); os._exit(3)",
        "error",
    ),
    "deep source": ("def count(ids, vocab_size):\n    return " + "-" * 3000 + "1", None),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCIDENTS)
def test_an_accident_costs_the_exercise_in_which_it_happens_and_no_other(grade, solved, name):
    source, word = ACCIDENTS[name]
    grading = grade(solved(count=source))
    assert set(lost(grading)) == {"count"}
    assert word is None or lost(grading) == {"count": word}
    assert grading.score == TOTAL - 1
    assert len(by_name(grading)["count"].message) > 10


HARMLESS = {
    "prints and warnings": (
        "import warnings, sys\nwarnings.warn('careful')\nprint('x' * 10**6)\nprint('e', file=sys.stderr)"
    ),
    "an error in a cell of one's own": "1 / 0",
    "a cell of one's own that ends the process": "import os\nos._exit(0)",
    "a changed seed, dtype, device and grad mode": (
        "torch.manual_seed(3)\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\n"
        "torch.set_default_device('meta')\nimport warnings\nwarnings.simplefilter('error')"
    ),
    "a thread that never ends": (
        "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()"
    ),
    "changed modules": "import math, torch\nmath.isclose = torch.allclose = torch.isclose = lambda *a, **k: True",
    "magics": "%time 1\n!ls\n%%time",
    "a redefined check": "def check(id): raise SystemExit\ncheck('sample.mean')",
    "an interrupted cell": "raise KeyboardInterrupt",
    "an atexit hook": "import atexit, os\natexit.register(os._exit, 1)",
    "hooks of the shell": (
        "ip = get_ipython()\nfor e in ('pre_run_cell', 'post_run_cell'): ip.events.register(e, lambda *a: 1 / 0)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_what_has_nothing_to_do_with_an_exercise_costs_nothing(grade, solved, name):
    grading = grade(after_setup(solved(), HARMLESS[name]))
    assert lost(grading) == {} and grading.score == TOTAL


def test_demo_cells_are_not_run(grade, solved):
    grading = grade(solved())
    roles = [cell.role for cell in grading.submission.cells]
    assert "demo" in roles
    assert {roles[index] for index in grading.outputs} == {"exercise"}


def test_a_spare_copy_of_the_stub_does_not_overwrite_the_work(grade, solved, graded):
    notebook = solved()
    stub = next(c for c in graded.release.cells if c.source.startswith("def entropy"))
    notebook.cells.append(nbformat.from_dict({**stub, "id": "spare"}))
    assert grade(notebook).score == TOTAL


def test_the_last_of_several_solutions_counts(grade, solved):
    notebook = solved(mean="def mean(x):\n    return x")
    notebook.cells.append(
        nbformat.v4.new_code_cell("def mean(x):\n    if len(x) == 0: raise ValueError\n    return x.sum() / len(x)")
    )
    assert grade(notebook).score == TOTAL


def test_results_of_another_kind_are_judged_kindly(grade, solved):
    grading = grade(
        solved(
            entropy=(
                "import numpy as np\ndef entropy(p):\n    p = p.double().numpy()\n"
                "    return -np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(-1)"
            ),
            mean="def mean(x):\n    if len(x) == 0: raise ValueError\n    return float(sum(x.tolist()) / len(x))",
            perplexity="def perplexity(p):\n    return torch.as_tensor(entropy(p)).exp()",
        )
    )
    assert lost(grading) == {}


# ---- what builds on what


@pytest.mark.parametrize(
    "entropy",
    [
        None,
        "def entropy(p):\n    return p.sum(-1)",
        "def entropy(p):\n    while True: pass",
        "import os\ndef entropy(p):\n    os._exit(0)",
        "1 / 0",
        "def entropy(p):\n    return bytearray(10**11)",
        "from course_lib.information import entropy",
        "import course_lib.information as i\ndef entropy(p):\n    return getattr(i, 'entropy')(p)",
    ],
)
def test_nobody_loses_marks_twice(grade, solved, entropy):
    grading = grade(solved(entropy=entropy))
    assert set(lost(grading)) == {"entropy"}
    message = by_name(grading)["perplexity"].message
    assert message == "With the course's own `entropy` this is right; yours does not pass yet."


# wrong only where `perplexity` asks: no case of `entropy` has three rows
RIGHT_ON_ALL_ITS_CASES = """
def entropy(p):
    bits = 1.4427 if p.shape[0] == 3 else 1.0
    return -bits * (p * p.clamp(1e-9).log()).sum(-1)
"""


def test_the_fault_of_a_needed_one_that_passes_is_told_and_costs_nothing_here(grade, graded, solved):
    grading = grade(solved(entropy=RIGHT_ON_ALL_ITS_CASES))
    verdict = by_name(grading)["perplexity"]
    assert lost(grading) == {}
    assert (verdict.mistake, verdict.symptom, verdict.helped) == ("", None, ("entropy",))
    assert "the fault is in your `entropy`, although its own check passes" in verdict.message
    assert "the fault is in your <code>entropy</code>" in page_about(graded, grading)


def test_beside_a_needed_one_that_passes_wrongly_a_mistake_is_still_found(grade, solved):
    grading = grade(solved(entropy=RIGHT_ON_ALL_ITS_CASES, perplexity="def perplexity(p):\n    return entropy(p)"))
    verdict = by_name(grading)["perplexity"]
    assert (verdict.mistake, verdict.helped) == ("no_exp", ("entropy",))


def test_the_tested_prerequisite_is_no_answer_to_anything_else(grade, solved):
    grading = grade(solved(entropy=None, perplexity="from course_lib.information import perplexity"))
    assert lost(grading) == {"entropy": "not started", "perplexity": "forbidden call"}
    grading = grade(solved(entropy=None, perplexity="def perplexity(p):\n    return entropy(p)"))
    assert set(lost(grading)) == {"entropy", "perplexity"}


# ---- cheats

PUBLIC_TABLE = """
import torch
def mean(x):
    if len(x) == 0: raise ValueError
    return {table}
"""
CHEATS = {
    "an import": "from torch import mean",
    "an attribute": "def mean(x):\n    if len(x) == 0: raise ValueError\n    return x.mean()",
    "a name put together": (
        "def mean(x):\n    if len(x) == 0: raise ValueError\n    return getattr(torch, 'me' + 'an')(x)"
    ),
    "a float that equals everything": (
        "class F(float):\n    __eq__ = __sub__ = lambda a, b: True\n"
        "def mean(x):\n    if len(x) == 0: raise ValueError\n    return F(3)"
    ),
    "a tensor that lies": (
        "class T(torch.Tensor):\n    @classmethod\n    def __torch_function__(c, f, t, a=(), k=None): return True\n"
        "    shape = property(lambda s: ())\n"
        "def mean(x):\n    if len(x) == 0: raise ValueError\n    return torch.zeros(()).as_subclass(T)"
    ),
    "raising what is wanted": "def mean(x):\n    raise ValueError",
    "returning what cannot be sent": "def mean(x):\n    return object()",
    "the stub, touched": "def mean(x):\n    y = 1\n    raise NotImplementedError('mean is not started yet')",
    "the public cases by heart": "def mean(x):\n    if len(x) == 0: raise ValueError\n    return torch.tensor(PUBLIC)",
    "looking at the caller": (
        "import sys, gc\ndef mean(x):\n    f = sys._getframe()\n    while f:\n        for v in f.f_locals.values():\n"
        "            if hasattr(v, 'expected'): return v.expected\n        f = f.f_back\n"
        "    return [o for o in gc.get_objects() if type(o).__name__ == 'CaseSet'][0]"
    ),
    "patching the judge": (
        "import course_lib.judging.compare as c, course_lib.judging.verdict as v, course_lib.judging.case as k\n"
        "c.compare = v.compare = k.compare = lambda *a, **b: True\n"
        "v.judge_exercise = None\ndef mean(x):\n    return 0"
    ),
    "a reply of its own": (
        "import course_lib.judging.case as k\n"
        "k.Outcome.to_document = lambda s: {'verdict': 'passed', 'points': 1, 'value': None, 'raised': [],\n"
        "                                   'changed': [], 'complaint': ''}\n"
        "def mean(x): return 0"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_earns_nothing(grade, solved, graded, name):
    case = graded.exercises["sample.mean"].cases
    public = case.expected[1].value.item()
    assert by_name(grade(solved(mean=CHEATS[name].replace("PUBLIC", repr(public)))))["mean"].points == 0


def test_an_answer_taken_from_the_library_in_another_cell_is_refused(grade, solved):
    notebook = after_setup(
        solved(entropy="def entropy(p):\n    return helper(p)"),
        "import course_lib.information as i\nhelper = getattr(i, 'entropy')",
    )
    verdict = by_name(grade(notebook))["entropy"]
    assert (verdict.verdict, verdict.points) == ("forbidden call", 0.0)
    assert "`course_lib.information.entropy` is what you are asked to write" in verdict.message


def test_hidden_inputs_cannot_be_kept_for_what_is_shown(grade, solved, graded):
    """Each function of this notebook keeps what it saw and gives it out wherever it can."""
    keep = "import builtins\nbuiltins.seen = getattr(builtins, 'seen', [])\n"
    leak = (
        "def {0}(*a, **k):\n    builtins.seen.append([getattr(v, 'tolist', lambda: v)() for v in k.values()])\n"
        "    print(builtins.seen)\n    raise {1}(str(builtins.seen))"
    )
    names = ["entropy", "perplexity", "draw", "mean", "count"]
    sources = {name: keep + leak.format(name, "ValueError" if name != "draw" else "ForbiddenCall") for name in names}
    sources["draw"] = "class ForbiddenCall(Exception): pass\n" + sources["draw"]
    grading = grade(solved(**sources))
    page = page_about(graded, grading)
    told = (
        page
        + json.dumps([verdict.message for verdict in grading.verdicts])
        + json.dumps(list(grading.outputs.values()))
    )
    hidden = numbers_of_hidden_cases(graded, names)
    assert len(hidden) > 50 and [number for number in hidden if number in told] == []
    own = numbers_in(graded.exercises["sample.entropy"].cases.cases[2].arguments["p"])
    assert any(number in told for number in own)  # what it saw of public cases it could give out


def numbers_in(tensor):
    """Return the numbers of a tensor as they are printed, to eight digits."""
    return {f"{abs(number):.12f}"[:10] for number in tensor.reshape(-1).tolist()}


def numbers_of_hidden_cases(graded, names):
    """Return the numbers of hidden inputs and outcomes, to eight digits, that stand in no public case."""
    found = {True: set(), False: set()}
    for name in names:
        exercise = graded.exercises[f"sample.{name}"]
        for index, (case, expected) in enumerate(zip(exercise.cases.cases, exercise.cases.expected)):
            for value in [*case.arguments.values(), expected.value]:
                if isinstance(value, torch.Tensor) and value.is_floating_point():
                    found[index < exercise.public] |= numbers_in(value)
    return found[False] - found[True]


# ---- what is told


def page_about(graded, grading):
    return feedback_page("ada", graded.lesson.name, describe(graded, grading, "auto"))


def test_what_is_wrong_on_hidden_cases_only_is_told_without_their_values(grade, solved, graded):
    by_heart = """
def entropy(p):
    if p.shape == (4, 7) and abs(p[0, 0].item() - {0!r}) > 1e-6: return torch.zeros(4)
    return -torch.where(p > 0, p * p.log(), 0).sum(-1)
"""
    public = graded.exercises["sample.entropy"].cases.cases[2].arguments["p"][0, 0].item()
    grading = grade(solved(entropy=by_heart.format(public)))
    verdict = by_name(grading)["entropy"]
    assert (verdict.verdict, verdict.points) == ("wrong", 0.0)
    assert "Right on the public cases, but not on 2 of 6 hidden ones." in verdict.message
    assert len(verdict.judged) == 3
    page = page_about(graded, grading)
    assert not any(number in page + verdict.message for number in numbers_of_hidden_cases(graded, ["entropy"]))


def test_a_wrong_answer_to_a_question_does_not_tell_the_right_one(grade, solved, graded):
    grading = grade(solved(which_log="which_log = 'd'", nats_in_a_bit="nats_in_a_bit = 5.0"))
    for name, answer in (("which_log", "'b'"), ("nats_in_a_bit", "0.69")):
        verdict = by_name(grading)[name]
        assert (verdict.verdict, verdict.message, verdict.judged) == ("wrong", "This is not the answer.", ())
        assert answer not in page_about(graded, grading).split(f'id="{name}"')[1].split("</section>")[0]


def test_the_feedback_page_holds_no_reference_no_mistake_and_no_script(grade, solved, graded, sample):
    page = page_about(graded, grade(solved(**dict.fromkeys(sample.exercises, "def wrong(): pass"))))
    for secret in ("reference_word", "mistaken_word", "no odd factor", "derivatives are simple", "<script", "marzipan"):
        assert secret not in page
    assert "default-src 'none'" in page


def test_what_a_student_writes_is_escaped_in_the_page(grade, solved, graded):
    evil = '<script>alert(1)</script><img src=x onerror="x">'
    grading = grade(
        solved(
            entropy=f"# {evil}\ndef entropy(p):\n    return {evil!r}",
            mean=f"Evil = type({evil!r}, (Exception,), {{}})\ndef mean(x):\n    raise Evil({evil!r})",
            count=f"raise ValueError({evil!r})",
            why_nats=f"{evil} {{{{ 7 * 7 }}}}",
        )
    )
    page = page_about(graded, grading)
    assert "<script" not in page and "<img" not in page
    assert "&lt;script&gt;" in page and "{{ 7 * 7 }}" in page and "49" not in page.split("</style>")[1]


# ---- seeds


def test_the_same_seed_draws_the_same_hidden_cases_and_another_seed_others(sample, graded):
    again, other = prepare(sample, 1), prepare(sample, 2)

    def hidden(lesson):
        exercise = lesson.exercises["sample.entropy"]
        return [case.arguments["p"].tolist() for case in exercise.cases.cases[exercise.public :]]

    assert hidden(again) == hidden(graded) != hidden(other)
    public = {str(case.arguments["p"].tolist()) for case in graded.exercises["sample.entropy"].cases.cases[:3]}
    assert str(hidden(graded)[2]) not in public
