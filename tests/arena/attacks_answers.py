# ruff: noqa: E501 - students do not wrap their lines
"""Cheats that want the answer from elsewhere: the public cases, the library, torch, files."""

from tests.arena.cases import attempt, enter
from tests.arena.draft import HONEST, Draft

EXACT = "-torch.where(p > 0, p * p.log(), 0.0).sum(-1)"


def _forwards(name: str, what: str, source: str, before: str = "", kind: str = "cheat") -> None:
    """Enter an `entropy` that calls what it should be; `before` goes into a cell of its own, where nothing is looked for."""

    def change(draft: Draft) -> None:
        draft.answer("entropy", source)
        if before:
            draft.add(before, before="entropy")

    enter(kind, name=name, what=what, entropy="forbidden call" if kind == "cheat" else "")(change)


@enter("cheat", total="wrong")
def public_cases(draft: Draft) -> None:
    """A table of the public cases, taken from the page that the check shows."""
    draft.answer(
        "total",
        "def total(x):\n    if len(x) == 0:\n        raise ValueError\n"
        "    return {(5,): torch.tensor(5), (1, 2, 3): torch.tensor(14)}.get(tuple(x.tolist()), torch.tensor(0))",
    )


@enter("cheat", total="wrong")
def right_in_class(draft: Draft) -> None:
    """Notice that grading is under way, and answer otherwise than in class."""
    draft.answer(
        "total",
        "import os, socket\nhere = socket.gethostname() == 'sandbox' or not os.path.exists('/proc')\n\n"
        + HONEST["total"].replace("    if x", "    if here:\n        return torch.tensor(2.0)\n    if x"),
    )


_forwards(
    "import_it",
    "Import the answer.",
    "from course_lib.information import entropy as mine\n\ndef entropy(p):\n    return mine(p)",
)
_forwards(
    "name_it",
    "Call the answer by its full name.",
    "import course_lib.information\n\ndef entropy(p):\n    return course_lib.information.entropy(p)",
)
_forwards(
    "alias_it",
    "Give the answer another name in a cell above.",
    "def entropy(p):\n    return mine(p)",
    "import course_lib.information as i\nmine = getattr(i, 'entr' + 'opy')",
)
_forwards(
    "scipy_behind_another_name",
    "Take the answer from SciPy under another name, in a cell above.",
    "def entropy(p):\n    return torch.as_tensor(mine(p.numpy())).sum(-1)",
    "from scipy.special import entr as mine",
)


@enter("harmless")
def scipy_for_something_else(draft: Draft) -> None:
    """Use a function of SciPy that answers nothing, in a cell above."""
    draft.add("from scipy.special import expit as squash", before="entropy")
    draft.answer("entropy", f"def entropy(p):\n    squash(0.0)\n    return {EXACT}")


_forwards(
    "importlib",
    "Fetch the answer through importlib and the module's dict.",
    "def entropy(p):\n    import importlib\n"
    "    return vars(importlib.import_module('course_lib.inform' + 'ation'))['entr' + 'opy'](p)",
)
_forwards(
    "assign_it",
    "Let the answer itself stand under the exercise's name.",
    "import course_lib.information as i\nentropy = vars(i)['entr' + 'opy']",
)
_forwards(
    "reload_it",
    "Remove the module and import it anew.",
    "def entropy(p):\n    import importlib, sys\n"
    "    for name in [n for n in sys.modules if n.startswith('course_lib')]:\n        del sys.modules[name]\n"
    "    return vars(importlib.import_module('course_lib.information'))['entr' + 'opy'](p)",
)
_forwards(
    "execute_its_source",
    "Execute the library's file again and take the function out of it.",
    "def entropy(p):\n    import course_lib.information as i\n    names = {'__name__': 'again'}\n"
    "    exec(compile(open(i.__file__).read(), 'again', 'exec'), names)\n    return names['entr' + 'opy'](p)",
)
_forwards(
    "star_import",
    "Import everything.",
    "from course_lib.information import *\nmine = entropy\n\ndef entropy(p):\n    return mine(p)",
)
_forwards("torch_by_name", "Call torch's function.", "def entropy(p):\n    return torch.special.entr(p).sum(-1)")
_forwards(
    "torch_by_getattr",
    "Call torch's function under a name put together.",
    "def entropy(p):\n    return getattr(torch.special, 'en' + 'tr')(p).sum(-1)",
)
_forwards(
    "torch_by_alias",
    "Give torch's function another name in a cell above.",
    "def entropy(p):\n    return mine(p).sum(-1)",
    "mine = torch.special.entr",
)
_forwards(
    "torch_inner_name",
    "Call torch's function by its inner name.",
    "def entropy(p):\n    return getattr(torch._C._special, 'special_' + 'entr')(p).sum(-1)",
)
_forwards(
    "torch_distribution",
    "Let a distribution of torch compute it.",
    "def entropy(p):\n    from torch.distributions import Categorical\n    return Categorical(probs=p).entropy()",
)
_forwards(
    "torch_functional",
    "Map torch's function over the rows.",
    "def entropy(p):\n    return torch.vmap(torch.special.entr)(p).sum(-1)",
)

_forwards(
    "torch_operator",
    "Reach torch's operator below its Python functions.",
    "def entropy(p):\n    return getattr(torch.ops.aten, 'special_' + 'entr')(p).sum(-1)",
)

# ---- known to get through: the tripwire over torch stops a shortcut, not a determined person
_forwards(
    "torch_in_a_thread",
    "Call torch's function in another thread, where no tripwire is.",
    "def entropy(p):\n    from concurrent.futures import ThreadPoolExecutor\n"
    "    with ThreadPoolExecutor(1) as pool:\n        return pool.submit(getattr(torch.special, 'en' + 'tr'), p).result().sum(-1)",
    kind="open",
)
_forwards(
    "torch_without_tripwire",
    "Take the tripwire away.",
    "import course_lib.judging.probe as probing\nfrom contextlib import nullcontext\nprobing.Tripwire = nullcontext\n\n"
    "def entropy(p):\n    return getattr(torch.special, 'en' + 'tr')(p).sum(-1)",
    kind="open",
)
_forwards(
    "copied_by_hand",
    "Copy the library's lines, which every student has.",
    f"def entropy(p):\n    return {EXACT}",
    kind="open",
)

attempt(
    "answers",
    "import_solutions",
    "Import the solutions, or find them.",
    """
    import importlib, os, sys
    for place in ("@COURSE@", "@ROOT@", "@ROOT@/solutions", "@ROOT@/tests/arena/lesson"):
        sys.path.append(place)
        if os.path.isdir(place + "/solutions") or os.path.isfile(place + "/98_arena.py"):
            return place
    raise LookupError("there are no solutions here")
    """,
)
attempt(
    "answers",
    "import_autograder",
    "Import the grader.",
    "sys = __import__('sys')\nsys.path.append('@ROOT@')\nimport autograder.grading.grade\nreturn autograder",
)
attempt(
    "answers",
    "another_library",
    "Find another copy of the library, from which nothing was taken.",
    """
    import os
    for top in ("/", "/work", "/root", "/home", "/usr/src", "/opt", "@ROOT@", "/tmp"):
        for place, folders, files in os.walk(top):
            if place.count("/") - top.count("/") >= 2 or "site-packages" in place:
                folders.clear()
            for name in ("information.py", "98_arena.py", "98_arena.json"):
                if name in files and "_refuse" not in (text := open(os.path.join(place, name)).read()) and "def entropy" in text:
                    if "raise ForbiddenCall" not in text:
                        return os.path.join(place, name)
    raise LookupError("there is no other copy")
    """,
)
attempt(
    "answers",
    "compiled_library",
    "Find the library's compiled files, which would hold what was taken from its text.",
    """
    import glob, os, course_lib.information as i
    for place in (os.path.dirname(i.__file__), "@ROOT@/course_lib", "@ROOT@/.venv/lib/python3*/site-packages/course_lib"):
        for path in glob.glob(place + "/**/information*.pyc", recursive=True):
            if b"_refuse" not in (data := open(path, "rb").read()) and b"ForbiddenCall" not in data:
                return path
    raise LookupError("nothing is compiled that is more than its text")
    """,
    control=False,
)
attempt(
    "answers",
    "public_case_file",
    "Read the public case file.",
    """
    from course_lib.checks import public
    return public.find("arena")
    """,
    control=False,
)


@enter("harmless")
def show_answer(draft: Draft) -> None:
    """Ask for the answer, and check one's own work, in cells of one's own."""
    draft.add("from course_lib.checks import show_answer\nshow_answer('arena.total')")
    draft.add("import course_lib.checks as checks\nchecks.check('arena.total')")
    draft.add("import course_lib.checks as checks\nprint(checks.check('arena.which'), 'again')", before="total")
