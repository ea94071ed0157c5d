"""`check`, `show_answer` and `yours` as a learner meets them in a notebook."""

import json
import shutil
import sys

import pytest

from course_lib.checks import check, progress, show_answer, yours
from course_lib.checks.check import CheckFailed
from course_lib.checks.public import lessons
from course_lib.checks.render import AnswerView
from course_lib.judging.exercise import read_public

RIGHT = "import torch\ndef entropy(p):\n    return -torch.where(p > 0, p * p.log(), 0).sum(-1)"
BITS = "def entropy(p):\n    return -(p * p.log2()).nansum(-1)"
WRONG = "import torch\ndef entropy(p):\n    return torch.zeros(p.shape[:-1])"


class Notebook:
    """A notebook's kernel: cells run one after another, and what a check shows is kept."""

    def __init__(self, shown):
        self.names, self.shown = {"In": [""], "check": check, "yours": yours, "show_answer": show_answer}, shown

    def run(self, source):
        """Run a cell; return the view that it showed last, or None."""
        del self.shown[:]
        self.names["In"].append(source)
        exec(compile(source, "<ipython-input>", "exec"), self.names)
        return self.shown[-1] if self.shown else None

    def check(self, name, source=""):
        if source:
            self.run(source)
        return self.run(f'check("sample.{name}")')


@pytest.fixture
def notebook(built, monkeypatch):
    shown = []
    monkeypatch.setenv("COURSE", str(built.parent))
    monkeypatch.setattr(sys.modules["course_lib.checks.check"], "put", shown.append)
    return Notebook(shown)


@pytest.fixture
def in_class(notebook, monkeypatch, tmp_path, built):
    """The same notebook in a copy of the course that comes without answers."""
    shutil.copytree(built / "cases", tmp_path / "notebooks" / "cases")
    monkeypatch.setenv("COURSE", str(tmp_path))
    return notebook


def texts(view):
    """Return the view as text and as HTML."""
    return repr(view), view._repr_html_()


# ---- what a check shows


def test_before_the_cell_has_run_the_check_says_so(notebook):
    text, page = texts(notebook.check("entropy"))
    assert text == "✗ sample.entropy – There is no `entropy` yet: run the cell above first."
    assert "run the cell above first" in page
    assert progress.load() == {}


@pytest.mark.parametrize("name", ["entropy", "Affine", "count", "which_log", "nats_in_a_bit"])
def test_an_untouched_cell_is_not_started_whatever_its_kind(notebook, sample, name):
    notebook.run(sample.setup)
    text, page = texts(notebook.check(name, "# my comment\n" + sample.exercises[name].check.stub))
    assert text == f"○ sample.{name} – not started yet"
    assert 'data-verdict="not started"' in page
    assert progress.load() == {}


def test_an_untouched_stub_is_known_outside_ipython_too(notebook, sample):
    del notebook.names["In"][:]
    notebook.names["In"] = []
    exec(sample.setup + "\n" + sample.exercises["entropy"].check.stub, notebook.names)
    exec('check("sample.entropy")', notebook.names)
    assert "not started" in repr(notebook.shown[-1])


def test_a_right_solution_passes_and_is_recorded(notebook):
    text, page = texts(notebook.check("entropy", RIGHT))
    assert text.splitlines() == [
        "✓ sample.entropy – all 3 cases are right (2 points)",
        "Cases: ✓ a fair coin · ✓ certainty · ✓ case 3",
    ]
    assert 'data-verdict="passed"' in page and "Hint" not in page
    entry = progress.load()["sample.entropy"]
    assert (entry["passed"], entry["tries"], entry["points"], entry["answer_shown"]) == (True, 1, 2.0, False)


def test_a_wrong_solution_sees_what_is_wrong_then_the_simplest_case_that_fails_and_hints(notebook):
    text, page = texts(notebook.check("entropy", WRONG))
    lines = text.splitlines()
    assert lines[0] == "✗ sample.entropy – 1 of 3 cases are right"
    assert lines[-7:] == [
        "The simplest case that fails is “a fair coin”. The result is 0; 0.693147 was expected.",
        "     input  p = torch.tensor([0.5, 0.5])",
        "  expected  torch.tensor(0.6931472)",
        "     yours  torch.tensor(0.0)",
        "Hint 1: What does `0 * log(0)` give, and what should it count as?",
        'Still stuck? show_answer("sample.entropy") shows a solution; it is noted that you looked.',
        "Cases: ✗ a fair coin · ✓ certainty · ✗ case 3",
    ]
    assert page.count("<details") == 4 and "<code>0 * log(0)</code>" in page
    assert page.index("simplest case") < page.index("Hint 1") < page.index("All cases")
    assert progress.load()["sample.entropy"]["passed"] is False


def test_the_sentence_comes_first(notebook):
    for source, said in (
        (BITS, "You measured in bits"),
        ("def entropy(p):\n    return (p * p.log()).nansum(-1)", "sign"),
    ):
        text, page = texts(notebook.check("entropy", source))
        assert said in text.splitlines()[1]
        assert page.index(said) < page.index("The simplest case that fails")


def test_without_answers_none_is_offered(in_class):
    text, page = texts(in_class.check("entropy", WRONG))
    assert "show_answer" not in text + page
    assert "Hint 1" in text


def test_a_known_mistake_is_said_in_a_sentence(notebook):
    text, page = texts(notebook.check("entropy", BITS))
    assert "You measured in bits; measure in `nats`." in text
    assert "This may be it:" in page and "measure in <code>nats</code>" in page


def test_an_error_shows_the_students_own_words(notebook):
    text, page = texts(notebook.check("entropy", "def entropy(p):\n    raise KeyError('<b>bold</b>')"))
    assert "KeyError was raised." in text
    assert "&lt;b&gt;bold" in page and "<b>bold" not in page


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ndef entropy(p):\n    return torch.special.entr(p).sum(-1)",
        "import torch\ndef entropy(p):\n    return getattr(torch.special, 'en' + 'tr')(p).sum(-1)",
        "from course_lib.information import entropy",
        "import course_lib.information\nentropy = getattr(course_lib.information, 'entropy')",
    ],
)
def test_a_withheld_call_is_refused_by_name(notebook, source):
    text, page = texts(notebook.check("entropy", source))
    assert "is what you are asked to write here, so calling it is not allowed." in text
    assert 'data-verdict="forbidden call"' in page


ENTROPY_OF_THE_LIBRARY = [
    "from course_lib import information\ndef perplexity(p):\n    return information.entropy(p).exp()",
    "from course_lib.information import entropy as of_library\ndef perplexity(p):\n    return of_library(p).exp()",
    "import course_lib.estimators as e\ndef perplexity(p):\n    return e.entropy(p).exp()",
]


@pytest.mark.parametrize("source", ENTROPY_OF_THE_LIBRARY)
def test_the_answer_to_another_exercise_of_the_lesson_is_refused_as_in_grading(notebook, source):
    notebook.run(RIGHT)
    text, page = texts(notebook.check("perplexity", source))
    assert "`course_lib.information.entropy` answers another exercise of this lesson" in text
    assert 'data-verdict="forbidden call"' in page


def test_your_own_answer_to_another_exercise_may_be_called(notebook):
    notebook.run(RIGHT)
    assert "✓" in repr(notebook.check("perplexity", "def perplexity(p):\n    return entropy(p).exp()"))


def test_the_library_is_whole_again_after_a_check(notebook):
    notebook.run(RIGHT)
    notebook.check("perplexity", ENTROPY_OF_THE_LIBRARY[0])
    notebook.run("assert information.entropy(torch.tensor([0.5, 0.5])) > 0.69")


def test_what_a_student_writes_is_escaped_in_html(notebook):
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    pages = [
        notebook.check("entropy", f"def entropy(p):\n    return {evil!r}")._repr_html_(),
        notebook.check("entropy", f"def entropy(p):\n    return {{{evil!r}: 1}}")._repr_html_(),
        notebook.check("entropy", f"def entropy(p):\n    raise ValueError({evil!r})")._repr_html_(),
        notebook.check(
            "entropy", f"Evil = type({evil!r}, (Exception,), {{}})\ndef entropy(p):\n    raise Evil"
        )._repr_html_(),
        notebook.check("which_log", f"which_log = {evil!r}")._repr_html_(),
    ]
    for page in pages:
        assert "<script" not in page and "<img" not in page


def test_parts_earn_their_own_points(notebook, sample):
    notebook.run(sample.setup)
    source = sample.exercises["Affine"].reference
    assert "(3 points)" in repr(notebook.check("Affine", source))
    view = notebook.check("Affine", source.replace("self.weight.T", "self.weight.T.detach()"))
    assert (view.verdict.points, view.verdict.mistake) == (2.0, "detached")
    assert progress.load()["sample.Affine"]["points"] == 3.0


def test_an_exercise_that_builds_on_a_wrong_one_is_checked_with_the_tested_one(notebook):
    notebook.run(WRONG)
    text, page = texts(notebook.check("perplexity", "def perplexity(p):\n    return entropy(p).exp()"))
    assert text.splitlines()[0].startswith("✓ sample.perplexity")
    assert "With the course's own `entropy` this is right; yours does not pass yet." in text
    assert "course&#x27;s own <code>entropy</code>" in page
    assert notebook.run("assert float(entropy(torch.tensor([.5, .5]))) == 0.0") is None  # their own is back


def test_the_tested_one_does_not_help_what_is_wrong_itself(notebook):
    notebook.run(WRONG)
    assert "That is the entropy itself." not in repr(
        notebook.check("perplexity", "def perplexity(p):\n    return p.sum(-1)")
    )
    assert notebook.shown[-1].verdict.points == 0


# wrong only where `perplexity` asks: no case of `entropy` has three rows
RIGHT_ON_ALL_ITS_CASES = """
def entropy(p):
    bits = 1.4427 if p.shape[0] == 3 else 1.0
    return -bits * (p * p.clamp(1e-9).log()).sum(-1)
"""


def test_the_fault_of_a_needed_one_that_passes_its_check_is_told_as_in_grading(notebook):
    assert notebook.check("entropy", RIGHT_ON_ALL_ITS_CASES).verdict.verdict == "passed"
    view = notebook.check("perplexity", "def perplexity(p):\n    return entropy(p).exp()")
    assert (view.verdict.verdict, view.verdict.mistake, view.verdict.symptom) == ("passed", "", None)
    for said in texts(view):
        assert "this is right: the fault is in your" in said and "although its own check passes." in said
    notebook.run('mine = yours("sample.perplexity", "tested")')
    assert notebook.names["mine"] == "tested"  # one's own would be wrong here


def test_a_mistake_is_named_as_it_is_with_the_tested_version_of_what_is_needed(notebook):
    notebook.run(RIGHT_ON_ALL_ITS_CASES)
    text = repr(notebook.check("perplexity", "def perplexity(p):\n    return entropy(p)"))
    assert "That is the entropy itself." in text
    assert "Judged with the course's own `entropy` in place of yours." in text


def test_a_forbidden_prerequisite_is_not_paid_for_twice(notebook):
    notebook.run("import torch\ndef entropy(p):\n    return getattr(torch.special, 'en' + 'tr')(p).sum(-1)")
    view = notebook.check("perplexity", "def perplexity(p):\n    return entropy(p).exp()")
    assert view.verdict.verdict == "passed"


# ---- questions


def test_in_class_an_answer_is_recorded_and_not_judged(in_class):
    for name, answer in (("which_log", '"a"'), ("nats_in_a_bit", "0.1")):
        text, page = texts(in_class.check(name, f"{name} = {answer}"))
        assert text == f"● sample.{name} – recorded; it is graded with your submission"
        assert 'data-verdict="recorded"' in page


def test_in_self_study_an_answer_is_right_or_helped(notebook):
    assert repr(notebook.check("which_log", 'which_log = "b"')) == "✓ sample.which_log – right (1 point)"
    text, page = texts(notebook.check("which_log", 'which_log = "a"'))
    assert text.splitlines()[0] == "✗ sample.which_log – not this one"
    assert "That gives bits." in text
    assert '"b"' not in text and "&#x27;b&#x27;" not in page
    assert repr(notebook.check("nats_in_a_bit", "nats_in_a_bit = 0.69")).startswith("✓")
    wrong = repr(notebook.check("nats_in_a_bit", "nats_in_a_bit = 0.5"))
    assert wrong.splitlines()[0] == "✗ sample.nats_in_a_bit – not this number"
    assert "0.69" not in wrong


@pytest.mark.parametrize("answer", ['"d"', "3", "['b']", "torch.tensor([1, 2])", '("b",)'])
def test_an_answer_that_is_none_of_the_choices_is_wrong_and_what_is_wanted_is_said(notebook, answer):
    notebook.run("import torch")
    view = notebook.check("which_log", f"which_log = {answer}")
    assert view.verdict.verdict == "wrong"
    assert repr(view).splitlines()[1].startswith('The answer is one of "a", "b"')
    assert "The answer is one of &quot;a&quot;" in view._repr_html_()


@pytest.mark.parametrize("answer", ['"0,69"', "True", "None or 'x'", "[0.69]", "float('nan')"])
def test_an_answer_that_is_no_number_is_wrong(notebook, answer):
    assert notebook.check("nats_in_a_bit", f"nats_in_a_bit = {answer}").verdict.verdict == "wrong"


@pytest.mark.parametrize("answer", ['" B"', '"b\\n"'])
def test_capitals_and_spaces_do_not_matter_to_a_choice(notebook, answer):
    assert notebook.check("which_log", f"which_log = {answer}").verdict.verdict == "passed"


@pytest.mark.parametrize("answer", ['"0.6931"', "torch.tensor(0.6931)", "torch.tensor([0.6931])"])
def test_a_number_counts_however_it_is_held(notebook, answer):
    notebook.run("import torch")
    assert notebook.check("nats_in_a_bit", f"nats_in_a_bit = {answer}").verdict.verdict == "passed"


def test_in_the_graders_sandbox_checks_do_nothing(notebook, monkeypatch):
    monkeypatch.setenv("COURSE_GRADING", "1")
    assert notebook.check("entropy", WRONG) is None and notebook.run('show_answer("sample.none")') is None
    notebook.run('used = yours("sample.entropy", None), yours("sample.mean", "tested")')
    assert notebook.names["used"] == (notebook.names["entropy"], "tested")
    assert progress.load() == {}


# ---- answers, yours, names


def test_a_solution_is_shown_folded_up_and_it_is_noted(notebook):
    view = notebook.run('show_answer("sample.entropy")')
    assert "reference_word" in repr(view)
    assert view._repr_html_().startswith("<details")
    assert progress.load()["sample.entropy"]["answer_shown"] is True
    notebook.check("entropy", RIGHT)
    assert progress.load()["sample.entropy"]["answer_shown"] is True


def test_a_model_answer_is_shown_without_a_note(notebook):
    assert "no odd factor" in repr(notebook.run('show_answer("sample.why_nats")'))
    assert progress.load() == {}


def test_where_there_are_no_answers_it_says_so(in_class):
    view = in_class.run('show_answer("sample.entropy")')
    assert "comes without answers" in repr(view) and "comes without answers" in view._repr_html_()
    assert progress.load() == {}


def test_a_solution_is_escaped_where_it_is_shown(sample):
    page = AnswerView(sample.exercises["entropy"].check, {"answer": "a < b > <script>"})._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_yours_is_your_own_function_once_it_passes(notebook):
    notebook.run(RIGHT)
    said = notebook.run('mine = yours("sample.entropy", "tested")')
    assert notebook.names["mine"] is notebook.names["entropy"]
    assert repr(said) == "Using your own entropy."


@pytest.mark.parametrize("source", ["", BITS, "def entropy(p):\n    raise SystemExit"])
def test_yours_falls_back_to_the_tested_one_and_says_so(notebook, source):
    notebook.run(source)
    said = notebook.run('mine = yours("sample.entropy", "tested")')
    assert notebook.names["mine"] == "tested"
    assert repr(said) == "Using the course's entropy until yours passes its check."


def test_what_once_passed_stays_passed_and_every_try_counts(notebook):
    for source in (WRONG, RIGHT, WRONG):
        notebook.check("entropy", source)
    entry = progress.load()["sample.entropy"]
    assert (entry["passed"], entry["tries"], entry["points"]) == (True, 3, 2.0)


@pytest.mark.parametrize(
    ("id", "sentence"), [("entropy", "lesson.name"), ("sample.nothing", "This lesson has: sample.entropy")]
)
def test_a_wrong_name_is_answered_with_the_right_ones(notebook, id, sentence):
    with pytest.raises(ValueError, match=sentence):
        notebook.run(f"check({id!r})")


def test_a_missing_case_file_is_answered_with_where_it_was_looked_for_and_what_to_do(notebook, built):
    with pytest.raises(FileNotFoundError) as problem:
        notebook.run('check("marzipan.entropy")')
    assert str(built / "cases") in str(problem.value)
    assert "from the folder `work`" in str(problem.value) and "COURSE" in str(problem.value)


def test_cases_and_answers_are_found_from_a_learners_own_folder(notebook, built, tmp_path, monkeypatch):
    shutil.copytree(built.parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / "work" / "before").mkdir(parents=True)
    monkeypatch.delenv("COURSE")
    for folder in ("work", "work/before", "notebooks", "."):
        monkeypatch.chdir(tmp_path / folder)
        assert repr(notebook.check("which_log", 'which_log = "b"')) == "✓ sample.which_log – right (1 point)"


def test_cases_beside_the_notebook_come_before_those_of_the_course(notebook, built, tmp_path, monkeypatch):
    """nbgrader gives a lesson out as a folder with the notebook and its cases in it."""
    (tmp_path / "cases").mkdir()
    text = (built / "cases" / "90_sample.json").read_text(encoding="utf-8")
    (tmp_path / "cases" / "91_sample.json").write_text(text.replace("90_sample", "91_sample"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert list(lessons()) == ["91_sample"]
    monkeypatch.setenv("COURSE", str(tmp_path / "nowhere"))
    assert repr(notebook.check("entropy", RIGHT)).startswith("✓ sample.entropy")


def test_a_damaged_case_file_is_named(tmp_path):
    for text in (
        "",
        "{}",
        "[]",
        '{"exercises": []}',
        '{"exercises": {"a.b": {"cases": {}}}}',
        '{"exercises": {"a.b": 3}}',
    ):
        path = tmp_path / "91_broken.json"
        path.write_text(text)
        with pytest.raises(ValueError, match="91_broken"):
            read_public(path)


def test_the_lessons_of_the_course_are_listed(notebook):
    assert {name: lesson.title for name, lesson in lessons().items()} == {"90_sample": "Does the engine work?"}


# ---- under plain nbgrader


@pytest.mark.parametrize("source", ["", WRONG, BITS, "from course_lib.information import entropy"])
def test_under_plain_nbgrader_a_failing_check_raises(notebook, monkeypatch, source):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    notebook.run(source)
    with pytest.raises(CheckFailed, match=r"sample\.entropy"):
        notebook.check("entropy")


def test_under_plain_nbgrader_a_recorded_answer_earns_nothing_by_accident(in_class, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(CheckFailed):
        in_class.check("which_log", 'which_log = "b"')


def test_under_plain_nbgrader_a_right_solution_does_not_raise(notebook, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    notebook.check("entropy", RIGHT)


def test_the_progress_file_is_plain_json(notebook, tmp_path):
    from course_lib import store

    notebook.check("entropy", RIGHT)
    assert json.loads((store.folder() / "progress.json").read_text())["sample.entropy"]["passed"] is True
