"""What is prepared for a card runs on the CPU, at sizes that say nothing about speed."""

import pytest
import torch

from benchmarks import cross_entropy, gpu
from benchmarks import generation as generation_rows
from course_lib.gpt import GPTConfig


@pytest.mark.slow
def test_all_rows_of_a_gpu_can_be_made_without_one(monkeypatch):
    monkeypatch.setattr(generation_rows, "_NEW", 4)
    for module in ("gpt", "generation", "cross_entropy"):
        monkeypatch.setattr(
            f"benchmarks.{module}.alternate", lambda ours, peer, seconds: (ours(), peer(), (2.0, 4.0))[2]
        )
    config = GPTConfig(vocab_size=64, seq_len=8, d_model=16, n_heads=2, n_layers=1)
    ceilings = gpu.measure(torch.device("cpu"), torch.bfloat16, config, batch_size=2, edge=8)
    assert len(ceilings) == 5 and all("% of the ceiling" in row["note"] for row in ceilings)
    peers = gpu.beside_peers("cpu", torch.float32, config, batch_size=2, backend="eager")
    assert len(peers) == 7
    assert [row["goal"] for row in peers[3:]] == [1 / 6, 1 / 6, 0.1, 0.1]
    memory, _ = cross_entropy.measure("cpu", n_tokens=2048, vocab_size=3000, d_model=8)
    assert memory["unit"] == "MiB" and 0 < memory["ours_s"] < memory["peer_s"] / 2
