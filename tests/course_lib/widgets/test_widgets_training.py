"""Watching a training run changes nothing about it, and leaves a picture and a sentence behind."""

import torch
from torch import nn

from course_lib.train import Trainer
from course_lib.widgets.training import watch


def trainer(steps=30):
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    return Trainer(model, lambda g: torch.randn(8, 2, generator=g), lambda m, x: m(x).square().mean(), steps=steps)


def test_it_passes_every_step_on_and_says_what_was_reached(capsys):
    watched, alone = trainer(), trainer()
    assert [s.loss for s in watch(watched, "toy", unit="squared error")] == [s.loss for s in alone]
    said = capsys.readouterr().out
    assert "toy: 30 updates in " in said and "squared error" in said
    assert "[figure: Loss against updates" in said


def test_short_runs_may_do_without_the_curve(capsys):
    list(watch(trainer(3), curve=False))
    assert "[figure" not in capsys.readouterr().out


def test_a_finished_run_is_not_trained_further(capsys):
    done = trainer(3)
    list(done)
    assert list(watch(done)) == []
