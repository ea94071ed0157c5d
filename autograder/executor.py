"""Where gradings run: an ordinary `concurrent.futures.Executor`, so that nothing else needs to know."""

import os
from concurrent.futures import Executor, ThreadPoolExecutor


def make_executor(jobs: int | None = None) -> Executor:
    """Return an executor for `jobs` submissions at a time (the number of processors when None).

    Threads are enough: each one waits for a student's process, where the computing is done.
    """
    return ThreadPoolExecutor(max_workers=jobs or os.cpu_count() or 1, thread_name_prefix="grading")
