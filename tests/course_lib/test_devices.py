"""The library on another device than the CPU: nothing is made beside the tensors it is given, and the values are equal.

A machine with a GPU is not needed, see `tests/pretend_device.py`. Whatever is here is called twice, on the CPU and on
a pretended device to which its tensors and modules were moved. Generators stay on the CPU.
"""

import functools
import inspect
from importlib import import_module

import pytest
import torch
from torch import Tensor, nn

from course_lib.alignment import RewardModel
from course_lib.bert import BERTConfig, MaskedLM, mask_tokens, mlm_loss
from course_lib.embeddings import WordVectors, neighbour_purity, word_similarity
from course_lib.extrapolation import PositionalLM
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import draw_windows, next_token_loss
from course_lib.moe import MoE, auxiliary_loss
from course_lib.neural_ngram import NeuralNgram
from course_lib.recurrent import RecurrentLM
from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig, seq2seq_loss
from course_lib.train import Trainer
from course_lib.transformer import Transformer, TransformerConfig, translation_loss
from tests.calls_with_numbers import CALLS, calls
from tests.pretend_device import PretendDevice

#: The calls run on "mps", which has no float64; of these torch asks the device itself which attention is the fastest
FUSED = {
    "alignment.rollouts.sample_replies",
    "attention.fused_attention",
    "decoding.beam.beam_search",
    "decoding.generation.generate",
    "decoding.generation.stream",
    "decoding.speculative.speculative_decode",
    "extrapolation.loss_by_position",
    "language_model.nats_per_token",
}

#: what the calls below leave out, and why
ON_THE_CPU = {
    "embeddings.cooccurrence.cooccurrences": "sparse: FakeTensorMode knows no sparse tensors",
    "embeddings.cooccurrence.ppmi": "sparse",
    "embeddings.cooccurrence.svd_vectors": "sparse",
    "embeddings.glove.GloVe": "sparse",
    "ngrams.counts.count_ngrams": "counted with NumPy: comes back to the CPU by itself, which FakeTensorMode forbids",
    "scaling.checkpointing.checkpointed": "torch.utils.checkpoint asks torch for the device's own module",
    "quantization.quantized": "copies a module, which FakeTensorMode forbids",
}

SIZES = dict(source_vocab_size=7, target_vocab_size=7)
GPT_SIZES = dict(vocab_size=7, seq_len=12, d_model=8, n_heads=2, n_layers=1)


def gpt(feed_forward=None, **changes):
    config = GPTConfig(**GPT_SIZES | changes)
    return GPT(config) if feed_forward is None else GPT(config, feed_forward)


def of_experts(config):
    return MoE(config.d_model, 8, 4, 2, capacity_factor=1.0)


def experts_loss(model, windows):
    return next_token_loss(model, windows) + auxiliary_loss(model)


def masked_loss(model, windows):
    seen, labels = mask_tokens(windows, 7, 6, generator=torch.Generator().manual_seed(0))
    return mlm_loss(model(seen), labels)


def pairs(generator):
    return tuple(torch.randint(3, 7, (2, n), generator=generator) for n in (5, 4))


def windows(generator):
    return torch.randint(0, 7, (2, 9), generator=generator)


def token_windows(generator):
    return draw_windows(torch.arange(40) % 7, 2, 8)(generator)


#: name → (model, draw, loss): what is trained for a step
TRAINED = {
    "GPT, learned positions": (gpt, token_windows, next_token_loss),
    "GPT, ALiBi": (lambda: gpt(positions="alibi"), token_windows, next_token_loss),
    "GPT, RoPE, grouped queries, dropout": (
        lambda: gpt(positions="rope", n_heads=4, n_kv_heads=2, dropout=0.1),
        windows,
        next_token_loss,
    ),
    "GPT of experts": (lambda: gpt(of_experts), windows, experts_loss),
    "PositionalLM": (lambda: PositionalLM(**GPT_SIZES, positions="sinusoidal"), windows, next_token_loss),
    "LSTM": (lambda: RecurrentLM(7, "lstm", 8, 8), windows, next_token_loss),
    "GRU": (lambda: RecurrentLM(7, "gru", 8, 8), windows, next_token_loss),
    "NeuralNgram": (lambda: NeuralNgram(7, 2, 4, 8), windows, next_token_loss),
    "MaskedLM": (lambda: MaskedLM(BERTConfig(7, seq_len=12, d_model=8, n_heads=2, n_layers=1)), windows, masked_loss),
    "Seq2Seq with attention": (
        lambda: Seq2Seq(Seq2SeqConfig(**SIZES, d_model=8, attention=True)),
        pairs,
        lambda model, batch: seq2seq_loss(model, batch, 0.5, torch.Generator().manual_seed(0)),
    ),
    "Transformer": (
        lambda: Transformer(TransformerConfig(**SIZES, d_model=8, n_heads=2, n_layers=1)),
        pairs,
        translation_loss,
    ),
    "RewardModel": (lambda: RewardModel(gpt()), windows, lambda model, ids: model(ids).mean()),
}


def moved(data, device):
    """The data with its tensors and modules on the device; generators stay where they are."""
    if isinstance(data, nn.Parameter):
        return nn.Parameter(data.detach().to(device))
    if isinstance(data, (Tensor, nn.Module)):
        return data.to(device)
    if isinstance(data, dict):
        return {name: moved(part, device) for name, part in data.items()}
    if isinstance(data, (list, tuple)):
        parts = [moved(part, device) for part in data]
        return type(data)(*parts) if hasattr(data, "_fields") else type(data)(parts)
    return data


def plain(data):
    """Tensors, in whatever they are, as numbers; objects without tensors as nothing."""
    if isinstance(data, Tensor):
        return data.detach().cpu().tolist()
    if isinstance(data, dict):
        return {name: plain(part) for name, part in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(part) for part in data]
    return data if isinstance(data, (int, float, str)) else None


def same(got, expected):
    return (
        got == pytest.approx(expected, abs=1e-5, nan_ok=True)
        if isinstance(got, float)
        else (len(got) == len(expected) and all(map(same, got, expected)) if isinstance(got, list) else got == expected)
    )


def on_both(work, kind="xla"):
    """Do the work on the CPU and on the pretended device, from the same seed."""
    torch.manual_seed(0)
    expected = plain(work("cpu"))
    with there(kind)[0]:
        torch.manual_seed(0)
        got = plain(work(f"{kind}:0"))
    assert same(got, expected), f"{got} is not {expected}"


@pytest.mark.parametrize("name", TRAINED)
def test_a_model_learns_on_another_device_as_on_the_cpu(name):
    make, draw, loss = TRAINED[name]

    def work(device):
        model = make().to(device)
        trainer = Trainer(model, lambda generator: moved(draw(generator), device), loss, steps=1)
        step = next(iter(trainer))
        assert {weight.device.type for weight in model.parameters()} == {torch.device(device).type}
        return [step.loss, step.grad_norm, next(iter(model.parameters()))]

    on_both(work)


@functools.cache
def there(kind):
    """A pretended device, and the calls with arguments made under it."""
    mode = PretendDevice(kind)
    with mode:
        return mode, calls()


def test_the_calls_left_out_are_there():
    assert set(ON_THE_CPU) | FUSED <= set(CALLS)


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ON_THE_CPU])
def test_a_function_does_not_mind_where_its_tensors_are(name):
    module, _, attribute = name.rpartition(".")
    called = getattr(import_module(f"course_lib.{module}"), attribute)
    kind = "xla" if name in FUSED else "mps"

    def work(device):
        made = CALLS if device == "cpu" else there(kind)[1]
        return result_of(called(**moved(made[name](), device)))

    if has_tensors(CALLS[name]()):
        on_both(work, kind)


def result_of(returned):
    return list(returned) if inspect.isgenerator(returned) else returned


def has_tensors(data):
    if isinstance(data, (dict, list, tuple)):
        return any(map(has_tensors, data.values() if isinstance(data, dict) else data))
    return isinstance(data, (Tensor, nn.Module))


def test_what_is_made_beside_its_arguments_is_found():
    with pytest.raises(RuntimeError, match="two devices"):
        on_both(lambda device: torch.zeros(2, device=device) + torch.arange(2))
    with pytest.raises(RuntimeError, match="device type for generator"):
        on_both(lambda device: torch.rand(2, device=device, generator=torch.Generator()))
    with pytest.raises(RuntimeError, match="two devices"):
        on_both(lambda device: nn.Linear(2, 2).to(device)(torch.ones(2)))


def test_float64_is_found_where_there_is_none():
    with pytest.raises(TypeError, match="float64"):
        on_both(lambda device: torch.ones(2).to(device).double(), "mps")
    on_both(lambda device: torch.ones(2).double().float().to(device), "mps")


def test_word_vectors_are_measured_where_they_are():
    kinds, judged = {"a": "x", "b": "x", "c": "y"}, [("a", "b", 9.0), ("a", "c", 1.0)]

    def rows(device):
        return torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], device=device)

    on_both(lambda device: neighbour_purity(WordVectors(list(kinds), rows(device)), kinds, k=1), "mps")
    on_both(lambda device: word_similarity(WordVectors(list(kinds), rows(device)), judged)[0], "mps")
