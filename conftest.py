"""What every test and every example in a docstring gets: a home of its own, the short budget, the same random examples.

It lies at the root because `--doctest-modules` collects the examples where they are written, in course_lib and
autograder, and there a conftest.py would be copied to students with the package.
"""

import pytest
import torch
from hypothesis import settings

# The same examples in every run, however slow the machine is.
settings.register_profile("course", derandomize=True, deadline=None, database=None)
settings.load_profile("course")


@pytest.fixture(autouse=True)
def _alone(tmp_path_factory, monkeypatch):
    """No test sees what another, or the person at this machine, has done in the course."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("COURSE_BUDGET", "short")
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    monkeypatch.delenv("COURSE", raising=False)
    torch.set_printoptions(profile="default")  # a lesson's setup cell may have changed them; the examples expect these
