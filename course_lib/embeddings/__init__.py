"""Word vectors: word2vec, GloVe, fastText, vectors by counting, and what to ask of them."""

from course_lib.embeddings.cooccurrence import cooccurrences, ppmi, svd_vectors
from course_lib.embeddings.evaluation import analogy_accuracy, neighbour_purity, word_similarity
from course_lib.embeddings.glove import GloVe, glove_loss, glove_weight
from course_lib.embeddings.neighbours import analogy, cosine_similarities, nearest_neighbours
from course_lib.embeddings.pairs import cbow_examples, context_blocks, dynamic_windows, skipgram_pairs
from course_lib.embeddings.subwords import SubwordTable, fasttext_ngrams, fnv1a
from course_lib.embeddings.table import Table
from course_lib.embeddings.vocabulary import Text, Vocabulary, keep_probability, noise_distribution, subsample
from course_lib.embeddings.word2vec import Word2Vec, negative_sampling_loss
from course_lib.embeddings.word_vectors import WordVectors

__all__ = [
    "GloVe",
    "SubwordTable",
    "Table",
    "Text",
    "Vocabulary",
    "Word2Vec",
    "WordVectors",
    "analogy",
    "analogy_accuracy",
    "cbow_examples",
    "context_blocks",
    "cooccurrences",
    "cosine_similarities",
    "dynamic_windows",
    "fasttext_ngrams",
    "fnv1a",
    "glove_loss",
    "glove_weight",
    "keep_probability",
    "nearest_neighbours",
    "negative_sampling_loss",
    "neighbour_purity",
    "noise_distribution",
    "ppmi",
    "skipgram_pairs",
    "subsample",
    "svd_vectors",
    "word_similarity",
]
