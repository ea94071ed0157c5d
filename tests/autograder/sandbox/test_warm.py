"""A warm parent leaves when there is nothing to do for long: a server that grades now and then keeps no memory."""

import os
import subprocess

import pytest

from autograder.sandbox import warm

pytestmark = pytest.mark.slow


def test_a_parent_without_children_leaves_and_one_with_a_child_stays(monkeypatch, tmp_path):
    monkeypatch.setattr(warm, "IDLE_SECONDS", 2.0)
    monkeypatch.setattr(warm, "_parents", type(warm._parents)())
    nothing = frozenset()
    parent = warm.parent_for(nothing)
    requests, replies = os.pipe(), os.pipe()
    child = parent.fork(requests[0], replies[1], str(tmp_path), "none")
    with pytest.raises(subprocess.TimeoutExpired):
        parent.process.wait(4)
    parent.end(child)
    assert parent.process.wait(20) == 0
    again = warm.parent_for(nothing)
    assert again is not parent and again.process.poll() is None
    again.close()
    for descriptor in (*requests, *replies):
        os.close(descriptor)
