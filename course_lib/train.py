"""The course's training loop: one class, used by every lesson that trains.

    trainer = Trainer(model, draw_windows(tokens, 32, 64), next_token_loss, steps=1000)
    for step in trainer: ...                  # or: for step in watch(trainer), which draws the curve meanwhile

- AdamW (Loshchilov and Hutter 2019), β = 0.9 and 0.98; only matrices are decayed, not biases and norms.
- Gradients are clipped by their global norm (Pascanu et al. 2013) and may be accumulated over several batches.
- The learning rate follows a schedule: warm-up and cosine by default.
- bfloat16 or float16 arithmetic by autocast (Micikevicius et al. 2018), torch.compile of model and loss
  together where it pays.
- `save` and `resume` continue exactly: on the CPU, bit for bit, as if there had been no interruption.
- With `evaluate` and `patience` it stops when held-out loss no longer falls, and goes back to the best weights.

Everything random is seeded: batches come from a generator of their own, dropout from torch's global one.
"""

import importlib.util
import math
import os
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.arguments import require_at_least, require_counts, require_one_of, require_positive
from course_lib.fused_adamw import FusedAdamW
from course_lib.optim.schedules import Schedule, warmup_cosine
from course_lib.regularization import EarlyStopping

_PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Step:
    """What one update did. Losses are in the unit that the loss function returns."""

    number: int  #: 1 for the first update
    loss: float  #: before the update, the mean over accumulated batches
    lr: float  #: learning rate of the update
    grad_norm: float  #: global norm of the gradient, before clipping
    held_out: float | None  #: what `evaluate` returned after the update, where it was due
    seconds: float  #: training time so far, without evaluation and what the caller does between steps


_interrupted: "weakref.WeakSet[Trainer]" = weakref.WeakSet()


def interrupted(n_parameters: int) -> str:
    """Return how far a training of a model with so many parameters had come when it was interrupted; "" for none.

    n_parameters  how many numbers the model learns, at least 0

    A training that went on since, or that nothing refers to any more, is not told. Raises ValueError for fewer than 0.

    >>> interrupted(n_parameters=1000)
    ''
    """
    require_counts(least=0, n_parameters=n_parameters)
    for trainer in _interrupted:
        if sum(parameter.numel() for parameter in trainer.model.parameters()) == n_parameters:
            return f"after {trainer.number:,} of {trainer.steps:,} updates"
    return ""


class Trainer:
    """Train a model; iterate over it to do so. It can be left and entered again, and goes on where it was.

    model           stays on its device
    draw            draw(generator) → a batch, of whatever kind the loss takes
    loss            loss(model, batch) → a scalar, the mean over the batch
    steps           number of updates
    lr              the highest learning rate
    schedule        factor of lr at each step, from `course_lib.optim`; `warmup_cosine(steps)` by default
    weight_decay    decoupled decay of matrices
    clip            largest global norm of the gradient; None: no limit
    accumulate      batches per update
    precision       "float32", or "bfloat16" or "float16" for autocast (weights stay float32)
    compile         whether model and loss go through torch.compile, as one program (it takes a minute to start, and
                    needs a compiler: Triton for CUDA, one of C++ for the CPU); or the name of a backend of it
    seed            of the batches and, through torch's global generator, of dropout
    evaluate        evaluate(model) → held-out loss, called every `evaluate_every` steps and after the last
    evaluate_every  steps between evaluations
    patience        stop after so many evaluations without a new best, and restore the best weights; None: never

    Raises ValueError for settings that make no sense, RuntimeError when there is no compiler but one is asked for, and
    FloatingPointError when the loss is no longer finite.
    """

    def __init__(
        self,
        model: nn.Module,
        draw: Callable[[torch.Generator], Any],
        loss: Callable[[Any, Any], Tensor],
        *,
        steps: int,
        lr: float = 3e-3,
        schedule: Schedule | None = None,
        weight_decay: float = 0.0,
        clip: float | None = 1.0,
        accumulate: int = 1,
        precision: str = "float32",
        compile: bool | str = False,
        seed: int = 0,
        evaluate: Callable[[nn.Module], float] | None = None,
        evaluate_every: int = 100,
        patience: int | None = None,
    ) -> None:
        require_counts(steps=steps, accumulate=accumulate, evaluate_every=evaluate_every, patience=patience)
        require_at_least(0, lr=lr, weight_decay=weight_decay)
        require_positive(clip=None if clip == math.inf else clip)  # a negative one would turn the gradient round
        require_one_of(tuple(_PRECISIONS), precision=precision)
        if patience is not None and evaluate is None:
            raise ValueError(f"patience = {patience} needs evaluate, a function that measures held-out loss")
        self.model, self.draw, self.loss, self.evaluate = model, draw, loss, evaluate
        self.settings = {
            "steps": steps, "lr": lr, "weight_decay": weight_decay, "clip": clip, "accumulate": accumulate,
            "precision": precision, "seed": seed, "evaluate_every": evaluate_every, "patience": patience,
        }  # fmt: skip
        self.steps, self.lr, self.clip, self.accumulate = steps, lr, clip, accumulate
        self.evaluate_every, self._stopping = evaluate_every, None if patience is None else EarlyStopping(patience)
        self.schedule = schedule or warmup_cosine(steps)
        self.device = next(model.parameters()).device
        self.dtype = _PRECISIONS[precision]
        self._loss = _compiled(loss, compile, self.device) if compile else loss
        self.optimizer = FusedAdamW(_decay_groups(model, weight_decay), lr=lr, betas=(0.9, 0.98))
        # float16 gradients underflow: the loss is scaled up, and the gradients down again before the update
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "float16")
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.number, self.seconds = 0, 0.0
        self.best, self.best_number, self.stopped = math.inf, 0, False

    def __iter__(self) -> Iterator[Step]:
        _interrupted.discard(self)
        try:
            while self.number < self.steps and not self.stopped:
                yield self._step()
        except KeyboardInterrupt:
            _interrupted.add(self)
            raise

    def _step(self) -> Step:
        start = time.perf_counter()
        lr = self.lr * self.schedule(self.number)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = sum(self._backward() for _ in range(self.accumulate)) / self.accumulate
        self._scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), math.inf if self.clip is None else self.clip)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        self.number += 1
        grad_norm = norm.item()
        self.seconds += time.perf_counter() - start
        held_out = self._evaluate()
        return Step(self.number, loss, lr, grad_norm, held_out, self.seconds)

    def _backward(self) -> float:
        """Add the gradient of one batch; return its loss."""
        batch = self.draw(self.generator)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            loss = self._loss(self.model, batch)
        self._scaler.scale(loss / self.accumulate).backward()
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at step {self.number + 1}; try a lower learning rate than lr = {self.lr}, "
                "or look for a logarithm of 0 or a division by 0 in the model"
            )
        return value

    def _evaluate(self) -> float | None:
        """Measure held-out loss where it is due, remember the best weights, and stop when patience is at its end."""
        if self.evaluate is None or (self.number % self.evaluate_every and self.number < self.steps):
            return None
        self.model.eval()
        held_out = float(self.evaluate(self.model))
        self.model.train()
        if self._stopping is not None:
            self.stopped = self._stopping.update(held_out, self.model)
            if self._stopping.waited == 0:
                self.best, self.best_number = held_out, self.number
            if self._stopping.weights is not None and (self.stopped or self.number == self.steps):
                self._stopping.restore(self.model)
        return held_out

    def save(self, path: str | Path) -> None:
        """Write everything that `resume` needs to a file. An interrupted save leaves the earlier file as it was."""
        state = {
            "settings": self.settings,
            "schedule": self._factors(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "batches": self.generator.get_state(),
            "dropout": torch.get_rng_state(),
            "dropout on the device": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "progress": (self.number, self.seconds, self.best, self.best_number, self.stopped),
            "best weights": None if self._stopping is None else self._stopping.weights,
        }
        part = Path(f"{path}.part")
        torch.save(state, part)
        os.replace(part, path)

    def resume(self, path: str | Path) -> None:
        """Go on from a file that `save` wrote, exactly as if training had not been interrupted.

        Raises ValueError when the file was written by a Trainer with other settings, or another schedule.
        """
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name, value in self.settings.items():
            if state["settings"][name] != value:
                raise ValueError(f"{name} must be {state['settings'][name]} as in {path}, got {value}")
        for step, factor in self._factors().items():
            before = state.get("schedule", {}).get(step, factor)  # files of earlier versions do not say
            if factor != before:
                raise ValueError(f"schedule must be {before} at step {step} as in {path}, got {factor}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.generator.set_state(state["batches"].cpu())
        torch.set_rng_state(state["dropout"].cpu())
        if self.device.type == "cuda" and state["dropout on the device"] is not None:
            torch.cuda.set_rng_state(state["dropout on the device"].cpu(), self.device)
        self.number, self.seconds, self.best, self.best_number, self.stopped = state["progress"]
        if self._stopping is not None:
            self._stopping.best, self._stopping.weights = self.best, state["best weights"]
            self._stopping.waited = (self.number - self.best_number) // self.evaluate_every

    def _factors(self) -> dict[int, float]:
        """Return what the schedule says at every step, or at some thousand of them: functions cannot be compared."""
        return {step: float(self.schedule(step)) for step in range(0, self.steps, -(-self.steps // 1000))}


def _decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Split the parameters: matrices are decayed; biases, norms and other vectors are not."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]


def _compiled(loss: Callable[[Any, Any], Tensor], compile: bool | str, device: torch.device) -> Callable:
    """Return the loss, and with it the model that it calls, as one compiled program."""
    if isinstance(compile, str):
        return torch.compile(loss, backend=compile)
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        raise RuntimeError("compile=True needs Triton on a CUDA device: pip install triton, or leave compile out")
    compiler = os.environ.get("CXX") or "g++"
    if device.type == "cpu" and not any(map(shutil.which, (compiler, "clang++", "cl"))):
        raise RuntimeError(f"compile=True needs a C++ compiler on the CPU, and there is no {compiler}: leave it out")
    return torch.compile(loss)
