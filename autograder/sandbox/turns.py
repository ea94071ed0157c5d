"""Turns on this machine: students' processes compute side by side, and what timed out gets one try alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_changed = threading.Condition()
_side_by_side = 0
_waiting = 0
_alone = False


@contextmanager
def side_by_side() -> Iterator[None]:
    """Compute beside others; wait while one is alone, or waits to be."""
    global _side_by_side
    with _changed:
        _changed.wait_for(lambda: not (_alone or _waiting))
        _side_by_side += 1
    try:
        yield
    finally:
        with _changed:
            _side_by_side -= 1
            _changed.notify_all()


@contextmanager
def alone() -> Iterator[None]:
    """Compute while no other student's process of this grader does."""
    global _alone, _waiting
    with _changed:
        _waiting += 1
        try:
            _changed.wait_for(lambda: not (_alone or _side_by_side))
            _alone = True
        finally:
            _waiting -= 1
            _changed.notify_all()
    try:
        yield
    finally:
        with _changed:
            _alone = False
            _changed.notify_all()
