"""Huffman's code: the shortest way to write symbols as bits, one codeword per symbol (Huffman 1952).

Merge the two least likely symbols into one, again and again; each merge adds one bit to every codeword below
it. Whenever two symbols or more are possible, the mean length L of the code obeys H ≤ L < H + 1, H being the
entropy in bits. Which lengths a code can have at all says the inequality of Kraft (1949) and McMillan (1956).
"""

import heapq
import itertools
import math
from collections.abc import Hashable, Iterable, Mapping

from course_lib.arguments import require_counts


def huffman_code(probs: Mapping[Hashable, float]) -> dict[Hashable, str]:
    """Return a codeword of '0's and '1's for each symbol; no codeword begins another one.

    probs    probability (or count) of each symbol. A symbol of probability 0 gets no codeword
    returns  symbol → codeword. A single possible symbol gets '0': a message must have a length

    Equal probabilities are merged in the order of `probs`, so the code is the same every time.
    Raises ValueError when a probability is negative or not finite, or none is positive.

    Example: huffman_code({"a": 0.5, "b": 0.25, "c": 0.25}) is {"a": "0", "b": "10", "c": "11"}.
    """
    for symbol, p in probs.items():
        if not 0 <= p < math.inf:
            raise ValueError(f"probs[{symbol!r}] must be at least 0 and finite, got {p}")
    # A heap of (probability, age, symbols below): age breaks ties, and keeps symbols from being compared.
    heap = [(p, age, [symbol]) for age, (symbol, p) in enumerate(probs.items()) if p > 0]
    if not heap:
        raise ValueError(f"probs must have a positive probability, got {dict(probs)}")
    if len(heap) == 1:
        return {heap[0][2][0]: "0"}
    code = {symbol: "" for _, _, symbols in heap for symbol in symbols}
    heapq.heapify(heap)
    for age in range(len(probs), len(probs) + len(heap) - 1):  # one merge fewer than there are symbols
        p0, _, below0 = heapq.heappop(heap)
        p1, _, below1 = heapq.heappop(heap)
        for symbol in below0:
            code[symbol] = "0" + code[symbol]
        for symbol in below1:
            code[symbol] = "1" + code[symbol]
        heapq.heappush(heap, (p0 + p1, age, below0 + below1))
    return code


def kraft_sum(lengths: Iterable[int]) -> float:
    """Return Σ 2^−length over codewords of these lengths in bits: the share of all endless bit strings they use up.

    A code that can be decoded without marks between the codewords has a sum of at most 1 (McMillan 1956), and for
    lengths whose sum is at most 1 there is one, even a code in which no codeword begins another (Kraft 1949).
    Exact up to 53 bits.  Raises ValueError for a length below 1.

    >>> kraft_sum([1, 2, 3, 3])
    1.0
    """
    lengths = list(lengths)
    if any(length < 1 for length in lengths):
        raise ValueError(f"lengths must be at least 1 bit, got {lengths}")
    return math.fsum(2.0**-length for length in lengths)


def canonical_code(lengths: Mapping[Hashable, int]) -> dict[Hashable, str]:
    """Return codewords of given lengths, such that no codeword begins another one.

    lengths  bits for each symbol, at least 1
    returns  symbol → codeword, in increasing order of both length and, read as a binary fraction, value. Symbols of
             equal length keep the order of `lengths`, so whoever knows the lengths knows the code

    Raises ValueError when a length is below 1, or no such code exists (`kraft_sum` above 1).
    Schwartz and Kallick (1964); the files of gzip and PNG store codes by their lengths (RFC 1951, §3.2.2).

    >>> canonical_code({"a": 2, "b": 1, "c": 2})
    {'b': '0', 'a': '10', 'c': '11'}
    """
    if kraft_sum(lengths.values()) > 1:
        raise ValueError(f"lengths must have a kraft_sum of at most 1, got {dict(lengths)}")
    code, value, before = {}, 0, 0
    for symbol in sorted(lengths, key=lengths.__getitem__):  # a stable sort
        value <<= lengths[symbol] - before  # the first free codeword of this length
        code[symbol] = f"{value:0{lengths[symbol]}b}"
        value, before = value + 1, lengths[symbol]
    return code


def encode(symbols: Iterable[Hashable], code: Mapping[Hashable, str]) -> str:
    """Return the codewords of the symbols, one after the other, with nothing between them."""
    return "".join(code[symbol] for symbol in symbols)


def decode(bits: str, code: Mapping[Hashable, str]) -> list[Hashable]:
    """Return the symbols that were encoded. Raises ValueError when bits are left over or no codeword fits."""
    symbol_of = {word: symbol for symbol, word in code.items()}
    symbols, word = [], ""
    for bit in bits:
        word += bit
        if word in symbol_of:
            symbols.append(symbol_of[word])
            word = ""
    if word:
        raise ValueError(f"bits must end with a whole codeword, got {word!r} left over")
    return symbols


def mean_length(code: Mapping[Hashable, str], probs: Mapping[Hashable, float]) -> float:
    """Return the mean number of bits per symbol when symbols come with these probabilities.

    Raises ValueError when a symbol that can come has no codeword.
    """
    missing = [symbol for symbol, p in probs.items() if p > 0 and symbol not in code]
    if missing:
        raise ValueError(f"code must have a codeword for each possible symbol, got none for {missing}")
    return sum(p * len(code[symbol]) for symbol, p in probs.items() if p > 0)


def blocks(probs: Mapping[Hashable, float], length: int) -> dict[tuple, float]:
    """Return the probability of each block of `length` independent symbols, as tuples of symbols.

    Raises ValueError for a length below 1.
    """
    require_counts(length=length)
    return {
        tuple(symbol for symbol, _ in block): math.prod(p for _, p in block)
        for block in itertools.product(probs.items(), repeat=length)
    }
