"""Learning rates that change: functions from the step (from 0) to a factor of the learning rate.

    Trainer(…, steps=1000, schedule=linear_warmup(50, cosine_schedule(950, final=0.05)))

is `warmup_cosine(1000)`, which the Trainer follows by default.
"""

import math
from collections.abc import Callable

from course_lib.arguments import require_at_least, require_counts, require_probability

Schedule = Callable[[int], float]  #: step (from 0) → factor of the learning rate


def cosine_schedule(steps: int, final: float = 0.0) -> Schedule:
    """Return the schedule that falls from 1 along half a cosine: final + (1 − final)(1 + cos(π t / steps)) / 2.

    steps    the step t at which `final` is reached; it stays there
    final    the factor in the end

    Raises ValueError when steps is less than 1 or final negative.  Eq. 5 of Loshchilov and Hutter 2017, without
    restarts.

    >>> [round(cosine_schedule(4)(t), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    require_counts(steps=steps)
    require_at_least(0, final=final)
    return lambda step: final + (1 - final) * (1 + math.cos(math.pi * min(step / steps, 1.0))) / 2


def step_schedule(every: int, factor: float = 0.1) -> Schedule:
    """Return the schedule that is multiplied by a factor again and again: factor^⌊t / every⌋.

    every   steps between two changes
    factor  what each change multiplies by

    Raises ValueError when every is less than 1 or factor negative.

    >>> [step_schedule(2, 0.5)(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    require_counts(every=every)
    require_at_least(0, factor=factor)
    return lambda step: factor ** (step // every)


def linear_warmup(warmup: int, then: Schedule | None = None) -> Schedule:
    """Return the schedule that rises in equal parts to 1, and goes on with another one from there.

    warmup  the number of steps that rise: 1/warmup, 2/warmup, … 1. The first is not 0, which would change nothing
    then    what follows; its step 0 is the last one of the rise. None: stays at 1

    Raises ValueError when warmup is less than 1.  Goyal et al. 2017, §2.2.

    >>> [linear_warmup(4, step_schedule(2, 0.5))(t) for t in range(7)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.5]
    """
    require_counts(warmup=warmup)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 1.0 if then is None else then(step + 1 - warmup)

    return factor


def warmup_cosine(steps: int, warmup: float = 0.05, final: float = 0.05) -> Schedule:
    """Return the schedule that rises linearly and then falls along half a cosine (Loshchilov and Hutter 2017).

    steps   number of updates in all
    warmup  share of the steps that rise
    final   factor at the last step

    Raises ValueError for steps below 1, a warmup that is no share of them, and a negative final.

    >>> [round(warmup_cosine(6, warmup=1 / 3, final=0.2)(t), 3) for t in range(6)]
    [0.5, 1.0, 0.883, 0.6, 0.317, 0.2]
    """
    require_counts(steps=steps)
    require_probability(warmup=warmup)
    require_at_least(0, final=final)
    rising = max(1, round(warmup * steps))
    return linear_warmup(rising, cosine_schedule(max(1, steps - rising), final))


def inverse_sqrt(warmup: int) -> Schedule:
    """Return the schedule of Vaswani et al. 2017 (§5.3), scaled to be 1 at its peak.

    warmup  number of updates that rise linearly; after them the factor falls with 1 / √step

    Raises ValueError for a warmup below 1.
    """
    require_counts(warmup=warmup)
    return lambda step: min((step + 1) / warmup, math.sqrt(warmup / (step + 1)))
