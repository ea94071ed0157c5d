"""Every model names the ids that it has no vectors for, and what it calls them."""

import pytest
import torch
from torch import nn

from course_lib.attention_lm import AttentionLM
from course_lib.bert import BERTConfig, Classifier, MaskedLM
from course_lib.extrapolation import PositionalLM
from course_lib.gpt import GPT, GPTConfig
from course_lib.ids import look_up
from course_lib.neural import DeepAveragingNetwork
from course_lib.neural_ngram import NeuralNgram
from course_lib.recurrent import RecurrentLM
from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig
from course_lib.transformer import Transformer, TransformerConfig

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
    "shared": lambda: Transformer(TransformerConfig(V, V, 8, 2, 1, 8, share_embeddings=True)),
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
