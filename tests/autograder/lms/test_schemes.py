"""The names that the systems give are read as the systems write them."""

import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograder.classroom.schemes import origin, receipt_of

PEOPLE = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd", "Zs", "Pd", "Po"]), min_size=1, max_size=25)
FILES = st.text(string.ascii_letters + string.digits + "_-. ()é", min_size=1, max_size=25).map(lambda s: f"{s}.ipynb")


def canvas_name(sortable: str, late: bool, user: int, upload: int, file: str) -> str:
    """What `lib/content_zipper.rb` makes of a student's sortable name: it keeps word characters only."""
    name = re.sub(r"^(\d+)$", r"\1", re.sub(r"_(\d+)_", r"\1", sortable)).lower()
    front = "_".join([name, *(["LATE"] if late else []), str(user)])
    return "_".join([re.sub(r"[^\w]", "", front), str(upload), displayed(file)])


def displayed(file: str) -> str:
    return re.sub(r"[\x00/\\:*?\"<>|]+", "_", file)


@given(PEOPLE, st.booleans(), st.integers(1, 10**12), st.integers(1, 10**12), FILES)
def test_a_name_of_canvas_says_whose_it_is_and_which_upload(person, late, user, upload, file):
    assume(re.search(r"\w", person) and not re.search(r"_", person))
    name = canvas_name(person, late, user, upload, file)
    found = origin("canvas", [name])
    assert (found.key, found.number, found.late) == (str(user), upload, late)
    assert (found.place, found.file) == (name, displayed(file))


@pytest.mark.parametrize(
    ("system", "name", "key", "person", "file", "late"),
    [
        ("canvas", "anon_x7Qp2_567_a.ipynb", "anon_x7Qp2", "", "a.ipynb", False),
        ("canvas", "LATE_anon_x7Qp2_567_a.ipynb", "anon_x7Qp2", "", "a.ipynb", True),
        ("canvas", "lovelaceada_LATE_12_text.html", "12", "lovelaceada", "text.html", True),
        ("moodle", "Ada Lovelace_12345_assignsubmission_file", "12345", "Ada Lovelace", "", False),
        ("moodle", "Ada Lovelace_12345_assignsubmission_file_", "12345", "Ada Lovelace", "", False),
        ("moodle", "Ada_9_assignsubmission_file_my_work.ipynb", "9", "Ada", "my_work.ipynb", False),
        ("moodle", "Group 1_45_assignsubmission_file_", "45", "Group 1", "", False),
        ("moodle", "Default group_assignsubmission_file_", "", "Default group", "", False),
        ("moodle", "Participant_8_assignsubmission_onlinetext", "8", "Participant", "", False),
        ("blackboard", "HW_1_ada_attempt_2026-03-04-10-00-00_my_work.ipynb", "ada", "", "my_work.ipynb", False),
        ("blackboard", "HW 1_ada_attempt_2026-03-04-10-00-00.txt", "ada", "", ".txt", False),
    ],
)
def test_the_other_shapes_of_names(system, name, key, person, file, late):
    found = origin(system, ["download", name, "inside", "x_1_2_y.ipynb"])
    assert (found.key, found.name, found.file, found.late) == (key, person, file, late)


@pytest.mark.parametrize(
    ("system", "name"),
    [
        ("canvas", "2026_03_homework.ipynb"),
        ("canvas", "01_information.ipynb"),
        ("moodle", "Ada Lovelace/01_information.ipynb"),
        ("blackboard", "gradebook_2026-03-04-10-00-00.zip"),
    ],
)
def test_what_no_system_writes_is_nobodys(system, name):
    assert origin(system, [name]) is None


def test_a_receipt_says_the_name_and_the_login_with_its_underscores():
    text = (
        "Name: Ada King (Lovelace) (a_l_1)\r\nAssignment: HW_1\r\nDate Submitted: Wednesday, March 4, 2026 10:00:00 AM "
        "GMT\r\nCurrent Grade: Needs Grading\r\n\r\nSubmission Field:\r\nThere is no student submission text data for "
        "this assignment.\r\n\r\nFiles:\r\n\tOriginal filename: x.ipynb\r\n"
    )
    assert receipt_of(text.replace("\r\n", "\n")) == ("Ada King (Lovelace)", "a_l_1", "HW_1")
    assert receipt_of("Name: nobody") == ("", "", "")
