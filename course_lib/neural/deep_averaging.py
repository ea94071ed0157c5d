"""The deep averaging network: a text is the mean of its words' vectors, read by a network (Iyyer et al. 2015).

The order of the words is lost, and for many classifications little is lost with it. A batch holds texts of different
lengths, filled up with padding, which must count neither in the sum nor in the number that divides it.
"""

import itertools

import torch
from torch import Tensor, nn

from course_lib.arguments import require_counts, require_probability
from course_lib.ids import look_up


def mean_of_words(vectors: Tensor, mask: Tensor) -> Tensor:
    """Return the mean vector of the words that count.

    vectors  (B, T, D)
    mask     (B, T) boolean, True = a word that counts
    returns  (B, D); zeros where none counts

    Raises TypeError for a mask that is not boolean, ValueError for shapes that do not fit.

    >>> mean_of_words(torch.tensor([[[2.0], [4.0], [9.0]]]), torch.tensor([[True, True, False]]))
    tensor([[3.]])
    """
    if mask.dtype != torch.bool:
        raise TypeError(f"mask must be boolean, True = counts, got {mask.dtype}")
    if mask.shape != vectors.shape[:-1]:
        raise ValueError(f"mask must have the shape {tuple(vectors.shape[:-1])}, got {tuple(mask.shape)}")
    count = mask.sum(-1, keepdim=True).clamp(min=1)  # (B, 1)
    return vectors.masked_fill(~mask[..., None], 0.0).sum(-2) / count


def drop_words(mask: Tensor, dropout: float, generator: torch.Generator | None = None) -> Tensor:
    """Return the mask with some of the words taken out, as if they had not been written: word dropout.

    mask       (B, T) boolean, True = a word
    dropout    probability that a word is left out; each is drawn for itself
    generator  source of the draws, on the mask's device; None: torch's global one
    returns    (B, T) boolean. A text of which nothing would be left keeps all its words

    What is left is averaged by its own number, so nothing has to be rescaled, in training or after.
    Raises ValueError for a dropout outside [0, 1].  §3 of Iyyer et al. 2015.
    """
    require_probability(dropout=dropout)
    kept = mask & (torch.rand(mask.shape, generator=generator, device=mask.device) >= dropout)
    return torch.where(kept.any(-1, keepdim=True), kept, mask)


class DeepAveragingNetwork(nn.Module):
    """Classify a text by the mean of its words' vectors and a few layers on top of it.

    vocab_size    V, the padding's id included
    n_classes     C
    d_model       D, features of a word
    d_hidden      features of a hidden layer
    n_layers      number of hidden layers, each with a ReLU; 0 makes a linear classifier of the mean
    word_dropout  probability of leaving out a word, in training only
    pad_id        the id that fills short texts up

    Raises ValueError for sizes that make no sense and a word_dropout outside [0, 1].
    """

    def __init__(
        self,
        vocab_size: int,
        n_classes: int,
        d_model: int = 64,
        d_hidden: int = 64,
        n_layers: int = 2,
        word_dropout: float = 0.0,
        pad_id: int = 0,
    ) -> None:
        super().__init__()
        require_counts(vocab_size=vocab_size, n_classes=n_classes, d_model=d_model, d_hidden=d_hidden)
        require_counts(0, n_layers=n_layers)
        require_probability(word_dropout=word_dropout)
        self.word_dropout, self.pad_id = word_dropout, pad_id
        self.words = nn.Embedding(vocab_size, d_model)
        sizes = [d_model] + [d_hidden] * n_layers
        self.hidden = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in itertools.pairwise(sizes))
        self.to_logits = nn.Linear(sizes[-1], n_classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits of the classes: ids (B, T), padded with pad_id → (B, C)."""
        mask = ids != self.pad_id
        if self.training and self.word_dropout > 0:
            mask = drop_words(mask, self.word_dropout)
        h = mean_of_words(look_up(self.words, ids), mask)
        for layer in self.hidden:
            h = layer(h).relu()
        return self.to_logits(h)
