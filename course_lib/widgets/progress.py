"""A progress bar for training loops: a widget where there is a front end, one line of text at the end elsewhere."""

import time
from collections.abc import Iterable, Iterator

import ipywidgets
from IPython.display import display


def progress(losses: Iterable[float], total: int, label: str = "training") -> Iterator[float]:
    """Pass the losses on one by one and show how far the loop is, the latest loss and the time taken.

    losses  what each training step yields, for instance `course_lib.attention_lm.train(…)`
    total   number of steps

    The bar is redrawn at most ten times a second.
    """
    bar = ipywidgets.IntProgress(max=max(total, 1), description=label, style={"description_width": "initial"})
    text = ipywidgets.Label()
    display(ipywidgets.HBox([bar, text]))
    start = shown = time.monotonic()
    step, loss = 0, float("nan")
    for step, loss in enumerate(losses, start=1):
        now = time.monotonic()
        if now - shown > 0.1 or step == total:
            shown, bar.value = now, step
            text.value = f"step {step:,} of {total:,}, loss {loss:.3f} nats a token, {now - start:.0f} s"
        yield loss
    print(f"{label}: {step:,} steps in {time.monotonic() - start:.1f} s, last loss {loss:.3f} nats a token")
