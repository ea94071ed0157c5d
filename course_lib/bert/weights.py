"""Published weights in the course's BERT: state dicts of Hugging Face's, renamed.

Nothing is downloaded: you bring the state dict (of a file that you have, or of a `transformers` model). All matrices
have the same layout as ours. Of its heads a file may have more than the model needs: they are left out.
"""

from typing import TypeVar

import torch
from torch import Tensor, nn

from course_lib.bert.model import BERTConfig, Classifier, MaskedLM

StateDict = dict[str, Tensor]
Model = TypeVar("Model", bound=nn.Module)

# theirs → ours, in this order
_NAMES = [
    ("LayerNorm.gamma", "LayerNorm.weight"),  # in the oldest files
    ("LayerNorm.beta", "LayerNorm.bias"),
    ("embeddings.word_embeddings", "tokens"),
    ("embeddings.position_embeddings", "positions"),
    ("embeddings.token_type_embeddings", "token_types"),
    ("embeddings.LayerNorm", "norm"),
    ("encoder.layer.", "encoder.layers."),
    ("attention.self.query", "self_attention.q_proj"),
    ("attention.self.key", "self_attention.k_proj"),
    ("attention.self.value", "self_attention.v_proj"),
    ("attention.output.dense", "self_attention.out_proj"),
    ("attention.output.LayerNorm", "norm1"),
    ("intermediate.dense", "feed_forward.0"),
    ("output.dense", "feed_forward.2"),
    ("output.LayerNorm", "norm2"),
    ("bert.pooler.dense", "pooler"),
    ("cls.predictions.transform.dense", "transform"),
    ("cls.predictions.transform.LayerNorm", "norm"),
    ("cls.predictions.bias", "bias"),
]
# the output matrix is the token embedding, the positions' numbers are 0, 1, 2 …
_NOT_NEEDED = ("cls.", "pooler.", "classifier.", "transform.", "norm.", "bias", "bert.embeddings.position_ids")


def masked_lm_from_bert(state_dict: StateDict, n_heads: int) -> MaskedLM:
    """Return a MaskedLM with the weights of a Hugging Face BERT, in eval mode.

    state_dict  of a BertForMaskedLM or BertForPreTraining; the sizes are read off
    n_heads     H; no tensor tells it (12 for the base model)

    The dtype is that of the state dict. Raises ValueError when a tensor is missing or left over.
    """
    weights = _renamed(state_dict)
    return _filled(MaskedLM(_config(weights, n_heads)), weights)


def classifier_from_bert(
    state_dict: StateDict, n_heads: int, n_classes: int, generator: torch.Generator | None = None
) -> Classifier:
    """Return a Classifier with the weights of a Hugging Face BERT, in eval mode.

    state_dict  of a BertModel, BertForPreTraining or BertForSequenceClassification; the sizes are read off
    n_heads     H; no tensor tells it (12 for the base model)
    n_classes   where the state dict has no classifier, a new one starts with random weights
    generator   of those; None: torch's global one

    The dtype is that of the state dict. Raises ValueError when a tensor is missing, left over, or of another size.
    """
    weights = _renamed(state_dict)
    model = Classifier(_config(weights, n_heads), n_classes, generator)
    fresh = {f"classifier.{name}": tensor for name, tensor in model.classifier.state_dict().items()}
    return _filled(model, fresh | weights)


def _renamed(state_dict: StateDict) -> StateDict:
    renamed = {}
    for name, tensor in state_dict.items():
        if not name.startswith(("bert.", "cls.", "classifier.")):  # of a BertModel alone
            name = f"bert.{name}"
        for theirs, ours in _NAMES:
            name = name.replace(theirs, ours)
        renamed[name] = tensor
    return renamed


def _config(weights: StateDict, n_heads: int) -> BERTConfig:
    sizes = ("tokens.weight", "positions.weight", "token_types.weight", "encoder.layers.0.feed_forward.0.bias")
    tokens, positions, token_types, hidden = (_take(weights, f"bert.{name}") for name in sizes)
    vocab_size, d_model = tokens.shape
    return BERTConfig(
        vocab_size=vocab_size,
        seq_len=len(positions),
        d_model=d_model,
        n_heads=n_heads,
        n_layers=sum(name.endswith("feed_forward.0.bias") for name in weights),
        d_ff=len(hidden),
        n_token_types=len(token_types),
    )


def _take(weights: StateDict, name: str) -> Tensor:
    if name not in weights:
        raise ValueError(f"state_dict must have what we call {name!r}, got {sorted(weights)[:5]} …")
    return weights[name]


def _filled(model: Model, weights: StateDict) -> Model:
    own = model.state_dict()
    for name, tensor in own.items():
        if _take(weights, name).shape != tensor.shape:
            raise ValueError(f"{name} must have the shape {tuple(tensor.shape)}, got {tuple(weights[name].shape)}")
    left = [name for name in weights if name not in own and not name.startswith(_NOT_NEEDED)]
    if left:
        raise ValueError(f"state_dict has tensors that the model has no place for: {sorted(left)[:5]}")
    model.to(weights["bert.tokens.weight"].dtype).load_state_dict({name: weights[name] for name in own})
    return model.eval()
