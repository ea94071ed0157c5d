"""Which vectors are near: cosine similarity, nearest neighbours, and analogies."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.arguments import require_counts


def cosine_similarities(vectors: Tensor, query: Tensor) -> Tensor:
    """Return the cosine of the angle between each vector and the query; 0 where one of them is zero.

    vectors  (V, D)
    query    (D,)
    returns  (V,)

    Raises ValueError for shapes that do not fit.
    """
    if vectors.dim() != 2 or query.shape != vectors.shape[1:]:
        raise ValueError(f"query must be (D,) for vectors (V, D), got {tuple(query.shape)} and {tuple(vectors.shape)}")
    # dividing the products, not the vectors, spares a copy of them all
    lengths = torch.linalg.vector_norm(vectors, dim=-1).clamp(min=torch.finfo(vectors.dtype).tiny)
    return vectors @ F.normalize(query, dim=-1) / lengths


def nearest_neighbours(
    vectors: Tensor, query: Tensor, k: int = 10, exclude: Iterable[int] = ()
) -> tuple[Tensor, Tensor]:
    """Return the k vectors that point most nearly in the direction of the query.

    vectors  (V, D)
    query    (D,)
    k        how many; fewer if V without the excluded is less
    exclude  ids not to return, for instance that of the query
    returns  cosines (k,), falling, and ids (k,)

    Raises ValueError for shapes that do not fit, or k below 1.

    >>> vectors = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 5.0]])
    >>> nearest_neighbours(vectors, vectors[0], k=2, exclude=[0])
    (tensor([0.7071, 0.0000]), tensor([1, 2]))
    """
    return _largest(cosine_similarities(vectors, query), k, exclude)


def analogy(vectors: Tensor, a: int, b: int, c: int, k: int = 1, multiply: bool = False) -> tuple[Tensor, Tensor]:
    """Return the k best answers to: a is to b as c is to … what?

    vectors   (V, D)
    a, b, c   ids; they themselves are never the answer
    k         how many answers
    multiply  False, 3CosAdd: the cosine with b̂ − â + ĉ, all of length 1 (Mikolov et al. 2013c).
              True, 3CosMul: s(b) · s(c) / (s(a) + 10⁻⁶), s being the cosine moved to 0 … 1; no one of the three
              similarities can outvote the others (Levy and Goldberg 2014b)
    returns   scores (k,), falling, and ids (k,)

    Without the exclusion the answer would nearly always be b or c (Linzen 2016): say so when you report accuracy.

    Raises ValueError for k below 1, and IndexError for ids that are not there.

    >>> paris, france, rome, italy = [1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0]
    >>> cheese = [1.0, 1.0, 1.0]
    >>> analogy(torch.tensor([paris, france, rome, italy, cheese]), 0, 1, 2)[1]
    tensor([3])
    """
    if multiply:
        of_a, of_b, of_c = ((1 + cosine_similarities(vectors, vectors[i])) / 2 for i in (a, b, c))
        scores = of_b * of_c / (of_a + 1e-6)
    else:
        unit_a, unit_b, unit_c = F.normalize(vectors[[a, b, c]], dim=-1)
        scores = cosine_similarities(vectors, unit_b - unit_a + unit_c)
    return _largest(scores, k, (a, b, c))


def _largest(scores: Tensor, k: int, exclude: Iterable[int]) -> tuple[Tensor, Tensor]:
    require_counts(k=k)
    hidden = torch.zeros_like(scores, dtype=torch.bool)
    hidden[list(exclude)] = True
    ids = (~hidden).nonzero().squeeze(-1)
    values, places = scores[ids].topk(min(k, len(ids)))
    return values, ids[places]
