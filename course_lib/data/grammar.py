"""A probabilistic grammar about which everything can be computed exactly.

A grammar rewrites a symbol into a sequence of symbols, each rewriting with a probability, until only words
are left (Booth and Thompson 1973). Where no sentence can be made in two ways (the grammar is unambiguous), the
entropy of a sentence is that of its derivation, which a linear system gives. The distribution of the next word
needs the stacks that a leftmost derivation may have after the words so far (Jelinek and Lafferty 1991).

A word is any symbol without rules. No symbol may begin with itself: left recursion would never end.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate, takewhile

import numpy as np
import torch
from torch import Tensor

from course_lib.arguments import require_counts

Symbols = tuple[str, ...]
Rules = dict[str, dict[Symbols, float]]

EOS = "<eos>"


class Grammar:
    """The language of a grammar: its words, its sentences and their exact probabilities.

    rules  symbol → {what it becomes: weight}; weights are scaled to sum to 1. The first symbol is a sentence

    Raises ValueError for a weight below 0, left recursion, a symbol out of reach, or sentences without end.
    """

    def __init__(self, rules: Rules) -> None:
        self.start = next(iter(rules))
        self.rules: Rules = {}
        for symbol, choices in rules.items():
            total = sum(choices.values())
            if not total > 0 or min(choices.values()) < 0:
                raise ValueError(f"weights of {symbol} must be >= 0 with a sum > 0, got {choices}")
            self.rules[symbol] = {right: weight / total for right, weight in choices.items() if weight > 0}
        self.start_stack = (self.start, EOS)
        self._symbols = list(self.rules)
        self._refuse_left_recursion()
        self._counts = self._expected_counts()
        unused = [symbol for symbol, count in self._counts.items() if count <= 0]
        if unused:
            raise ValueError(f"the symbol {unused[0]} is never reached from {self.start}")
        words = {EOS} | {s for choices in self.rules.values() for right in choices for s in right} - set(self.rules)
        frequency = defaultdict(float, {EOS: math.inf})
        for symbol, choices in self.rules.items():
            for right, probability in choices.items():
                for word in words.intersection(right):
                    frequency[word] += self._counts[symbol] * probability * right.count(word)
        #: every word once, the most frequent first; "<eos>", which ends every sentence, is number 0
        self.vocabulary: tuple[str, ...] = tuple(sorted(words, key=lambda word: (-frequency[word], word)))
        self._id = {word: number for number, word in enumerate(self.vocabulary)}
        self._frequency = [1.0] + [frequency[word] for word in self.vocabulary[1:]]
        self._program = self._compile()
        self._states: list[_State] = [_State({self.start_stack: 1.0})]
        self._numbers: dict[tuple, int] = {self._states[0].key(): 0}

    # ------------------------------------------------------------------ what holds on average

    def _refuse_left_recursion(self) -> None:
        empty: set[str] = set()  # symbols that may become nothing: what follows them may be at the left edge
        while grown := {s for s, choices in self.rules.items() if any(empty.issuperset(r) for r in choices)} - empty:
            empty |= grown

        def left_edge(symbol: str) -> set[str]:
            found = set()
            for right in self.rules.get(symbol, ()):
                for child in right:
                    found.add(child)
                    if child not in empty:
                        break
            return found

        for symbol in self.rules:
            seen: set[str] = set()
            todo = [symbol]
            while todo:
                fresh = left_edge(todo.pop()) - seen
                if symbol in fresh:
                    raise ValueError(f"{symbol} may begin with itself: left recursion would never end")
                seen |= fresh
                todo += fresh

    def _expected_counts(self) -> dict[str, float]:
        """Return how often each symbol is rewritten in a sentence on average: c = start + Mᵀ c."""
        place = {symbol: number for number, symbol in enumerate(self._symbols)}
        system = np.eye(len(place))
        for symbol, choices in self.rules.items():
            for right, probability in choices.items():
                for child in right:
                    if child in place:
                        system[place[child], place[symbol]] -= probability
        counts = np.linalg.solve(system, np.eye(len(place))[place[self.start]])
        if counts.min() < -1e-9 or not np.isfinite(counts).all():
            raise ValueError("the grammar's sentences have no finite expected length: its recursion is too likely")
        return dict(zip(self._symbols, counts.tolist()))

    @property
    def tokens_per_sentence(self) -> float:
        """The expected number of words of a sentence, "<eos>" counted."""
        return sum(self._frequency)

    @property
    def sentence_entropy(self) -> float:
        """The entropy of a sentence in nats; exact if the grammar is unambiguous, else an upper bound."""
        return sum(
            -self._counts[symbol] * p * math.log(p) for symbol, choices in self.rules.items() for p in choices.values()
        )

    @property
    def entropy_rate(self) -> float:
        """Nats per token that no model of a long stream of sentences can go below; "<eos>" is a token."""
        return self.sentence_entropy / self.tokens_per_sentence

    def unigram_probs(self) -> Tensor:
        """Return the exact long-run frequency of each word, float64 (V,)."""
        frequency = torch.tensor(self._frequency, dtype=torch.float64)
        return frequency / frequency.sum()

    # ------------------------------------------------------------------ text and numbers

    def encode(self, text: str) -> list[int]:
        """Return the token ids of words separated by spaces; ValueError for a word it lacks."""
        unknown = [word for word in text.split() if word not in self._id]
        if unknown:
            raise ValueError(f"the toy language has no word {unknown[0]!r}")
        return [self._id[word] for word in text.split()]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words of these token ids, separated by spaces."""
        return " ".join(self.vocabulary[int(number)] for number in ids)

    # ------------------------------------------------------------------ sampling

    def _compile(self) -> list[tuple[list[float], list[list[int]]]]:
        """Return per symbol the cumulative probabilities and the replacements, last symbol first.

        Words stay token ids (>= 0); the n-th symbol becomes -1 - n. A stack of numbers makes sampling fast.
        """
        code = dict(self._id) | {symbol: -1 - number for number, symbol in enumerate(self._symbols)}
        program = []
        for symbol in self._symbols:
            cumulative = list(accumulate(self.rules[symbol].values()))
            cumulative[-1] = 1.0
            program.append((cumulative, [[code[s] for s in reversed(right)] for right in self.rules[symbol]]))
        return program

    def _tokens(self, generator: torch.Generator) -> Iterator[int]:
        """Yield the tokens of one random sentence after another, without end."""
        program, sentence = self._program, [0, -1 - self._symbols.index(self.start)]
        draws: list[float] = []
        stack: list[int] = []
        while True:
            if not stack:
                stack = sentence.copy()
            symbol = stack.pop()
            if symbol >= 0:
                yield symbol
                continue
            if not draws:
                draws = torch.rand(4096, generator=generator, dtype=torch.float64).tolist()
            cumulative, replacements = program[-1 - symbol]
            stack += replacements[bisect_right(cumulative, draws.pop())]

    def sample(self, n_sentences: int, generator: torch.Generator) -> list[list[int]]:
        """Return random sentences as lists of token ids, each ending with "<eos>". ValueError for a negative number."""
        require_counts(0, n_sentences=n_sentences)
        tokens = self._tokens(generator)
        return [[*takewhile(bool, tokens), 0] for _ in range(n_sentences)]  # "<eos>", which ends each, is number 0

    def stream(self, n_tokens: int, generator: torch.Generator) -> Tensor:
        """Return random sentences end to end as int64 (n_tokens,); the last one may be cut off.

        Raises ValueError for a negative number.
        """
        require_counts(0, n_tokens=n_tokens)
        tokens = self._tokens(generator)
        return torch.tensor([next(tokens) for _ in range(n_tokens)], dtype=torch.long)

    # ------------------------------------------------------------------ exact probabilities

    def next_token_probs(self, prefix: Iterable[int]) -> Tensor:
        """Return the exact distribution of the next token, float64 (V,).

        prefix  the token ids since the sentence began; whole sentences before it, with "<eos>", do no harm

        Raises ValueError when the language has no sentence that begins like this.
        """
        state = self._states[self._read(prefix)]
        probs = torch.zeros(len(self.vocabulary), dtype=torch.float64)
        for token, (probability, _) in self._next(state).items():
            probs[token] = probability
        return probs

    def log_prob(self, sentence: Iterable[int]) -> float:
        """Return the log-probability in nats of these tokens, from a sentence's start; -inf if impossible.

        With "<eos>" at its end that is the sentence's own; without, that of all sentences that begin so.
        """
        total, number = 0.0, 0
        for token in sentence:
            probability, number = self._next(self._states[number]).get(int(token), (0.0, 0))
            if probability == 0:
                return -math.inf
            total += math.log(probability)
        return total

    def is_sentence(self, tokens: Iterable[int]) -> bool:
        """Return whether these tokens are one whole sentence of the language, neither more nor less.

        tokens  ids of any shape of iterable, (T,); a sentence ends with its only "<eos>". Ids that are no word of the
                language, negative or too large, make it none

        `log_prob` says how likely it is. What is improbable may well be grammatical.
        """
        ids = [int(token) for token in tokens]
        return ids[-1:] == [0] and 0 not in ids[:-1] and self.log_prob(ids) > -math.inf

    def _read(self, prefix: Iterable[int]) -> int:
        """Return the number of the state after these tokens."""
        number, read = 0, []
        for token in prefix:
            read.append(int(token))
            _, number = self._next(self._states[number]).get(read[-1], (0.0, -1))
            if number < 0:
                raise ValueError(f"no sentence of the toy language begins with {self.decode(read)!r}")
        return number

    def _next(self, state: "_State") -> dict[int, tuple[float, int]]:
        """Return token → (probability, number of the state after it); computed once per state."""
        if state.moves is None:
            after: dict[str, dict[Symbols, float]] = defaultdict(lambda: defaultdict(float))
            todo = list(state.stacks.items())
            while todo:
                stack, probability = todo.pop()
                top, rest = stack[0], stack[1:]
                if top in self.rules:
                    todo += [(right + rest, probability * p) for right, p in self.rules[top].items()]
                else:
                    after[top][rest or self.start_stack] += probability
            state.moves = {}
            for word, stacks in after.items():
                total = sum(stacks.values())
                following = _State({stack: p / total for stack, p in stacks.items()})
                number = self._numbers.setdefault(following.key(), len(self._states))
                if number == len(self._states):
                    self._states.append(following)
                state.moves[self._id[word]] = (total, number)
        return state.moves


class _State:
    """What can be known after some words: the stacks of a leftmost derivation, with their probabilities."""

    def __init__(self, stacks: dict[Symbols, float]) -> None:
        self.stacks = stacks
        self.moves: dict[int, tuple[float, int]] | None = None

    def key(self) -> tuple:
        return tuple(sorted((stack, round(p, 12)) for stack, p in self.stacks.items()))
