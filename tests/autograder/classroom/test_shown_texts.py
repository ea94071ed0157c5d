"""A student's texts and pictures on their way through a grading run: to Formgrader's notebook and the feedback page."""

import base64
import json
import re

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter

from autograder.classroom.class_run import grade_class
from autograder.classroom.recorder import ClassRun

LESSON = "90_sample"
PHOTO = base64.b64encode(b"\xff\xd8\xff" + bytes(3000)).decode()
EVIL = "<img src=x onerror=alert(1)>"
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")


def _answering(notebook: nbformat.NotebookNode, text: str, **attachments: str) -> str:
    document = json.loads(nbformat.writes(notebook))
    for cell in document["cells"]:
        if cell["metadata"].get("course", {}).get("role") == "answer":
            cell["source"] = text
            cell["attachments"] = {name: {"image/jpeg": data} for name, data in attachments.items()}
    return json.dumps(document)


@pytest.fixture(scope="module")
def course(tmp_path_factory, sample_path, sandbox, solved, hand_in):
    """A course folder where a class with texts and names of all kinds was graded; (folder, results by student)."""
    root = tmp_path_factory.mktemp("course")
    submitted = root / "submitted"
    hand_in(submitted, "photo", _answering(solved(), "My derivation: ![here](attachment:photo)", photo=PHOTO))
    hand_in(submitted, "pasted", _answering(solved(), f"![here](data:image/jpeg;base64,{PHOTO})"))
    hand_in(submitted, "lost", _answering(solved(), "![x][a] and ![y](attachment:gone)\n\n- [a]: attachment:gone"))
    hand_in(submitted, "large", _answering(solved(), '"](' * 200_000))
    hand_in(submitted, EVIL, _answering(solved(), "[x][fig]\n\n- [fig]: javascript:alert(1)"))
    url = f"sqlite:///{root / 'gradebook.db'}"
    results = grade_class(ClassRun(submitted, root, sample_path.parent, url, seed=5, sandbox=sandbox))
    return root, {result.student: result for result in results}


def _page(root, student: str) -> str:
    notebook = nbformat.read(root / "autograded" / student / LESSON / f"{LESSON}.ipynb", as_version=4)
    nbformat.validate(notebook)
    return HTMLExporter(template_name="classic").from_notebook_node(notebook)[0]


def _feedback(root, student: str) -> str:
    return (root / "feedback" / student / LESSON / f"{LESSON}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("student", ["photo", "pasted"])
def test_a_photo_is_shown_to_the_grader_and_on_the_feedback_page(course, student):
    root, _ = course
    for page in (_page(root, student), _feedback(root, student)):
        assert page.count(f'src="data:image/jpeg;base64,{PHOTO}"') == 1


def test_a_photo_that_is_not_in_the_notebook_does_not_stop_the_page(course):
    root, _ = course
    assert _page(root, "lost").count("it is not in the notebook") == 2


def test_a_text_of_600_kilobytes_costs_no_mark_and_is_cut_with_a_note(course):
    root, results = course
    large, photo = results["large"], results["photo"]
    assert [e.points for e in large.exercises] == [e.points for e in photo.exercises]
    assert any("characters; at most" in note for note in large.notes)
    assert len(_page(root, "large")) < 2 * 10**6


def test_a_name_that_would_act_in_a_page_is_recorded_in_another_spelling_everywhere(course):
    root, results = course
    (student,) = results.keys() - {"photo", "pasted", "lost", "large"}
    assert student == r"\x3cimg src=x onerror=alert(1)\x3e"
    written = [path for path in root.rglob("*") if "submitted" not in path.parts]
    assert not any("<" in path.name for path in written)
    for path in written:
        if path.is_file():
            assert EVIL.encode() not in path.read_bytes(), path
    assert not re.search("(href|src)=.?javascript:", _page(root, student))
