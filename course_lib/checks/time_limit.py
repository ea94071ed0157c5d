"""A limit on how long code may run in the learner's own kernel, which has nobody outside to end it.

On Linux and macOS a timer interrupts the main thread, even while it sleeps. Elsewhere (Windows, or any other thread) a
second thread watches, and what it raises is met at the next line of Python: a long call of C code ends first.
"""

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from course_lib.arguments import require_positive
from course_lib.judging.endless import computed_too_long, did_nothing

LOOK_SECONDS = 0.1  # so often the clock is looked at
BUSY_SECONDS = 0.001  # who computed less than that since the last look did nothing; looking takes less


class Endless(KeyboardInterrupt):
    """The limit is over. It ends what the user's interrupt ends: neither `except Exception` nor a probe keeps it."""


class Limit:
    """The clock of one piece of code. `why` is what to say of it once the limit is over, else ""."""

    def __init__(self, computing: float, idle: float, clock: Callable[[], float]) -> None:
        self.computing, self.most_idle, self.clock = computing, idle, clock
        self.why, self.idle = "", 0.0
        self.began = self.computed_at = clock()
        self.looked = time.monotonic()

    def is_over(self) -> bool:
        """Look at the clock. Waiting for a processor that others have counts neither as computing nor as idling."""
        now, computed = time.monotonic(), self.clock()
        self.idle += now - self.looked if computed - self.computed_at < BUSY_SECONDS else 0.0
        self.looked, self.computed_at = now, computed
        if computed - self.began > self.computing:
            self.why = computed_too_long(self.computing)
        elif self.idle > self.most_idle:
            self.why = did_nothing(self.most_idle)
        return bool(self.why)


@contextmanager
def time_limit(computing: float, idle: float) -> Iterator[Limit]:
    """Raise Endless in the code of the context when it computes, or does nothing, for longer than this.

    computing  seconds of this thread's own computing, positive
    idle       seconds in which it does not compute, in all, positive

    Code that catches it with a bare `except:` meets it again and again. Raises ValueError for a limit that is not
    positive.

    >>> with time_limit(computing=5.0, idle=10.0) as limit:
    ...     total = sum(range(1000))
    >>> limit.why
    ''
    """
    require_positive(computing=computing, idle=idle)
    by_timer = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with (_timer if by_timer else _watcher)(computing, idle) as limit:
        yield limit


@contextmanager
def _timer(computing: float, idle: float) -> Iterator[Limit]:
    limit, running = Limit(computing, idle, time.thread_time), True

    def look(number: int, frame: FrameType | None) -> None:
        if running and limit.is_over():
            raise Endless

    before = signal.signal(signal.SIGALRM, look)
    timer = signal.setitimer(signal.ITIMER_REAL, LOOK_SECONDS, LOOK_SECONDS)
    try:
        yield limit
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)


@contextmanager
def _watcher(computing: float, idle: float) -> Iterator[Limit]:
    thread = threading.get_ident()
    limit, stop, lock = Limit(computing, idle, _clock_of(thread)), threading.Event(), threading.Lock()

    def watch() -> None:
        while not stop.wait(LOOK_SECONDS):
            with lock:
                if not stop.is_set() and limit.is_over():
                    _raise_in(thread, Endless)

    watcher = threading.Thread(target=watch, name="time limit", daemon=True)
    watcher.start()
    try:
        yield limit
    finally:
        with lock:
            stop.set()
            _raise_in(thread, None)  # what was asked for and not met yet
        watcher.join()


def _clock_of(thread: int) -> Callable[[], float]:
    """Return a clock of what a thread has computed, for another to look at; of the whole process on Windows."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    clock = time.pthread_getcpuclockid(thread)
    return lambda: time.clock_gettime(clock)


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Let a thread meet an exception at its next line; None takes back one that it has not met yet."""
    what = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)
