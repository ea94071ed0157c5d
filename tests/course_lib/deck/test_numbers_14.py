"""The numbers on the cards of lesson 14."""

import math

import pytest
import torch
import torch.nn.functional as F

from course_lib.deck import DECK
from course_lib.positions import sinusoidal
from course_lib.transformer import EncoderLayer, label_smoothing

CARDS = {card.id: card for card in DECK if card.lesson == "14_transformer"}


def test_the_layer_norm_of_four_numbers():
    x = torch.tensor([2.0, 4, 4, 6])
    assert F.layer_norm(x, (4,)).tolist() == pytest.approx([-1.414, 0, 0, 1.414], abs=5e-4)
    assert (x.mean(), x.var(unbiased=False)) == (4, 2)


def test_two_thirds_of_the_matrices_are_feed_forward():
    layer, d = EncoderLayer(64, 4, 256), 64
    matrices = {name: p.numel() for name, p in layer.named_parameters() if p.ndim == 2}
    network = sum(n for name, n in matrices.items() if name.startswith("feed_forward"))
    assert (network, sum(matrices.values())) == (8 * d**2, 12 * d**2)


def test_the_spread_of_tokens_and_sinusoids():
    assert f"deviation of {math.sqrt(512):.1f}, sinusoids" in CARDS["embedding_scale"].answer
    assert f"sinusoids of about {sinusoidal(50, 512).std():.1f}" in CARDS["embedding_scale"].answer


def test_the_floor_of_label_smoothing():
    perfect = torch.tensor([[0.9, 0.1]]).log()
    loss = label_smoothing(perfect, torch.tensor([0]), smoothing=0.2, pad_id=9)
    assert CARDS["smoothing_floor"].answer.startswith(f"{loss:.3f} nats")
