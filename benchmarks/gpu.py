"""The large parts on a GPU, in bfloat16, beside what the device can do at best, which is measured first.

Two ceilings: operations a second of one large product of matrices, bytes a second of a copy. `peer_s` is the time that
the work would take at the ceiling that binds it; its share of the ceiling is in the note. After them, the same training
and generation beside transformers' GPT-2, with equal weights.

All of it runs on a CPU, too, at small sizes (`tests/benchmarks/test_gpu.py`): what it says there about speed means
nothing, but the prepared run on a card will not fail for another reason.
"""

import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.generation import measure as generation
from benchmarks.gpt import beside_hugging_face
from benchmarks.timing import row
from course_lib.attention import fused_attention
from course_lib.cross_entropy import chunked_next_token_loss
from course_lib.decoding import Sampling, generate
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import count_parameters, next_token_loss
from course_lib.moe import MoE
from course_lib.scaling import flops_per_token, matmul_parameters


def compare() -> list[dict]:
    """Return the rows, none where there is no GPU."""
    if not torch.cuda.is_available():
        return []
    config = GPTConfig(50_304, 1024, 768, 12, 12)
    ceilings = measure(torch.device("cuda"), torch.bfloat16, config, batch_size=16, edge=8192)
    return ceilings + beside_peers("cuda", torch.bfloat16, config, batch_size=16)


def measure(device: torch.device, dtype: torch.dtype, config: GPTConfig, batch_size: int, edge: int) -> list[dict]:
    """Return the rows for a GPT of this configuration; the ceilings are measured on matrices of edge × edge."""
    torch.manual_seed(0)
    a, b = (torch.randn(edge, edge, device=device, dtype=dtype) for _ in "ab")
    flops_per_second = 2 * edge**3 / _seconds(lambda: a @ b, device)
    bytes_per_second = 2 * a.nbytes / _seconds(lambda: b.copy_(a), device)
    product = f"the measured product of matrices, {flops_per_second / 1e12:.3g} TFLOP/s"
    copy = f"the measured copy, {bytes_per_second / 1e9:.4g} GB/s"
    cases = [
        (*_attention(device, dtype, config, batch_size), product, flops_per_second),
        (*_training_step(device, dtype, config, batch_size), product, flops_per_second),
        (*_moe(device, dtype, config, batch_size), product, flops_per_second),
        *((*_generation(device, dtype, config, rows), copy, bytes_per_second) for rows in (1, 8)),
    ]
    rows = []
    for work, run, amount, ceiling, per_second in cases:
        seconds, best = _seconds(run, device), amount / per_second
        rows.append(row(work, ceiling, (seconds, best), note=f"{best / seconds:.0%} of the ceiling, {dtype}"))
    return rows


def beside_peers(
    device: str, dtype: torch.dtype, config: GPTConfig, batch_size: int, backend: str = "inductor"
) -> list[dict]:
    """Return the rows of training and generation beside transformers' GPT-2; the backend compiles our loss."""
    size = (config.n_layers, config.d_model, config.n_heads)
    losses = {
        "": next_token_loss,
        ", loss in chunks": chunked_next_token_loss,
        ", model and loss compiled": torch.compile(next_token_loss, backend=backend),
    }
    rows = [
        beside_hugging_face(*size, batch_size, config.seq_len, config.vocab_size, device, dtype, loss, note)
        for note, loss in losses.items()
    ]
    for n_layers, d_model, n_heads, vocab_size, goal in ((*size, config.vocab_size, 1 / 6), (4, 128, 4, 512, 0.1)):
        for n_texts in (1, 8):
            rows.append(generation(n_texts, n_layers, d_model, n_heads, vocab_size, goal, device, dtype))
    return rows


Case = tuple[str, Callable[[], object], float]  # what, how, and how many operations or bytes it needs


def _attention(device: torch.device, dtype: torch.dtype, config: GPTConfig, batch_size: int) -> Case:
    shape = (batch_size, config.n_heads, config.seq_len, config.d_head)
    q, k, v = (torch.randn(shape, device=device, dtype=dtype) for _ in "qkv")
    flops = 4 * batch_size * config.n_heads * config.seq_len**2 * config.d_head
    return f"attention without weights, {shape}, forward", lambda: fused_attention(q, k, v), flops


def _training_step(device: torch.device, dtype: torch.dtype, config: GPTConfig, batch_size: int) -> Case:
    model = GPT(config).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    windows = torch.randint(config.vocab_size, (batch_size, config.seq_len + 1), device=device)

    def step() -> None:
        with torch.autocast(device.type, dtype):
            loss = next_token_loss(model, windows)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    # a kernel that is told of the causal rule multiplies half of the square
    cost = flops_per_token(matmul_parameters(config), config.n_layers, config.d_model, (config.seq_len + 1) // 2)
    tokens = batch_size * config.seq_len
    return f"GPT training step, {_size(config)}, {tokens:,} tokens", step, cost * tokens


def _moe(device: torch.device, dtype: torch.dtype, config: GPTConfig, batch_size: int) -> Case:
    d_ff, top_k = 4 * config.d_model, 2
    layer = MoE(config.d_model, d_ff, 8, top_k).to(device, dtype)
    x = torch.randn(batch_size, config.seq_len, config.d_model, device=device, dtype=dtype)

    def step() -> None:
        layer.zero_grad()
        (layer(x).float().square().mean() + layer.aux_loss).backward()

    # forward and the gradients of the weights, both matrices; that of x is needed for the second matrix alone
    flops = 2 * x[..., 0].numel() * top_k * 2 * config.d_model * d_ff * 2.5
    return f"MoE layer, forward and backward, 8 experts, top-2, {x[..., 0].numel():,} tokens", step, flops


def _generation(device: torch.device, dtype: torch.dtype, config: GPTConfig, batch_size: int) -> Case:
    new = config.seq_len // 4
    model = GPT(config).to(device, dtype).eval()
    prompt = torch.randint(config.vocab_size, (batch_size, 16), device=device)
    read = (
        new * count_parameters(model) * torch.finfo(dtype).bits // 8
    )  # every weight, for each token; caches are small
    return (
        f"generation, {_size(config)}, batch {batch_size}, {new} tokens",
        lambda: generate(model, prompt, new, Sampling(temperature=0)),
        read,
    )


def _size(config: GPTConfig) -> str:
    return f"{config.n_layers} × {config.d_model}, {config.n_parameters() / 1e6:.0f} M parameters"


def _seconds(work: Callable[[], object], device: torch.device, rounds: int = 7) -> float:
    """Return the median seconds of the work, after two rounds to warm up."""
    times = []
    for _ in range(rounds + 2):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
