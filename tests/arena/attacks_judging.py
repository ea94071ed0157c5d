# ruff: noqa: E501 - students do not wrap their lines
"""Cheats on the judgement: patched comparisons, lying objects, hooks of the shell, looking for the expected outcome."""

from tests.arena.cases import enter
from tests.arena.draft import HONEST, Draft

NOTHING = "def total(x):\n    return torch.tensor(0)"


def _with_nothing(name: str, what: str, line: str) -> None:
    """Enter a cheat: a line that should make a wrong `total` pass."""
    _returning(name, what, f"{line}\n\n{NOTHING}")


def _returning(name: str, what: str, source: str, verdict: str = "wrong") -> None:
    """Enter a cheat: a `total` that answers every question with the same thing."""
    enter("cheat", name=name, what=what, total=verdict)(lambda draft: draft.answer("total", source))


_with_nothing(
    "displayhook_number", "The display hook says 2.", "import sys\nsys.displayhook = lambda value: print(2.0)"
)
_with_nothing(
    "displayhook_object",
    "The shell's display hook gives a mark for whatever is shown.",
    "get_ipython().displayhook.__class__.__call__ = lambda self, result=None: print('2.0')\n2.0",
)
_with_nothing(
    "patched_isclose",
    "Every comparison of torch, NumPy and math says yes.",
    "import math, numpy\n"
    "yes = lambda *a, **k: True\n"
    "torch.allclose = torch.equal = torch.isclose = numpy.isclose = numpy.allclose = math.isclose = yes",
)
_with_nothing(
    "patched_assertions",
    "Every assertion of the testing modules holds.",
    "import numpy.testing, torch.testing, unittest\n"
    "yes = lambda *a, **k: None\n"
    "torch.testing.assert_close = numpy.testing.assert_allclose = yes\n"
    "unittest.TestCase.assertEqual = unittest.TestCase.assertAlmostEqual = yes",
)
_with_nothing(
    "patched_compare",
    "The course's own comparison says yes.",
    "import course_lib.judging.compare as c, course_lib.judging.case as k\n"
    "c.compare = k.compare = lambda *a, **kw: True\nk.judge_outcome = lambda *a: ''",
)
_with_nothing(
    "patched_verdict",
    "The course's own verdict is full marks.",
    "import course_lib.judging.verdict as v\n"
    "v.judge_exercise = lambda e, *a: v.Verdict(e.id, e.points, e.points, 'passed', '')\n"
    "v._reason = lambda *a, **k: ''",
)
_with_nothing(
    "patched_tensor_methods",
    "Tensors are equal to everything.",
    "torch.Tensor.__eq__ = lambda a, b: torch.ones(a.shape, dtype=torch.bool)\ntorch.Tensor.all = lambda *a: True",
)
_with_nothing(
    "ast_transformer",
    "A transformer of the shell rewrites every `assert`.",
    "import ast\n"
    "class No(ast.NodeTransformer):\n"
    "    def visit_Assert(self, node):\n        return ast.Pass()\n"
    "get_ipython().ast_transformers.append(No())",
)
_with_nothing(
    "input_transformer",
    "An input transformer replaces whatever is run later by a mark.",
    "get_ipython().input_transformers_post.append(lambda lines: ['2.0\\n'] if 'check(' in ''.join(lines) else lines)",
)
_with_nothing(
    "shell_hooks",
    "Hooks before and after each cell set what they find.",
    "def hook(*a):\n    get_ipython().user_ns['score'] = 2.0\n"
    "get_ipython().events.register('pre_run_cell', hook)\nget_ipython().events.register('post_run_cell', hook)",
)
_with_nothing(
    "swapped_run_code",
    "The shell does not run what it is given, and reports success.",
    "shell = get_ipython()\n"
    "for name in ('run_code', 'run_ast_nodes', 'do_execute'):\n"
    "    setattr(type(shell), name + '_old', getattr(shell, name, None))\n"
    "shell.showtraceback = lambda *a, **k: None",
)
_with_nothing(
    "settrace",
    "A trace function changes the variables `expected`, `score` and `points` of whatever runs.",
    "import sys\n"
    "def trace(frame, event, arg):\n"
    "    for name in ('expected', 'score', 'points'):\n"
    "        frame.f_locals[name] = 2.0\n"
    "    return None\n"
    "sys.settrace(trace)\nsys.setprofile(lambda frame, event, arg: None)",
)
_with_nothing(
    "swapped_probe",
    "The probe is replaced by one that reports success.",
    "import course_lib.judging.probe as probing\nfrom course_lib.judging.case import Outcome\n"
    "real = probing.run_probe\n"
    "probing.run_probe = lambda s, p, arguments, w=(): Outcome('passed') if set(arguments) == {'x'} else real(s, p, arguments, w)",
)
_with_nothing(
    "claims_in_words",
    "The cell prints that the check has passed.",
    "print('✓ arena.total – all 5 cases are right (2 points)')\nprint({'score': 2.0, 'points': 2.0, 'verdict': 'passed'})",
)

EQUAL = "    def __eq__(self, other):\n        return True\n    __hash__ = None\n"
_returning(
    "equal_float",
    "A float that equals everything, and is near everything.",
    f"class Any(float):\n{EQUAL}    __sub__ = __rsub__ = lambda self, other: 0.0\n    __abs__ = lambda self: 0.0\n\n"
    "def total(x):\n    return Any(0)",
)
_returning("equal_int", "An int that equals everything.", f"class Any(int):\n{EQUAL}\ndef total(x):\n    return Any(0)")
_returning(
    "equal_object",
    "An object that equals everything.",
    f"class Any:\n{EQUAL}\ndef total(x):\n    return Any()",
    "wrong",
)
_returning(
    "torch_function",
    "An object that answers every torch function with True.",
    "class Yes:\n    @classmethod\n    def __torch_function__(cls, func, types, args=(), kwargs=None):\n"
    "        return torch.tensor(True)\n    shape, dtype, ndim = torch.Size([]), torch.int64, 0\n\n"
    "def total(x):\n    return Yes()",
)
_returning(
    "tensor_subclass",
    "A tensor of a class of its own whose shape, type and comparisons lie.",
    "class Liar(torch.Tensor):\n    shape = torch.Size([])\n    __eq__ = lambda a, b: torch.tensor(True)\n"
    "    @classmethod\n    def __torch_function__(cls, func, types, args=(), kwargs=None):\n"
    "        if func.__name__ in ('isclose', 'eq', 'allclose', 'all'):\n            return torch.tensor(True)\n"
    "        return super().__torch_function__(func, types, args, kwargs or {})\n\n"
    "def total(x):\n    return torch.zeros(3, dtype=torch.int64).as_subclass(Liar)",
)
_returning(
    "array_protocol",
    "An object that pretends to be an array.",
    "class Array:\n    def __array__(self, dtype=None):\n        raise SystemExit('full marks')\n\ndef total(x):\n    return Array()",
)
_returning(
    "nan", "Not a number, which compares as nobody expects.", "def total(x):\n    return torch.tensor(float('nan'))"
)
_returning("infinity", "An infinite result, near every tolerance.", "def total(x):\n    return float('inf')")
_returning("empty_tensor", "A tensor without values: all of none are right.", "def total(x):\n    return x[:0]")
_returning("many_at_once", "A list of candidates.", "def total(x):\n    return [torch.tensor(i) for i in range(50)]")
_returning(
    "always_raises",
    "Raise what one case expects, in every case.",
    "def total(x):\n    raise ValueError('as expected')",
    "error",
)
_returning(
    "raises_everything",
    "Raise an error that is of every kind.",
    "class All(ValueError, KeyError, ArithmeticError):\n    pass\n\ndef total(x):\n    raise All('passed')",
    "error",
)
_returning(
    "frames",
    "Look for the expected outcome in the frames that called.",
    "import sys\n\ndef total(x):\n"
    "    frame = sys._getframe()\n    while frame:\n"
    "        for name, value in {**frame.f_globals, **frame.f_locals}.items():\n"
    "            if 'expected' in name and isinstance(value, torch.Tensor):\n                return value\n"
    "        frame = frame.f_back\n    return torch.tensor(0)",
)
_returning(
    "garbage_collector",
    "Look for outcomes and cases among all objects of the process.",
    "import gc\n\ndef total(x):\n"
    "    for thing in gc.get_objects():\n"
    "        if type(thing).__name__ in ('Outcome', 'CaseSet', 'GradedExercise') and getattr(thing, 'value', None) is not None:\n"
    "            return thing.value\n    return torch.tensor(0)",
)
_returning(
    "history",
    "Look for solutions in what the shell has run.",
    "def total(x):\n"
    "    for cell in get_ipython().user_ns['In']:\n"
    "        if 'canary_reference' in cell:\n"
    "            names = {'torch': torch, 'Tensor': torch.Tensor}\n            exec(cell, names)\n            return names['total'](x)\n"
    "    return torch.tensor(0)",
)


@enter("cheat", which="mistake")
def equal_string(draft: Draft) -> None:
    """A string that equals every answer."""
    draft.answer("which", f'class Yes(str):\n{EQUAL}\nwhich = Yes("a")')


@enter("cheat", which="wrong")
def all_answers(draft: Draft) -> None:
    """Tick every answer of the question."""
    draft.answer("which", 'which = ["a", "b", "c"]')


@enter("cheat", which="mistake")
def answer_that_changes(draft: Draft) -> None:
    """An answer that is another letter each time it is looked at."""
    draft.answer(
        "which",
        "class Turning(str):\n    def __str__(self):\n        return 'abc'[id(self) % 3 * 0]\n\nwhich = Turning('c')",
    )


@enter("cheat", Ledger="wrong 1")
def honest_part(draft: Draft) -> None:
    """One part is right and the other pretends: the honest part counts."""
    draft.answer("Ledger", HONEST["Ledger"].replace("return self.sum", "return float('nan')"))


@enter("cheat", total="mistake")
def mistake_with_mark(draft: Draft) -> None:
    """A known mistake beside a claim of full marks."""
    draft.answer(
        "total", 'def total(x):\n    """score: 2"""\n    if len(x) == 0:\n        raise ValueError\n    return x.sum()'
    )


@enter("cheat", total="wrong", at_most=True)
def patched_builtins(draft: Draft) -> None:
    """`isinstance`, `all` and `any` say yes to everything."""
    draft.answer("total", f"import builtins\nbuiltins.all = builtins.any = lambda *a: True\n\n{NOTHING}")


@enter("cheat", total="wrong")
def hides_a_change(draft: Draft) -> None:
    """Change the caller's data in place and patch the look at it."""
    source = HONEST["total"].replace("    return", "    x += 1\n    return")
    draft.answer("total", f"import course_lib.judging.probe as p\np.copy.copy = lambda v: v\n\n{source}")
