"""Every model names the ids that it has no vectors for, and what it calls them."""

import pytest
import torch
from torch import nn

from course_lib.alignment import sft_loss, token_log_probs
from course_lib.attention_lm import AttentionLM
from course_lib.bert import BERTConfig, Classifier, MaskedLM, mlm_loss
from course_lib.cross_entropy import chunked_cross_entropy
from course_lib.extrapolation import PositionalLM, loss_by_position
from course_lib.gpt import GPT, GPTConfig
from course_lib.ids import IGNORED, look_up
from course_lib.information import categorical_cross_entropy
from course_lib.language_model import nats_per_token, next_token_loss
from course_lib.neural import DeepAveragingNetwork
from course_lib.neural_ngram import NeuralNgram
from course_lib.recurrent import ConsecutiveWindows, RecurrentLM
from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig, masked_nll
from course_lib.transformer import Transformer, TransformerConfig, label_smoothing

V = 7
MODELS = {
    "GPT": lambda: GPT(GPTConfig(V, 8, 8, 2, 1)),
    "RecurrentLM": lambda: RecurrentLM(V, d_model=4, d_hidden=4),
    "NeuralNgram": lambda: NeuralNgram(V, d_model=4, d_hidden=4),
    "AttentionLM": lambda: AttentionLM(V, 8, 8, 2, 1),
    "PositionalLM": lambda: PositionalLM(V, "none", 8, 8, 2, 1),
    "MaskedLM": lambda: MaskedLM(BERTConfig(V, 8, 8, 2, 1, 8)),
    "Classifier": lambda: Classifier(BERTConfig(V, 8, 8, 2, 1, 8), 2),
    "DeepAveragingNetwork": lambda: DeepAveragingNetwork(V, 2, 4, 4),
}
PAIRS = {
    "Transformer": lambda: Transformer(TransformerConfig(V, V, 8, 2, 1, 8)),
    "shared": lambda: Transformer(TransformerConfig(V, V, 8, 2, 1, 8, tied=True)),
    "Seq2Seq": lambda: Seq2Seq(Seq2SeqConfig(V, V, d_model=4, d_hidden=4)),
}
KNOWN = torch.tensor([[1, 2, 6]])


@pytest.mark.parametrize("wrong", [V, -1])
@pytest.mark.parametrize("name", MODELS)
def test_an_id_outside_the_vocabulary_is_named(name, wrong):
    model = MODELS[name]()
    model(KNOWN)
    low, high = min(wrong, 2), max(wrong, 6)
    with pytest.raises(ValueError, match=f"^ids must be from 0 to 6, got {low} to {high}$"):
        model(torch.tensor([[wrong, 2, 6]]))


@pytest.mark.parametrize("name", PAIRS)
def test_of_two_sequences_the_one_with_the_unknown_id_is_named(name):
    model = PAIRS[name]()
    model(KNOWN, KNOWN)
    with pytest.raises(ValueError, match=r"^source must be from 0 to 6, got 7 to 7$"):
        model(torch.tensor([[7, 7]]), KNOWN)
    with pytest.raises(ValueError, match=r"^target must be from 0 to 6, got 1 to 9$"):
        model(KNOWN, torch.tensor([[1, 9]]))


def test_what_is_no_integer_and_token_types_are_named_too():
    with pytest.raises(ValueError, match=r"ids must be integers, got torch\.float32"):
        MODELS["GPT"]()(torch.ones(1, 3))
    with pytest.raises(ValueError, match="token_types must be from 0 to 1, got 2 to 2"):
        MODELS["MaskedLM"]()(KNOWN, torch.full((1, 3), 2))
    table = nn.Embedding(3, 2)
    assert look_up(table, torch.tensor([[2, 0]])).equal(table.weight[[2, 0]][None])


LOGITS = torch.randn(1, 3, V, generator=torch.Generator().manual_seed(0))
HIDDEN, TABLE = torch.ones(3, 2), torch.ones(V, 2)
REPLY = torch.tensor([[False, True, True]])


def of_windows(loss):
    """A loss that takes a model and a stream of ids: the model knows them all but, at times, the last."""
    return lambda targets: loss(MODELS["RecurrentLM"](), torch.cat([torch.tensor([1, 2]), targets[0]]))


LOSSES = {
    "labels masked_nll": lambda targets: masked_nll(LOGITS, targets),
    "labels label_smoothing": lambda targets: label_smoothing(LOGITS, targets),
    "labels mlm_loss": lambda targets: mlm_loss(LOGITS, targets),
    "targets categorical_cross_entropy": lambda targets: categorical_cross_entropy(LOGITS, targets),
    "targets chunked_cross_entropy": lambda targets: chunked_cross_entropy(HIDDEN, TABLE, targets[0]),
    "ids sft_loss": lambda targets: sft_loss(LOGITS, targets, REPLY),
    "ids token_log_probs": lambda targets: token_log_probs(LOGITS, targets),
    "windows next_token_loss": of_windows(lambda model, ids: next_token_loss(model, ids[None])),
    "windows ConsecutiveWindows": of_windows(lambda model, ids: ConsecutiveWindows(ids, 1, 2).loss(model, ids[None])),
    "tokens nats_per_token": of_windows(lambda model, ids: nats_per_token(model, ids, 2)),
    "tokens loss_by_position": of_windows(lambda model, ids: loss_by_position(model, ids, 4)),
}  # fmt: skip


@pytest.mark.parametrize("wrong", [V, -1])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_target_outside_the_vocabulary_is_named_by_every_loss(loss, wrong):
    LOSSES[loss](torch.tensor([[2, 6, 1]]))
    name = loss.partition(" ")[0]
    with pytest.raises(ValueError, match=f"^{name} must be from 0 to 6, got .*{wrong}"):
        LOSSES[loss](torch.tensor([[2, 6, wrong]]))


def test_what_does_not_count_may_lie_outside_the_vocabulary_whatever_the_loss_calls_it():
    targets = torch.tensor([[3, 5, 99]])
    expected = nn.functional.cross_entropy(LOGITS[0, :2], targets[0, :2])
    torch.testing.assert_close(masked_nll(LOGITS, targets, pad_id=99), expected)
    torch.testing.assert_close(label_smoothing(LOGITS, targets, 0.0, pad_id=99), expected)
    torch.testing.assert_close(mlm_loss(LOGITS, targets.masked_fill(targets == 99, IGNORED)), expected)
    sft_loss(LOGITS, torch.tensor([[99, 3, 5]]), REPLY)  # what the model did not have to say


def test_targets_are_integers():
    with pytest.raises(ValueError, match=r"^labels must be integers, got torch\.float32$"):
        masked_nll(LOGITS, torch.ones(1, 3))
