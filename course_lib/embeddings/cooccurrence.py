"""Vectors by counting: which words occur near which, how surprising that is, and the best D numbers to say so.

1. `cooccurrences` counts neighbours, near ones more (the counts that GloVe learns from).
2. `ppmi` turns counts into association: how much more often than by chance. This is the sparse vector of a word.
3. `svd_vectors` compresses each sparse row to a dense one.

Levy and Goldberg 2014 showed that skip-gram with k negatives does 2 and 3 at once: at its optimum u·v is the
pointwise mutual information minus ln k.
"""

import math

import torch
from torch import Tensor

from course_lib.arguments import require_at_least, require_counts, require_from, require_positive
from course_lib.embeddings.vocabulary import Text


def cooccurrences(text: Text, vocab_size: int, window: int = 5, harmonic: bool = True) -> Tensor:
    """Return how often each word has each other as a neighbour, within sentences.

    text        N words
    vocab_size  V
    window      how far a neighbour may be
    harmonic    True: a neighbour at distance d counts 1/d, as in GloVe; False: it counts 1
    returns     sparse (V, V) float, coalesced and symmetric; row: centre, column: neighbour

    Raises ValueError when a number is below 1.  §4.2 of Pennington et al. 2014.

    >>> cooccurrences(Text(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0])), 3, window=2).to_dense()
    tensor([[0.0000, 1.0000, 0.5000],
            [1.0000, 0.0000, 1.0000],
            [0.5000, 1.0000, 0.0000]])
    """
    require_counts(vocab_size=vocab_size, window=window)
    pairs, weights = [], []
    for distance in range(1, window + 1):
        left, right = text.ids[:-distance], text.ids[distance:]
        near = text.sentences[:-distance] == text.sentences[distance:]
        pairs.append(torch.stack([left[near], right[near]]))
        weights.append(torch.full((pairs[-1].size(1),), 1.0 / distance if harmonic else 1.0, device=text.ids.device))
    # the same pair may stand in the list often: coalesce adds them up
    size = (vocab_size, vocab_size)
    counts = torch.sparse_coo_tensor(torch.cat(pairs, dim=1), torch.cat(weights), size, check_invariants=True)
    return (counts + counts.T).coalesce()


def ppmi(counts: Tensor, n_negatives: float = 1.0, power: float = 1.0) -> Tensor:
    """Return the positive pointwise mutual information, max(0, ln p(w, c) / (p(w) p(c)) − ln k), in nats.

    counts       sparse (V, V), row: word, column: context
    n_negatives  k; above 1 only what is more than k times as frequent as chance counts (“shifted” PMI)
    power        of the contexts' counts in p(c); ¾ keeps rare contexts from looking too telling
    returns      sparse (V, V), without the entries that are 0

    Raises ValueError for counts that are not sparse, n_negatives not positive or a negative power.
    §3 of Levy and Goldberg 2014; the power is from Levy, Goldberg and Dagan 2015.

    >>> ppmi(torch.tensor([[0.0, 3.0], [3.0, 2.0]]).to_sparse()).to_dense()  # ln(3/8 ÷ (3/8 · 5/8)) = ln 8/5
    tensor([[0.0000, 0.4700],
            [0.4700, 0.0000]])
    """
    if not counts.is_sparse:
        raise ValueError(f"counts must be a sparse tensor, got layout {counts.layout}; try counts.to_sparse()")
    require_positive(n_negatives=n_negatives)
    require_at_least(0, power=power)
    counts = counts.coalesce()
    words, contexts = counts.indices()
    values = counts.values()
    of_words = values.new_zeros(counts.size(0)).index_add_(0, words, values)
    of_contexts = values.new_zeros(counts.size(1)).index_add_(0, contexts, values).pow(power)
    # p(w, c) / p(w) is count / of_words
    pmi = (values / of_words[words]).log() - (of_contexts / of_contexts.sum())[contexts].log() - math.log(n_negatives)
    above = pmi > 0
    pairs = counts.indices()[:, above]
    return torch.sparse_coo_tensor(pairs, pmi[above], counts.shape, is_coalesced=True, check_invariants=True)


def svd_vectors(matrix: Tensor, d_model: int, generator: torch.Generator, power: float = 0.5) -> Tensor:
    """Return the rows of a large sparse matrix as short dense vectors: U_D Σ_D^power of its truncated SVD.

    matrix     sparse (V, C), for instance from `ppmi`
    d_model    D, numbers in a vector, at most the smaller of V and C
    generator  of the random directions to start from
    power      1: dot products of the vectors are the best approximation of those of the rows; ½ does better on words
    returns    (V, D), the direction of the largest singular value first

    The SVD is approximate (Halko, Martinsson and Tropp 2011): a random D + 10 dimensional space, turned by four
    products with the matrix towards the leading singular vectors, and an exact SVD within it. torch.svd_lowrank does
    the same, but draws from torch's global generator alone.
    Levy and Goldberg 2014, §5; Levy, Goldberg and Dagan 2015 for the power.

    Raises ValueError when d_model is not between 1 and the smaller side of the matrix, and for a
    negative power.
    """
    require_from(1, min(matrix.shape), d_model=d_model)
    require_at_least(0, power=power)
    n_directions = min(d_model + 10, *matrix.shape)
    space = torch.randn(matrix.size(1), n_directions, generator=generator, device=generator.device).to(matrix)
    basis = torch.linalg.qr(matrix @ space).Q
    for _ in range(4):
        basis = torch.linalg.qr(matrix @ torch.linalg.qr(matrix.T @ basis).Q).Q
    small, values, _ = torch.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return (basis @ small)[:, :d_model] * values[:d_model] ** power
