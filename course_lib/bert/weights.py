"""Published weights in the course's BERT: state dicts of Hugging Face's, renamed.

Nothing is downloaded: you bring the state dict and the settings, of files that you have or of a `transformers` model:

    masked_lm_from_bert(model.state_dict(), config=model.config.to_dict())

All matrices have the same layout as ours. Of its heads a file may have more than the model needs: they are left out.
What no tensor tells is in the settings: see `course_lib.checkpoint_settings`. Without them the number of heads must be
given, the published models' values are taken for the rest, and nothing can be refused.
"""

from typing import TypeVar

import torch
from torch import Tensor, nn

from course_lib.bert.model import BERTConfig, Classifier, MaskedLM
from course_lib.checkpoint_settings import Settings, require_settings, require_sizes, setting

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
_SETTINGS = {
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": (None, "absolute"),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
}
# other heads; the positions' numbers are 0, 1, 2 …
_NOT_NEEDED = ("cls.", "pooler.", "classifier.", "transform.", "norm.", "bias", "bert.embeddings.position_ids")


def masked_lm_from_bert(
    state_dict: StateDict, n_heads: int | None = None, *, config: Settings | None = None
) -> MaskedLM:
    """Return a MaskedLM with the weights of a Hugging Face BERT, in eval mode.

    state_dict  of a BertForMaskedLM or BertForPreTraining; the sizes are read off
    n_heads     H, if config does not tell it (12 for the base model)
    config      the checkpoint's settings. None: those of the published models are assumed, unchecked

    The dtype is that of the state dict. Raises ValueError when a tensor is missing, left over or of another size, when
    the output matrix is not the token embedding (a `MaskedLM` has no other), when config contradicts the tensors or
    n_heads, and when it asks for what this BERT does not have.
    """
    weights = _renamed(state_dict)
    model = _filled(MaskedLM(_config(weights, n_heads, config)), weights)
    for kind, ours in (("weight", "bert.tokens.weight"), ("bias", "bias")):
        theirs = f"cls.predictions.decoder.{kind}"
        if theirs in weights and not weights[theirs].equal(_take(weights, ours)):
            raise ValueError(f"{theirs!r} must be what we call {ours!r}, got another tensor: the model is not tied")
    return model


def classifier_from_bert(
    state_dict: StateDict,
    n_heads: int | None,
    n_classes: int,
    generator: torch.Generator | None = None,
    *,
    config: Settings | None = None,
) -> Classifier:
    """Return a Classifier with the weights of a Hugging Face BERT, in eval mode.

    state_dict  of a BertModel, BertForPreTraining or BertForSequenceClassification; the sizes are read off
    n_heads     H (12 for the base model); None: config tells it
    n_classes   where the state dict has no classifier, a new one starts with random weights
    generator   of those; None: torch's global one
    config      the checkpoint's settings. None: those of the published models are assumed, unchecked

    The dtype is that of the state dict. Raises ValueError when a tensor is missing, left over, or of another size, when
    config contradicts the tensors or n_heads, and when it asks for what this BERT does not have.
    """
    weights = _renamed(state_dict)
    model = Classifier(_config(weights, n_heads, config), n_classes, generator)
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


def _config(weights: StateDict, n_heads: int | None, config: Settings | None) -> BERTConfig:
    require_settings(config, _SETTINGS)
    if config is not None and config.get("pad_token_id", 0) is None:
        raise ValueError("config['pad_token_id'] must be an id, got None: this model always hides one")
    names = ("tokens.weight", "positions.weight", "token_types.weight", "encoder.layers.0.feed_forward.0.bias")
    tokens, positions, token_types, hidden = (_take(weights, f"bert.{name}") for name in names)
    vocab_size, d_model = tokens.shape
    sizes = BERTConfig(
        vocab_size=vocab_size,
        seq_len=len(positions),
        d_model=d_model,
        n_heads=setting(config, "num_attention_heads", n_heads, "n_heads"),
        n_layers=sum(name.endswith("feed_forward.0.bias") for name in weights),
        d_ff=len(hidden),
        n_token_types=len(token_types),
        pad_id=setting(config, "pad_token_id", None, "pad_id", 0),
        norm_eps=setting(config, "layer_norm_eps", None, "norm_eps", 1e-12),
    )
    require_sizes(config, vocab_size=vocab_size, hidden_size=d_model, num_hidden_layers=sizes.n_layers)
    require_sizes(config, intermediate_size=sizes.d_ff, type_vocab_size=sizes.n_token_types)
    require_sizes(config, max_position_embeddings=sizes.seq_len)
    return sizes


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
