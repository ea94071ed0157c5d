import pytest
import torch

from course_lib.embeddings import WordVectors, neighbour_purity


def test_neighbour_purity_is_that_of_scikit_learns_neighbours():
    neighbors = pytest.importorskip("sklearn.neighbors")
    vectors = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    words, kinds = [f"w{i}" for i in range(40)], [i % 3 for i in range(40)]
    index = neighbors.NearestNeighbors(n_neighbors=6, metric="cosine").fit(vectors)
    found = index.kneighbors(vectors)[1][:, 1:]
    truth = sum(kinds[j] == kinds[i] for i in range(40) for j in found[i]) / 200
    purity = neighbour_purity(WordVectors(words, vectors), {w: str(k) for w, k in zip(words, kinds)}, k=5)
    assert purity == pytest.approx(truth)


def test_neighbour_purity_leaves_out_words_without_a_vector():
    wv = WordVectors(["a", "b", "c"], torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]))
    assert neighbour_purity(wv, {"a": "x", "b": "x", "z": "y"}, k=1) == 1.0
    with pytest.raises(ValueError, match="k must be from 1 to 1, got 2"):
        neighbour_purity(wv, {"a": "x", "b": "x", "z": "y"}, k=2)
