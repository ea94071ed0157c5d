"""A check says so, and judges nothing, where the learner's last edit of an answer did not run."""

import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from course_lib.checks import edits, progress

RIGHT = "import torch\ndef entropy(p):\n    return -torch.where(p > 0, p * p.log(), 0).sum(-1)"
SETUP = "import torch\nfrom course_lib.checks import check, yours"
NOT_RUN = "✗ sample.entropy – Your last edit did not run: "
RIGHT_SAID = "✓ sample.entropy – all 3 cases are right (2 points)"


class Notebook:
    """A shell of IPython's own, in which cells run as in a notebook; what checks show is kept."""

    def __init__(self, shown):
        self.shell, self.shown = InteractiveShell(), shown

    def run(self, source, cell=None):
        del self.shown[:]
        return self.shell.run_cell(source, store_history=True, cell_id=cell)

    def check(self, name="entropy"):
        self.run(f'check("sample.{name}")')
        return repr(self.shown[-1]).splitlines()[0]


@pytest.fixture
def notebook(built, monkeypatch, capsys):
    shown = []
    monkeypatch.setenv("COURSE", str(built.parent))
    monkeypatch.setattr(sys.modules["course_lib.checks.check"], "put", shown.append)
    notebook = Notebook(shown)
    monkeypatch.setattr("IPython.get_ipython", lambda: notebook.shell)
    monkeypatch.setattr(edits, "_shells", [])
    monkeypatch.setattr(edits, "_edits", edits.Edits())
    edits.watch()
    notebook.run(SETUP)
    notebook.run(RIGHT, "the cell")
    assert notebook.check() == RIGHT_SAID
    return notebook


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import torch\ndef entropy(p)\n    return 0", "line 2: SyntaxError: expected ':'"),
        ("def entropy(p):\n    x = 1\n   return x", "line 3: IndentationError: unindent does not match"),
        ("def entropy(p):\n    return (p", "line 2: SyntaxError: "),  # its words depend on what IPython ran before
        ("def entropy(p):\n    return 0\nreturn 1", "line 3: SyntaxError: 'return' outside function"),
        ("scale = thing\ndef entropy(p):\n    return 0", "line 1: NameError: name 'thing' is not defined"),
        ("@thing\ndef entropy(p):\n    return 0", "line 1: NameError: name 'thing' is not defined"),
        ("from no_such_file import entropy", "line 1: ModuleNotFoundError: No module named 'no_such_file'"),
        ("%%time\ndef entropy(p)\n    return 0", "line 2: SyntaxError: expected ':'"),
        ("%%time\nscale = thing\ndef entropy(p):\n    return 0", "line 2: NameError: name 'thing' is not defined"),
        ("de entropy(p):\n    return 0", "line 1: SyntaxError: invalid syntax"),  # known by its cell alone
    ],
)
def test_the_error_of_the_last_edit_is_said_nothing_is_judged_and_no_try_counts(notebook, source, said):
    notebook.run(source, "the cell")
    assert notebook.check().startswith(NOT_RUN + said)
    assert progress.load()["sample.entropy"]["tries"] == 1
    notebook.run('mine = yours("sample.entropy", "tested")')
    assert notebook.shell.user_ns["mine"] == "tested"
    first, second = repr(notebook.shown[-1]).splitlines()
    assert first.startswith("Your last edit of entropy did not run: " + said)
    assert second == "Using the course's entropy until it does."
    notebook.run(RIGHT, "the cell")
    assert notebook.check() == RIGHT_SAID


@pytest.mark.parametrize(
    "source",
    [
        RIGHT + "\nassert entropy(torch.ones(1)) == 3, 'a test of mine'",  # defined, then it failed
        RIGHT + "\n\n\n1 / 0",
        "print(entropy(torch.ones(1)), thing)",
        "def other(p)\n    return entropy(p)",
        "text = 'def entropy(p)' + thing",
        "%%time\n" + RIGHT + "\n1 / 0",
    ],
)
def test_an_error_elsewhere_is_no_failed_edit(notebook, source):
    notebook.run(source, "another cell")
    assert notebook.check() == RIGHT_SAID


def test_a_first_try_that_is_no_python_is_told_by_its_error(notebook):
    notebook.run("def perplexity(p)\n    return 1")
    assert (
        notebook.check("perplexity")
        == "✗ sample.perplexity – Your last edit did not run: line 1: SyntaxError: expected ':'"
    )


def test_an_answer_to_a_question_too(notebook):
    notebook.run('which_log = "b"', "question")
    notebook.run('which_log = "b', "question")
    assert "did not run: line 1: SyntaxError: unterminated string" in notebook.check("which_log")


def test_a_needed_answer_whose_edit_failed_does_not_pass(notebook):
    notebook.run("def entropy(p):\n    return 2 * torch.special.entr(p).sum(-1)", "the cell")  # wrong, and withheld
    notebook.run(RIGHT.replace("(p)", "(p"), "the cell")
    notebook.run("def perplexity(p):\n    return entropy(p).exp()")
    assert notebook.check("perplexity").startswith("✓") and notebook.shown[-1].verdict.helped == ("entropy",)


def test_other_names_than_the_notebooks_are_not_told_about(notebook):
    notebook.run("def entropy(p)\n    return 0", "the cell")
    assert edits.failed_edit("entropy", {"entropy": 1}) == ""


def test_a_shell_is_watched_once(notebook):
    edits.watch()
    assert notebook.shell.events.callbacks["post_run_cell"].count(edits._edits.after_cell) == 1
