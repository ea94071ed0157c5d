"""Warm parents: processes that have imported torch once and fork for each submission, in milliseconds and not seconds.

There is one for each set of withheld names, since their `course_lib` differs. A few are kept; those without children go
first.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

from autograder.sandbox.library import copy_without

STUDENT_PROGRAM = Path(__file__).with_name("student.py")
START_SECONDS = 120.0
MOST_PARENTS = 4


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
                [sys.executable, "-I", str(STUDENT_PROGRAM), str(theirs.fileno()), str(library)],
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
        ours.settimeout(START_SECONDS)
        if not ours.recv(100):
            _, complaint = self.process.communicate()
            raise RuntimeError(f"The sandbox did not start:\n{complaint.decode(errors='replace')[-2000:]}")
        ours.settimeout(None)

    def fork(self, requests: int, replies: int, folder: str, sandbox: str) -> int:
        """Fork a child that reads requests from one descriptor and writes replies to the other; return its id."""
        message = json.dumps({"fork": folder, "sandbox": sandbox}).encode()
        try:
            with self.lock:
                socket.send_fds(self.control, [message], [requests, replies])
                return json.loads(self.control.recv(65536))["child"]
        except BaseException:
            self.count(-1)
            raise

    def end(self, child: int) -> int:
        """Kill a child with everything in its process group; return its exit code, negative for a signal."""
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:  # it has not reached its own group yet, or is gone
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            with self.lock:
                self.control.send(json.dumps({"end": child}).encode())
                return json.loads(self.control.recv(65536))["code"]
        finally:
            self.count(-1)

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
        self.process.stderr.close()


_parents: OrderedDict[frozenset[str], WarmParent] = OrderedDict()
_parents_lock = threading.Lock()


def parent_for(withheld: frozenset[str]) -> WarmParent:
    """Return the warm parent for these withheld names, starting it if there is none.

    It counts as having a child from now on, so that nobody closes it before `fork` is called.
    """
    with _parents_lock:
        parent = _parents.get(withheld)
        if parent is None or parent.process.poll() is not None:
            parent = _parents[withheld] = WarmParent(withheld)
        _parents.move_to_end(withheld)
        parent.count(+1)
        for key in [key for key, other in _parents.items() if other.children == 0 and other is not parent]:
            if len(_parents) <= MOST_PARENTS:
                break
            _parents.pop(key).close()
        return parent


@atexit.register
def close_all() -> None:
    """End every warm parent."""
    with _parents_lock:
        while _parents:
            _parents.popitem()[1].close()
