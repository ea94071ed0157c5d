"""A careless class: what a student's own Jupyter runs is what is graded, whatever the notebook looks like."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.grading.autograded import autograded_notebook
from autograder.grading.grade import grade_submission
from autograder.grading.submission import NotGradable, parse_submission
from course_lib.judging.exercise import ExerciseId

TOTAL = 13.0  # what the sample gives without its free text
ENTROPY = "def entropy(p):\n    return -torch.where(p > 0, p * p.log(), 0).sum(-1)"
PERPLEXITY = "def perplexity(p):\n    return entropy(p).exp()"
MEAN = "def mean(x):\n    if len(x) == 0:\n        raise ValueError\n    return x.sum() / len(x)"


def read(graded, notebook, lesson="90_sample"):
    return parse_submission("ada", lesson, nbformat.writes(notebook).encode(), [], graded.release)


@pytest.fixture(scope="module")
def grade(graded, sandbox):
    """A function that grades a notebook."""
    return lambda notebook: grade_submission(graded, read(graded, notebook), sandbox)


def by_name(grading):
    return {verdict.id.name: verdict for verdict in grading.verdicts}


def lost(grading):
    """Return the exercises that did not earn all their points, with the verdict's word."""
    verdicts = by_name(grading).items()
    return {n: v.verdict for n, v in verdicts if v.points < v.max_points and v.verdict != "to be graded by hand"}


def cell_of(notebook, role, name=""):
    """Return the first cell of this role (and exercise)."""
    courses = [cell.metadata.get("course", {}) for cell in notebook.cells]
    wanted = f"sample.{name}" if name else ""
    return notebook.cells[[(c.get("role"), c.get("exercise", "")) for c in courses].index((role, wanted))]


def put_first(notebook, source):
    notebook.cells.insert(0, nbformat.v4.new_code_cell(source))


def convert(notebook, cell, kind):
    """Turn a cell into one of another kind, as Jupyter's menu does: its metadata and id stay."""
    place = notebook.cells.index(cell)
    changed = {"cell_type": kind, "source": cell.source, "metadata": cell.metadata, "id": cell.id}
    if kind == "code":
        changed |= {"outputs": [], "execution_count": None}
    notebook.cells[place] = nbformat.from_dict(changed)


# ---- magics and shell lines

IN_A_CELL = {
    "matplotlib": "%matplotlib inline\n{0}",
    "an extension": "%load_ext autoreload\n%autoreload 2\n{0}",
    "pip": "!pip install \\\n    torch\n%pip list\n{0}",
    "shell output": "files = !ls\n{0}",
    "timing": "%%time\n{0}",
    "output kept": "%%capture output\n\n{0}",
    "a line timed": "%timeit 1 + 1\n%time ready = True\nassert ready\n{0}",
    "help": "torch.where?\n{0}",
    "await": "import asyncio\nawait asyncio.sleep(0)\n{0}",
    "in an if": "if True:\n    !ls\n{0}",
    "unknown to anybody": "%sparkle\n{0}",
    "a module of one's own": "%%writefile own.py\nfour = 4",
}


@pytest.mark.parametrize("name", IN_A_CELL)
def test_a_line_for_jupyter_costs_neither_the_exercise_nor_the_rest_of_the_cell(grade, solved, name):
    source = IN_A_CELL[name].format("import statistics\n" + ENTROPY)
    notebook = solved(entropy=source if "{0}" in IN_A_CELL[name] else ENTROPY, perplexity=PERPLEXITY)
    if "{0}" not in IN_A_CELL[name]:
        put_first(notebook, source)
        cell_of(notebook, "exercise", "mean").source = "import own\nassert own.four == 4\n" + MEAN
    grading = grade(notebook)
    assert lost(grading) == {} and grading.score == TOTAL


def test_what_was_passed_over_is_said_and_what_ran_is_not(graded, solved):
    notebook = solved(entropy=f"%matplotlib inline\n!ls\n%time x = 1\n{ENTROPY}")
    put_first(notebook, "%%bash\nls")
    (note,) = read(graded, notebook).notes
    assert note == "Lines for Jupyter alone were passed over: `%%bash`, `%matplotlib inline`, `!ls`."


def test_a_stub_below_a_magic_is_not_started_and_a_shortcut_below_one_is_forbidden(grade, graded, solved):
    stub = cell_of(graded.release, "exercise", "count").source
    shortcuts = "%%time\nfrom torch import mean", "%time from torch import mean", "!ls\nfrom torch import mean"
    for shortcut in shortcuts:
        grading = grade(solved(count=f"%%time\n{stub}", mean=shortcut))
        assert lost(grading) == {"count": "not started", "mean": "forbidden call"}


def test_an_error_below_a_magic_is_the_students_error(grade, solved):
    assert lost(grade(solved(mean="%time 1 / 0\n" + MEAN))) == {"mean": "error"}


# ---- names from cells that are not the student's


def test_a_demo_runs_where_an_exercise_uses_what_only_it_defines(grade, solved):
    notebook = solved(perplexity="def perplexity(p):\n    return entropy(p).exp() * coin.sum()")
    grading = grade(notebook)
    assert lost(grading) == {}
    (note,) = grading.submission.notes
    assert note.startswith("`coin` comes from a demo cell, which was run for it")


def test_what_is_withheld_does_not_stop_a_demo_that_an_exercise_needs(grade, solved):
    notebook = solved(mean=MEAN.replace("len(x)", "size_of(x)"))
    demo = cell_of(notebook, "demo")
    assert "information.entropy" in demo.source
    demo.source += "\n\nprint(information.entropy(coin))\n\ndef size_of(x):\n    return x.numel()"
    assert lost(grade(notebook)) == {}


def test_a_demo_runs_that_another_needed_demo_needs(grade, solved):
    notebook = solved(perplexity="def perplexity(p):\n    return entropy(p).exp() * scale()")
    place = notebook.cells.index(cell_of(notebook, "demo"))
    demo = nbformat.from_dict({**notebook.cells[place], "id": "another", "metadata": notebook.cells[place].metadata})
    demo.source = "def scale():\n    return coin.sum()"
    demo.metadata = {}
    notebook.cells.insert(place + 1, demo)
    assert lost(grade(notebook)) == {}


@pytest.mark.parametrize(
    "perplexity",
    [
        PERPLEXITY,
        f"{PERPLEXITY}\n\nprint(perplexity(coin))\ncoin",
        "def perplexity(p, coin=1):\n    return entropy(p).exp() * coin",
        f"coin = 1\n{PERPLEXITY}\nassert coin",
    ],
)
def test_a_demo_does_not_run_for_names_that_do_not_come_from_it(grade, graded, solved, perplexity):
    submission = read(graded, solved(perplexity=perplexity))
    assert [cell.runs for cell in submission.cells if cell.role == "demo" and "coin" in cell.source] == [False]
    assert submission.notes == []


def test_a_changed_demo_runs_only_when_it_is_needed(grade, solved):
    notebook = solved()
    cell_of(notebook, "demo").source = "import os\nos._exit(1)"
    grading = grade(notebook)
    assert lost(grading) == {} and not grading.outputs.get(1)
    notebook = solved(mean=MEAN.replace("len(x)", "size_of(x)"))
    helper = "def size_of(x):\n    return x.numel()"
    cell_of(notebook, "demo").source = f"from course_lib.budget import budget\nassert budget(2, 1) == 1\n{helper}"
    assert lost(grade(notebook)) == {}


@pytest.mark.parametrize("role, name", [("setup", ""), ("check", "entropy")])
def test_what_was_added_to_a_locked_cell_is_run_after_the_original(grade, solved, role, name):
    notebook = solved(
        mean="def mean(x):\n    if halve(len(x)) == 0:\n        raise ValueError\n    return x.sum() / len(x)"
    )
    locked = cell_of(notebook, role, name)
    locked.source = f"import math\ndef halve(n):\n    return math.ceil(n / 2)\n\n{locked.source}"
    grading = grade(notebook)
    assert lost(grading) == {}
    assert "had been edited" in grading.submission.notes[0]


def test_a_locked_cell_that_was_emptied_or_broken_costs_nothing(grade, solved):
    for source in ("", "import torchh", "raise SystemExit"):
        notebook = solved()
        cell_of(notebook, "setup").source = source
        assert lost(grade(notebook)) == {}


@pytest.mark.parametrize("line", ['check("sample.mean")', 'show_answer("sample.mean")', 'yours("sample.mean", None)'])
def test_a_check_in_an_exercises_cell_does_nothing(grade, solved, line):
    assert lost(grade(solved(mean=f"{line}\n{MEAN}\n{line}"))) == {}


# ---- exercises that are not where they should be


def merged(solved, first, second, keep):
    """Return a notebook whose cell of `entropy` holds `perplexity`, too. keep: the second cell, as it was released."""
    notebook = solved(entropy=f"{first}\n\n{second}", perplexity=None)
    if not keep:
        notebook.cells.remove(cell_of(notebook, "exercise", "perplexity"))
    return notebook


@pytest.mark.parametrize("keep", [True, False])
def test_two_exercises_in_one_cell_are_both_graded(grade, graded, solved, keep):
    grading = grade(merged(solved, ENTROPY, PERPLEXITY, keep))
    assert lost(grading) == {}
    assert (
        "sample.perplexity is answered in the cell of sample.entropy; it was graded there." in grading.submission.notes
    )
    shown = autograded_notebook(grading.submission, graded.release, grading.outputs)
    assert PERPLEXITY in cell_of(shown, "exercise", "entropy").source
    assert (
        cell_of(shown, "exercise", "perplexity").source
        == "# sample.perplexity is answered in the cell of sample.entropy."
    )


def test_of_two_exercises_in_one_cell_each_is_judged_by_itself(grade, graded, solved):
    stubs = [cell_of(graded.release, "exercise", name).source for name in ("entropy", "perplexity")]
    assert lost(grade(merged(solved, *stubs, False))) == {"entropy": "not started", "perplexity": "not started"}
    assert lost(grade(merged(solved, ENTROPY, stubs[1], False))) == {"perplexity": "not started"}
    wrong = "def perplexity(p):\n    return p.sum(-1)"
    assert lost(grade(merged(solved, ENTROPY, wrong, False))) == {"perplexity": "wrong"}
    assert lost(grade(merged(solved, "import os\nos._exit(0)\n" + ENTROPY, PERPLEXITY, False))) == {
        "entropy": "error", "perplexity": "error",
    }  # fmt: skip


def test_what_one_exercise_forbids_another_in_the_same_cell_may_call(grade, solved):
    mean = MEAN.replace("len(x) == 0", "torch.clamp(torch.tensor(len(x)), max=5) == 0")
    clip = "def clip_(x, limit):\n    x[x > limit] = limit\n    x[x < -limit] = -limit\n    return x"
    notebook = solved(mean=f"{mean}\n\n{clip}", clip_=None)
    assert lost(grade(notebook)) == {}
    notebook = solved(
        mean=f"{MEAN}\n\ndef clip_(x, limit):\n    return torch.clamp(x, -limit, limit, out=x)", clip_=None
    )
    assert lost(grade(notebook)) == {"clip_": "forbidden call"}


def test_an_exercise_in_a_check_cell_is_graded(grade, solved):
    notebook = solved(mean=None)
    check = cell_of(notebook, "check", "mean")
    check.source = f"{MEAN}\n\n{check.source}"
    assert lost(grade(notebook)) == {}


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_an_exercise_that_is_text_is_graded_as_code(grade, solved, kind):
    notebook = solved(mean=MEAN)
    convert(notebook, cell_of(notebook, "exercise", "mean"), kind)
    grading = grade(notebook)
    assert lost(grading) == {}
    assert "sample.mean is " in grading.submission.notes[0] and "graded as code" in grading.submission.notes[0]


def strip(notebook):
    """Take all metadata and ids from a notebook's cells, as some sites do."""
    for number, cell in enumerate(notebook.cells):
        cell.metadata, cell.id = {}, f"cell-{number}"
    return notebook


def test_converted_and_merged_cells_are_found_without_their_metadata(grade, graded, solved):
    notebook = merged(solved, ENTROPY, PERPLEXITY, False)
    cell_of(notebook, "answer", "why_nats").source = "Because it is simple."
    convert(notebook, cell_of(notebook, "exercise", "count"), "markdown")
    convert(notebook, cell_of(notebook, "answer", "why_nats"), "code")
    grading = grade(strip(notebook))
    assert lost(grading) == {}
    assert grading.submission.sources("sample.why_nats") == ["Because it is simple."]


def test_an_old_attempt_that_was_put_aside_as_raw_text_does_not_run(grade, solved):
    notebook = solved(mean="def mean(x):\n    return 0")
    convert(notebook, cell_of(notebook, "exercise", "mean"), "raw")
    notebook.cells.append(nbformat.v4.new_code_cell(MEAN))
    notebook.cells.reverse()
    assert lost(grade(notebook)) == {}


# ---- free text


def words(graded, notebook):
    """Return what a grader sees of the free text, and its verdict."""
    submission = read(graded, notebook)
    shown = cell_of(autograded_notebook(submission, graded.release, {}), "answer", "why_nats").source
    return submission.sources("sample.why_nats"), shown, submission.notes


def test_free_text_that_was_turned_into_code_is_shown_as_text(graded, solved):
    notebook = solved(why_nats="Because it is simple.")
    convert(notebook, cell_of(notebook, "answer", "why_nats"), "code")
    sources, shown, notes = words(graded, notebook)
    assert sources == ["Because it is simple."] and "Because it is simple." in shown
    assert notes == ["The answer to sample.why_nats is in a code cell; it was read as text."]


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize("distance", [0, 1, 2])
def test_free_text_in_a_cell_beside_the_placeholder_is_the_answer(grade, graded, solved, kind, distance):
    notebook = solved(why_nats=None)
    place = notebook.cells.index(cell_of(notebook, "answer", "why_nats")) + distance  # above, below, below the button
    make = {"markdown": nbformat.v4.new_markdown_cell, "raw": nbformat.v4.new_raw_cell}[kind]
    notebook.cells.insert(place, make("Because of the <b>derivative</b>."))
    sources, shown, _ = words(graded, notebook)
    assert "Because of the <b>derivative</b>." in sources and "derivative" in shown
    assert by_name(grade(notebook))["why_nats"].verdict == "to be graded by hand"


def test_free_text_that_is_continued_in_other_cells_is_shown_whole(graded, solved):
    notebook = solved(why_nats="First.")
    place = notebook.cells.index(cell_of(notebook, "answer", "why_nats")) + 1
    notebook.cells[place:place] = [nbformat.v4.new_markdown_cell(text) for text in ("Second.", "Third.")]
    sources, shown, _ = words(graded, notebook)
    assert sources == re.findall("First.|Second.|Third.", shown) == ["First.", "Second.", "Third."]


def test_free_text_below_the_question_in_its_cell_is_the_answer(graded, solved):
    notebook = solved(why_nats=None)
    question = notebook.cells[notebook.cells.index(cell_of(notebook, "answer", "why_nats")) - 1]
    question.source += "\n\nBecause."
    assert "Because." in words(graded, notebook)[1]


def test_a_note_elsewhere_is_no_answer(grade, solved):
    notebook = solved(why_nats=None)
    notebook.cells.insert(3, nbformat.v4.new_markdown_cell("I like this lesson."))
    assert by_name(grade(notebook))["why_nats"].verdict == "not started"


# ---- answers to questions

CHOICES = ['"B"', '" b"', '"b\\n"', "np.str_('b')", '"b"']
NUMBERS = [
    '"0.6931"',
    "np.float32(0.6931)",
    "torch.tensor(0.6931)",
    "torch.tensor([0.6931])",
    "np.array(0.6931)",
    ".6931",
]


@pytest.mark.parametrize("choice, number", [*zip(CHOICES, NUMBERS), ('"b"', NUMBERS[-1])])
def test_an_answer_counts_however_it_is_written(grade, solved, choice, number):
    start = "import numpy as np\n"
    grading = grade(solved(which_log=f"{start}which_log = {choice}", nats_in_a_bit=f"{start}nats_in_a_bit = {number}"))
    assert lost(grading) == {}


@pytest.mark.parametrize(
    "choice, number", [('"C"', '"1.4427"'), ('"bb"', '"0,69"'), ('["b"]', "[0.69]"), ("1", "True")]
)
def test_another_answer_is_wrong_however_it_is_written(grade, solved, choice, number):
    grading = grade(solved(which_log=f"which_log = {choice}", nats_in_a_bit=f"nats_in_a_bit = {number}"))
    assert set(lost(grading)) == {"which_log", "nats_in_a_bit"}
    assert choice != '"C"' or by_name(grading)["which_log"].mistake == "c"


# ---- another notebook


def another_lesson(solved, keep_metadata):
    text = nbformat.writes(solved()).replace("90_sample", "01_information").replace("sample", "information")
    notebook = nbformat.reads(text, 4)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.source = f"# {number}\n" + cell.source
    if not keep_metadata:
        notebook.metadata = {}
    return notebook


def test_another_lessons_notebook_is_refused_by_its_name(graded, solved):
    for keep, name in ((True, "01_information"), (False, "information")):
        with pytest.raises(NotGradable, match=f"^This is the notebook of lesson {name}, not of 90_sample.$"):
            read(graded, another_lesson(solved, keep))


def test_a_notebook_in_which_this_lesson_was_solved_is_graded_whatever_it_is_called(grade, solved):
    notebook = solved()
    notebook.metadata["course"]["lesson"] = "01_information"
    assert lost(grade(notebook)) == {}


def test_a_notebook_without_any_cell_of_the_lesson_says_so(graded):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])
    (note,) = read(graded, notebook).notes
    assert note.startswith("None of the lesson's cells is in the notebook.")


# ---- formatters


def test_reformatted_demos_are_demos_with_and_without_their_ids(graded, solved):
    for stripped in (False, True):
        notebook = solved()
        demo, setup = cell_of(notebook, "demo"), cell_of(notebook, "setup")
        demo.source = (
            demo.source.replace("[0.5, 0.5]", "[\n        0.5,\n        0.5,\n    ]").replace('"', "'") + "\n# fmt"
        )
        setup.source = setup.source.replace("check, show_answer, yours", "(check, show_answer, yours,)")
        submission = read(graded, strip(notebook) if stripped else notebook)
        assert submission.notes == []
        assert [cell.role for cell in submission.cells].count("demo") == 2 and not any(
            c.changed for c in submission.cells
        )


# ---- a true kernel


def careless(solved, sample):
    """Return a notebook with most of these accidents at once, and one wrong answer."""
    reference = {name: exercise.reference for name, exercise in sample.exercises.items()}
    notebook = solved(
        entropy=f'%matplotlib inline\n!ls\ncheck("sample.entropy")\nimport math\n{ENTROPY}',
        perplexity="def perplexity(p):\n    return entropy(p).exp() * coin.sum()",
        Affine=f"%%time\n{reference['Affine']}",
        draw=next(m.source for m in sample.exercises["draw"].mistakes if m.name == "uniform"),
        mean=MEAN.replace("len(x)", "floor(size_of(x))"),
        count=f"await sleep(0)\n{reference['count']}\n\n{reference['clip_']}",
        which_log='which_log = " B"',
        nats_in_a_bit='nats_in_a_bit = "0.6931"',
    )
    cell_of(notebook, "setup").source += "\nfrom math import floor\nfrom asyncio import sleep"
    check = cell_of(notebook, "check", "mean")
    check.source = f"def size_of(x):\n    return x.numel()\n\n{check.source}"
    notebook.cells.remove(cell_of(notebook, "exercise", "clip_"))
    return notebook


def test_the_check_in_a_true_kernel_and_the_grader_say_the_same(grade, solved, sample, built, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE", str(built.parent))
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    notebook = careless(solved, sample)
    graded = {name: verdict.verdict for name, verdict in by_name(grade(notebook)).items() if name != "why_nats"}
    NotebookClient(notebook, timeout=60, allow_errors=True, resources={"metadata": {"path": str(built)}}).execute()
    checked = {}
    for cell in notebook.cells:
        if cell.metadata["course"]["role"] == "check":
            html = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
            checked[ExerciseId(cell.metadata["course"]["exercise"]).name] = re.findall(r'data-verdict="([^"]*)"', html)
    assert checked == {name: [verdict] for name, verdict in graded.items()}
    assert graded == dict.fromkeys(graded, "passed") | {"draw": "mistake"}
