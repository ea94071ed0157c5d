"""Near-duplicates: documents that are the same but for a few words, found without comparing the documents.

A document is the set of its *shingles*, runs of a few words. How alike two are is the Jaccard index of their sets.
Min-hash (Broder 1997) keeps a short signature of each set, from which the index of any two can be estimated: GPT-3's,
Gopher's and RefinedWeb's training texts were cleaned of near-duplicates in this way. Lesson 02 builds the signature.

A shingle is numbered by CRC-32, which is the same on every machine and in every run (Python's `hash` of a text is not).
"""

from zlib import crc32

import torch
from torch import Tensor

from course_lib.arguments import require_counts

PRIME = 2**31 - 1  # hash functions compute modulo this; a · number stays below 2⁶³


def shingle_numbers(text: str, size: int = 5) -> Tensor:
    """Return the numbers of a text's shingles, each once.

    size     words of a shingle; capitals make no difference. A text with fewer words is one shingle
    returns  (n,) int64 in 0 … 2³² − 1, ascending

    Raises ValueError for a text without words, and a size below 1.

    >>> len(shingle_numbers("a mouse is a mouse is a mouse", 3))  # a mouse is, mouse is a, is a mouse
    3
    """
    require_counts(size=size)
    words = text.lower().split()
    if not words:
        raise ValueError("text must have at least one word, got none")
    shingles = {" ".join(words[i : i + size]) for i in range(max(len(words) - size, 0) + 1)}
    return torch.tensor(sorted({crc32(shingle.encode()) for shingle in shingles}))


def jaccard(first: Tensor, second: Tensor) -> float:
    """Return |A ∩ B| / |A ∪ B| of two sets of numbers: 1 for equal sets, 0 for sets with nothing in common.

    first, second  (n,) and (m,) integers, each at least one; repeats do not count
    returns        a number between 0 and 1

    Raises ValueError when a set is empty.

    >>> jaccard(torch.tensor([1, 2, 3]), torch.tensor([2, 3, 4]))
    0.5
    """
    a, b = set(first.tolist()), set(second.tolist())
    if not a or not b:
        raise ValueError(f"both sets must have a number, got {len(a)} and {len(b)}")
    return len(a & b) / len(a | b)


def hash_functions(n_hashes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw hash functions x → (a · x + b) mod `PRIME`.  (Carter and Wegman 1979)

    n_hashes  how many
    returns   a and b, (n_hashes,) int64 each; a is at least 1

    Raises ValueError for n_hashes below 1.

    >>> [len(numbers) for numbers in hash_functions(3)]
    [3, 3]
    """
    require_counts(n_hashes=n_hashes)
    generator = torch.Generator().manual_seed(seed)
    a = torch.randint(1, PRIME, (n_hashes,), generator=generator)
    return a, torch.randint(0, PRIME, (n_hashes,), generator=generator)


def minhash_signature(numbers: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return, for each hash function, the smallest hash of the set's members.

    numbers  (n,) int64 in 0 … 2³² − 1, the set; repeats do not count
    a, b     (H,) int64, the functions x → (a · x + b) mod `PRIME`
    returns  (H,) int64. Two sets agree in a place with a probability of (nearly) their Jaccard index

    Raises ValueError for an empty set.  Broder 1997, §3.

    >>> minhash_signature(torch.tensor([1, 2, 3]), torch.tensor([1, 2147483646]), torch.tensor([0, 5]))  # x and 5 − x
    tensor([1, 2])
    """
    if not len(numbers):
        raise ValueError("the set must have a number, got none")
    return ((a[:, None] * numbers + b[:, None]) % PRIME).amin(-1)


def estimated_jaccard(first: Tensor, second: Tensor) -> float:
    """Return the share of places in which two signatures agree: their sets' Jaccard index J, up to chance.

    first, second  (H,) signatures by the same hash functions
    returns        a number between 0 and 1; its standard error is √(J (1 − J) / H)

    Raises ValueError for signatures of different lengths.

    >>> estimated_jaccard(torch.tensor([7, 2, 9, 4]), torch.tensor([7, 3, 9, 4]))
    0.75
    """
    if first.shape != second.shape:
        raise ValueError(f"signatures must be equally long, got {len(first)} and {len(second)}")
    return (first == second).float().mean().item()
