"""Schedules against torch.optim.lr_scheduler, and against the paper where torch has none."""

import math

import pytest
import torch
from torch.optim import lr_scheduler

from course_lib.optim import cosine_schedule, inverse_sqrt, linear_warmup, step_schedule, warmup_cosine


def factors(make, steps):
    """Return what one of torch's schedulers multiplies a rate of 1 by, at each of the steps."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler, values = make(optimizer), []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def ours(schedule, steps):
    return [schedule(step) for step in range(steps)]


@pytest.mark.parametrize("steps, final", [(1, 0.0), (7, 0.0), (100, 0.1)])
def test_the_cosine_is_torchs_and_stays_at_its_end(steps, final):
    expected = factors(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=steps, eta_min=final), steps + 1)
    assert ours(cosine_schedule(steps, final), steps + 1) == pytest.approx(expected, abs=1e-12)
    assert cosine_schedule(steps, final)(5 * steps) == final


@pytest.mark.parametrize("every, factor", [(1, 0.5), (3, 0.1), (10, 1.0)])
def test_steps_are_torchs(every, factor):
    expected = factors(lambda o: lr_scheduler.StepLR(o, every, gamma=factor), 31)
    assert ours(step_schedule(every, factor), 31) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("warmup", [2, 5])
def test_the_warm_up_is_torchs_linear_one(warmup):
    linear = factors(lambda o: lr_scheduler.LinearLR(o, 1 / warmup, total_iters=warmup - 1), 10)
    assert ours(linear_warmup(warmup), 10) == pytest.approx(linear, rel=1e-12)


def test_what_follows_the_warm_up_starts_at_its_peak():
    schedule = linear_warmup(4, cosine_schedule(20, final=0.2))
    values = ours(schedule, 30)
    assert values[:4] == [0.25, 0.5, 0.75, 1.0]
    torchs = factors(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=20, eta_min=0.2), 21)
    assert values[3:24] == pytest.approx(torchs)
    assert values[24:] == [0.2] * 6
    assert linear_warmup(1, step_schedule(1, 0.5))(0) == 1.0


@pytest.mark.parametrize("steps, warmup, final", [(1000, 0.05, 0.05), (37, 0.3, 0.0), (3, 1.0, 0.5), (1, 0.0, 0.1)])
def test_a_warm_up_and_a_cosine_are_torchs_one_after_the_other(steps, warmup, final):
    rising = max(1, round(warmup * steps))
    linear = [(step + 1) / rising for step in range(rising)]
    n_falling = steps - rising
    falling = factors(
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=max(n_falling, 1), eta_min=final), n_falling + 1
    )
    assert ours(warmup_cosine(steps, warmup, final), steps) == pytest.approx(linear + falling[1:], abs=1e-9)


def test_the_inverse_square_root_is_the_papers():
    factor = inverse_sqrt(400)
    assert factor(399) == 1.0 and factor(199) == 0.5 and factor(1599) == 0.5
    d_model = 512  # equation 3 of Vaswani et al., up to the constant √(d_model · warmup)
    for step in (1, 100, 400, 4000):
        paper = d_model**-0.5 * min(step**-0.5, step * 400**-1.5)
        assert factor(step - 1) == pytest.approx(paper * math.sqrt(d_model * 400))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: cosine_schedule(0), "steps must be at least 1, got 0"),
        (lambda: step_schedule(0), "every must be at least 1, got 0"),
        (lambda: linear_warmup(0), "warmup must be at least 1, got 0"),
    ],
)
def test_schedules_of_no_steps_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
