"""Calls that may never return, or end the process: attempts one after the other, in processes that are replaced."""

import multiprocessing
import os
import resource
import signal
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import torch

MAX_BYTES = 4 << 30

Attempt = Callable[[int], list[str]]


def forked(attempt: Attempt, count: int, seconds: float, stuck: float) -> list[str]:
    """Return what the attempts 0 … count − 1 find. One that does not return, or ends its process, finds nothing.

    seconds  of computing after which an attempt is interrupted, unless it sets a limit itself with `limit_computing`
    stuck    seconds by the clock after which one that cannot be interrupted is ended with its process
    """
    fork, threads = multiprocessing.get_context("fork"), torch.get_num_threads()
    torch.set_num_threads(1)  # a fork of a process with threads may hang
    found: list[str] = []
    at = fork.Value("i", 0, lock=False)
    try:
        while at.value < count:
            ours, theirs = fork.Pipe(duplex=False)
            child = fork.Process(target=_attempts, args=(attempt, at, count, seconds, theirs))
            with warnings.catch_warnings(action="ignore"):
                child.start()
            theirs.close()
            found += _received(ours, at, stuck)
            child.kill()
            child.join()
            at.value += 1  # past the last one, or past the one that did not return
    finally:
        torch.set_num_threads(threads)
    return found


def _received(ours: Any, at: Any, stuck: float) -> list[str]:
    found: list[str] = []
    before = -1
    while True:
        if ours.poll(stuck):
            try:
                found += ours.recv()
            except EOFError:
                return found
        elif at.value == before:
            return found
        before = at.value


def limit_computing(seconds: float) -> None:
    """Raise TimeoutError in this process, which has computed for so long; 0 for no limit."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _attempts(attempt: Attempt, at: Any, count: int, seconds: float, theirs: Any) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    signal.signal(signal.SIGPROF, _too_long)
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, MAX_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        while at.value < count:
            limit_computing(seconds)
            try:
                if found := attempt(at.value):
                    theirs.send(found)
            except BaseException:
                pass
            finally:
                limit_computing(0)
            at.value += 1
    os._exit(0)


def _too_long(number: int, frame: Any) -> None:
    raise TimeoutError
