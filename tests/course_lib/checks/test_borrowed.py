"""A value that a withheld function made is not there when this is graded: the check says so beforehand."""

import sys

import pytest

from course_lib.checks import check, yours


@pytest.fixture
def said(built, monkeypatch):
    """Run cells, then the check of perplexity; return what was shown."""
    shown = []
    monkeypatch.setenv("COURSE", str(built.parent))
    monkeypatch.setattr(sys.modules["course_lib.checks.check"], "put", shown.append)

    def run(*cells):
        names = {"In": [""], "check": check, "yours": yours}
        for cell in (*cells, 'check("sample.perplexity")'):
            names["In"].append(cell)
            del shown[:]
            exec(compile(cell, "<ipython-input>", "exec"), names)
        return [repr(view) for view in shown]

    return run


ENTROPY = "import torch\ndef entropy(p):\n    return -torch.where(p > 0, p * p.log(), 0).sum(-1)"
VALUE = "from course_lib import information\nhalf = information.entropy(torch.tensor([1.0, 0.0]))"
USES = "def perplexity(p):\n    return (entropy(p) + {name}).exp()"


def test_a_value_that_a_withheld_function_made_is_remarked_on(said):
    view, remark = said(ENTROPY, VALUE, USES.format(name="half"))
    assert "✓ sample.perplexity" in view
    assert remark == (
        "`half` comes from a cell that uses `course_lib.information.entropy`, which is not there when this is graded. "
        "Use your own version there, or do without."
    )


def test_also_through_other_cells_and_whatever_the_function_is_called(said):
    renamed = "from course_lib.information import entropy as library\nhalf = library(torch.tensor([1.0, 0.0]))"
    assert len(said(ENTROPY, renamed, "other = 2 * half", USES.format(name="other"))) == 2


@pytest.mark.parametrize(
    "cell",
    [
        "zero = torch.tensor(0.0)",
        "zero = entropy(torch.tensor([1.0, 0.0]))",
        "from course_lib import information\n"
        'zero = yours("sample.entropy", information.entropy)(torch.tensor([1.0, 0.0]))',
        "class Row:\n    entropy = 0.0\nzero = Row.entropy",
        "from course_lib import information\nzero = 0 * information.cross_entropy(torch.ones(1), torch.ones(1))",
    ],
)
def test_what_can_be_made_again_is_not(said, cell):
    (view,) = said(ENTROPY, cell, USES.format(name="zero"))
    assert "✓ sample.perplexity" in view


def test_a_cell_that_the_exercise_does_not_use_is_not(said):
    assert len(said(ENTROPY, VALUE, "def perplexity(p):\n    return entropy(p).exp()")) == 1
