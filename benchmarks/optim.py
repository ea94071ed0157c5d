"""The course's optimisers against torch.optim: the same steps; ours are written to be read, tensor by tensor."""

import torch

from benchmarks.timing import alternate, row
from course_lib import optim
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import count_parameters

_PAIRS = (
    ("SGD with momentum", optim.Momentum, torch.optim.SGD, {"lr": 1e-3, "momentum": 0.9}),
    ("RMSprop", optim.RMSprop, torch.optim.RMSprop, {"lr": 1e-3}),
    ("Adagrad", optim.Adagrad, torch.optim.Adagrad, {"lr": 1e-3}),
    ("Adam", optim.Adam, torch.optim.Adam, {"lr": 1e-3}),
    ("AdamW", optim.AdamW, torch.optim.AdamW, {"lr": 1e-3, "weight_decay": 0.1}),
)


def compare() -> list[dict]:
    return [_row(*pair) for pair in _PAIRS]


def _row(name: str, ours: type, peer: type, settings: dict) -> dict:
    models = [GPT(GPTConfig(512, d_model=256, n_heads=8), generator=torch.Generator().manual_seed(0)) for _ in "ab"]
    mine, theirs = (new(model.parameters(), **settings) for new, model in zip((ours, peer), models))
    for model in models:
        generator = torch.Generator().manual_seed(1)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
    for _ in range(3):
        mine.step(), theirs.step()
    for a, b in zip(*(model.parameters() for model in models)):
        assert torch.allclose(a, b, atol=1e-6), "both must take the same steps"
    n_parameters = count_parameters(models[0])
    return row(
        f"{name}, a step, {n_parameters / 1e6:.1f} M parameters",
        f"torch.optim.{peer.__name__}, its default on this device",
        alternate(mine.step, theirs.step, seconds=3),
        note="equal parameters after three steps. Training here uses torch's fused AdamW; these are for reading",
    )
