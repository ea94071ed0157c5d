"""fastText's subwords: n-grams by definition, a table's means and gradients by autograd, unknown words."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.embeddings.neighbours import cosine_similarities
from course_lib.embeddings.subwords import SubwordTable, fasttext_ngrams, fnv1a
from course_lib.embeddings.table import Table
from course_lib.embeddings.vocabulary import Vocabulary
from course_lib.embeddings.word2vec import Word2Vec
from tests.random_inputs import generator


def test_the_papers_example():
    assert fasttext_ngrams("where", 3, 3) == ["<wh", "whe", "her", "ere", "re>"]


@given(st.text(max_size=12), st.integers(1, 4), st.integers(0, 4))
def test_ngrams_are_all_pieces_of_the_marked_word(word, min_n, more):
    marked, max_n = f"<{word}>", min_n + more
    pieces = {marked[i:j] for i in range(len(marked)) for j in range(i, len(marked) + 1) if min_n <= j - i <= max_n}
    found = fasttext_ngrams(word, min_n, max_n)
    assert set(found) == pieces - ({"<", ">"} - set(word))
    assert [len(ngram) for ngram in found] == sorted(len(ngram) for ngram in found)


def test_hashes_are_those_in_the_authors_list_for_ascii():
    # FNV's own test vectors for 32-bit FNV-1a
    expected = {"": 0x811C9DC5, "a": 0xE40C292C, "b": 0xE70C2DE5, "foobar": 0xBF9CF968}
    assert {text: fnv1a(text) for text in expected} == expected


def test_a_words_vector_is_the_mean_of_its_own_and_its_ngrams_and_unknown_words_have_only_these():
    table = SubwordTable(["cat", "cats"], 4, generator(), n_buckets=50)
    rows = [table.rows[0]] + [table.rows[2 + fnv1a(ngram) % 50] for ngram in fasttext_ngrams("cat")]
    torch.testing.assert_close(table.vector("cat"), torch.stack(rows).mean(0))
    torch.testing.assert_close(table.vectors()[0], table.vector("cat"))
    unknown = torch.stack([table.rows[2 + fnv1a(ngram) % 50] for ngram in fasttext_ngrams("catty")]).mean(0)
    torch.testing.assert_close(table.vector("catty"), unknown)
    assert SubwordTable(["cat"], 4, generator(), min_n=5).vector("a").eq(0).all()


def test_the_means_and_their_gradients_equal_autograds(monkeypatch):
    words = ["cat", "cats", "tower", "a"]
    table = SubwordTable(words, 3, generator(), n_buckets=7)  # few buckets: many n-grams meet
    ids = torch.tensor([[2, 0], [1, 2], [3, 3]])
    upstream = torch.randn(3, 2, 3, generator=generator(1))
    rows = table.rows.clone().requires_grad_()
    means = torch.stack([rows[[i, *table.buckets(words[i])]].mean(0) for i in ids.flatten().tolist()]).view(3, 2, 3)
    torch.testing.assert_close(table.take(ids), means.detach())
    means.backward(upstream)
    got = torch.zeros_like(rows)
    monkeypatch.setattr(Table, "step", lambda self, members, gradient, lr: got.index_add_(0, members, gradient))
    with torch.no_grad():
        table.step(ids, upstream, lr=0.1)
    torch.testing.assert_close(got.detach(), rows.grad)


@pytest.mark.parametrize("cbow", [False, True])
def test_an_unknown_word_lands_near_the_words_that_it_is_made_of(cbow):
    stems = {"cheese": "mouse milk hole".split(), "tower": "paris river bridge".split()}
    sentences = []
    for i, draw in enumerate(torch.randint(0, 3, (2000, 4), generator=generator(3)).tolist()):
        stem, others = list(stems.items())[i % 2]
        sentences.append([stem, *(others[j] for j in draw), stem + "s"])
    vocabulary = Vocabulary.from_sentences(sentences)
    inputs = SubwordTable(vocabulary.words, 16, generator(), n_buckets=2000)
    for _ in Word2Vec(
        vocabulary.encode(sentences), vocabulary, 16, generator(), cbow=cbow, epochs=20, threshold=1.0, inputs=inputs
    ):
        pass
    near = cosine_similarities(inputs.vectors(), inputs.vector("cheesecake"))
    assert near[vocabulary.ids["cheese"]] > near[vocabulary.ids["tower"]] + 0.3
    assert near[vocabulary.ids["mouse"]] > near[vocabulary.ids["paris"]] + 0.05


def test_lengths_and_buckets_that_make_no_sense_are_refused():
    for lengths, message in (((0, 3), "min_n must be at least 1, got 0"), ((4, 3), "at most max_n = 3, got min_n = 4")):
        with pytest.raises(ValueError, match=message):
            fasttext_ngrams("cat", *lengths)
    with pytest.raises(ValueError, match="n_buckets must be at least 1, got 0"):
        SubwordTable(["cat"], 2, generator(), n_buckets=0)
