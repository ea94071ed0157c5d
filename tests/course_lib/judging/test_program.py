"""Programs as trees: `defined_names`, `same_code`, and parsing in threads."""

import gc
import sys
import threading

import pytest

from course_lib.judging.program import (
    changed_names,
    defined_names,
    parse,
    same_code,
    used_names,
    without_definitions,
)


def test_code_is_the_same_but_for_comments_and_layout():
    assert same_code("x = 1  # one", "x=1\n\n# two")
    assert not same_code("x = 1", "x = 2")
    assert same_code("no Python ", "no Python") and not same_code("no Python", "x = 1")


@pytest.mark.parametrize("source", ["x = " + "-" * 100_000 + "1", "x = " + "+".join("1" * 3000), "x\0", "(" * 1000])
def test_code_too_deep_to_look_at_is_compared_as_text(source):
    assert same_code(source, source + " ")
    assert not same_code(source, "x = 1")


def test_names_are_those_bound_at_the_top_level():
    source = """
import a.b, c as d
from e import f as g
def h(x): i = 1
class J: k = 2
l, (m, *n) = 1, (2, 3)
for o in []: p = 1
with q as r: pass
[s for s in []]
t = lambda u: u
if (v := 1): pass
"""
    assert defined_names(parse(source)) == set("adghJlmnoprtv")


def test_code_is_the_same_through_magics_and_a_formatters_docstrings():
    assert same_code("%%time\nx = 1\n", "x = 1")
    assert same_code("!ls\nx = 1", "%pwd\nx = 1") and not same_code("!ls\nx = 1", "!ls\nx = 2")
    assert same_code('def f():\n    """A.\n\n    B."""', 'def f():\n  """A.\n\n  B.\n  """')
    assert not same_code('def f():\n    """A."""', 'def f():\n    """B."""')


def test_used_names_are_the_global_ones_that_a_cell_reads_anywhere_in_it():
    source = """
%matplotlib inline
a = b
def c(d, e=f): return d + e + g + (lambda h: h + i)(1)
class j(k):
    l = m
    def n(self): return self.o + l
[p + q for p in r]
await s()
def t():
    global u
    return u
def v(): w = 1; return w
"""
    assert used_names(source) == {"b", "f", "g", "i", "k", "m", "l", "q", "r", "s", "u"}
    assert used_names("no program") == set()


def test_changed_names_are_those_whose_objects_a_cell_may_change():
    source = "a.b = 1\nc[0] += 2\nd.append(e)\nf(g)\nh = i.j\nprint(k)\ndef l(): m.n = 1\no.p[1].q = r.s"
    assert changed_names(parse(source)) == {"a", "c", "d", "o"}


def test_definitions_are_left_out_with_nothing_else():
    source = "import math\nx = 1\ndef f(): pass\nclass G: pass\nx, y = 2, 3\nprint(f)"
    assert without_definitions(source, {"x", "f"}) == "import math\n\nclass G:\n    pass\nx, y = (2, 3)\nprint(f)"
    assert without_definitions("x = 1  # one", {"y"}) == "x = 1  # one"
    assert without_definitions("no program", {"x"}) == "no program"


class Rubbish:
    """Something that runs Python when it is collected, where Python may turn to another thread."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        sum(range(50))


@pytest.fixture
def restless():
    """Threads take turns, and rubbish is collected, at every opportunity."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-5)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


def test_threads_parse_side_by_side(restless):
    """`ast.parse` itself fails here under Python 3.11."""
    source = "x" + ".a" * 300 + "\n" + "if 1: pass\n" + "elif 1: pass\n" * 50
    failures = []

    def parse_often(depth: int) -> None:
        if depth:  # each thread parses at a depth of its own
            return parse_often(depth - 1)
        for _ in range(200):
            Rubbish()
            try:
                parse(source)
            except SystemError as failure:
                failures.append(failure)

    threads = [threading.Thread(target=parse_often, args=(depth,)) for depth in (1, 5, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
