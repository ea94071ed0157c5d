"""The training loop against torch's own optimizer and schedulers, and against itself interrupted."""

import copy
import itertools
import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from course_lib.optim import inverse_sqrt, warmup_cosine
from course_lib.train import Trainer


def network(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))


def draw(generator: torch.Generator):
    x = torch.randn(16, 3, generator=generator)
    return x, x.prod(dim=1, keepdim=True).tanh()


def squared(model: nn.Module, batch) -> torch.Tensor:
    x, y = batch
    return (model(x) - y).square().mean()


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_each_step_is_torchs_adamw_with_clipping_and_the_schedule():
    model, other = network(), network()
    trainer = Trainer(model, draw, squared, steps=20, lr=0.01, weight_decay=0.1, clip=0.05, seed=3)
    generator = torch.Generator().manual_seed(3)
    matrices = [p for p in other.parameters() if p.dim() == 2]
    vectors = [p for p in other.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.98))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_cosine(20))
    for step in trainer:
        optimizer.zero_grad()
        loss = squared(other, draw(generator))
        loss.backward()
        norm = nn.utils.clip_grad_norm_(other.parameters(), 0.05)
        assert step.lr == pytest.approx(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
        assert step.loss == pytest.approx(loss.item(), rel=1e-4) and step.grad_norm == pytest.approx(norm.item(), 1e-3)
    assert step.number == 20
    torch.testing.assert_close(weights(model), weights(other), rtol=1e-4, atol=1e-6)


def test_the_fused_adamw_is_torchs_to_the_bit_and_does_not_import_the_compiler():
    script = """
import sys, torch
from course_lib.fused_adamw import FusedAdamW

def trained(make):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 4)
    groups = [{"params": [model.weight], "weight_decay": 0.1}, {"params": [model.bias], "weight_decay": 0.0}]
    optimizer = make(groups, lr=0.01, betas=(0.9, 0.98))
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.randn(6, 3)).square().mean().backward()
        optimizer.step()
    return [*model.parameters()], optimizer

ours, optimizer = trained(FusedAdamW)
assert "torch._dynamo" not in sys.modules
torchs, other = trained(lambda *args, **settings: torch.optim.AdamW(*args, fused=True, **settings))
assert all(map(torch.equal, ours, torchs))
other.load_state_dict(optimizer.state_dict())
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_two_accumulated_batches_make_the_step_of_one_batch_twice_as_large():
    def halves(generator):
        halves.count += 1
        x, y = draw(torch.Generator().manual_seed(halves.count // 2))
        return (x[:8], y[:8]) if halves.count % 2 == 0 else (x[8:], y[8:])

    def wholes(generator):
        wholes.count += 1
        return draw(torch.Generator().manual_seed(wholes.count))

    halves.count, wholes.count = -1, -1
    small, large = network(), network()
    one = list(Trainer(small, halves, squared, steps=5, accumulate=2))
    two = list(Trainer(large, wholes, squared, steps=5))
    assert [s.loss for s in one] == pytest.approx([s.loss for s in two], rel=1e-5)
    torch.testing.assert_close(weights(small), weights(large), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("interrupted_at", [1, 13, 29])
def test_a_resumed_run_continues_bit_for_bit(tmp_path, interrupted_at):
    def trainer():
        return Trainer(network(dropout=0.3), draw, squared, steps=30, seed=5, evaluate=held_out, evaluate_every=4)

    def held_out(model):
        return squared(model, draw(torch.Generator().manual_seed(99))).item()

    whole = trainer()
    expected = [(s.number, s.loss, s.lr, s.grad_norm, s.held_out) for s in whole]
    first = trainer()
    for step in first:
        if step.number == interrupted_at:
            break
    first.save(tmp_path / "run.pt")
    torch.rand(100)  # whatever happens in between must not matter
    second = trainer()
    second.resume(tmp_path / "run.pt")
    rest = [(s.number, s.loss, s.lr, s.grad_norm, s.held_out) for s in second]
    assert rest == expected[interrupted_at:]
    assert torch.equal(weights(second.model), weights(whole.model))


def test_an_interrupted_save_leaves_the_earlier_file(tmp_path, monkeypatch):
    trainer, path = Trainer(network(), draw, squared, steps=4), tmp_path / "run.pt"
    next(iter(trainer))
    trainer.save(path)
    before = path.read_bytes()

    def dies(state, part):
        part.write_bytes(b"half of it")
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", dies)
    with pytest.raises(OSError):
        trainer.save(path)
    assert path.read_bytes() == before


def test_a_file_of_a_run_with_other_settings_is_refused(tmp_path):
    Trainer(network(), draw, squared, steps=4, lr=0.1).save(tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"lr must be 0\.1 as in .*run\.pt, got 0\.2"):
        Trainer(network(), draw, squared, steps=4, lr=0.2).resume(tmp_path / "run.pt")


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    runs = [[s.loss for s in Trainer(network(0.3), draw, squared, steps=5, seed=seed)] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_leaving_the_loop_and_entering_it_again_goes_on():
    trainer, whole = (Trainer(network(), draw, squared, steps=6) for _ in range(2))
    numbers = [step.number for step in itertools.islice(trainer, 2)] + [step.number for step in trainer]
    assert numbers == [1, 2, 3, 4, 5, 6]
    list(whole)
    assert torch.equal(weights(trainer.model), weights(whole.model))


def test_early_stopping_waits_for_its_patience_and_goes_back_to_the_best_weights():
    seen = []
    values = iter([5.0, 4.0, 4.5, 3.0, 3.5, 3.2, 3.1, 0.0])

    def evaluate(model):
        assert not model.training
        seen.append(copy.deepcopy(model.state_dict()))
        return next(values)

    trainer = Trainer(network(), draw, squared, steps=100, evaluate=evaluate, evaluate_every=2, patience=3)
    steps = list(trainer)
    assert [s.held_out for s in steps if s.held_out is not None] == [5.0, 4.0, 4.5, 3.0, 3.5, 3.2, 3.1]
    assert steps[-1].number == 14 and trainer.best == 3.0 and trainer.best_number == 8
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, seen[3][name])


@pytest.mark.parametrize("interrupted_after", [1, 8, 11])
def test_patience_and_the_best_weights_outlast_an_interruption(interrupted_after, tmp_path):
    values = [5.0, 4.0, 4.5, 3.0, 3.5, 3.2, 3.1, 0.0]

    def trainer():
        def evaluate(model):
            return values[trained.number // 2 - 1]

        trained = Trainer(network(), draw, squared, steps=100, evaluate=evaluate, evaluate_every=2, patience=3)
        return trained

    whole, first, second = trainer(), trainer(), trainer()
    list(whole)
    list(itertools.islice(first, interrupted_after))
    first.save(tmp_path / "run.pt")
    second.resume(tmp_path / "run.pt")
    list(second)
    assert (second.number, second.best, second.best_number, second.stopped) == (14, 3.0, 8, True)
    assert torch.equal(weights(second.model), weights(whole.model))


def test_without_patience_nothing_is_stopped_or_restored():
    trainer = Trainer(network(), draw, squared, steps=5, evaluate=lambda model: 1.0, evaluate_every=2)
    assert [s.held_out for s in trainer] == [None, 1.0, None, 1.0, 1.0]


def test_bfloat16_runs_and_stays_near_float32_with_float32_weights():
    runs = {}
    for precision in ("float32", "bfloat16"):
        model = network()
        runs[precision] = [s.loss for s in Trainer(model, draw, squared, steps=30, precision=precision)]
        assert all(p.dtype == torch.float32 for p in model.parameters())
    assert runs["bfloat16"] != runs["float32"]
    assert runs["bfloat16"] == pytest.approx(runs["float32"], rel=0.1, abs=0.02)


def test_a_loss_that_is_no_number_stops_with_advice():
    trainer = Trainer(network(), draw, lambda m, b: squared(m, b).log() * math.nan, steps=3, lr=0.5)
    with pytest.raises(FloatingPointError, match=r"nan at step 1; .*lr = 0\.5"):
        list(trainer)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"steps": 1, "accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"steps": 1, "precision": "float8"}, "precision must be one of float32, bfloat16, float16, got 'float8'"),
        ({"steps": 1, "patience": 2}, "patience = 2 needs evaluate"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Trainer(network(), draw, squared, **settings)


def test_a_run_is_not_resumed_under_another_schedule(tmp_path):
    first = Trainer(network(), draw, squared, steps=20, schedule=inverse_sqrt(5))
    next(iter(first))
    first.save(tmp_path / "run.pt")
    again = Trainer(network(), draw, squared, steps=20, schedule=lambda step: inverse_sqrt(5)(step))
    again.resume(tmp_path / "run.pt")  # another function, the same factors
    assert again.number == 1
    for schedule in (None, lambda step: 1.0, lambda step: inverse_sqrt(5)(step) * (1 if step < 19 else 2)):
        with pytest.raises(ValueError, match=r"schedule must be [\d.]+ at step \d+ as in .*run.pt, got [\d.]+"):
            Trainer(network(), draw, squared, steps=20, schedule=schedule).resume(tmp_path / "run.pt")


@pytest.mark.parametrize("clip", [None, math.inf])
def test_without_a_limit_the_gradient_stays_as_long_as_it_is(clip):
    runs = [[s.loss for s in Trainer(network(), draw, squared, steps=5, clip=c)] for c in (clip, 1e30)]
    assert runs[0] == runs[1]


@pytest.mark.gpu
@pytest.mark.parametrize("options", [{}, {"precision": "bfloat16"}, {"precision": "float16"}, {"compile": True}])
def test_on_cuda_the_loss_falls_as_it_does_on_the_cpu(options):
    def on_device(model, batch):
        return squared(model, [t.cuda() for t in batch])

    cpu = [s.loss for s in Trainer(network(), draw, squared, steps=50)]
    cuda = [s.loss for s in Trainer(network().cuda(), draw, on_device, steps=50, **options)]
    assert cuda == pytest.approx(cpu, rel=0.1, abs=0.02)


def test_a_compiled_run_compiles_model_and_loss_together_and_learns_the_same():
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    torch._dynamo.register_backend(backend, name="watched")
    losses = [
        [step.loss for step in Trainer(network(), draw, squared, steps=3, compile=compile)]
        for compile in (False, "watched")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert len(graphs) == 1
    called = " ".join(node.name for node in graphs[0].graph.nodes)
    assert "modules_4_parameters_weight" in called and "square" in called  # the last layer, and the loss


def test_without_a_compiler_the_error_says_what_is_missing(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(RuntimeError, match=r"compile=True needs a C\+\+ compiler on the CPU, and there is no g\+\+"):
        Trainer(network(), draw, squared, steps=1, compile=True)


def test_an_interrupted_training_is_not_put_on_the_scoreboard_until_it_went_on():
    from course_lib import scoreboard

    broken = [True]

    def draw(generator):
        if trainer.number == 3 and broken:
            broken.pop()
            raise KeyboardInterrupt
        return torch.randn(2, 3, generator=generator)

    model = nn.Linear(3, 4)
    trainer = Trainer(model, draw, lambda model, x: model(x).square().mean(), steps=5)
    with pytest.raises(KeyboardInterrupt):
        list(trainer)
    with pytest.warns(UserWarning, match="interrupted after 3 of 5 updates"):
        scoreboard.record("GPT", 2.0, 16, trainer.seconds, "15_gpt")
    scoreboard.record("RNN", 2.0, 17, trainer.seconds, "09_rnn")  # another model
    assert [entry["model"] for entry in scoreboard.rows()] == ["RNN"]
    list(trainer)
    scoreboard.record("GPT", 2.0, 16, trainer.seconds, "15_gpt")
    assert len(scoreboard.rows()) == 2
