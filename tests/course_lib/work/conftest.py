"""A small course on disk."""

import pytest

from course_lib.course_folder import CourseFolder
from tests.course_lib.work.small_lesson import OLD, release


@pytest.fixture
def course(tmp_path):
    """A course whose path has spaces and other letters than English ones, with two lessons."""
    course = CourseFolder(tmp_path / "мой курс, été")
    for name in ("90_small", "91_other"):
        release(course, OLD, name)
    (course.notebooks / "cases").mkdir()
    (course.notebooks / "cases" / "90_small.json").touch()
    return course
