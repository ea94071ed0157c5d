"""Are the vectors any good? Intrinsic measures: agreement with people's judgements of similarity, and analogies.

An intrinsic measure looks at the vectors themselves. An extrinsic one looks at a task that uses them (the text
classifier of lesson 04, for instance), and is what counts in the end; the two need not agree.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch

from course_lib.arguments import require_from
from course_lib.embeddings.word_vectors import WordVectors


def word_similarity(vectors: WordVectors, judged: Iterable[tuple[str, str, float]]) -> tuple[float, float]:
    """Compare cosines with people's judgements, such as those of WordSim-353 or SimLex-999.

    vectors  of the words
    judged   (word, word, similarity on any scale)
    returns  Spearman's correlation over the pairs whose words both have vectors, and the share of such pairs

    Raises ValueError when fewer than two pairs have vectors, or where all judgements, or all cosines, are equal.
    """
    from scipy.stats import spearmanr  # it takes a while to import

    judged = list(judged)
    known = [(a, b, value) for a, b, value in judged if a in vectors and b in vectors]
    if len(known) < 2:
        raise ValueError(f"judged must have two pairs of words with vectors, got {len(known)} of {len(judged)}")
    cosines, values = [vectors.similarity(a, b) for a, b, _ in known], [value for _, _, value in known]
    if len(set(cosines)) == 1 or len(set(values)) == 1:
        raise ValueError(f"judged must have different values, and different cosines, got {values} and {cosines}")
    return float(spearmanr(cosines, values).statistic), len(known) / len(judged)


def analogy_accuracy(
    vectors: WordVectors, questions: Iterable[Sequence[str]], multiply: bool = False
) -> tuple[float, float]:
    """Ask analogies, and count the right answers; the three words of a question are not allowed as its answer.

    vectors    of the words
    questions  (a, b, c, d): a is to b as c is to d
    multiply   False: 3CosAdd, True: 3CosMul
    returns    share of right answers among the questions whose four words have vectors, and the share of such questions

    Raises ValueError when no question can be asked.  Mikolov et al. 2013c.
    """
    questions = list(questions)
    known = [question for question in questions if all(word in vectors for word in question)]
    if not known:
        raise ValueError(f"questions must have one whose words all have vectors, got none in {len(questions)}")
    right = sum(vectors.analogy(a, b, c, multiply=multiply)[0][0] == d for a, b, c, d in known)
    return right / len(known), len(known) / len(questions)


def neighbour_purity(vectors: WordVectors, kinds: Mapping[str, str], k: int = 5) -> float:
    """Return how often the k nearest neighbours of a word, among the words with a kind, are of its own kind.

    vectors  of the words
    kinds    word → kind; words without a vector are left out
    k        neighbours of each word, at most one less than there are words
    returns  the mean share over words, 0 to 1

    Raises ValueError when k is not between 1 and the number of other words.

    >>> wv = WordVectors(["cat", "dog", "eat"], torch.tensor([[2.0, 1.0], [2.0, 0.8], [-1.0, 3.0]]))
    >>> round(neighbour_purity(wv, {"cat": "noun", "dog": "noun", "eat": "verb"}, k=1), 3)  # two of three
    0.667
    """
    known = [word for word in kinds if word in vectors]
    require_from(1, len(known) - 1, k=k)
    of_kind = {kind: n for n, kind in enumerate(dict.fromkeys(kinds.values()))}
    unit = torch.nn.functional.normalize(torch.stack([vectors[word] for word in known]).float(), dim=-1)
    labels = torch.tensor([of_kind[kinds[word]] for word in known], device=unit.device)
    cosines = (unit @ unit.T).fill_diagonal_(-2.0)  # a word is no neighbour of itself
    return (labels[cosines.topk(k).indices] == labels[:, None]).float().mean().item()
