import torch

from course_lib.embeddings import Vocabulary, Word2Vec
from course_lib.widgets.embeddings import map_explorer, watch_map

SENTENCES = [["the", "cat", "eats", "fish"], ["the", "dog", "eats", "meat"]] * 20


def snapshots():
    vocabulary = Vocabulary.from_sentences(SENTENCES)
    model = Word2Vec(vocabulary.encode(SENTENCES), vocabulary, 4, torch.Generator().manual_seed(0), epochs=5)
    words = ["cat", "dog", "eats"]
    ids = [vocabulary.ids[word] for word in words]
    return words, list(watch_map(model, ids, words, ["noun", "noun", "verb"], every=2)), model, ids


def test_watching_trains_to_the_end_and_passes_on_first_and_last_vectors():
    _, seen, model, ids = snapshots()
    assert [number for number, _ in seen] == [0, 2, 4, 5]
    assert torch.equal(seen[-1][1], model.inputs.rows[ids])
    assert not torch.equal(seen[0][1], seen[-1][1])


def test_the_explorer_begins_at_the_last_snapshot_and_goes_back():
    words, seen, _, _ = snapshots()
    box = map_explorer(seen, words, ["noun", "noun", "verb"])
    play, (slider,), picture = box.children[0], box.children[1].children, box.children[2]
    assert slider.value == play.max == 3
    last = picture.value
    slider.value = 0
    assert picture.value != last
    assert "<img" in box.still
