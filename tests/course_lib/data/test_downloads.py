"""The classics, from small files of the same form put into the cache; nothing here asks the internet."""

import gzip
import hashlib
import socket
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from course_lib import store
from course_lib.data import downloads
from course_lib.data.downloads import (
    ag_news,
    analogies,
    enwik8,
    glove,
    multi30k,
    text8,
    tiny_shakespeare,
    wikitext2,
    wikitext103,
    word_similarities,
)
from course_lib.data.fetch import Download
from course_lib.embeddings import analogy_accuracy, word_similarity

DESCRIBED = [value for value in vars(downloads).values() if isinstance(value, Download)]
DESCRIBED += [*downloads.AG_NEWS.values(), *downloads.MULTI30K.values()]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def cache(name: str, content: str | dict[str, str]) -> None:
    """Put a file into the cache, packed as its name says."""
    path = store.folder() / "downloads" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        with zipfile.ZipFile(path, "w") as archive:
            for member, text in content.items():
                archive.writestr(member, text)
    else:
        path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())


def test_the_last_tenth_of_shakespeare_is_held_out():
    cache("tiny_shakespeare.txt", "".join(f"{i:02}" for i in range(50)))
    assert tiny_shakespeare().endswith("44") and tiny_shakespeare(held_out=True) == "4546474849"
    assert tiny_shakespeare(4) == "0001" and tiny_shakespeare(2, held_out=True) == "45"
    with pytest.raises(ValueError, match="n_chars must be between 1 and the 90"):
        tiny_shakespeare(91)


@pytest.mark.parametrize(("corpus", "name"), [(wikitext2, "wikitext-2-raw"), (wikitext103, "wikitext-103-raw")])
def test_wikitexts_test_articles_are_held_out(corpus, name):
    splits = {f"{name}/wiki.{split}.raw": f" = {split} = \n é @-@ x" for split in ("train", "valid", "test")}
    cache(f"{name}-v1.zip", splits)
    assert corpus() == " = train = \n é @-@ x" and corpus(held_out=True) == " = test = \n é @-@ x"


@pytest.mark.parametrize(("corpus", "name"), [(text8, "text8"), (enwik8, "enwik8")])
def test_of_mahoneys_texts_ninety_parts_train_and_the_last_five_are_held_out(corpus, name):
    cache(f"{name}.zip", {name: "t" * 90 + "v" * 5 + "h" * 5})
    assert corpus() == "t" * 90 and corpus(held_out=True) == "hhhhh"


def test_a_character_through_which_the_border_goes_is_left_out():
    cache("enwik8.zip", {"enwik8": "t" * 89 + "é" + "v" * 3 + "é" + "h" * 4})  # 100 bytes, each é has two
    assert enwik8() == "t" * 89 and enwik8(held_out=True) == "hhhh"


def test_news_have_a_title_a_text_and_a_class():
    cache("ag_news_train.csv", '"3","Wall St. Bears","They said ""no"", twice"\n"1","Peace","At last"\n')
    cache("ag_news_test.csv", '"4","Moon","Landed"\n')
    assert ag_news() == [('Wall St. Bears They said "no", twice', 2), ("Peace At last", 0)]
    assert [downloads.AG_NEWS_CLASSES[label] for _, label in ag_news(held_out=True)] == ["science and technology"]


def test_pairs_to_translate_have_their_two_languages_in_the_order_asked_for():
    cache("multi30k_train.de.gz", "Zwei Männer.\nEin Hund.\n")
    cache("multi30k_train.en.gz", "Two men.\nA dog.\n")
    assert multi30k() == [("Zwei Männer.", "Two men."), ("Ein Hund.", "A dog.")]
    assert multi30k("en", "de")[1] == ("A dog.", "Ein Hund.")
    cache("multi30k_test_2016_flickr.de.gz", "Eins.\n")
    cache("multi30k_test_2016_flickr.en.gz", "One.\nTwo.\n")
    with pytest.raises(ValueError, match="zip"):
        multi30k(held_out=True)
    for languages in (("de", "cs"), ("en", "en")):
        with pytest.raises(ValueError, match="source and target must be two of"):
            multi30k(*languages)


def test_word_vectors_similarities_and_analogies_fit_together():
    words = {"king": (1, 1), "queen": (1, -1), "man": (3, 1), "woman": (3, -1)}
    cache("glove.6B.zip", {"glove.6B.50d.txt": "".join(f"{w} {a} {b}{' 0.5' * 48}\n" for w, (a, b) in words.items())})
    cache("wordsim353.tsv", "# a comment\n# Word 1\tWord 2\tHuman (mean)\nking\tqueen\t8.58\nman\tqueen\t1.5\n")
    cache("questions-words.txt", ": family\nking queen man woman\n: gram1\nman men king kings\nman woman king queen\n")
    vectors = glove(n_words=4)
    assert vectors.words == list(words) and vectors["man"].tolist() == [3, 1, *[0.5] * 48]
    assert vectors.vectors.dtype == torch.float32 and len(glove(n_words=2)) == 2
    assert word_similarities() == [("king", "queen", 8.58), ("man", "queen", 1.5)]
    assert word_similarity(vectors, word_similarities())[1] == 1
    assert list(analogies()) == ["family", "gram1"] and len(analogies()["gram1"]) == 2
    assert analogy_accuracy(vectors, analogies()["family"]) == (1.0, 1.0)
    with pytest.raises(ValueError, match="n_words must be at most the 4"):
        glove(n_words=5)
    with pytest.raises(ValueError, match="n_words must be at least 1"):
        glove(n_words=0)
    with pytest.raises(ValueError, match="d_model must be 50, 100, 200 or 300, got 64"):
        glove(64)


@pytest.mark.parametrize("download", DESCRIBED, ids=lambda download: download.name)
def test_each_is_described_so_that_it_can_be_had_checked_and_done_without(download):
    assert all(url.startswith("https://") or download.sha256 for url in download.urls)
    assert download.sha256 is None or len(bytes.fromhex(download.sha256)) == 32
    assert "offline" in download.instead


def test_no_two_share_a_place_in_the_cache():
    assert len({download.name for download in DESCRIBED}) == len(DESCRIBED) == 16


@pytest.mark.skipif(not find_spec("gensim"), reason="gensim is not installed; it has no wheel for Python 3.14")
def test_the_real_files_that_gensim_brings_along_have_the_checksums_and_the_form():
    source = Path(find_spec("gensim").origin).parent / "test" / "test_data"  # found without importing it
    for download in (downloads.WORDSIM353, downloads.ANALOGIES):
        content = (source / download.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == download.sha256
        cache(download.name, content.decode())
    assert len(word_similarities()) == 353 and ("tiger", "cat", 7.35) in word_similarities()
    kinds = analogies()
    assert len(kinds) == 14 and sum(map(len, kinds.values())) == 19_544
    assert {len(question) for questions in kinds.values() for question in questions} == {4}
    assert kinds["family"][0] == ("boy", "girl", "brother", "sister")


def test_offline_each_says_what_serves_instead():
    for corpus in (tiny_shakespeare, text8, enwik8, wikitext2, wikitext103):
        with pytest.raises(ConnectionError, match=r"corpora.english\(\) gives English text offline"):
            corpus()
    with pytest.raises(ConnectionError, match=r"course_lib\.data\.tasks"):
        multi30k()
