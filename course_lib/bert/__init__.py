"""BERT and its relatives: an encoder that looks both ways, and what it is asked so that it learns."""

from course_lib.bert.model import BERT, BERTConfig, Classifier, MaskedLM, pooled_classifier
from course_lib.bert.objectives import (
    IGNORED,
    mask_tokens,
    mlm_loss,
    random_spans,
    replaced_token_detection,
    replaced_token_loss,
    span_corruption,
)
from course_lib.bert.weights import classifier_from_bert, masked_lm_from_bert

__all__ = [
    "BERT", "IGNORED", "BERTConfig", "Classifier", "MaskedLM", "classifier_from_bert", "mask_tokens",
    "masked_lm_from_bert", "mlm_loss", "pooled_classifier", "random_spans", "replaced_token_detection",
    "replaced_token_loss", "span_corruption",
]  # fmt: skip
