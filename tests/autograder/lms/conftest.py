import pytest

from tests.autograder.lms.downloads import Class


@pytest.fixture
def school(tmp_path) -> Class:
    """A course folder, into which downloads are collected."""
    return Class(tmp_path)
