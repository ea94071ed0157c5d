"""Everything that gensim has too, compared with gensim."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.corpora import english
from course_lib.embeddings import (
    SubwordTable,
    Vocabulary,
    Word2Vec,
    WordVectors,
    analogy_accuracy,
    context_blocks,
    fasttext_ngrams,
    fnv1a,
    keep_probability,
    noise_distribution,
    word_similarity,
)
from course_lib.embeddings.word2vec import cbow_gradients, skipgram_gradients
from tests.random_inputs import generator

gensim = pytest.importorskip("gensim", reason="gensim is not installed; it has no wheel for Python 3.14")
from gensim.models import FastText, KeyedVectors  # noqa: E402
from gensim.models import Word2Vec as GensimWord2Vec  # noqa: E402
from gensim.models.fasttext import compute_ngrams, compute_ngrams_bytes, ft_hash_bytes, ft_ngram_hashes  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`")
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


def sentences_of(text):
    return [found for line in text.splitlines() if (found := re.findall(r"[a-z]+", line.lower()))]


@pytest.fixture(scope="module")
def sentences():
    return sentences_of(english(250_000))


@pytest.fixture(scope="module")
def pair():
    """The same random vectors, in our class and in gensim's."""
    names = [f"w{i}" for i in range(200)]
    vectors = torch.randn(200, 12, generator=generator())
    theirs = KeyedVectors(12)
    theirs.add_vectors(names, vectors.numpy())
    return WordVectors(names, vectors), theirs


@settings(max_examples=100, deadline=None)
@given(words, st.integers(2, 4), st.integers(0, 3))
def test_ngrams_and_their_hashes_are_gensims(word, min_n, more):
    ngrams = fasttext_ngrams(word, min_n, min_n + more)
    assert ngrams == compute_ngrams(word, min_n, min_n + more)
    hashes = [fnv1a(ngram) % 2000 for ngram in ngrams]
    assert sorted(hashes) == sorted(ft_ngram_hashes(word, min_n, min_n + more, 2000))
    assert fnv1a(word) == ft_hash_bytes(word.encode())


@given(words)
def test_single_characters_are_those_that_fasttext_trains_on(word):
    ours = sorted(ngram.encode() for ngram in fasttext_ngrams(word, 1, 3))
    assert ours == sorted(compute_ngrams_bytes(word, 1, 3))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 199), st.integers(1, 250))
def test_neighbours_are_gensims(pair, i, k):
    ours, theirs = pair
    found = ours.nearest_neighbours(f"w{i}", k)
    expected = theirs.most_similar(f"w{i}", topn=k)
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert [value for _, value in found] == pytest.approx([value for _, value in expected], abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(200)), st.booleans())
def test_analogies_are_gensims_by_adding_and_by_multiplying(pair, order, multiply):
    ours, theirs = pair
    a, b, c = (f"w{i}" for i in order[:3])
    ask = theirs.most_similar_cosmul if multiply else theirs.most_similar
    expected = ask(positive=[b, c], negative=[a], topn=5)
    found = ours.analogy(a, b, c, k=5, multiply=multiply)
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert [value for _, value in found] == pytest.approx([value for _, value in expected], rel=1e-4)


def test_each_reads_what_the_other_wrote(pair, tmp_path):
    ours, theirs = pair
    ours.save(tmp_path / "ours.txt")
    read = KeyedVectors.load_word2vec_format(tmp_path / "ours.txt")
    assert read.index_to_key == ours.words and torch.equal(torch.tensor(read.vectors), ours.vectors)
    theirs.save_word2vec_format(tmp_path / "theirs.txt")
    back = WordVectors.load(tmp_path / "theirs.txt")
    assert back.words == ours.words and torch.equal(back.vectors, ours.vectors)


def test_evaluation_is_gensims(pair, tmp_path):
    ours, theirs = pair
    draws = torch.randint(0, 210, (60, 2), generator=generator(1)).tolist()  # some words have no vector
    judged = [(f"w{i}", f"w{j}", float((7 * i + 3 * j) % 11)) for i, j in draws]
    (tmp_path / "pairs").write_text("".join(f"{a}\t{b}\t{value}\n" for a, b, value in judged))
    _, correlation, unknown = theirs.evaluate_word_pairs(tmp_path / "pairs")
    found, share = word_similarity(ours, judged)
    assert found == pytest.approx(correlation.statistic, abs=1e-6) and 100 * (1 - share) == pytest.approx(unknown)

    asked = torch.randint(0, 200, (20, 3), generator=generator(2)).tolist()
    named = [[f"w{i}" for i in three] for three in asked]
    questions = [(*three, ours.analogy(*three)[0][0] if n % 2 else "w0") for n, three in enumerate(named)]
    (tmp_path / "questions").write_text(": all\n" + "".join(" ".join(question) + "\n" for question in questions))
    score, _ = theirs.evaluate_word_analogies(tmp_path / "questions")
    assert analogy_accuracy(ours, questions)[0] == pytest.approx(score)


def test_vocabulary_and_subsampling_are_gensims(sentences):
    theirs = GensimWord2Vec(min_count=5, sample=1e-3)
    theirs.build_vocab(sentences)
    ours = Vocabulary.from_sentences(sentences, min_count=5)
    counts = {word: theirs.wv.get_vecattr(word, "count") for word in theirs.wv.index_to_key}
    assert dict(zip(ours.words, ours.counts.tolist())) == counts
    keep = [theirs.wv.get_vecattr(word, "sample_int") / 2**32 for word in ours.words]
    torch.testing.assert_close(
        keep_probability(ours.counts), torch.tensor(keep, dtype=torch.float32).clamp(max=1), rtol=1e-4, atol=1e-6
    )
    cumulative = torch.tensor(
        [float(theirs.cum_table[theirs.wv.key_to_index[word]]) for word in theirs.wv.index_to_key]
    )
    noise = noise_distribution(torch.tensor([counts[word] for word in theirs.wv.index_to_key]))
    torch.testing.assert_close(noise.cumsum(0), cumulative / cumulative[-1], rtol=0, atol=1e-5)


def held_out_loss(vocabulary, inputs, outputs, sentences, cbow):
    """Mean loss over all pairs (CBOW: centres) of held-out text, with the same negatives for everyone."""
    text = vocabulary.encode(sentences)
    centres, contexts, pairs = context_blocks(text, torch.full_like(text.ids, 5), 5)
    drawn = torch.multinomial(noise_distribution(vocabulary.counts), 128 * len(centres), True, generator=generator(9))
    negatives = outputs[drawn.view(-1, 128)]
    gradients = cbow_gradients if cbow else skipgram_gradients
    of_centres, of_contexts = (outputs, inputs) if cbow else (inputs, outputs)
    found = gradients(of_centres[centres], of_contexts[contexts], negatives, pairs, 5)
    return (found.loss / found.examples).item()


@pytest.mark.parametrize("cbow", [False, True])
def test_held_out_loss_after_the_same_epochs_is_no_higher_than_gensims(sentences, cbow):
    held_out = sentences_of(english(30_000, held_out=True))
    theirs = GensimWord2Vec(sentences, vector_size=50, epochs=3, sg=int(not cbow), workers=1, seed=1)
    ids, counts = theirs.wv.index_to_key, [theirs.wv.get_vecattr(word, "count") for word in theirs.wv.index_to_key]
    vocabulary = Vocabulary(ids, torch.tensor(counts))
    model = Word2Vec(vocabulary.encode(sentences), vocabulary, 50, generator(), cbow=cbow, epochs=3)
    for _ in model:
        pass
    ours = held_out_loss(vocabulary, model.inputs.rows, model.outputs.rows, held_out, cbow)
    gensims = held_out_loss(vocabulary, torch.tensor(theirs.wv.vectors), torch.tensor(theirs.syn1neg), held_out, cbow)
    untrained = 6 * 0.6931
    assert ours < gensims + 0.01 and gensims < untrained - 0.5


def test_a_fasttext_model_has_the_same_vectors_for_known_and_unknown_words(sentences):
    theirs = FastText(sentences[:1000], vector_size=8, epochs=1, bucket=500, workers=1, seed=1)
    ours = SubwordTable(theirs.wv.index_to_key, 8, generator(), n_buckets=500)
    ours.rows = torch.cat([torch.tensor(theirs.wv.vectors_vocab), torch.tensor(theirs.wv.vectors_ngrams)])
    torch.testing.assert_close(ours.vectors(), torch.tensor(theirs.wv.vectors), rtol=1e-4, atol=1e-6)
    for word in ("cheesecake", "éclair", "a"):
        torch.testing.assert_close(ours.vector(word), torch.tensor(theirs.wv[word]), rtol=1e-4, atol=1e-6)
