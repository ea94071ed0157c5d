"""Neighbours, analogies, files and evaluation: against scikit-learn, scipy and spelled-out definitions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from course_lib.embeddings.evaluation import analogy_accuracy, word_similarity
from course_lib.embeddings.neighbours import analogy, cosine_similarities, nearest_neighbours
from course_lib.embeddings.word_vectors import WordVectors
from tests.random_inputs import normal


def plane():
    """Country and capital differ by one step, the countries by another."""
    words = "paris france rome italy madrid spain cheese".split()
    step, home = torch.tensor([0.0, 0.0, 0.0, 1.0]), torch.eye(4)[:3]
    rows = [row for country in home for row in (country + step, country)]
    return WordVectors(words, torch.stack([*rows, torch.tensor([0.2, 0.2, 0.2, 0.5])]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 20), st.integers(1, 6), st.integers(1, 25))
def test_neighbours_are_scikit_learns(seed, n, d_model, k):
    vectors, query = normal(seed, n, d_model), normal(seed + 1, d_model)
    values, ids = nearest_neighbours(vectors, query, k)
    search = NearestNeighbors(n_neighbors=min(k, n), metric="cosine").fit(vectors.numpy())
    distances, _ = search.kneighbors(query[None].numpy())
    torch.testing.assert_close(values, 1 - torch.tensor(distances[0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(cosine_similarities(vectors, query)[ids], values)
    assert len(set(ids.tolist())) == min(k, n)


def test_cosines_ignore_lengths_and_a_zero_vector_has_cosine_zero():
    vectors, query = normal(0, 5, 3), normal(1, 3)
    expected = torch.tensor(cosine_similarity(vectors.numpy(), query[None].numpy())[:, 0])
    torch.testing.assert_close(cosine_similarities(vectors, query), expected)
    torch.testing.assert_close(cosine_similarities(1e-3 * vectors, 1e4 * query), expected)
    vectors[2] = 0
    assert cosine_similarities(vectors, query)[2] == 0
    assert cosine_similarities(vectors, 0 * query).eq(0).all()


def test_excluded_ids_are_never_found_even_when_fewer_are_left_than_asked_for():
    vectors = normal(2, 4, 3)
    values, ids = nearest_neighbours(vectors, vectors[1], k=9, exclude=[1, 3])
    assert sorted(ids.tolist()) == [0, 2] and values[0] >= values[1]


@pytest.mark.parametrize("multiply", [False, True])
def test_an_analogy_in_a_parallelogram_is_found_and_its_own_words_never_answer(multiply):
    wv = plane()
    assert wv.analogy("paris", "france", "rome", multiply=multiply)[0][0] == "italy"
    assert wv.analogy("italy", "rome", "spain", multiply=multiply)[0][0] == "madrid"
    everything = wv.analogy("paris", "france", "rome", k=99, multiply=multiply)
    assert {word for word, _ in everything} == set(wv.words) - {"paris", "france", "rome"}
    questions = [
        ("paris", "france", "rome", "italy"),
        ("rome", "italy", "paris", "cheese"),
        ("rome", "italy", "oslo", "x"),
    ]
    assert analogy_accuracy(wv, questions, multiply) == (0.5, pytest.approx(2 / 3))


def test_3cosadd_and_3cosmul_are_their_formulas():
    vectors = normal(3, 30, 5)
    a, b, c = 4, 7, 1
    cosines = torch.tensor(cosine_similarity(vectors.numpy()))
    others = [i for i in range(30) if i not in (a, b, c)]
    values, ids = analogy(vectors, a, b, c, k=27)
    add = cosines[:, b] - cosines[:, a] + cosines[:, c]  # the cosine with b − a + c, but for a common factor
    assert ids.tolist() == sorted(others, key=lambda i: -add[i].item())
    torch.testing.assert_close(values / values[0], add[ids] / add[ids[0]], rtol=1e-4, atol=1e-5)
    values, ids = analogy(vectors, a, b, c, k=27, multiply=True)
    shifted = (1 + cosines) / 2
    multiply = shifted[:, b] * shifted[:, c] / (shifted[:, a] + 1e-6)
    assert ids.tolist() == sorted(others, key=lambda i: -multiply[i].item())
    torch.testing.assert_close(values, multiply[ids], rtol=1e-4, atol=1e-6)


def test_words_are_asked_by_name_and_an_unknown_one_is_named():
    wv = plane()
    assert "rome" in wv and "oslo" not in wv and len(wv) == 7
    assert torch.equal(wv["paris"], wv.vectors[0])
    assert wv.similarity("paris", "france") == pytest.approx(0.5**0.5)
    by_word = wv.nearest_neighbours("paris", k=2)
    assert "paris" not in dict(by_word)
    assert wv.nearest_neighbours(wv["paris"], k=3) == [("paris", pytest.approx(1.0)), *by_word]
    for ask in (lambda: wv["oslo"], lambda: wv.nearest_neighbours("oslo"), lambda: wv.analogy("rome", "oslo", "paris")):
        with pytest.raises(KeyError, match="no vector for 'oslo'"):
            ask()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=6, max_size=6))
def test_vectors_are_read_back_exactly(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("vectors") / "wv.txt"
    wv = WordVectors(["käse", "fromage", "<b>"], torch.tensor(numbers).view(3, 2))
    wv.save(path)
    again = WordVectors.load(path)
    assert again.words == wv.words and torch.equal(again.vectors, wv.vectors)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cat 1 2\n", "must begin with a line of two numbers"),
        ("2 2\ncat 1 2\n", "line 3: expected a word and 2 numbers, got 0"),
        ("1 2\ncat 1 2 3\n", "line 2: expected a word and 2 numbers, got 3"),
        ("2 1\ncat 1\ncat 2\n", "words must be different"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, content, message):
    (tmp_path / "wv.txt").write_text(content)
    with pytest.raises(ValueError, match=message):
        WordVectors.load(tmp_path / "wv.txt")


def test_a_blank_at_the_end_of_a_line_as_word2vec_itself_writes_it_is_no_number(tmp_path):
    (tmp_path / "wv.txt").write_text("2 2 \ncat 1 2 \ndog 3 4 \n")
    assert WordVectors.load(tmp_path / "wv.txt").vectors.tolist() == [[1, 2], [3, 4]]


def test_word_similarity_skips_pairs_without_vectors_and_says_how_many_there_were():
    wv = plane()
    judged = [("paris", "france", 9.0), ("paris", "italy", 1.0), ("rome", "paris", 5.0), ("rome", "oslo", 5.0)]
    correlation, share = word_similarity(wv, judged)
    assert share == 0.75
    assert correlation == pytest.approx(stats.spearmanr([0.5**0.5, 0.0, 0.5], [9.0, 1.0, 5.0]).statistic)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nearest_neighbours(torch.ones(2, 3), torch.ones(2)), r"query must be \(D,\) for vectors"),
        (lambda: nearest_neighbours(torch.ones(2, 3), torch.ones(3), 0), "k must be at least 1, got 0"),
        (lambda: word_similarity(plane(), [("paris", "oslo", 1.0)]), "two pairs of words with vectors, got 0 of 1"),
        (
            lambda: word_similarity(plane(), [("paris", "rome", 5.0), ("paris", "italy", 5.0)]),
            "different values, .*5.0",
        ),
        (lambda: analogy_accuracy(plane(), [("a", "b", "c", "d")]), "got none in 1"),
        (lambda: WordVectors(["a"], torch.ones(2, 3)), r"vectors must have the shape \(1, D\), got \(2, 3\)"),
        (lambda: WordVectors(["a b"], torch.ones(1, 3)).save("unused"), "no white space in them, got 'a b'"),
    ],
)
def test_nonsense_is_refused_with_the_argument_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
