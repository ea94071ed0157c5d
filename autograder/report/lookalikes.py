"""Look-alike submissions: passages that two students share and few others have, or that are in the course's code.

Winnowing (Schleimer, Wilkerson & Aiken, SIGMOD 2003) over normalised Python: comments, layout and docstrings are left
out, names and literals are all alike; keywords and the attributes of objects, such as `.softmax`, are kept. Every
shared run of at least K + WINDOW − 1 tokens is found. What the student received counts for nothing.

What everyone writes says nothing, so what two students share in an exercise counts by how rare it is in the class, in
bits, and over the exercises of a lesson bits add up. Nothing is compared all against all: an index leads from each
passage to those who have it.

So a lesson of one exercise, or a class of a handful, gives no pair: chance cannot be excluded there.

PyPI's `copydetect` 0.5 has the same fingerprints, but compares every pair of files, keeps a dense matrix of them (14 GB
for 30,000), weighs all passages alike, so that short exercises fill its list, and selects by Python's own `hash`, which
is another in every process.
"""

import ast
import itertools
import keyword
import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

K = 10  # tokens in a passage
WINDOW = 4  # of so many passages in a row one is kept
LINKS = 4  # to how many of those with the same signs each of them is linked
MARGIN = 3.0  # bits above what chance explains: it would deceive us in one class of eight
MIN_COPIED = 0.6  # share of an exercise's passages that must be in the course's code …
MIN_TOKENS = 30  # … and how much of it in the place that has most
MAX_CHARACTERS = 50_000  # of one exercise; nobody writes more by hand

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*|\\\n)
    |(?P<string>[rbfuRBFU]{0,2}(?:\"{3}(?:\\.|[^\\])*?(?:\"{3}|\Z)|'{3}(?:\\.|[^\\])*?(?:'{3}|\Z)
        |"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))
    |(?P<number>\.?\d[\w.]*)
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>->|:=|\*\*=?|//=?|>>=?|<<=?|[-+*/%&|^@=!<>]=|[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
_DOCSTRING = re.compile(r"(\"{3}|'{3}).*?\1", re.DOTALL)
_MODULUS, _BASE = (1 << 61) - 1, 1_000_003
_FIRST = pow(_BASE, K - 1, _MODULUS)


@dataclass(frozen=True)
class Source:
    """A piece of code that every student has, such as a function of the library. name: as it is shown."""

    name: str
    text: str


@dataclass(frozen=True)
class Shared:
    """What two texts have in common in one exercise.

    tokens  in common;  rarest: how many students have the rarest passage, of `of` who wrote something
    left, right  the texts, as pieces (text, whether it is in common)
    """

    exercise: str
    tokens: int
    rarest: int
    of: int
    left: list[tuple[str, bool]]
    right: list[tuple[str, bool]]


@dataclass(frozen=True)
class Pair:
    """Two submissions that share rare passages.

    surprise   in bits: of students who write independently of each other, one pair in 2**surprise shares as much
    exercises  where they share something, the most surprising first
    """

    students: tuple[str, str]
    surprise: float
    exercises: list[str]


@dataclass(frozen=True)
class Copied:
    """Those whose exercise is, for the most part, in the course's own code. share: of each student's passages."""

    exercise: str
    source: Source
    students: dict[str, float]
    of: int


def tokens(text: str) -> list[tuple[str, int, int]]:
    """Return the normalised tokens of Python, which need not be right, with where they begin and end.

    >>> [token for token, _, _ in tokens("total = x.sum(dim=-1)  # all of it")]
    ['N', '=', 'N', '.', 'sum', '(', 'N', '=', '-', '0', ')']
    """
    found: list[tuple[str, int, int]] = []
    last, before_last = "", ""
    for match in _TOKEN.finditer(text[:MAX_CHARACTERS]):
        kind = match.lastgroup
        if kind == "comment":
            continue
        word = match.group()
        if kind == "name":
            shown = word if keyword.iskeyword(word) or (last == "." and before_last != "self") else "N"
        elif kind == "string":
            if len(word) > 5 and word[-3:] in ('"""', "'''") and last in ("", ":", ")"):
                continue  # a docstring, be it that the colon before it is missing
            shown = "S"
        else:
            shown = "0" if kind == "number" else word
        found.append((shown, *match.span()))
        last, before_last = word, last
    return found


def _hashes(words: tuple[str, ...]) -> list[int]:
    """Return the hash of each run of K tokens: a rolling polynomial, the same in every process."""
    codes = [_code(word) for word in words]
    value, found = 0, []
    for index, code in enumerate(codes):
        if index >= K:
            value -= codes[index - K] * _FIRST
        value = (value * _BASE + code) % _MODULUS
        if index >= K - 1:
            found.append(value)
    return found


@lru_cache(maxsize=100_000)
def _code(word: str) -> int:
    return int.from_bytes(word.encode(errors="backslashreplace")[:64], "big") % _MODULUS


def fingerprints(words: tuple[str, ...], received: frozenset[int] = frozenset()) -> frozenset[int]:
    """Return the hashes that winnowing keeps: of every WINDOW passages in a row the one with the smallest hash.

    received  hashes of what the student received; they are passed over
    """
    nothing = _MODULUS  # larger than every hash
    hashes = [nothing if value in received else value for value in _hashes(words)]
    if not hashes:
        return frozenset()
    kept = {min(hashes[start : start + WINDOW]) for start in range(max(1, len(hashes) - WINDOW + 1))}
    kept.discard(nothing)
    return frozenset(kept)


def passages(text: str) -> frozenset[int]:
    """Return the hashes of all runs of K tokens of a text."""
    return frozenset(_hashes(tuple(word for word, _, _ in tokens(text))))


class LookAlikes:
    """What students of one lesson share, with each other and with the course's code."""

    def __init__(
        self, code: Mapping[str, Mapping[str, str]], received: Mapping[str, str], sources: Iterable[Source]
    ) -> None:
        """Make the index.

        code      student → exercise → what they wrote
        received  exercise → the stub or the starter
        sources   the course's own code: the library, the demos of the notebook
        """
        self.code, self.students = code, list(code)
        self.sources = list(sources)
        self.received = {exercise: passages(text) for exercise, text in received.items()}
        self.in_sources: dict[int, list[int]] = defaultdict(list)
        for number, source in enumerate(self.sources):
            for value in passages(source.text):
                self.in_sources[value].append(number)
        self.prints: dict[str, dict[str, frozenset[int]]] = {}  # exercise → student → fingerprints
        self.having: dict[str, Counter[int]] = {}  # exercise → fingerprint → number of students who have it
        cache: dict[tuple[str, tuple[str, ...]], frozenset[int]] = {}
        for student, texts in code.items():
            for exercise, text in texts.items():
                key = (exercise, tuple(word for word, _, _ in tokens(text)))
                if key not in cache:
                    cache[key] = fingerprints(key[1], self.received.get(exercise, frozenset()))
                if cache[key]:
                    self.prints.setdefault(exercise, {})[student] = cache[key]
        for exercise, prints in self.prints.items():
            self.having[exercise] = Counter(value for kept in prints.values() for value in kept)

    def _surprise(self, exercise: str, left: frozenset[int], right: frozenset[int]) -> float:
        """Return how surprising it is that two share this much of an exercise, in bits.

        It is log2 of how many students there are for each one who has the rarest shared passage, times the share of
        all passages of the two that both have. What is in the course's code is not counted as shared.
        """
        shared = [value for value in left & right if value not in self.in_sources]
        if not shared:
            return 0.0
        rarest = min(self.having[exercise][value] for value in shared)
        return math.log2((len(self.prints[exercise]) + 1) / rarest) * len(shared) / len(left | right)

    # ---- students among each other

    @property
    def by_chance(self) -> float:
        """The surprise that some pair of a class of this size reaches by chance: log2 of the number of pairs."""
        return math.log2(max(1, math.comb(len(self.students), 2)))

    def pairs(self) -> list[Pair]:
        """Return the pairs that share more than chance explains, the most surprising first."""
        found = []
        for a, b in self._candidates():
            pair = self._pair(self.students[a], self.students[b])
            if pair.surprise >= self.by_chance + MARGIN:
                found.append(pair)
        return sorted(found, key=lambda pair: (-pair.surprise, pair.students))

    def _pair(self, left: str, right: str) -> Pair:
        """Return two students with the exercises in which they share something, the most surprising first."""
        surprises = {
            exercise: self._surprise(exercise, prints[left], prints[right])
            for exercise, prints in self.prints.items()
            if left in prints and right in prints
        }
        exercises = sorted((e for e, bits in surprises.items() if bits >= 0.5), key=lambda e: -surprises[e])
        return Pair((left, right), sum(surprises.values()), exercises)

    def _candidates(self) -> list[tuple[int, int]]:
        """Return the pairs of students' numbers that may be surprising, from an index.

        An exercise's sign is the smallest hash of its rare passages: equal for those who share all of them, and mostly
        for those who share most (min-hashing, Broder 1997). Who has the same signs in two exercises is linked: with the
        next LINKS of them, which are all unless there are many; and of many who copied from one, neighbours are linked
        for every two exercises. So the work grows with the class, not with its square.
        """
        signs: list[list[tuple[str, int]]] = [[] for _ in self.students]
        numbers = {student: number for number, student in enumerate(self.students)}
        for exercise, prints in self.prints.items():
            having, few = self.having[exercise], max(2, len(prints) / 4)
            usable = {value for value, count in having.items() if 1 < count <= few and value not in self.in_sources}
            for student, kept in prints.items():
                if rare := kept & usable:
                    signs[numbers[student]].append((exercise, min(rare)))
        index: dict[tuple[tuple[str, int], tuple[str, int]], list[int]] = defaultdict(list)
        for number, mine in enumerate(signs):
            for two in itertools.combinations(mine, 2):
                index[two].append(number)
        keys, bits = array("q"), array("d")
        for who in index.values():
            worth = math.log2((len(numbers) + 1) / len(who))
            for after, first in enumerate(who, 1):
                for second in who[after : after + LINKS]:
                    keys.append(first * len(numbers) + second)
                    bits.append(worth)
        distinct, place = np.unique(np.asarray(keys, np.int64), return_inverse=True)
        total = np.bincount(place, np.asarray(bits), minlength=len(distinct))
        return [divmod(int(key), len(numbers)) for key in distinct[total >= self.by_chance + MARGIN]]

    def shared(self, pair: Pair, exercise: str) -> Shared:
        """Return what a pair has in common in one exercise."""
        left, right = pair.students
        both = self.prints[exercise][left] & self.prints[exercise][right]
        return self._compare(exercise, self.code[left][exercise], self.code[right][exercise], both)

    # ---- students and the course's code

    def copied(self) -> list[Copied]:
        """Return where an exercise is, for the most part, in the course's code; what few students have first."""
        found: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
        for exercise, prints in self.prints.items():
            answers: dict[frozenset[int], tuple[int, float]] = {}
            for student, kept in prints.items():
                if kept not in answers:
                    hits = Counter(number for value in kept for number in self.in_sources.get(value, ()))
                    number = min(hits, key=lambda number: (-hits[number], number), default=0)
                    answers[kept] = (number, sum(value in self.in_sources for value in kept) / len(kept))
                number, share = answers[kept]
                if share >= MIN_COPIED:
                    found[exercise, number][student] = share
        copied = []
        for (exercise, number), students in found.items():
            one = Copied(exercise, self.sources[number], students, len(self.prints[exercise]))
            enough = {s: share for s, share in students.items() if self.shared_with_source(one, s).tokens >= MIN_TOKENS}
            if enough:
                copied.append(replace(one, students=enough))
        return sorted(copied, key=lambda one: (len(one.students) / one.of, one.exercise))

    def shared_with_source(self, copied: Copied, student: str) -> Shared:
        """Return what a student's exercise and a piece of the course's code have in common."""
        kept = self.prints[copied.exercise][student]
        return self._compare(copied.exercise, self.code[student][copied.exercise], copied.source.text, kept)

    def _compare(self, exercise: str, left: str, right: str, kept: frozenset[int]) -> Shared:
        common = (passages(left) & passages(right)) - self.received.get(exercise, frozenset())
        rarest = min((self.having[exercise][value] for value in common & kept), default=0)
        marked, count = _marked(left, common)
        return Shared(exercise, count, rarest, len(self.prints[exercise]), marked, _marked(right, common)[0])


def _marked(text: str, common: frozenset[int]) -> tuple[list[tuple[str, bool]], int]:
    """Return a text in pieces, with what is in common marked, and how many tokens that are.

    Docstrings are folded up: they are mostly what the student received.
    """
    found = tokens(text)
    covered = [False] * len(found)
    for index, value in enumerate(_hashes(tuple(word for word, _, _ in found))):
        if value in common:
            covered[index : index + K] = [True] * K
    pieces: list[tuple[str, bool]] = []
    position, before = 0, False
    for (_, begin, end), here in zip(found, covered):
        gap = text[position:begin]
        joins = here and before and not gap.strip()
        pieces += [(_DOCSTRING.sub(r"\1…\1", gap), joins), (text[begin:end], here)]
        position, before = end, here
    pieces.append((text[position:MAX_CHARACTERS], False))
    runs = itertools.groupby((piece for piece in pieces if piece[0]), key=lambda piece: piece[1])
    return [("".join(piece for piece, _ in run), here) for here, run in runs], sum(covered)


def groups(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """Return the pairs in groups: those that are linked, directly or through others, belong together."""
    group: dict[str, list[Pair]] = {}
    for pair in pairs:
        mine, other = (group.setdefault(student, []) for student in pair.students)
        mine.append(pair)
        if mine is not other:
            mine += other
            for member in {student for linked in mine for student in linked.students}:
                group[member] = mine
    distinct = {id(linked): linked for linked in group.values()}.values()
    return sorted(
        (sorted(some, key=lambda pair: -pair.surprise) for some in distinct), key=lambda some: -some[0].surprise
    )


def library(root: Path) -> Iterator[Source]:
    """Yield every function and class of a package, under its dotted name."""
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        module = ".".join(path.relative_to(root.parent).with_suffix("").parts)
        for node in ast.parse(text).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                yield Source(f"{module}.{node.name}", ast.get_source_segment(text, node) or "")
