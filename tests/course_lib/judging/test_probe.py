"""Probing what a student wrote, and what may not be called meanwhile."""

import random
import sys
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from course_lib.judging.case import Case, Outcome, judge_outcome
from course_lib.judging.forbidden import ForbiddenCall, Tripwire, forbidden_behind, forbidden_in
from course_lib.judging.probe import run_probe

WITHHELD = (
    "course_lib.information.entropy",
    "torch.special.entr",
    "torch.nn.functional.softmax",
    "torch.linalg.norm",
    "torch.distributions",
)


# ---- the look at the source


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from course_lib.information import entropy", "course_lib.information.entropy"),
        ("from course_lib.information import entropy as e", "course_lib.information.entropy"),
        ("from course_lib.information import *", "course_lib.information.*"),
        ("from course_lib import information\nx = information.entropy", "course_lib.information.entropy"),
        ("import course_lib.information as i\ni.entropy(p)", "course_lib.information.entropy"),
        ("def f(p):\n    return torch.special.entr(p).sum(-1)", "torch.special.entr"),
        ("x.softmax(-1)", "torch.nn.functional.softmax"),
        ("from torch import softmax", "torch.nn.functional.softmax"),
        ("import torch.distributions", "torch.distributions"),
        ("import torch.distributions as d", "torch.distributions"),
        ("import torch.distributions.categorical", "torch.distributions"),
        ("from torch import distributions", "torch.distributions"),
        ("from torch.distributions import Categorical", "torch.distributions"),
        ("from torch.distributions.categorical import Categorical as C", "torch.distributions"),
        ("from torch.distributions import *", "torch.distributions"),
        ("torch.distributions.Categorical(p)", "torch.distributions"),
    ],
)
def test_a_withheld_name_is_seen_in_the_source(source, name):
    assert forbidden_in(source, WITHHELD) == name


@pytest.mark.parametrize(
    "source",
    [
        "def entropy(p):\n    return -(p * p.log()).sum(-1)",
        "x = entropy(p)",
        "class A:\n    def f(self):\n        return self.softmax(1)",
        "from course_lib import information",
        "import torch",
        "import distributions_of_mine",
        "x = 'torch.special.entr'",
        "# torch.special.entr",
        "this is no Python",
        "x\0y",
        "x = " + "-" * 100_000 + "1",
        "x = " + "+".join("1" * 3000),
        "",
    ],
    ids=lambda source: source[:30].replace("\0", "0"),
)
def test_honest_source_and_unreadable_source_mention_nothing(source):
    assert forbidden_in(source, WITHHELD) == ""


@given(st.text(max_size=60))
def test_any_text_can_be_looked_at(source):
    assert forbidden_in(source, WITHHELD) == "" or any(name.rsplit(".")[-1] in source for name in WITHHELD)


# ---- the tripwire

X = torch.tensor([0.3, 0.7])


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: torch.special.entr(X), "torch.special.entr"),
        (lambda: torch.softmax(X, 0), "torch.nn.functional.softmax"),
        (lambda: F.softmax(X, 0), "torch.nn.functional.softmax"),
        (lambda: X.softmax(0), "torch.nn.functional.softmax"),
        (lambda: torch.Tensor.softmax(X, 0), "torch.nn.functional.softmax"),
        (lambda: torch.special.softmax(X, 0), "torch.nn.functional.softmax"),
        (lambda: torch.nn.Softmax(0)(X), "torch.nn.functional.softmax"),
        (lambda: getattr(torch, "soft" + "max")(X, dim=0), "torch.nn.functional.softmax"),
        (lambda: torch.linalg.norm(X), "torch.linalg.norm"),
    ],
)
def test_a_withheld_torch_function_trips_in_each_of_its_forms(call, name):
    with pytest.raises(ForbiddenCall, match=f"`{name}`"), Tripwire(WITHHELD):
        call()
    call()  # and afterwards it is as free as before


def test_the_tripwire_lets_everything_else_pass():
    with Tripwire(WITHHELD):
        assert torch.log_softmax(X, 0).exp().sum().item() == pytest.approx(1.0)


def test_a_refused_call_is_an_outcome_even_when_the_student_catches_errors():
    def student(x):
        return torch.softmax(x, 0)

    outcome = run_probe(student, None, {"x": X}, WITHHELD)
    assert outcome.raised[0] == "ForbiddenCall"
    assert "`torch.nn.functional.softmax`" in outcome.complaint


BEHIND = {
    "from numpy import logaddexp as l\ndef student(x):\n    return l(x, x)": "numpy.logaddexp",
    "import numpy as n\ndef student(x):\n    return [n.logaddexp(y, y) for y in x]": "numpy.logaddexp",
    "from numpy import logaddexp as l\nown = lambda x: l(x, x)\ndef student(x):\n    return own(x)": "numpy.logaddexp",
    "from numpy import logaddexp as l\nclass student:\n    def __init__(self, x):\n        l(x, x)": "numpy.logaddexp",
    "import numpy\nouter = lambda l: lambda x: l(x, x)\nstudent = outer(numpy.logaddexp)": "numpy.logaddexp",
    "from numpy import logaddexp as student": "numpy.logaddexp",
    "import torch.distributions as D\ndef student(x):\n    return D.Categorical(x)": "torch.distributions",
    "import numpy as n\ndef student(x):\n    return n.exp(x)": "",
    "def student(x):\n    return student(x)": "",
    "from course_lib.information import entropy\ndef student(x):\n    return entropy(x)": "",
    "student = 3": "",
}


@pytest.mark.parametrize(("source", "name"), BEHIND.items())
def test_a_withheld_name_is_seen_behind_another_name_and_in_other_cells(source, name):
    names = {}
    exec(source, names)
    withheld = ("numpy.logaddexp", "torch.distributions", "scipy.not_imported.x", "course_lib.information.entropy")
    assert forbidden_behind(names["student"], withheld) == name
    if name and "class" not in source:
        outcome = run_probe(names["student"], None, {"x": X}, withheld)
        assert outcome.raised[0] == "ForbiddenCall" and f"`{name}`" in outcome.complaint


# ---- the probe


def test_a_function_is_called_with_the_arguments_by_name():
    assert run_probe(lambda b, a: a - b, None, {"a": 5, "b": 3}).value == 2


def test_an_answer_is_taken_as_it_is():
    assert run_probe("b", None, {}).value == "b"


def test_a_probe_of_the_exercise_may_do_anything_with_the_student_and_the_case():
    outcome = run_probe(
        torch.nn.Linear, lambda student, case: student(2, 3)(case["x"]).shape[-1], {"x": torch.ones(1, 2)}
    )
    assert outcome.value == 3


def test_the_arguments_are_copied_and_a_change_is_noticed():
    x, names = torch.zeros(2), ["a"]

    def student(x, names, n):
        x += 1
        names.append("b")

    outcome = run_probe(student, None, {"x": x, "names": names, "n": 3})
    assert outcome.changed == ("x", "names")
    assert x.tolist() == [0.0, 0.0] and names == ["a"]


def test_unchanged_arguments_are_unchanged_whatever_is_in_them():
    strange = {"x": torch.tensor([float("nan")]), "y": [float("nan"), {1}, (None, "s")], "z": torch.zeros(0)}
    assert run_probe(lambda x, y, z: 1, None, strange).changed == ()


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (torch.ones(2, dtype=torch.float16), lambda x: x.mul_(1.001)),
        (torch.ones(2), lambda x: x.mul_(1 + 1e-6)),
        (torch.arange(4), lambda x: x.resize_(2)),
        (torch.tensor([50_000]), lambda x: x.add_(1)),
        ({"a": 1}, lambda x: x.update(a=1.0000001)),
        ([1], lambda x: x.append(object())),
        ([1], lambda x: x.append(x)),
    ],
)
def test_the_smallest_change_of_an_argument_is_a_change(value, change):
    def student(x):
        change(x)

    assert run_probe(student, None, {"x": value}).changed == ("x",)


def test_a_result_shares_nothing_with_the_student():
    kept = []

    def student():
        kept.append(torch.zeros(2))
        return kept[0]

    value = run_probe(student, None, {}).value
    kept[0] += 1
    assert value.tolist() == [0.0, 0.0]


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no")


class Group(BaseException):
    pass


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        SystemExit(3),
        GeneratorExit(),
        MemoryError(),
        RecursionError(),
        StopIteration(),
        Unprintable(),
        Group(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_becomes_an_outcome(error):
    def student():
        raise error

    outcome = run_probe(student, None, {})
    assert outcome.raised[0] == type(error).__name__
    assert outcome.raised[-1] == "BaseException"
    assert outcome.value is None
    assert outcome.complaint.splitlines()[-1].startswith(type(error).__name__)


def test_endless_recursion_becomes_an_outcome():
    def student():
        return student()

    assert run_probe(student, None, {}).raised[0] == "RecursionError"


def test_an_interrupt_by_the_person_at_the_keyboard_stops_the_check():
    def student():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_probe(student, None, {})


@pytest.mark.parametrize(
    "value", [object(), (i for i in range(3)), torch.nn.Linear(1, 1), 2**5000], ids=lambda value: type(value).__name__
)
def test_a_result_that_is_no_plain_data_is_no_value_error_of_the_students(value):
    outcome = run_probe(lambda: value, None, {})
    assert outcome.raised == ("WireError",)


def test_the_complaint_shows_the_students_lines_and_not_ours():
    names = {}
    exec(compile("def student():\n    raise KeyError('k')\n", "<ipython-input-1>", "exec"), names)
    import linecache

    linecache.cache["<ipython-input-1>"] = (
        0,
        None,
        ["def student():\n", "    raise KeyError('k')\n"],
        "<ipython-input-1>",
    )
    complaint = run_probe(names["student"], None, {}).complaint
    assert complaint == "  line 2, in student:  raise KeyError('k')\nKeyError: 'k'"


# ---- the world around it


def test_seeds_dtype_device_and_gradients_are_fixed_while_probing():
    def student():
        return [random.random(), float(np.random.rand()), torch.rand(2), torch.tensor(1.0).dtype == torch.float32,
                torch.is_grad_enabled(), torch.zeros(1).device.type]  # fmt: skip

    first = run_probe(student, None, {}).value
    random.seed(7), np.random.seed(7), torch.manual_seed(7)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        with torch.no_grad():
            second = run_probe(student, None, {}).value
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert first[:2] == second[:2] and torch.equal(first[2], second[2])
    assert first[3:] == second[3:] == [True, True, "cpu"]


def test_the_students_own_settings_come_back_afterwards():
    def student():
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        warnings.simplefilter("error")
        raise ValueError

    torch.manual_seed(5), random.seed(5), np.random.seed(5)
    expected = torch.rand(1).item(), random.random(), np.random.rand()
    filters = list(warnings.filters)
    torch.manual_seed(5), random.seed(5), np.random.seed(5)
    run_probe(student, None, {})
    assert (torch.rand(1).item(), random.random(), np.random.rand()) == expected
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
    assert warnings.filters == filters


def test_a_warning_costs_nothing_even_where_warnings_are_errors():
    def student():
        warnings.warn("careful", stacklevel=1)
        print("chatter", file=sys.stderr)
        return 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run_probe(student, None, {}).value == 1


def test_where_a_probe_fails_at_what_was_returned_that_is_said_and_not_the_probes_error():
    def probe(student, case):
        output, weights = student(**case)
        return {"output": output, "weights": weights.sum()}

    outcome = run_probe(lambda x: None, probe, {"x": 1})
    assert outcome.raised == ("UnusableResult",)
    assert outcome.complaint.startswith(
        "None (is a `return` missing?) was returned, and the check needs something else"
    )
    assert "a list of 3 was returned" in run_probe(lambda x: [1, 2, 3], probe, {"x": 1}).complaint
    assert run_probe(lambda x: (1, None), probe, {"x": 1}).raised == ("UnusableResult",)
    wanted = Outcome(raised=("ValueError", "Exception"))
    assert judge_outcome(Case({}), wanted, run_probe(lambda x: [1, 2, 3], probe, {"x": 1}), None, False) != ""


def test_an_error_of_the_students_own_stays_what_it_is():
    def probe(student, case):
        return {"sum": student(**case) + 1}

    def student(x):
        return x[5]

    assert run_probe(student, probe, {"x": [1]}).raised[0] == "IndexError"


def test_an_error_that_a_probes_own_model_raises_while_the_student_calls_it_is_the_students():
    def probe(student, case):
        def model(x):
            raise ValueError("too long")

        student(lambda x: x)
        return student(model)

    assert run_probe(lambda model: model(3), probe, {}).raised[0] == "ValueError"
