"""The questions about sentences have the answers that the language gives."""

import math

import pytest
import torch

from course_lib.data.mouse_and_cheese import MouseAndCheese
from course_lib.data.sentence_tasks import ANIMAL_NAMES, agreement, hidden_animals, padded, person_or_animal


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_features_are_standardised_and_labels_are_the_subjects():
    texts, x, labels = person_or_animal(300, seeded())
    torch.testing.assert_close(x.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std(0), torch.ones(2))
    assert all(label == 0 for text, label in zip(texts, labels) if text.startswith(("the mouse", "the cats")))
    assert all(label == 1 for text, label in zip(texts, labels) if text.startswith(("the baker", "the teachers")))


def test_the_exact_probabilities_of_a_hidden_animal_are_distributions_that_predict_it():
    texts, targets, exact = hidden_animals(200, seeded())
    torch.testing.assert_close(exact.sum(1), torch.ones(200, dtype=torch.float64))
    assert all("???" in text for text in texts)
    surprise = -exact[torch.arange(200), targets].log().mean().item()
    assert 0.9 * surprise < -(exact.clamp(min=1e-300).log() * exact).sum(1).mean() < 1.1 * surprise < math.log(15)
    assert len(ANIMAL_NAMES) == 15


def test_of_two_twins_one_is_possible():
    texts, labels = agreement(40, seeded())
    language = MouseAndCheese()
    for text, label in zip(texts, labels):
        assert (language.log_prob(language.encode(text + " <eos>")) > -math.inf) == bool(label)
    assert labels.sum() == 20
    with pytest.raises(ValueError, match="multiple of 4"):
        agreement(6, seeded())


def test_short_sentences_are_filled_up():
    assert padded(["a b", "b"], {"a": 1, "b": 2}, pad_id=9).tolist() == [[1, 2], [2, 9]]
