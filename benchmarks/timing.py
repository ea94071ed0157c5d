"""Ours and its peer, in the same process, one after the other, again and again."""

import statistics
import time
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

Work = Callable[[], object]


def alternate(
    ours: Work, peer: Work, seconds: float = 6.0, most: int = 200, warm_up: bool = True
) -> tuple[float, float]:
    """Return the median seconds of both.

    ours, peer   functions without arguments
    seconds      start no further round after so long, but three rounds at least
    most         rounds, at most
    warm_up      whether to run each once before the watch starts
    """
    if warm_up:
        ours(), peer()
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    while len(times[0]) < 3 or (time.perf_counter() < end and len(times[0]) < most):
        for work, measured in zip((ours, peer), times):
            start = time.perf_counter()
            work()
            if torch.cuda.is_available():
                torch.cuda.synchronize()  # a GPU works on after the call
            measured.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def peak_mebibytes(work: Work, device: str = "cpu") -> float:
    """Return the most memory that tensors took at once on the device during work(), beyond what was there before."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak / 2**20


def row(
    work: str,
    peer: str,
    measured: tuple[float, float | None],
    goal: float | None = None,
    note: str = "",
    why: str = "",
    unit: str = "s",
) -> dict:
    """Return one row of the table: what every `compare()` returns a list of.

    work      what was done
    peer      with what it is compared
    measured  ours and the peer's; None where there was no peer at hand
    goal      largest ratio ours / peer that is wanted; None: no goal was set
    note      what else the reader should know
    why       what is said if the goal is missed: the reason
    unit      "s", or "MiB" for memory
    """
    ours_s, peer_s = measured
    return {
        "work": work, "peer": peer, "ours_s": ours_s, "peer_s": peer_s,
        "goal": goal, "note": note, "why": why, "unit": unit,
    }  # fmt: skip
