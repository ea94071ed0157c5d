"""Finding the folders of a course: the one named, else $COURSE, else here or above; or a sentence that says where."""

import pytest

from course_lib.course_folder import NoCourse, find_course


@pytest.fixture
def teaching(tmp_path):
    """A course with its lesson files."""
    (tmp_path / "teaching" / "solutions").mkdir(parents=True)
    (tmp_path / "teaching" / "solutions" / "01_first.py").touch()
    return tmp_path / "teaching"


@pytest.fixture
def released(tmp_path):
    """A course as students are given it."""
    (tmp_path / "released" / "notebooks" / "cases").mkdir(parents=True)
    (tmp_path / "released" / "notebooks" / "cases" / "01_first.json").touch()
    return tmp_path / "released"


@pytest.mark.parametrize("below", ["", "notebooks", "work", "a/b/c"])
@pytest.mark.parametrize("kind", ["teaching", "released"])
def test_it_is_found_from_every_folder_in_it(kind, below, request, monkeypatch):
    root = request.getfixturevalue(kind)
    (root / below).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(root / below)
    assert find_course().root == root


def test_what_is_named_goes_before_the_environment_and_that_before_the_current_folder(
    teaching, released, tmp_path, monkeypatch
):
    third = tmp_path / "third"
    (third / "solutions").mkdir(parents=True)
    (third / "solutions" / "01_first.py").touch()
    monkeypatch.chdir(third)
    assert find_course().root == third
    monkeypatch.setenv("COURSE", str(released))
    assert find_course().root == released
    assert find_course(teaching).root == teaching


def test_the_parts_lie_in_it(teaching):
    course = find_course(teaching)
    assert (course.solutions, course.notebooks, course.work) == tuple(
        teaching / name for name in ("solutions", "notebooks", "work")
    )


def test_a_folder_without_lessons_is_no_course(tmp_path, monkeypatch):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoCourse, match=r"nor in any folder above it.*--course"):
        find_course()
    with pytest.raises(NoCourse, match="There is no course in"):
        find_course(tmp_path)
