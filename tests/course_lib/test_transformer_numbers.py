"""The numbers in the prose of lesson 14 that no cell of it computes."""

import math

import pytest
import torch
import torch.nn.functional as F

from course_lib.data.tasks import Dates
from course_lib.data.tasks.dates import NOTATIONS, YEARS
from course_lib.transformer import EncoderLayer, add_and_norm, label_smoothing

X = torch.tensor([2.0, 4.0, 4.0, 6.0])
NORMALISED = torch.tensor([-1.414, 0.0, 0.0, 1.414])


def norm(x):
    return F.layer_norm(x, (4,))


def test_layer_norm_by_hand():
    assert X.mean() == 4 and X.var(unbiased=False) == 2
    torch.testing.assert_close(norm(X), NORMALISED, atol=1e-3, rtol=0)


def test_add_and_norm_by_hand():
    torch.testing.assert_close(add_and_norm(X, lambda x: 2 * x, norm), NORMALISED, atol=1e-3, rtol=0)
    pre = add_and_norm(X, lambda x: 2 * x, norm, pre_norm=True)
    torch.testing.assert_close(pre, torch.tensor([-0.828, 4.0, 4.0, 8.828]), atol=1e-3, rtol=0)


def test_parameters_by_hand():
    layer = EncoderLayer(4, 2, 16)
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in layer.named_children()}
    assert counts == {"self_attention": 80, "feed_forward": 148, "norm1": 8, "norm2": 8}
    assert sum(counts.values()) == 244


def test_label_smoothing_by_hand():
    of_label, spread = -0.9 * math.log(0.7), -0.025 * (math.log(0.7) + 3 * math.log(0.1))
    assert (round(of_label, 3), round(spread, 3), round(-math.log(0.7), 3)) == (0.321, 0.182, 0.357)
    loss = label_smoothing(torch.tensor([[0.7, 0.1, 0.1, 0.1]]).log(), torch.tensor([0]), pad_id=3)
    assert loss.item() == pytest.approx(0.503, abs=5e-4)


def test_the_scale_of_embeddings_and_the_price_of_guessing():
    assert math.sqrt(512) == pytest.approx(22.6, abs=0.05)
    assert math.log(8) == pytest.approx(2.079, abs=5e-4)


def test_the_dates_of_the_lesson():
    task = Dates()
    assert len(NOTATIONS) == 11
    assert sum(366 if y % 4 == 0 and (y % 100 or y % 400 == 0) else 365 for y in YEARS) // 1000 == 73
    assert task.is_held_out("March 5th, 2025", "2025-03-05")
    assert len("2025-03-05") == 10
