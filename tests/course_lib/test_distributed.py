"""Data-parallel training against one process on the whole batch, with two real processes and with two threads."""

import copy
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from course_lib import distributed
from course_lib.data.mouse_and_cheese import MouseAndCheese
from course_lib.distributed import share_of, start, synchronise
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import draw_windows, next_token_loss
from course_lib.train import Trainer

SMALL = ["--steps", "5", "--batch-size", "8", "--seq-len", "16", "--layers", "1", "--d-model", "32", "--seed", "3"]


def launch(n_processes: int, save: Path, **environment: str) -> str:
    """Run the module under torch.distributed.run on this machine alone; return what it printed."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
    command = [*launcher, "--nproc-per-node", str(n_processes), "-m", "course_lib.distributed", *SMALL]
    root = str(Path(distributed.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"} | environment
    done = subprocess.run(
        [*command, "--save", str(save)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def trained_alone(keep: slice = slice(None)) -> nn.Module:
    """The same model trained without `course_lib.distributed`, by one process, on the given rows of each batch."""
    world = MouseAndCheese()
    draw = draw_windows(world.stream(20_000, torch.Generator().manual_seed(3)), 8, 16)
    config = GPTConfig(len(world.vocabulary), 16, 32, n_layers=1, bias=False)
    model = GPT(config, generator=torch.Generator().manual_seed(3))
    list(Trainer(model, lambda generator: draw(generator)[keep], next_token_loss, steps=5, lr=3e-3, seed=3))
    return model


def assert_weights_are_those_of_one_process(path: Path) -> None:
    weights = torch.load(path, map_location="cpu", weights_only=True)
    torch.testing.assert_close(weights, dict(trained_alone().state_dict()), atol=1e-5, rtol=1e-4)
    half = trained_alone(slice(0, None, 2)).state_dict()  # what process 0 would have learned from its share alone
    assert (weights["tokens.weight"] - half["tokens.weight"]).abs().max() > 1e-3


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_from_the_whole_batch_and_what_ddp_learns(tmp_path):
    printed = launch(2, tmp_path / "weights.pt", CUDA_VISIBLE_DEVICES="", GLOO_SOCKET_IFNAME="lo")
    assert printed.startswith("2 processes on cpu, 5 steps of 8 windows\n")
    assert printed.count("\n") == 4  # process 1 is silent
    assert float(printed.rpartition(": ")[2]) < 1e-5  # the largest difference from DistributedDataParallel's weights
    assert_weights_are_those_of_one_process(tmp_path / "weights.pt")


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_gpus_learn_what_one_process_learns_on_the_cpu(tmp_path):
    assert launch(2, tmp_path / "weights.pt").startswith("2 processes on cuda")
    assert_weights_are_those_of_one_process(tmp_path / "weights.pt")


def test_without_torchrun_one_process_takes_the_whole_batch(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    distributed.main([*SMALL, "--save", str(tmp_path / "weights.pt")])
    assert not dist.is_initialized()
    assert "1 processes on cpu" in capsys.readouterr().out
    assert_weights_are_those_of_one_process(tmp_path / "weights.pt")


class Threads:
    """Stands in for torch.distributed, with two threads in the place of two processes."""

    def __init__(self) -> None:
        self.barrier, self.slots, self.rank = threading.Barrier(2, timeout=60), [None, None], threading.local()

    def get_world_size(self) -> int:
        return 2

    def _exchange(self, tensor):
        self.slots[self.rank.number] = tensor.clone()
        self.barrier.wait()
        both = list(self.slots)
        self.barrier.wait()
        return both

    def all_reduce(self, tensor):
        tensor.copy_(sum(self._exchange(tensor)))

    def broadcast(self, tensor, src):
        tensor.copy_(self._exchange(tensor)[src])

    def run(self, work):
        """Call work(0) and work(1) side by side and return what they return."""
        results = [None, None]

        def run_one(rank):
            self.rank.number = rank
            try:
                results[rank] = work(rank)
            except BaseException:
                self.barrier.abort()
                raise

        threads = [threading.Thread(target=run_one, args=(rank,)) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)).double().eval()


def gradients(model: nn.Module, *batches: torch.Tensor) -> list[torch.Tensor]:
    for batch in batches:
        model(batch).square().mean().backward()
    return [parameter.grad for parameter in model.parameters()]


@pytest.mark.parametrize("n_batches", [1, 3])
def test_every_process_gets_the_weights_of_the_first_and_the_gradient_of_the_whole_batch(monkeypatch, n_batches):
    threads = Threads()
    monkeypatch.setattr(distributed, "dist", threads)
    batches = torch.randn(n_batches, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    models = [network(seed=1), network(seed=2)]
    models[0][1].running_mean += 1.0  # a buffer
    alone = copy.deepcopy(models[0])

    def work(rank):
        synchronise(models[rank])
        return gradients(models[rank], *batches[:, rank::2])

    first, second = threads.run(work)
    torch.testing.assert_close(models[1].state_dict(), alone.state_dict(), atol=0, rtol=0)
    torch.testing.assert_close(first, gradients(alone, *batches))
    torch.testing.assert_close(first, second, atol=0, rtol=0)


def test_frozen_parameters_are_not_waited_for(monkeypatch):
    threads = Threads()
    monkeypatch.setattr(distributed, "dist", threads)
    models = [network(seed=1), network(seed=1)]

    def work(rank):
        models[rank][0].requires_grad_(False)
        synchronise(models[rank])
        return gradients(models[rank], torch.ones(2, 3, dtype=torch.float64) * (rank + 1))

    first, second = threads.run(work)
    assert first[0] is None and first[-1].equal(second[-1])


def test_the_shares_of_all_processes_are_the_batch():
    def draw(generator):
        return torch.randint(100, (6, 2), generator=generator)

    whole = draw(torch.Generator().manual_seed(5))
    shares = [share_of(draw, rank, 3)(torch.Generator().manual_seed(5)) for rank in range(3)]
    assert torch.stack(shares, dim=1).flatten(0, 1).equal(whole)


def test_shares_that_would_not_be_equal_are_refused():
    with pytest.raises(ValueError, match="the 4 processes must get equal shares, got a batch of 6"):
        share_of(lambda generator: torch.zeros(6), 0, 4)(torch.Generator())
    with pytest.raises(ValueError, match="rank must be from 0 to 1, got 2"):
        share_of(lambda generator: torch.zeros(6), 2, 2)


def test_a_group_of_one_starts_without_torchrun(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    start()
    try:
        assert dist.get_world_size() == 1 and dist.get_rank() == 0
    finally:
        dist.destroy_process_group()
