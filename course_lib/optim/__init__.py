"""Optimisers: the steps as pure functions, torch.optim.Optimizer classes made of them, clipping and schedules."""

from course_lib.optim.clipping import clip_grad_norm
from course_lib.optim.muon import Muon, muon_step, newton_schulz
from course_lib.optim.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, RMSprop
from course_lib.optim.schedules import (
    Schedule,
    cosine_schedule,
    inverse_sqrt,
    linear_warmup,
    step_schedule,
    warmup_cosine,
)
from course_lib.optim.update_rules import adagrad_step, adam_step, adamw_step, momentum_step, rmsprop_step, sgd_step

__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "Momentum", "Muon", "RMSprop", "Schedule",
    "adagrad_step", "adam_step", "adamw_step", "clip_grad_norm", "cosine_schedule", "inverse_sqrt", "linear_warmup",
    "momentum_step", "muon_step", "newton_schulz", "rmsprop_step", "sgd_step", "step_schedule", "warmup_cosine",
]  # fmt: skip
