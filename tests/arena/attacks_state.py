# ruff: noqa: E501 - students do not wrap their lines
"""What a learner leaves behind in the process, and results in another dress: none of it may cost a mark."""

from tests.arena.cases import enter
from tests.arena.draft import HONEST, Draft


def _left(name: str, what: str, source: str) -> None:
    """Enter a cell at the very beginning whose effects stay."""
    enter("harmless", name=name, what=what)(lambda draft: draft.add(source, before="total"))


def _answer(name: str, what: str, exercise: str, source: str, kind: str = "harmless", **losses: str) -> None:
    enter(kind, name=name, what=what, **losses)(lambda draft: draft.answer(exercise, source))


_left(
    "seed_changed",
    "Set every seed.",
    "import random, numpy\nrandom.seed(1)\nnumpy.random.seed(2)\ntorch.manual_seed(3)",
)
_left("default_dtype", "Compute in double precision from now on.", "torch.set_default_dtype(torch.float64)")
_left("default_device", "Make new tensors on a device without memory.", "torch.set_default_device('meta')")
_left("no_gradients", "Turn gradients off for good.", "torch.set_grad_enabled(False)")
_left("inference_mode", "Enter inference mode and never leave it.", "torch.inference_mode().__enter__()")
_left(
    "deterministic",
    "Ask for deterministic algorithms and several threads.",
    "torch.use_deterministic_algorithms(True)\ntorch.set_num_threads(2)",
)
_left("warnings_are_errors", "Turn warnings into errors.", "import warnings\nwarnings.simplefilter('error')")
_left("numpy_errors", "Let NumPy raise on every oddity.", "import numpy\nnumpy.seterr(all='raise')")
_left(
    "warns",
    "Warn, log and write to standard error.",
    "import logging, sys, warnings\nwarnings.warn('careful')\nlogging.warning('careful')\nprint('careful', file=sys.stderr)\nlogging.basicConfig(level=0)",
)
_left(
    "progress_bar",
    "Draw a progress bar on standard error.",
    "import sys\nfor done in range(500):\n    print(f'\\r{done / 5:.0f} %|' + '█' * (done // 25), end='', file=sys.stderr, flush=True)",
)
_left(
    "closed_streams", "Close standard output and standard error.", "import sys\nsys.stdout.close()\nsys.stderr.close()"
)
_left("no_streams", "Set standard output to nothing.", "import sys\nsys.stdout = None\nsys.stderr = None")
_left(
    "own_builtins",
    "Use the names of builtins for one's own values.",
    "list, dict, len, print, str, type, min, id, input = [[1]] * 9",
)
_left(
    "folder_changed",
    "Work in another folder, in another locale.",
    "import locale, os\nos.chdir('/')\nos.umask(0)\nlocale.setlocale(locale.LC_ALL, 'C')",
)
_left("path_changed", "Empty the places that modules come from.", "import sys\nsys.path.clear()")
_left("environment_cleared", "Empty the environment.", "import os\nos.environ.clear()")
_left(
    "signals_changed",
    "Take every signal.",
    "import signal\nfor number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):\n    signal.signal(number, lambda *a: None)",
)
_left("magics", "Use magics and a shell command.", "%matplotlib inline\n%time 1 + 1\n!ls\n%precision 2")
_left("install", "Install a package in the notebook.", "%pip install einops")
_left("syntax_error", "A cell of one's own that is not Python.", "this is not Python (")
_left("error_in_own_cell", "A cell of one's own that raises.", "1 / 0")
_left("figure", "Draw a figure and leave it open.", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")
_left("asynchronous", "Wait for something in a cell.", "import asyncio\nawait asyncio.sleep(0.01)")
_left("recursion_limit", "Set another recursion limit.", "import sys\nsys.setrecursionlimit(5000)")
_left("exit_hook", "Register something for the end.", "import atexit\natexit.register(print, 'bye')")
_left(
    "cyclic_rubbish",
    "Leave cycles with finalisers, and turn collection off.",
    "import gc\nclass Cycle:\n    def __init__(self):\n        self.me = self\n    def __del__(self):\n        raise ValueError('no')\nfor _ in range(1000):\n    Cycle()\ngc.disable()",
)
_left("stop_collecting", "Profile with traces.", "import sys, tracemalloc\ntracemalloc.start(5)")
_left(
    "unpicklable_names",
    "Define the names that the lesson uses for other things.",
    "x = p = seed = cases = probe = judge = case = expected = student = setup = 3",
)

_answer(
    "as_int",
    "A number of Python where a tensor is asked.",
    "total",
    HONEST["total"].replace("return sum", "return int(sum").replace("torch.tensor(0))", "torch.tensor(0)))"),
)
_answer(
    "as_double",
    "Double precision where single is asked.",
    "entropy",
    HONEST["entropy"].replace("p > 0, p *", "p > 0, p.double() *"),
)
_answer(
    "with_gradient",
    "A result that carries a graph.",
    "entropy",
    "def entropy(p):\n    p = p.clone().requires_grad_()\n    return -torch.where(p > 0, p * p.log(), 0.0).sum(-1)",
)
_answer(
    "as_tensor_of_numpy",
    "An integer of NumPy.",
    "total",
    "import numpy\n\n"
    + HONEST["total"].replace("return sum", "return numpy.int64(sum").replace("torch.tensor(0))", "torch.tensor(0)))"),
)
_answer(
    "through_threads",
    "A right answer from a thread pool.",
    "total",
    "from concurrent.futures import ThreadPoolExecutor\n\n"
    + HONEST["total"].replace("total", "inner")
    + "\n\ndef total(x):\n    with ThreadPoolExecutor(4) as pool:\n        return pool.submit(inner, x).result()",
)
_answer(
    "prints_while_probed",
    "A right answer that prints a lot.",
    "total",
    HONEST["total"].replace("    return", "    print('x' * 100_000)\n    return"),
)
_answer(
    "warns_while_probed",
    "A right answer that warns.",
    "total",
    HONEST["total"].replace("    return", "    import warnings; warnings.warn('careful')\n    return"),
)
_answer(
    "wrong_device",
    "A result without memory.",
    "entropy",
    "def entropy(p):\n    return p.to('meta').sum(-1)",
    "accident",
    entropy="error",
)
_answer(
    "sparse_result",
    "A sparse result.",
    "entropy",
    "def entropy(p):\n    return p.to_sparse()",
    "accident",
    entropy="error",
)
_answer(
    "mutates",
    "Change the caller's amounts.",
    "total",
    HONEST["total"].replace("    return", "    amounts = x.clone()\n    x *= 0\n    x = amounts\n    return"),
    "accident",
    total="wrong",
)
_answer(
    "own_error",
    "Raise an error whose message cannot be made.",
    "total",
    "class Odd(Exception):\n    def __str__(self):\n        raise SystemExit\n\ndef total(x):\n    raise Odd",
    "accident",
    total="error",
)
_answer("number_for_class", "A number where a class is asked.", "Ledger", "Ledger = 5", "accident", Ledger="error")
_answer(
    "not_defined",
    "Define another name than the one that is asked.",
    "total",
    HONEST["total"].replace("total", "totl"),
    "accident",
    total="error",
)
_answer(
    "syntax_error_in_answer",
    "An answer that is not Python.",
    "total",
    "def total(x)\n    return x.sum()",
    "accident",
    total="error",
)
_answer(
    "answer_deleted",
    "Define the answer and delete it.",
    "total",
    HONEST["total"] + "\ndel total",
    "accident",
    total="error",
)


@enter("harmless")
def as_numpy(draft: Draft) -> None:
    """An array of NumPy where a tensor is asked."""
    draft.answer(
        "entropy",
        "import numpy\n\ndef entropy(p):\n    q = p.numpy()\n"
        "    return -numpy.where(q > 0, q * numpy.log(numpy.where(q > 0, q, 1)), 0).sum(-1)",
    )
    draft.answer("perplexity", "def perplexity(p):\n    return numpy.exp(entropy(p))")


@enter("accident", entropy="mistake")
def needed_one_is_wrong(draft: Draft) -> None:
    """A wrong prerequisite costs its own points and not those of what builds on it."""
    draft.answer("entropy", "def entropy(p):\n    return -(p * p.log2()).nansum(-1)")


@enter("accident", entropy="error")
def needed_one_crashes(draft: Draft) -> None:
    """A prerequisite that ends the process costs its own points alone."""
    draft.answer("entropy", "def entropy(p):\n    import os\n    os._exit(1)")


@enter("accident", entropy="timeout")
def needed_one_hangs(draft: Draft) -> None:
    """A prerequisite that never ends costs its own points alone."""
    draft.answer("entropy", "def entropy(p):\n    while True:\n        pass")


@enter("cheat", entropy="wrong", perplexity="wrong")
def needs_tested_one(draft: Draft) -> None:
    """Fail on purpose, to have the tested prerequisite at hand, and answer with its source."""
    draft.answer("entropy", "def entropy(p):\n    return p")
    draft.answer(
        "perplexity",
        "def perplexity(p):\n    import inspect, course_lib.information as i\n    return inspect.getsource(vars(i)['entr' + 'opy'])",
    )
