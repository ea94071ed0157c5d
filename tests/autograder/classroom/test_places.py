"""Where submissions are found: in nbgrader's layout, near it with a note, and never passed over in silence."""

import os
import shlex
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.classroom.layouts import other_layout
from autograder.classroom.places import MAX_BYTES, MAX_CHARACTERS, find_submissions, lying_loose, recorded_name
from autograder.cli import main

KNOWN = ("00_start_here", "01_information", "02_tokenization")


@pytest.fixture
def found(tmp_path):
    """A function that makes files (folders, when they end in /) and returns the places by student and lesson."""

    def find(*paths, wanted=()):
        for path in paths:
            place = tmp_path / path
            (place if path.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
            if not path.endswith("/"):
                place.write_text("{}")
        return {(place.student, place.lesson): place for place in find_submissions(tmp_path, KNOWN, wanted)}

    return find


def test_a_notebook_without_its_lessons_folder_is_the_submission_and_a_note_says_so(found):
    places = found("ada/01_information.ipynb", "ada/02_tokenization/02_tokenization.ipynb")
    assert set(places) == {("ada", "01_information"), ("ada", "02_tokenization")}
    place = places["ada", "01_information"]
    assert place.folder.name == "ada" and not place.problem
    assert place.notes == ("01_information.ipynb was not in a folder 01_information; it was graded all the same.",)
    assert places["ada", "02_tokenization"].notes == ()


def test_beside_the_lessons_folder_it_is_not_the_submission_and_a_note_says_so(found):
    places = found("ada/01_information.ipynb", "ada/01_information/01_information.ipynb")
    (place,) = places.values()
    assert place.folder.name == "01_information" and "was not looked at" in place.notes[0]


def test_a_folder_in_other_capitals_is_taken_where_there_is_no_other(found):
    place = found("ada/00_Start_Here/")["ada", "00_start_here"]
    assert place.folder.name == "00_Start_Here" and "called 00_Start_Here, not 00_start_here" in place.notes[0]
    assert set(found("ada/00_start_here/")) == {("ada", "00_start_here"), ("ada", "00_Start_Here")}
    assert found("ben/00_START_here/", "ben/00_Start_HERE/").keys() >= {
        ("ben", "00_START_here"),
        ("ben", "00_Start_HERE"),
    }


@pytest.mark.parametrize("name", ["homework.ipynb", "01_Information.IPYNB", "01_information.ipynb.txt", "01.zip"])
def test_what_belongs_to_no_lesson_is_a_place_with_a_problem(found, name):
    place = found(f"ada/{name}")["ada", name]
    assert f"{name} lies in the student's folder and belongs to no lesson" in place.problem


def test_what_tools_leave_behind_is_nobodys_submission(found):
    assert not found("__MACOSX/ada/01_information/", "ada/__MACOSX/", "ada/.ipynb_checkpoints/x.ipynb", "ada/._a.ipynb")
    assert not found("ada/timestamp.txt", "ada/notes.md")


def test_wanted_lessons_are_the_only_ones(found):
    places = found("ada/01_information/", "ada/02_tokenization.ipynb", "ada/x.ipynb", wanted=["02_tokenization"])
    assert set(places) == {("ada", "02_tokenization")}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_a_place_with_a_problem(found, tmp_path):
    (tmp_path / "ada").mkdir(mode=0)
    assert "cannot be read" in found("ben/01_information/", wanted=["01_information"])["ada", "(unreadable)"].problem


def test_what_lies_in_no_students_folder_is_named(found, tmp_path):
    found("ada/01_information/", "01_information.ipynb", "all.zip", "roster.csv", ".hidden.ipynb")
    assert lying_loose(tmp_path) == ["01_information.ipynb", "all.zip"]


# ---- the names under which students are recorded


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"], exclude_characters='~\\<>&"'), max_size=40)
)
def test_an_ordinary_name_is_recorded_as_it_is(name):
    assert recorded_name(name) == name


def test_bytes_that_are_no_utf8_and_their_spelling_are_two_students():
    names = [b"\xff", rb"\udcff", rb"\\udcff", b"\\\xff", b"\\\\\xff", rb"\\\udcff", b"\xfe", rb"\xff", rb"a\b"]
    spelled = [recorded_name(os.fsdecode(name)) for name in names]
    assert len(set(spelled)) == len(names)
    assert spelled[0] == r"\udcff" and spelled[-2:] == [r"\xff", r"a\b"]


@given(st.lists(st.binary(min_size=1, max_size=255), unique=True, max_size=20))
def test_no_two_names_are_recorded_under_one_and_each_fits_the_gradebook(names):
    spelled = {recorded_name(os.fsdecode(name)) for name in names}
    spelled |= {recorded_name(name) for name in spelled}  # a folder may be called like a shortened name
    assert len({recorded_name(os.fsdecode(name)) for name in names}) == len(names)
    assert all(len(name) <= MAX_CHARACTERS and len(name.encode()) <= MAX_BYTES for name in spelled)


def test_a_name_that_looks_shortened_is_not_taken_for_the_one_that_was():
    short = recorded_name("n" * 200)
    assert short != recorded_name(short) and short != recorded_name("n" * 201)


# ---- other layouts


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        (["01_information/ada/01_information.ipynb"], "the wrong way round"),
        (["Ada Lovelace_12345_assignsubmission_file_/01_information.ipynb"], "a download from Moodle"),
        (["lovelaceada_123_4567_01_information.ipynb"], "a download from Canvas"),
        (["lovelaceada_LATE_123_4567_01_information.ipynb"], "a download from Canvas"),
        (["submissions.zip"], "python -m zipfile -e"),
        (["ada/01_information/x.ipynb", "lovelaceada_123_4567_x.ipynb"], ""),
        (["ada/01_information/x.ipynb"], ""),
        (["ada/homework/x.ipynb"], ""),
    ],
)
def test_another_layout_is_recognised_and_nbgraders_own_is_not(found, tmp_path, paths, sentence):
    found(*paths)
    said = other_layout(tmp_path, KNOWN)
    assert (sentence in said) if sentence else said == ""


def test_an_archive_in_place_of_the_folder_is_recognised_and_so_is_what_is_in_it(tmp_path):
    for member, sentence in [
        ("ada/01_information/01_information.ipynb", "unpack it (`python -m zipfile -e"),
        ("Ada Lovelace_12345_assignsubmission_file_/01_information.ipynb", "a download from Moodle"),
        ("lovelaceada_123_4567_01_information.ipynb", "--from canvas\n"),
    ]:
        with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
            archive.writestr(member, "{}")
        assert sentence in other_layout(tmp_path / "class.zip", KNOWN)
    assert "is not a folder" in other_layout(tmp_path / "nowhere", KNOWN)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "folder"])
@pytest.mark.parametrize(
    ("member", "student"),
    [
        ("Ada Lovelace_12345_assignsubmission_file_/01_information.ipynb", "Ada Lovelace"),
        ("lovelaceada_LATE_123_4567_01_information.ipynb", "lovelaceada_123"),
        ("Homework 1_ada_attempt_2026-03-04-10-00-00_01_information.ipynb", "ada"),
    ],
    ids=["Moodle", "Canvas", "Blackboard"],
)
def test_the_command_that_is_named_sorts_the_download(tmp_path, monkeypatch, member, student, zipped):
    download, course = tmp_path / "a download", tmp_path / "course"
    (download / member).parent.mkdir(parents=True)
    (download / member).write_text("{}")
    if zipped:
        with zipfile.ZipFile(tmp_path / "the class.zip", "w") as file:
            file.write(download / member, member)
        download = tmp_path / "the class.zip"
    (course / "solutions").mkdir(parents=True)
    for lesson in KNOWN:
        (course / "solutions" / f"{lesson}.py").touch()
    monkeypatch.chdir(course)
    program, *command = shlex.split(other_layout(download, KNOWN).split("\n")[1])
    assert (program, main(command)) == ("autograder", 0)
    places = find_submissions(course / "submitted", KNOWN)
    assert [(p.student, p.lesson) for p in places] == [(student, "01_information")]
    assert (places[0].folder / "01_information.ipynb").is_file()
