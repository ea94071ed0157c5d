# ruff: noqa: E501 - students do not wrap their lines
"""Attempts to read what a student must not see: sources, marks, neighbours, the grader's memory, environment and home.

@COURSE@, @ROOT@, @HOME@ stand for the course folder, the repository and the grader's home; they are filled in by the run.
"""

from tests.arena.cases import attempt, enter
from tests.arena.draft import Draft


def _reads(name: str, what: str, path: str, control: bool = True) -> None:
    attempt("peeking", name, what, f"return open({path!r}, 'rb').read()[:300]", control)


_reads("lesson_source", "Read the lesson's source with its solutions.", "@ROOT@/tests/arena/lesson/98_arena.py")
_reads("gradebook", "Read the gradebook.", "@COURSE@/gradebook.db")
_reads("neighbour", "Read another student's submission.", "@COURSE@/submitted/000-neighbour/98_arena/98_arena.ipynb")
_reads("seed", "Read the seed of the hidden cases.", "@COURSE@/.grading/seed")
_reads("home", "Read a file in the grader's home.", "@HOME@/canary-home.txt")
_reads("passwords", "Read the machine's users.", "/etc/passwd")
_reads("grader_code", "Read the grader's own code.", "@ROOT@/autograder/grading/grade.py")
_reads("own_environment", "Read the environment of the process.", "/proc/self/environ")
_reads("memory_map", "Read how the process's memory is laid out.", "/proc/self/maps")
_reads("grader_commands", "Read the command line of the first process.", "/proc/1/cmdline")
_reads("connections", "Read the machine's connections.", "/proc/net/tcp")
_reads("kernel_log", "Read the kernel's log.", "/dev/kmsg", control=False)
_reads("system", "Read about the machine's devices.", "/sys/kernel/uevent_seqnum")

attempt(
    "peeking",
    "dot_dot",
    "Go up from the working folder as far as it goes, and down again.",
    "return open('../' * 40 + '@COURSE@/gradebook.db'.lstrip('/'), 'rb').read(10)",
)
attempt(
    "peeking",
    "link_out",
    "Make a link to the gradebook and read through it.",
    """
    import os, tempfile
    link = os.path.join(tempfile.mkdtemp(), "link")
    os.symlink("@COURSE@/gradebook.db", link)
    return open(link, "rb").read(10)
    """,
)
attempt(
    "peeking",
    "old_root",
    "Leave the new root by a folder that is still open.",
    """
    import os
    for descriptor in range(3, 256):
        try:
            os.fchdir(descriptor)
        except OSError:
            continue
        for _ in range(40):
            os.chdir("..")
        if os.path.exists("@COURSE@".lstrip("/")):
            return os.listdir(".")
    raise LookupError("no open folder leads out")
    """,
    control=False,
)
attempt(
    "peeking",
    "environment",
    "Find the grader's secret in the environment, as Python and as C see it.",
    """
    import ctypes, os
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_char_p
    return os.environ.get("ARENA_SECRET") or libc.getenv(b"ARENA_SECRET").decode()
    """,
)
attempt(
    "peeking",
    "memory_of_the_grader",
    "Search the memory that was forked from the parent for the grader's secrets.",
    """
    import gc
    words = ["environment", "home", "lesson"]
    for thing in gc.get_objects():
        if isinstance(thing, (dict, list, tuple)) and len(thing) < 10_000:
            for item in (thing.values() if isinstance(thing, dict) else thing):
                if isinstance(item, str) and "canary" in item and any("-".join(("canary", word)) in item for word in words):
                    return item
    raise LookupError("nothing")
    """,
    control=False,
)
attempt(
    "peeking",
    "leftovers",
    "Find what an earlier student has left in the temporary folder.",
    """
    import os
    places = ("/tmp", "/var/tmp", "/dev/shm", os.getcwd())
    found = [n for p in places if os.path.isdir(p) for n in os.listdir(p) if n.startswith(("arena", "said", "big", "file"))]
    if not found:
        raise LookupError("nothing is there")
    return found
    """,
    control=False,
)
attempt(
    "peeking",
    "who_else_runs",
    "Find another process by signalling every number.",
    """
    import os
    found = []
    for process in range(1, 40_000):
        if process != os.getpid():
            try:
                os.kill(process, 0)
                found.append(process)
            except ProcessLookupError:
                pass
            except PermissionError:
                found.append(process)
    if not found:
        raise LookupError("nobody else is here")
    return found
    """,
)
attempt(
    "peeking",
    "messages",
    "Read the grader's messages from every descriptor, without waiting.",
    """
    import os
    for descriptor in range(3, 256):
        try:
            os.set_blocking(descriptor, False)
            data = os.read(descriptor, 1 << 20)
        except OSError:
            continue
        finally:
            try:
                os.set_blocking(descriptor, True)
            except OSError:
                pass
        if data:
            return data
    raise LookupError("no message waits")
    """,
    control=False,
)


@enter("harmless")
def leaves_something(draft: Draft) -> None:
    """Leave files where the next student might find them."""
    draft.add(
        "import pathlib, tempfile\npathlib.Path(tempfile.gettempdir(), 'arena-note.txt').write_text('the answer is b')"
    )
