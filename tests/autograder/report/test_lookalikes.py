"""Look-alikes: copies are found whatever they are renamed to, and what everybody writes is not."""

import itertools
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.report.lookalikes import (
    MARGIN,
    MIN_TOKENS,
    WINDOW,
    K,
    LookAlikes,
    Pair,
    Source,
    _hashes,
    fingerprints,
    groups,
    library,
    passages,
    tokens,
)
from autograder.report.report import LIBRARY
from autograder.simulation.simulated_class import simulate_class, students_of

MINE = '''def entropy(p: Tensor) -> Tensor:
    """Return the entropy."""
    logs = torch.where(p > 0, p.clamp_min(1e-30).log(), 0.0)  # 0 log 0 = 0
    terms = p * logs
    return -terms.sum(dim=-1)
'''
YOURS = """def entropy(q):
    # all my own work

    x = torch.where(q>0, q.clamp_min(
        1e-9).log(), 0)
    y = q*x
    return - y.sum(axis=-1)
"""
OTHER = """def entropy(p):
    total = torch.zeros(p.shape[:-1])
    for i in range(p.shape[-1]):
        column = p[..., i]
        safe = column.masked_fill(column == 0, 1.0)
        total -= column * safe.log()
    return total
"""


def words(text):
    return tuple(word for word, _, _ in tokens(text))


# ---- tokens and fingerprints


def test_names_numbers_comments_and_layout_make_no_difference():
    body = words(MINE)[words(MINE).index("where") :]
    assert body == words(YOURS)[words(YOURS).index("where") :]
    assert "sum" in body and "clamp_min" in body and "logs" not in body and "S" not in body


def test_a_docstring_is_left_out_and_another_text_is_one_token():
    assert words('"""What it is."""\nx = """kept"""') == ("N", "=", "S")
    assert words("raise ValueError(f'{x!r} is \\' wrong') # '") == ("raise", "N", "(", "S", ")")


def test_attributes_are_kept_but_not_those_of_self():
    assert words("self.hidden = x.softmax(-1)") == ("N", ".", "N", "=", "N", ".", "softmax", "(", "-", "0", ")")


@given(st.text(alphabet="ab1 .\"'#\\\n(=", max_size=80))
def test_any_text_can_be_read_and_tokens_stand_in_order(text):
    position = 0
    for _, begin, end in tokens(text):
        assert position <= begin < end <= len(text)
        position = end


CODES = st.lists(st.sampled_from("a b c + - ( ) . = N 0 S return if".split()), max_size=30)


@given(CODES, CODES, CODES, CODES, st.lists(st.sampled_from("xyzuvw"), min_size=K + WINDOW - 1, max_size=40))
def test_a_shared_run_of_the_guaranteed_length_is_always_found(a, b, c, d, run):
    left, right = tuple([*a, *run, *b]), tuple([*c, *run, *d])
    assert fingerprints(left) & fingerprints(right)


@given(CODES)
def test_the_rolling_hash_is_the_polynomial_of_each_window(codes):
    values = [int.from_bytes(word.encode(), "big") for word in codes]
    expected = []
    for start in range(len(values) - K + 1):
        window = values[start : start + K]
        expected.append(sum(v * 1_000_003 ** (K - 1 - i) for i, v in enumerate(window)) % (2**61 - 1))
    assert _hashes(tuple(codes)) == expected


def test_what_students_received_leaves_no_fingerprint():
    assert fingerprints(words(MINE), passages(MINE)) == frozenset()
    assert fingerprints(words(MINE + OTHER), passages(MINE)) >= fingerprints(words(OTHER))


# ---- a class


def different(number, exercise):
    """Return code that hardly anyone else writes: a row of steps that depend on a number."""
    draw = random.Random(f"{number} {exercise}")
    steps = "".join(f"    x = x.step{draw.randrange(60)}({bit}) + {bit}\n" for bit in range(8))
    return f"def f(x):\n{steps}    return x\n"


def class_of(size, exercises=6):
    return {f"s{n:02}": {f"e{e}": different(n * 31 + e * 7, e) for e in range(exercises)} for n in range(size)}


def test_a_renamed_copy_is_found_and_the_passages_are_marked():
    code = class_of(40)
    code["s07"] = {name: text.replace("x", "other").replace("(", "( ") for name, text in code["s33"].items()}
    code["s07"]["e0"] = different(1000, 0)
    index = LookAlikes(code, {}, [])
    (pair,) = index.pairs()
    assert pair.students == ("s07", "s33")
    assert pair.surprise >= index.by_chance + MARGIN
    assert len(pair.exercises) >= 5
    shared = index.shared(pair, "e3")
    assert (shared.rarest, shared.of) == (2, 40)
    assert "".join(text for text, _ in shared.left) == code["s07"]["e3"]
    assert [text for text, common in shared.left if common] == [code["s07"]["e3"].rstrip("\n")]


def test_what_everybody_writes_is_no_surprise():
    code = {f"s{n}": {f"e{e}": MINE.replace("logs", f"n{n}") for e in range(10)} for n in range(50)}
    assert LookAlikes(code, {}, []).pairs() == []


def test_what_stands_in_a_source_does_not_make_two_students_a_pair_but_is_named():
    code = class_of(40)
    for student in ("s01", "s02"):
        code[student] = {f"e{e}": MINE.replace("terms", f"t{student}") for e in range(6)}
    assert [pair.students for pair in LookAlikes(code, {}, []).pairs()] == [("s01", "s02")]
    index = LookAlikes(code, {}, [Source("lib.other", OTHER), Source("lib.entropy", MINE)])
    assert index.pairs() == []
    copied = index.copied()
    assert {(one.source.name, tuple(one.students)) for one in copied} == {("lib.entropy", ("s01", "s02"))}
    assert index.shared_with_source(copied[0], "s01").tokens > 30


def test_each_student_is_judged_by_their_own_passages_not_by_the_first_of_those_with_the_same_source():
    beginning = MINE[: MINE.index(".log()")]  # all of it is in the source, but fewer than MIN_TOKENS tokens
    index = LookAlikes({"s1": {"e": beginning}, "s2": {"e": MINE}}, {}, [Source("lib.entropy", MINE)])
    (copied,) = index.copied()
    assert list(copied.students) == ["s2"]


def test_students_who_wrote_nothing_share_nothing():
    code = {f"s{n}": {"e": MINE} for n in range(9)}
    index = LookAlikes(code, {"e": MINE}, [Source("lib.entropy", MINE)])
    assert index.pairs() == [] and index.copied() == []
    assert LookAlikes({}, {}, []).pairs() == [] and LookAlikes({"a": {}}, {}, []).copied() == []


def test_pairs_that_are_linked_make_one_group():
    pairs = [Pair((a, b), bits, []) for a, b, bits in [("a", "b", 9), ("c", "d", 8), ("b", "e", 7), ("f", "d", 6)]]
    found = [{student for pair in group for student in pair.students} for group in groups(pairs)]
    assert found == [{"a", "b", "e"}, {"c", "d", "f"}]
    assert [pair.surprise for pair in groups(pairs)[0]] == [9, 7]


# ---- a simulated class, where it is known who copied


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Lesson 12 of 150 students: the index, and who has whose code."""
    path = find_lessons(LIBRARY.parent / "solutions", ("12_attention",))[0]
    lesson, size, seed = read_lesson(path), 150, 3
    code = {}
    for file in simulate_class([lesson], tmp_path_factory.mktemp("class"), size, seed):
        try:
            cells = json.loads(file.read_bytes().decode("utf-8-sig"))["cells"]
        except ValueError:
            continue
        texts = {}
        for cell in cells:
            if cell["metadata"].get("course", {}).get("role") == "exercise":
                texts[cell["metadata"]["course"]["exercise"]] = "".join(cell["source"])
        code[file.parent.parent.name] = texts
    received = {exercise.check.id: exercise.check.stub for exercise in lesson.exercises.values()}
    return LookAlikes(code, received, library(LIBRARY)), students_of(size, seed)


def test_of_a_simulated_class_those_who_copied_are_found_and_nobody_else(simulated):
    index, students = simulated
    origin = {s.name: students[s.number if s.copies_from is None else s.copies_from].name for s in students}
    copies = {(origin[s.name], s.name) for s in students if s.copies_from is not None and s.name in index.code}
    pairs = index.pairs()
    assert all(origin[a] == origin[b] for a, b in (pair.students for pair in pairs))
    found = {tuple(sorted(pair.students)) for pair in pairs}
    wanted = {tuple(sorted(pair)) for pair in copies if pair[0] in index.code}
    assert len(wanted) >= 4 and len(wanted & found) >= len(wanted) - 1


def test_the_index_misses_no_pair_that_comparing_all_would_find(simulated):
    index, _ = simulated
    line = index.by_chance + MARGIN
    everything = {
        p.students for p in map(index._pair, *zip(*itertools.combinations(index.code, 2))) if p.surprise >= line
    }
    assert {tuple(sorted(pair.students)) for pair in index.pairs()} == {tuple(sorted(pair)) for pair in everything}


def test_those_who_pasted_from_the_library_are_named(simulated):
    index, _ = simulated
    texts = {source.text for source in index.sources if len(tokens(source.text)) >= MIN_TOKENS}
    pasted = {
        (exercise, student)
        for student, code in index.code.items()
        for exercise, text in code.items()
        if any(text.startswith(whole) or text.endswith(whole) for whole in texts) and student in index.prints[exercise]
    }
    named = {(one.exercise, student) for one in index.copied() for student in one.students}
    assert len(pasted) >= 10
    assert pasted <= named
