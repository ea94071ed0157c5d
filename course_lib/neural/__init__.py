"""Networks without memory: linear classifiers, activations, the multilayer perceptron by hand, averaged words."""

from course_lib.neural.activations import ACTIVATIONS, gelu, gelu_slope, relu, relu_slope, sigmoid_slope, tanh_slope
from course_lib.neural.batches import minibatches
from course_lib.neural.deep_averaging import DeepAveragingNetwork, drop_words, mean_of_words
from course_lib.neural.linear import (
    fit_logistic,
    logistic_grad,
    logistic_loss,
    logits_grad,
    softmax_grad,
    softmax_loss,
)
from course_lib.neural.mlp import MLPGradients, mlp_backward, mlp_forward, mlp_layers

__all__ = [
    "ACTIVATIONS", "DeepAveragingNetwork", "MLPGradients", "drop_words", "fit_logistic", "gelu", "gelu_slope",
    "logistic_grad", "logistic_loss", "logits_grad", "mean_of_words", "minibatches", "mlp_backward", "mlp_forward",
    "mlp_layers", "relu", "relu_slope", "sigmoid_slope", "softmax_grad", "softmax_loss", "tanh_slope",
]  # fmt: skip
