"""Data-parallel training: several processes train one model, each on its share of every batch.

    python -m torch.distributed.run --nproc-per-node 2 -m course_lib.distributed --steps 100

trains a small GPT on the mouse-and-cheese world twice, with the averaging written out here and with torch's
DistributedDataParallel, and prints how far apart the two end. On CPUs the processes talk through gloo, on GPUs (one for
each process) through nccl. Started without torch.distributed.run, it is one process that takes every batch whole.

- All start from the weights of process 0. Each draws the same batch from the same seed and keeps its own rows.
- After the backward pass the gradients are averaged. The mean of the shares' means is the mean of the whole batch,
  because the shares are equally large; so every process makes the step that one process would have made alone, and
  the weights stay equal without being sent again. (A loss over a mask is another matter: shares with few tokens that
  count would weigh as much as shares with many.)
- In a step, each of n processes sends 2 · (n − 1)/n numbers per parameter, if it need not be more (Patarasuk and Yuan
  2009). DistributedDataParallel (Li et al. 2020) sends the same in larger pieces, while the backward pass still runs.
"""

import argparse
import os
from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from course_lib.arguments import require_counts, require_from
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import draw_windows, next_token_loss
from course_lib.train import Trainer

Draw = Callable[[torch.Generator], Tensor]


def start() -> torch.device:
    """Join the group of processes that torch.distributed.run started, and return the device of this one.

    returns  the GPU with the number of this process where there is one for each, otherwise the CPU

    Outside torch.distributed.run the group is this process alone. `torch.distributed.destroy_process_group` ends it.
    """
    if "RANK" not in os.environ:
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"]):
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
        dist.init_process_group("nccl", device_id=device)
        return device
    dist.init_process_group("gloo")
    return torch.device("cpu")


def share_of(draw: Draw, rank: int, n_processes: int) -> Draw:
    """Return a function that draws what `draw` does and keeps the rows of one process.

    draw         draw(generator) → a batch (B, ...), the same in every process
    rank         number of the process, 0 … n_processes − 1. It gets rows rank, rank + n_processes, …
    n_processes  must divide B: only equal shares have means whose mean is the mean of the whole

    Raises ValueError for a rank outside its range and, when it draws, for a batch that cannot be shared equally.

    >>> share_of(lambda generator: torch.arange(6), rank=1, n_processes=2)(torch.Generator())
    tensor([1, 3, 5])
    """
    require_counts(n_processes=n_processes)
    require_from(0, n_processes - 1, rank=rank)

    def draw_share(generator: torch.Generator) -> Tensor:
        batch = draw(generator)
        if len(batch) % n_processes:
            raise ValueError(f"the {n_processes} processes must get equal shares, got a batch of {len(batch)}")
        return batch[rank::n_processes]

    return draw_share


def average(tensor: Tensor) -> None:
    """Replace a tensor of any shape, in place, by its mean over all processes. They wait here for each other."""
    dist.all_reduce(tensor)  # the sum
    tensor.div_(dist.get_world_size())


def synchronise(model: nn.Module) -> None:
    """Give a model the weights of process 0, and from now on the mean of all processes' gradients.

    model  on the device of this process, the same architecture everywhere; every parameter must get a gradient in
           every backward pass, or the processes wait for each other for ever

    A parameter's gradient is averaged as soon as the backward pass has finished it, so that whoever clips or steps
    afterwards sees the mean: `course_lib.train.Trainer` needs to know nothing. With several backward passes per step
    the sum so far is averaged each time; its mean stays right.
    """
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            dist.broadcast(tensor, src=0)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(lambda parameter: average(parameter.grad))


def train(model: nn.Module, draw: Draw, steps: int, lr: float = 3e-3, seed: int = 0) -> tuple[float, float]:
    """Train on this process' share of every batch; return the last step's loss, in nats a token, and the seconds.

    model  whose gradients are averaged, by `synchronise` or by DistributedDataParallel
    draw   draws whole batches of windows, (B, T + 1)
    steps  number of updates
    lr     the highest learning rate
    seed   of the batches, the same in every process
    """
    rank = dist.get_rank()
    share = share_of(draw, rank, dist.get_world_size())
    trainer = Trainer(model, share, next_token_loss, steps=steps, lr=lr, seed=seed)
    torch.manual_seed(seed + rank)  # dropout, if any, differs from process to process
    *_, last = trainer
    loss = torch.tensor(last.loss, device=trainer.device)
    average(loss)
    return loss.item(), last.seconds


def main(arguments: list[str] | None = None) -> None:
    """Train a GPT by hand-written averaging and by DistributedDataParallel, and compare."""
    from course_lib.data.mouse_and_cheese import MouseAndCheese  # the rest of this file works on any text

    options = _parser().parse_args(arguments)
    device = start()
    world = MouseAndCheese()
    tokens = world.stream(20_000, torch.Generator().manual_seed(options.seed))
    draw = draw_windows(tokens, options.batch_size, options.seq_len)
    # without biases: that of the keys has no gradient but rounding errors, which AdamW would blow up
    config = GPTConfig(len(world.vocabulary), options.seq_len, options.d_model, n_layers=options.layers, bias=False)

    first = torch.Generator()
    by_hand, by_torch = (GPT(config, generator=first.manual_seed(options.seed)).to(device) for _ in range(2))
    synchronise(by_hand)
    wrapped = DistributedDataParallel(by_torch)
    say = print if dist.get_rank() == 0 else lambda *_: None
    say(f"{dist.get_world_size()} processes on {device.type}, {options.steps} steps of {options.batch_size} windows")
    for name, model in (("averaged by hand", by_hand), ("DistributedDataParallel", wrapped)):
        loss, seconds = train(model, draw, options.steps, seed=options.seed)
        say(f"{name}: {loss:.4f} nats a token, {seconds:.2f} s")
    difference = max((a - b).abs().max().item() for a, b in zip(by_hand.parameters(), by_torch.parameters()))
    say(f"largest difference of a weight: {difference:.1e}")
    if options.save and dist.get_rank() == 0:
        torch.save(by_hand.state_dict(), options.save)
    dist.destroy_process_group()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m torch.distributed.run --nproc-per-node N -m course_lib.distributed",
        description="Data-parallel training of a small GPT, by hand and by torch.",
    )
    parser.add_argument("--steps", type=int, default=100, metavar="N", help="updates (default 100)")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="windows in all shares (default 32)")
    parser.add_argument("--seq-len", type=int, default=64, metavar="N", help="tokens of a window (default 64)")
    parser.add_argument("--layers", type=int, default=2, metavar="N", help="blocks of the GPT (default 2)")
    parser.add_argument("--d-model", type=int, default=64, metavar="N", help="its features (default 64)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and batches (default 0)")
    parser.add_argument("--save", metavar="FILE", help="write the trained weights there")
    return parser


if __name__ == "__main__":
    main()
