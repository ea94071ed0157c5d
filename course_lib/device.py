"""Where to calculate: the one place that chooses between a graphics card and the ordinary processor.

    device = best_device()
    model = GPT(config).to(device)          # built on the CPU from the seed, then moved
    tokens = tokens.to(device)              # moved once, where it is born; not once for each batch
    figure(model(tokens).cpu())             # NumPy and figures live on the CPU

Weights are drawn on the CPU and then moved, so the same seed gives the same model everywhere. Generators stay on the
CPU, too: a device draws other numbers from the same seed, and `torch.rand(..., generator=g, device="cuda")` with g on
the CPU is an error. What the library draws from a generator, it draws where the generator is, and moves it.
"""

import os
from collections.abc import Callable

import torch

CHOICES = ("cuda", "mps", "cpu")  #: from the fastest


def best_device() -> torch.device:
    """Return the device that the course calculates on: `$COURSE_DEVICE`, or else the best that this machine has.

    returns  CUDA (NVIDIA, or AMD with ROCm), MPS (Apple) or the CPU, in this order

    Raises ValueError when `COURSE_DEVICE` names a device that torch does not know or that is not here; the message says
    which are.

    Example: with COURSE_DEVICE=cpu the result is `device(type='cpu')`, whatever else the machine has.
    """
    here = available()
    wanted = os.environ.get("COURSE_DEVICE", "").strip()
    if not wanted:
        return torch.device(here[0])
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise ValueError(f"COURSE_DEVICE must be one of {', '.join(here)}, got {wanted!r}") from None
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type not in here or (device.index or 0) >= count:
        raise ValueError(f"COURSE_DEVICE is {wanted!r}, which is not here; this machine has: {', '.join(here)}")
    return device


def available() -> list[str]:
    """Return the kinds of devices that this machine has and torch was built for, the fastest first and "cpu" last."""
    there: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    return [kind for kind in CHOICES if there[kind]()]


def describe(device: torch.device) -> str:
    """Return a sentence about the device, as lesson 00 shows it: what it is, and what to expect of it."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return f"{name}: the course trains its larger models there, its tiny ones on the CPU"
    if device.type == "mps":
        return "Apple's graphics processor: the course trains its larger models there, its tiny ones on the CPU"
    return "an ordinary processor, which is what the lessons are planned for"
