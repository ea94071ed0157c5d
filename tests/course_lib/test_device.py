"""The choice of the device: what the environment says, or else the best that is there."""

import pytest
import torch

from course_lib.device import available, best_device, describe
from course_lib.gpt import GPT, GPTConfig


@pytest.fixture
def machine(monkeypatch):
    """A function that makes this machine one with these accelerators."""

    def with_accelerators(*kinds, cards=1):
        monkeypatch.delenv("COURSE_DEVICE", raising=False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cards if "cuda" in kinds else 0)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)

    return with_accelerators


@pytest.mark.parametrize(
    "kinds, best", [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("cuda", "mps"), "cuda")]
)
def test_the_best_device_there_is_is_chosen(machine, kinds, best):
    machine(*kinds)
    assert best_device() == torch.device(best)
    assert available()[-1] == "cpu"


def test_the_environment_decides(machine, monkeypatch):
    machine("cuda", cards=2)
    for wanted in ("cpu", "cuda", "cuda:1", " cpu "):
        monkeypatch.setenv("COURSE_DEVICE", wanted)
        assert best_device() == torch.device(wanted.strip())
    monkeypatch.setenv("COURSE_DEVICE", "")
    assert best_device() == torch.device("cuda")


@pytest.mark.parametrize("wanted", ["gpu", "cuda:2", "mps", "meta", "xpu", "1x"])
def test_a_device_that_is_not_here_is_refused_and_the_message_says_what_is(machine, monkeypatch, wanted):
    machine("cuda", cards=2)
    monkeypatch.setenv("COURSE_DEVICE", wanted)
    with pytest.raises(ValueError, match=f"COURSE_DEVICE .*{wanted}") as error:
        best_device()
    assert "cuda, cpu" in str(error.value)


def test_the_sentence_says_what_the_device_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    assert describe(torch.device("cuda")).startswith("NVIDIA H100: ")
    assert "Apple" in describe(torch.device("mps"))
    assert "ordinary processor" in describe(torch.device("cpu"))


@pytest.mark.gpu
def test_the_same_seed_gives_the_same_weights_on_a_gpu():
    config = GPTConfig(vocab_size=5, seq_len=8, d_model=8, n_heads=2, n_layers=1)
    here, there = (GPT(config, generator=torch.Generator().manual_seed(1)).to(device) for device in ("cpu", "cuda"))
    assert all(torch.equal(a, b.cpu()) for a, b in zip(here.parameters(), there.parameters(), strict=True))
