"""The classics, for those who want to compare with papers: downloaded when first asked for, then kept.

No lesson and no test needs them. Each function takes `held_out` as `course_lib.data.corpora` does, so that one can
stand in the other's place:

- text: `tiny_shakespeare`, `wikitext2`, `wikitext103`, `text8`, `enwik8`
- pairs to translate, as `Task.sample` returns them: `multi30k`; texts with a class: `ag_news`
- to judge word vectors by: `word_similarities` (WordSim-353), `analogies` (Google's); ready-made vectors: `glove`

Checksums are those that independent projects publish for the same file; for AG News and Multi30k we know of none, and
the first download is trusted. Not here: the Penn Treebank, whose licence (LDC) allows no copies; IMDB, a hundred
thousand files in one archive, where AG News serves as well.
"""

import csv

import numpy as np
import torch

from course_lib.arguments import require_counts
from course_lib.data.corpora import beginning
from course_lib.data.fetch import Download, lines
from course_lib.embeddings.word_vectors import WordVectors

AG_NEWS_CLASSES = ("world", "sports", "business", "science and technology")

_ENGLISH = "course_lib.data.corpora.english() gives English text offline"
_CLASSES = "course_lib.data.corpora has two kinds of text to tell apart offline, English and Python"
_PAIRS = "course_lib.data.tasks makes pairs to translate offline"
_VECTORS = "course_lib.embeddings trains vectors on text that is there offline"
_GENSIM = [
    f"https://raw.githubusercontent.com/piskvorky/gensim/{tag}/gensim/test/test_data" for tag in ("4.4.0", "develop")
]
_AG_NEWS = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv"
_MULTI30K = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw"

TINY_SHAKESPEARE = Download(
    "tiny_shakespeare.txt",
    ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
    megabytes=2,
    instead=_ENGLISH,
    sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)
WIKITEXT2 = Download(
    "wikitext-2-raw-v1.zip",
    (
        "https://huggingface.co/datasets/ggml-org/ci/resolve/main/wikitext-2-raw-v1.zip",
        "https://wikitext.smerity.com/wikitext-2-raw-v1.zip",
    ),
    megabytes=16,
    instead=_ENGLISH,
    sha256="ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11",
)
WIKITEXT103 = Download(
    "wikitext-103-raw-v1.zip",
    (
        "https://wikitext.smerity.com/wikitext-103-raw-v1.zip",
        "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-103-raw-v1.zip",
    ),
    megabytes=600,
    instead=_ENGLISH,
    sha256="91c00ae287f0d699e18605c84afc9e45c192bc6b7797ff8837e5474655a33794",
)
TEXT8 = Download(
    "text8.zip",
    ("https://mattmahoney.net/dc/text8.zip", "http://mattmahoney.net/dc/text8.zip"),
    megabytes=100,
    instead=_ENGLISH,
    sha256="a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
)
ENWIK8 = Download(
    "enwik8.zip",
    ("https://mattmahoney.net/dc/enwik8.zip", "http://mattmahoney.net/dc/enwik8.zip"),
    megabytes=100,
    instead=_ENGLISH,
    sha256="547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
)
GLOVE = Download(
    "glove.6B.zip",
    (
        "https://nlp.stanford.edu/data/glove.6B.zip",
        "https://huggingface.co/stanfordnlp/glove/resolve/main/glove.6B.zip",
    ),
    megabytes=1100,
    instead=_VECTORS,
    sha256="617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
)
WORDSIM353 = Download(
    "wordsim353.tsv",
    tuple(f"{folder}/wordsim353.tsv" for folder in _GENSIM),
    megabytes=1,
    instead=_VECTORS,
    sha256="f92a022fc2537793a15bc3a8c162ebcd74990e033a228bb6388cb71e4c0b1e1d",
)
ANALOGIES = Download(
    "questions-words.txt",
    tuple(f"{folder}/questions-words.txt" for folder in _GENSIM),
    megabytes=1,
    instead=_VECTORS,
    sha256="8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36",
)
AG_NEWS = {
    split: Download(f"ag_news_{split}.csv", (f"{_AG_NEWS}/{split}.csv",), megabytes=50, instead=_CLASSES)
    for split in ("train", "test")
}
MULTI30K = {
    name: Download(f"multi30k_{name}.gz", (f"{_MULTI30K}/{name}.gz",), megabytes=5, instead=_PAIRS)
    for name in (f"{split}.{language}" for split in ("train", "test_2016_flickr") for language in ("de", "en", "fr"))
}


# ---- text


def tiny_shakespeare(n_chars: int | None = None, held_out: bool = False) -> str:
    """Return plays of Shakespeare, 1.1 MB; the last tenth is held out, as in char-rnn and nanoGPT (Karpathy 2015).

    n_chars   how many characters, from the beginning; None: all there are
    held_out  True: the text to measure with, which is not in the text to train on

    Raises ValueError when there are fewer characters than n_chars, and what `fetch` raises.
    """
    return beginning(_cut(TINY_SHAKESPEARE, "", 0.9, 0.9, held_out), n_chars)


def wikitext2(n_chars: int | None = None, held_out: bool = False) -> str:
    """Return articles of Wikipedia, 11 MB, raw; held out: the test articles (Merity et al. 2016).

    Arguments and errors are those of `tiny_shakespeare`. The validation articles are in neither text.
    """
    member = f"wikitext-2-raw/wiki.{'test' if held_out else 'train'}.raw"
    return beginning(b"".join(lines(WIKITEXT2, member)).decode(), n_chars)


def wikitext103(n_chars: int | None = None, held_out: bool = False) -> str:
    """Return articles of Wikipedia, 540 MB (190 to download), raw; held out: the test articles (Merity et al. 2016).

    Arguments and errors are those of `tiny_shakespeare`. The test articles are the same as those of `wikitext2`.
    """
    member = f"wikitext-103-raw/wiki.{'test' if held_out else 'train'}.raw"
    return beginning(b"".join(lines(WIKITEXT103, member)).decode(), n_chars)


def text8(n_chars: int | None = None, held_out: bool = False) -> str:
    """Return Wikipedia in 27 characters, a–z and the blank: 90 MB; held out: the last 5 MB (Mahoney 2006).

    Arguments and errors are those of `tiny_shakespeare`. The 5 MB between them, for validation, are in neither text.
    """
    return beginning(_cut(TEXT8, "text8", 0.9, 0.95, held_out), n_chars)


def enwik8(n_chars: int | None = None, held_out: bool = False) -> str:
    """Return Wikipedia with its mark-up: 90 MB; held out: the last 5 MB (Mahoney 2006).

    Arguments and errors are those of `tiny_shakespeare`. The 5 MB between them, for validation, are in neither text.
    A character of several bytes through which a border goes is left out.
    """
    return beginning(_cut(ENWIK8, "enwik8", 0.9, 0.95, held_out), n_chars)


def _cut(download: Download, member: str, train: float, test: float, held_out: bool) -> str:
    """Return the part of a text up to the share `train` of its bytes, or that from the share `test` on."""
    content = b"".join(lines(download, member))
    part = content[round(test * len(content)) :] if held_out else content[: round(train * len(content))]
    return part.decode(errors="ignore")


# ---- texts with a class, and pairs to translate


def ag_news(held_out: bool = False) -> list[tuple[str, int]]:
    """Return news items and their class, an index into AG_NEWS_CLASSES: 120,000 to train on, 7,600 held out.

    Raises what `fetch` raises.  Zhang, Zhao and LeCun 2015.
    """
    rows = csv.reader(line.decode() for line in lines(AG_NEWS["test" if held_out else "train"]))
    return [(f"{title} {text}", int(number) - 1) for number, title, text in rows]


def multi30k(source: str = "de", target: str = "en", held_out: bool = False) -> list[tuple[str, str]]:
    """Return descriptions of pictures in two languages, (source, target): 29,000 to train on, 1,000 held out.

    source, target  two different ones of "de", "en", "fr"

    Raises ValueError for other languages, and what `fetch` raises.  Elliott et al. 2016; the test set of 2016.
    """
    if source == target or not {source, target} <= {"de", "en", "fr"}:
        raise ValueError(f"source and target must be two of 'de', 'en', 'fr', got {source!r} and {target!r}")
    split = "test_2016_flickr" if held_out else "train"
    sides = (lines(MULTI30K[f"{split}.{language}"]) for language in (source, target))
    return [(a.decode().strip(), b.decode().strip()) for a, b in zip(*sides, strict=True)]


# ---- word vectors


def word_similarities() -> list[tuple[str, str, float]]:
    """Return WordSim-353: pairs of words and how similar people find them, 0 … 10, for `embeddings.word_similarity`.

    Raises what `fetch` raises.  Finkelstein et al. 2002.
    """
    rows = (line.decode().strip().split("\t") for line in lines(WORDSIM353) if not line.startswith(b"#"))
    return [(a, b, float(value)) for a, b, value in rows]


def analogies() -> dict[str, list[tuple[str, ...]]]:
    """Return Google's analogies: kind → questions (a, b, c, d), where a is to b as c is to d.

    `embeddings.analogy_accuracy` asks the questions of one kind. Raises what `fetch` raises.  Mikolov et al. 2013.
    """
    kinds: dict[str, list[tuple[str, ...]]] = {}
    for line in lines(ANALOGIES):
        first, *rest = line.decode().split()
        if first == ":":
            questions = kinds.setdefault(rest[0], [])
        else:
            questions.append((first, *rest))
    return kinds


def glove(d_model: int = 50, n_words: int = 50_000) -> WordVectors:
    """Return the GloVe vectors of the most frequent words of Wikipedia and Gigaword (862 MB to download).

    d_model  D: 50, 100, 200 or 300
    n_words  how many, from the most frequent on; there are 400,000

    Raises ValueError for another d_model or a number of words that there is not, and what `fetch` raises.
    Pennington, Socher and Manning 2014.
    """
    if d_model not in (50, 100, 200, 300):
        raise ValueError(f"d_model must be 50, 100, 200 or 300, got {d_model}")
    require_counts(n_words=n_words)
    words: list[str] = []
    vectors = np.empty((n_words, d_model), dtype=np.float32)
    for line in lines(GLOVE, f"glove.6B.{d_model}d.txt"):
        word, *numbers = line.decode().rstrip("\n").split(" ")
        vectors[len(words)] = numbers
        words.append(word)
        if len(words) == n_words:
            return WordVectors(words, torch.from_numpy(vectors))
    raise ValueError(f"n_words must be at most the {len(words):,} there are, got {n_words}")
