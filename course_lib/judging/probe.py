"""Running a probe: one call of what the student wrote on one case, with the world put in order before and after it.

This runs in the student's process. Nothing it reports is a mark: it returns plain data that a judge looks at elsewhere.
"""

import copy
import functools
import inspect
import linecache
import random
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from course_lib.judging import wire
from course_lib.judging.case import UNUSABLE, Outcome, Probe
from course_lib.judging.compare import describe
from course_lib.judging.forbidden import ForbiddenCall, Tripwire, forbidden_behind


def default_probe(student: Any, case: dict) -> Any:
    """Call a function with the case's arguments; return anything else (the answer to a question) as it is."""
    return student(**case) if callable(student) else student


@contextmanager
def _orderly_world() -> Iterator[None]:
    """Fixed seeds, default dtype and device, gradients on; the student's own settings come back afterwards."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    random.seed(0)
    np.random.seed(0)
    _seed_torch(0)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    elsewhere = torch.get_default_device().type != "cpu"  # cases are made of tensors on the CPU
    try:
        with warnings.catch_warnings(), torch.device("cpu") if elsewhere else nullcontext():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)


def _seed_torch(seed: int) -> None:
    """Seed the devices in use. `torch.manual_seed` also notes a traceback for those that may come, which is slow."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


def run_probe(student: Any, probe: Probe | None, arguments: dict[str, Any], withheld: tuple[str, ...] = ()) -> Outcome:
    """Return the outcome of one probe.

    student    what the student's cell defined under the exercise's name
    probe      probe(student, case); None for `default_probe`
    arguments  the case's arguments; they are copied, so the caller's stay as they are
               Where a probe fails at what a function returned, that is said, and no case that must raise passes by it
    withheld   names that may not be called (see course_lib.judging.forbidden)
    """
    case = copy.deepcopy(arguments)
    returned: list[Any] = []
    with _orderly_world():
        try:
            if name := forbidden_behind(student, withheld):
                raise ForbiddenCall(name)
            with Tripwire(withheld):
                value = probe(_watched(student, returned), case) if probe else default_probe(student, case)
            value = wire.plain(value)  # a copy that shares nothing, in the form that a grader sees
        except KeyboardInterrupt:
            raise
        except wire.WireError as error:  # not a ValueError of the student's: no case that must raise may pass by it
            return Outcome(raised=("WireError",), complaint=complaint(error))
        except BaseException as error:
            if returned and _is_raised_by(probe, error):
                said = f"{describe(returned[-1])} was returned, and the check needs something else"
                return Outcome(raised=(UNUSABLE,), complaint=f"{said} ({type(error).__name__}: {error}).")
            raised = _types(MemoryError()) if _is_out_of_memory(error) else _types(error)
            return Outcome(raised=raised, complaint=complaint(error))
    changed = [name for name in arguments if not _same(arguments[name], case.get(name))]
    return Outcome(value, (), tuple(changed))


def _watched(student: Any, returned: list[Any]) -> Any:
    """Return a function that does the same and notes what it returns; a class, or anything else, as it is."""
    if not inspect.isfunction(student):
        return student

    @functools.wraps(student)
    def watched(*args: Any, **options: Any) -> Any:
        value = student(*args, **options)
        returned.append(value)
        return value

    return watched


def _is_raised_by(probe: Probe | None, error: BaseException) -> bool:
    """Whether an error comes out of what a probe does with a result, and not of the student's code."""
    code = getattr(probe, "__code__", None)
    if code is None or not isinstance(error, (AttributeError, TypeError, ValueError, LookupError)):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    returned_before = all((frame.filename, frame.name) != (__file__, "watched") for frame in frames)
    return returned_before and frames[-1].filename == code.co_filename


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether torch could not allocate what it was asked for; on a CPU it has no exception for that but these words."""
    return isinstance(error, torch.OutOfMemoryError) or (
        type(error) is RuntimeError and "DefaultCPUAllocator" in str(error)
    )


def _types(error: BaseException) -> tuple[str, ...]:
    return tuple(kind.__name__ for kind in type(error).__mro__ if kind is not object)


def _same(before: Any, after: Any) -> bool:
    try:
        return wire.encode(before) == wire.encode(after)  # bit by bit: nan is nan, and half precision has no tolerance
    except Exception:
        return False


def complaint(error: BaseException) -> str:
    """Return the error's message, after those lines of its traceback that are in notebook cells."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        if "ipykernel" in frame.filename or frame.filename.startswith("<") or "ipython-input" in frame.filename:
            text = frame.line or linecache.getline(frame.filename, frame.lineno or 0).strip()
            if text:
                lines.append(f"  line {frame.lineno}, in {frame.name}:  {text}")
    if isinstance(error, SyntaxError) and error.text:
        lines.append(f"  line {error.lineno}:  {error.text.strip()}")
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # the student's own exception, whose message cannot be made
        message = "(without a message)"
    return "\n".join([*lines[-6:], f"{type(error).__name__}: {message}"])
