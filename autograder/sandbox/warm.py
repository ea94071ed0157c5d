"""Warm parents: processes that have imported torch once and fork for each submission, in milliseconds and not seconds.

There is one for each set of withheld names, since their `course_lib` differs. A few are kept; those without children go
first. What the lesson needs besides torch is imported in the parent, too: no student's cell pays for it.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from autograder.sandbox.library import copy_without

STUDENT_PROGRAM = Path(__file__).with_name("student.py")
START_SECONDS = 120.0  # also for what a lesson imports
REPLY_SECONDS = 60.0
END_SECONDS = 10.0
MAX_MODULES = 200  # in one message
IDLE_SECONDS = 600.0  # a parent without work leaves after this time, and its 250 MB with it: Formgrader runs for weeks
MAX_PARENTS = 8


class ParentDied(RuntimeError):
    """A warm parent ended while it was needed, and its children with it; a new one may be started."""

    def __init__(self) -> None:
        super().__init__(
            "The process that students' processes are forked from was killed. Has the machine run out of memory? "
            "Try fewer --jobs."
        )


class WarmParent:
    """The grader's handle on one warm parent. It may be used from several threads."""

    def __init__(self, withheld: frozenset[str]) -> None:
        library = copy_without(withheld)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "LANG": "C.UTF-8",
            "MPLBACKEND": "Agg",
            # a parent that has used more than one thread must not fork
            **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        }
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(STUDENT_PROGRAM), str(theirs.fileno()), str(library), str(IDLE_SECONDS)],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        self.control, self.lock = ours, threading.Lock()
        self.children, self._counting = 0, threading.Lock()
        self.imported: frozenset[str] = frozenset()
        ours.settimeout(START_SECONDS)
        if not ours.recv(100):
            _, complaint = self.process.communicate()
            raise RuntimeError(f"The sandbox did not start:\n{complaint.decode(errors='replace')[-2000:]}")

    def load(self, modules: Iterable[str]) -> None:
        """Import modules, so that all children forked from now on have them. Raises ParentDied."""
        missing = sorted(set(modules) - self.imported)
        for start in range(0, len(missing), MAX_MODULES):
            self._ask({"import": missing[start : start + MAX_MODULES]}, seconds=START_SECONDS)
        self.imported |= frozenset(missing)

    def fork(self, requests: int, replies: int, folder: str, sandbox: str) -> int:
        """Fork a child that reads requests from one descriptor and writes replies to the other; return its id.

        Raises ParentDied when it was killed meanwhile.
        """
        try:
            return self._ask({"fork": folder, "sandbox": sandbox}, requests, replies)["child"]
        except BaseException:
            self.count(-1)
            raise

    def end(self, child: int) -> int:
        """Kill a child with everything in its process group; return its exit code, negative for a signal.

        Raises ParentDied when the parent was killed meanwhile, and the child with it.
        """
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:  # it has not reached its own group yet, or is gone
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            began = time.monotonic()
            while (code := self._ask({"end": child})["code"]) is None:
                if time.monotonic() - began > END_SECONDS:  # stuck in the kernel; it cannot do harm, nor hold up others
                    return -signal.SIGKILL
                time.sleep(0.002)
            return code
        finally:
            self.count(-1)

    def _ask(self, request: dict, *descriptors: int, seconds: float = REPLY_SECONDS) -> dict:
        with self.lock:
            try:
                self.control.settimeout(seconds)
                socket.send_fds(self.control, [json.dumps(request).encode()], descriptors)
                reply = self.control.recv(65536)
            except OSError:  # it is gone, or does not answer
                reply = b""
        if not reply:
            self.process.kill()  # so that `parent_for` sees at once that there is none
            self.process.wait()
            raise ParentDied
        return json.loads(reply)

    def count(self, change: int) -> None:
        """Note that there is one child more, or one less."""
        with self._counting:
            self.children += change

    def close(self) -> None:
        """End the parent; its children die with it."""
        self.control.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()


_parents: OrderedDict[frozenset[str], WarmParent] = OrderedDict()
_parents_lock = threading.Lock()


def parent_for(withheld: frozenset[str], imports: Iterable[str] = ()) -> WarmParent:
    """Return the warm parent for these withheld names, with these modules imported, starting it if there is none.

    It counts as having a child from now on, so that nobody closes it before `fork` is called.
    """
    with _parents_lock:
        parent = _parents.get(withheld)
        if parent is None or parent.process.poll() is not None:
            parent = _parents[withheld] = WarmParent(withheld)
        _parents.move_to_end(withheld)
        parent.count(+1)
        for key in [key for key, other in _parents.items() if other.children == 0 and other is not parent]:
            if len(_parents) <= MAX_PARENTS:
                break
            _parents.pop(key).close()
        try:
            parent.load(imports)
        except ParentDied:
            parent.count(-1)
            raise
        return parent


@atexit.register
def close_all() -> None:
    """End every warm parent."""
    with _parents_lock:
        while _parents:
            _parents.popitem()[1].close()
