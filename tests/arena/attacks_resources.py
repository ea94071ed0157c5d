# ruff: noqa: E501 - students do not wrap their lines
"""Accidents, and what they look like on purpose: loops, memory, disk, output, processes that end."""

from tests.arena.cases import enter
from tests.arena.draft import HONEST, Draft

RAISES = "    if len(x) == 0:\n        raise ValueError\n"


def _in_function(name: str, what: str, verdict: str, body: str, kind: str = "accident", before: str = "") -> None:
    """Enter a `total` with this body (lines without indent), after raising where it should."""
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    source = f"{before}\n\ndef total(x):\n{RAISES}{lines}"
    enter(kind, name=name, what=what, total=verdict)(lambda draft: draft.answer("total", source))


def _in_cell(name: str, what: str, verdict: str, line: str, kind: str = "accident") -> None:
    """Enter a line in the cell of an otherwise right `total`."""
    enter(kind, name=name, what=what, total=verdict)(lambda draft: draft.spoil("total", line))


def _in_own_cell(name: str, what: str, source: str) -> None:
    """Enter a cell of the student's own that must cost nothing."""
    enter("accident", name=name, what=what)(lambda draft: draft.add(source, before="total"))


# ---- time
_in_cell("endless_cell", "A cell that never ends.", "timeout", "while True:\n    pass")
_in_function("endless_function", "A function that never ends.", "timeout", "while True:\n    pass")
_in_own_cell(
    "endless_own_cell", "A cell of the student's own that never ends, above everything.", "while True:\n    pass"
)
_in_cell(
    "deaf_loop",
    "A loop that ignores signals and catches everything.",
    "timeout",
    "import signal\nfor number in range(1, 64):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n"
    "        pass\nwhile True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
)
_in_function("sleeps", "A function that sleeps for an hour.", "timeout", "import time\ntime.sleep(3600)")
_in_function(
    "deadlock",
    "A lock that is taken twice.",
    "timeout",
    "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
)
_in_function(
    "deadlocked_pool",
    "A thread pool that waits for itself.",
    "timeout",
    "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
    "return pool.submit(lambda: pool.submit(int).result()).result()",
)
_in_function(
    "slow_in_c", "An arithmetic that does not listen while it computes.", "timeout", "return len(str(7 ** (10 ** 9)))"
)
_in_function(
    "regular_expression",
    "A regular expression that backtracks for ever.",
    "timeout",
    "import re\nreturn re.match('(a+)+$', 'a' * 60 + 'b')",
)
_in_function(
    "slow_but_right",
    "A right answer that takes a second.",
    "",
    "import time\ntime.sleep(0.6)\nreturn (torch.arange(1, len(x) + 1) * x).sum()",
)
_in_function("infinite_generator", "A generator without end.", "error", "import itertools\nreturn itertools.count()")
_in_function(
    "endless_repr",
    "An object whose conversion never ends.",
    "timeout",
    "class Odd(float):\n    def __float__(self):\n        while True:\n            pass\nreturn Odd(1)",
)
_in_function("waits_for_input", "Ask a person.", "error", "return int(input('How much? '))")
_in_cell("waits_for_input_in_cell", "Ask a person when the cell runs.", "error", "name = input('Who are you? ')")
_in_own_cell(
    "busy_threads",
    "Thirty threads that compute for ever.",
    "import hashlib, threading\ndef spin():\n    while True:\n        hashlib.pbkdf2_hmac('sha256', b'x', b'y', 3_000_000)\nfor _ in range(30):\n    threading.Thread(target=spin, daemon=True).start()",
)


@enter(
    "accident",
    total="timeout",
    Ledger="timeout",
    entropy="timeout",
    perplexity="timeout",
    which="timeout",
    at_most=True,
)
def many_slow_cells(draft: Draft) -> None:
    """Forty cells that each take nearly as long as a cell may: the notebook as a whole has a limit too."""
    for _ in range(40):
        draft.add("import time\ntime.sleep(2)", before="total")


# ---- time and memory of the grader itself, before anything runs
_in_own_cell("long_cell", "A cell of 3 MB.", "a=0\n" * 750_000)
_in_own_cell("longest_cell", "The longest cell that is read.", "a=0\n" * 12_499)
_in_own_cell("long_format", "A long text with many places, over which the parser is slow.", "f'" + "{0}" * 16_000 + "'")
_in_own_cell("long_gap", "Empty lines, over which those who colour programs are slow.", " \n" * 24_000)
_in_own_cell("long_names", "A line that is slow to colour.", "'" + "\\N{a" * 9_000 + "'")


@enter("accident", total="error")
def long_answer(draft: Draft) -> None:
    """An answer of 4 MB: it costs its own exercise and nothing else."""
    draft.answer("total", "a=0\n" * 1_000_000 + HONEST["total"])


@enter("refused")
def long_notebook(draft: Draft) -> None:
    """Fifty cells that are each as long as a cell may be."""
    for _ in range(50):
        draft.add("a=0\n" * 12_400)


# ---- memory
_in_function("memory_at_once", "Ask for a terabyte.", "memory", "return bytearray(10 ** 12)")
_in_function("memory_of_torch", "Ask torch for a terabyte.", "memory", "return torch.ones(10 ** 12).sum()")
_in_function(
    "memory_by_and_by",
    "A list that grows without end.",
    "memory",
    "rows = []\nwhile True:\n    rows.append(bytes(10 ** 8))",
)
_in_function(
    "list_of_infinite",
    "Make a list of something infinite.",
    "memory",
    "import itertools\nreturn list(map(bytes, itertools.repeat(10 ** 8)))",
)
_in_function(
    "memory_kept",
    "Fill the memory and hold on to it, so that the next exercise would find none.",
    "memory",
    "while True:\n    kept.append(bytes(10 ** 7))",
    before="kept = []",
)
_in_function(
    "memory_shared",
    "Ask for shared memory until there is no more.",
    "error",
    "import mmap\nwhile True:\n    kept.append(mmap.mmap(-1, 2 ** 28))\n    kept[-1].write(b'x')",
    before="kept = []",
)
_in_function(
    "broadcast_by_mistake",
    "A result of a hundred megabytes where a number was asked.",
    "error",
    "return torch.zeros(4000, 4000)",
)

# ---- disk and output
_in_function(
    "disk",
    "Fill the disk.",
    "error",
    "with open('/tmp/big', 'wb') as file:\n    while True:\n        file.write(b'x' * 2 ** 20)",
)
_in_function(
    "many_files",
    "Make files without end.",
    "error",
    "import os\nfor number in range(10 ** 6):\n    os.close(os.open(f'/tmp/file{number}', os.O_CREAT | os.O_WRONLY))",
)
_in_function(
    "open_files", "Open files without end.", "error", "files = []\nwhile True:\n    files.append(open('/dev/null'))"
)
_in_own_cell("print_flood", "Print 200 MB.", "for _ in range(200):\n    print('x' * 10 ** 6)")
_in_own_cell("one_long_line", "Print 100 MB at once.", "print('x' * 10 ** 8)")
_in_own_cell(
    "display_flood",
    "Display ten thousand outputs.",
    "from IPython.display import display\nfor number in range(10_000):\n    display(number)",
)
_in_own_cell("error_flood", "Raise an error with a message of 50 MB.", "raise ValueError('x' * 50_000_000)")
_in_own_cell(
    "exception_chain",
    "Raise from five thousand errors.",
    "error = None\nfor _ in range(5000):\n    new = ValueError('again')\n    new.__cause__ = error\n    error = new\nraise error",
)


@enter("accident")
def figures_everywhere(draft: Draft) -> None:
    """Show large pictures in many cells: more than a notebook should carry."""
    for number in range(12):
        draft.add(
            "from IPython.display import Image, display\nimport os\n"
            f"for _ in range(3):\n    display(Image(data=b'\\x89PNG' + os.urandom(1_000_000), format='png'))  # {number}"
        )


# ---- the end of the process
_in_cell("leaves_in_cell", "`os._exit(0)` in a cell.", "error", "import os\nos._exit(0)")
_in_function("leaves_in_function", "`os._exit(0)` in a function.", "error", "import os\nos._exit(0)")
_in_cell("sys_exit_in_cell", "`sys.exit()` in a cell.", "error", "import sys\nsys.exit(0)")
_in_function("sys_exit", "`sys.exit()` in a function.", "error", "import sys\nsys.exit(0)")
_in_function("interrupt", "A function that raises KeyboardInterrupt.", "error", "raise KeyboardInterrupt")
_in_own_cell("quits", "`quit()` in a cell of one's own.", "quit()")
_in_own_cell("leaves_in_own_cell", "`os._exit(1)` in a cell of one's own.", "import os\nos._exit(1)")
_in_cell("segmentation_fault", "Read at address 0.", "error", "import ctypes\nctypes.string_at(0)")
_in_function(
    "segmentation_fault_probed",
    "Read at address 0, in the function.",
    "error",
    "import ctypes\nreturn ctypes.string_at(0)",
)
_in_function("abort", "Abort.", "error", "import os\nos.abort()")
_in_function(
    "real_time_signal",
    "End by a signal without a name.",
    "",
    "import os\nos.kill(os.getpid(), 40)\nreturn (torch.arange(1, len(x) + 1) * x).sum()",
    kind="harmless",
)
_in_function("stack_overflow", "Recursion without end.", "error", "return total(x)")
_in_function(
    "stack_overflow_in_c",
    "Recursion beyond what the stack holds.",
    "error",
    "import sys\nsys.setrecursionlimit(10 ** 8)\nreturn max(map(total, [x]))",
)
_in_function("fork_bomb", "Fork without end.", "error", "import os\nwhile True:\n    os.fork()")
_in_function(
    "thread_bomb",
    "Start threads without end.",
    "error",
    "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()",
)
_in_own_cell(
    "dies_at_once_and_later",
    "A process that ends by its own timer.",
    "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nsignal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)",
)


@enter("accident", total="error", Ledger="error", entropy="error", perplexity="error")
def everything_crashes(draft: Draft) -> None:
    """Every exercise ends the process; the question still counts."""
    for name in HONEST:
        if name != "which":
            kind = "class Ledger:\n    def __init__(self):\n        import os\n        os._exit(9)"
            draft.answer(name, kind if name == "Ledger" else f"def {name}(**anything):\n    import os\n    os._exit(9)")


@enter("accident", Ledger="error")
def crash_in_the_middle(draft: Draft) -> None:
    """The second exercise crashes: the first one's marks stay, the later ones are graded."""
    draft.answer("Ledger", HONEST["Ledger"].replace("return self.most", "import ctypes; return ctypes.string_at(0)"))
