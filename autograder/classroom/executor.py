"""Where submissions are graded: an ordinary `concurrent.futures.Executor`, so that nothing else needs to know."""

import hashlib
import importlib
import os
import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from autograder.grading.prepare import GradedLesson
from course_lib.wrong_usage import WrongUsage

MAX_RETRIES = 2


def make_executor(jobs: int | None = None, scheduler: str | None = None) -> Executor:
    """Return an executor for `jobs` submissions at a time, or one whose work is done by a Dask cluster.

    jobs       None for the number of processors; threads are enough, since each waits for a student's process
    scheduler  the address of a Dask scheduler, for instance tcp://10.0.0.1:8786

    Raises WrongUsage when nobody answers there, or when a worker has another version of the course.
    """
    if scheduler is None:
        return ThreadPoolExecutor(max_workers=jobs or os.cpu_count() or 1, thread_name_prefix="grading")
    return _Cluster(scheduler)


class _Cluster(Executor):
    """A Dask cluster. A lesson is sent there once, and not with each of its submissions."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise WrongUsage("--scheduler needs Dask: pip install 'language-model-course[cluster]'") from None
        try:
            self.client = Client(address, timeout=10)
        except (OSError, ValueError) as problem:
            raise WrongUsage(f"No Dask scheduler answers at {address}: {problem}") from problem
        try:
            self._require_same_course(address)
        except BaseException:
            self.client.close()
            raise
        self.client.run_on_scheduler(_retry_at_most)
        self.inner = self.client.get_executor(pure=False)
        self.lessons: dict[int, tuple[GradedLesson, Any]] = {}

    def _require_same_course(self, address: str) -> None:
        try:
            theirs = self.client.run(course_version)
        except Exception as problem:  # whatever an incomplete installation there raises
            raise WrongUsage(
                f"The workers of {address} cannot run the course: {problem!r}. Install it there."
            ) from None
        if not theirs:
            raise WrongUsage(f"The Dask scheduler at {address} has no workers yet. Start some: dask worker {address}")
        others = [worker for worker, version in theirs.items() if version != course_version()]
        if others:
            raise WrongUsage(f"Another version of the course is installed on {', '.join(sorted(others))}.")

    def submit(self, function: Callable, /, *arguments: Any, **named: Any) -> Future:
        """Have `function(*arguments, **named)` called by a worker."""
        return self.inner.submit(function, *map(self._sent, arguments), **named)

    def _sent(self, argument: Any) -> Any:
        if not isinstance(argument, GradedLesson):
            return argument
        if id(argument) not in self.lessons:  # a task of its own: it is done again wherever its result was lost
            self.lessons[id(argument)] = argument, self.client.submit(pickle.loads, pickle.dumps(argument))
        return self.lessons[id(argument)][1]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; it goes on without us."""
        self.lessons.clear()
        self.inner.shutdown(wait=wait)
        self.client.close()


def course_version() -> str:
    """Return a digest of the code that grades, which must be the same wherever a class is graded."""
    digest = hashlib.sha256()
    for package in ("autograder", "course_lib"):
        folder = Path(str(importlib.import_module(package).__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _retry_at_most(dask_scheduler: Any) -> None:
    """Give a submission to at most MAX_RETRIES more workers when a worker dies over it."""
    dask_scheduler.allowed_failures = MAX_RETRIES
