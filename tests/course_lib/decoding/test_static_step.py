"""The static step against the plain path of the same model, and against what a CUDA graph asks of a program."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib.decoding import Sampling, beam_search, generate, predictor, speculative_decode
from course_lib.decoding.bare_functions import is_plain_gpt
from course_lib.decoding.static_step import StaticStep
from course_lib.gpt import GPT, GPTConfig
from course_lib.moe import MoE
from tests.random_inputs import generator

SIZES = {"vocab_size": 11, "seq_len": 16, "d_model": 16, "n_heads": 4, "n_layers": 2}
CHOICES = [
    {},
    {"positions": "rope", "norm": "rms", "ffn": "swiglu", "n_kv_heads": 2, "bias": False, "tied": False},
    {"positions": "rope", "pre_norm": False, "n_kv_heads": 1},
    {"positions": "alibi", "ffn": "gelu_tanh", "n_kv_heads": 2},
    {"positions": "alibi", "norm": "rms", "pre_norm": False},
    {"positions": "none", "ffn": "swiglu", "pre_norm": False},
]


def make(device="cpu", **choices):
    """A model whose weights are large enough for every part to matter."""
    model = GPT(GPTConfig(**SIZES | choices), generator=generator(0))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator(1)), alpha=0.2)
    return model.to(device)


def random_ids(*shape):
    return torch.randint(SIZES["vocab_size"], shape, generator=generator(2))


@pytest.fixture
def plain(monkeypatch):
    """A function that does its work without any static step."""

    def work(function):
        with monkeypatch.context() as patch:
            patch.setattr(predictor, "is_plain_gpt", lambda model: False)
            return function()

    return work


def reads_as_the_model(model, ids, left_padding=None):
    """Read the last tokens of ids one by one, in every way that a cache was left; compare each with the whole text."""
    model.eval()
    with torch.no_grad():
        whole = model(ids, left_padding=left_padding)
        cache = model.new_cache(len(ids), ids.size(1))
        for kept in (cache.keys, cache.values):
            kept.fill_(torch.nan)  # what an allocation may hold
        model(ids[:, :3], cache, left_padding)
        step = StaticStep(model, cache)
        for place in range(3, ids.size(1)):
            logits = step(ids[:, place]).clone()
            torch.testing.assert_close(logits, whole[:, place], atol=2e-5, rtol=1e-4)
        cache.truncate(5)
        torch.testing.assert_close(step(ids[:, 5]), whole[:, 5], atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(model(ids[:, 6:7], cache)[:, 0], whole[:, 6], atol=2e-5, rtol=1e-4)
    return step


@pytest.mark.parametrize("choices", CHOICES)
@pytest.mark.parametrize("n_rows", [1, 8])
@pytest.mark.parametrize("padded", [False, True])
def test_every_step_has_the_logits_of_the_whole_text(choices, n_rows, padded):
    reads_as_the_model(make(**choices), random_ids(n_rows, 9), torch.arange(n_rows) % 3 if padded else None)


def test_half_precision_gives_what_the_plain_path_gives_in_half_precision():
    model, ids = make(positions="rope").eval().bfloat16(), random_ids(2, 9)
    caches = [model.new_cache(2, 9) for _ in range(2)]
    with torch.no_grad():
        for cache in caches:
            model(ids[:, :8], cache)
        expected = model(ids[:, 8:], caches[0])[:, 0]
    torch.testing.assert_close(StaticStep(model, caches[1])(ids[:, 8]), expected, atol=0.05, rtol=0.02)


@pytest.mark.parametrize("choices", CHOICES)
@pytest.mark.parametrize("n_rows", [1, 8])
def test_the_text_is_the_same_with_static_steps_and_without_beyond_the_window_too(choices, n_rows, plain):
    model, prompt = make(**choices), random_ids(n_rows, 4)
    padding = torch.arange(n_rows) % 3
    for sampling in (Sampling(0), Sampling(top_p=0.8), Sampling(5.0, top_k=7)):

        def write(sampling=sampling):
            return generate(model, prompt, 20, sampling, generator=generator(3), left_padding=padding)

        written = write()
        assert written.equal(plain(write)) and written.shape == (n_rows, 24)
    assert len(written[:, 4:].unique()) > 3


def test_beams_and_drafts_find_the_same_text(plain):
    model, draft, prompt = make(), make(positions="rope"), random_ids(1, 4)
    assert beam_search(model, prompt, 12, 3) == plain(lambda: beam_search(model, prompt, 12, 3))

    def speculate():
        return speculative_decode(model, draft, prompt, 12, Sampling(0.9), generator=generator(5)).ids

    assert speculate().equal(plain(speculate))


class Program(TorchDispatchMode):
    """Writes down each operation: its name, its numbers, and where the tensors lie that it was given."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        arguments = torch.utils._pytree.tree_leaves((args, kwargs))
        shown = [(tuple(a.shape), a.stride()) if isinstance(a, torch.Tensor) else a for a in arguments]
        self.steps.append((str(function), shown))
        return function(*args, **kwargs or {})


@pytest.mark.parametrize("choices", CHOICES)
def test_the_program_of_a_step_is_the_same_at_every_position(choices):
    model, ids = make(**choices), random_ids(2, 12)
    cache, programs = model.new_cache(2, 12), []
    model(ids[:, :3], cache, torch.tensor([0, 1]))
    step = StaticStep(model, cache)
    for place in (3, 4, 9):
        step.position.fill_(place)
        with Program() as program:
            step.features(cache.max_len)
        programs.append(program.steps)
    assert programs[0] == programs[1] == programs[2]
    assert len(programs[0]) > 30


@pytest.mark.parametrize("choices", CHOICES)
def test_a_step_never_asks_what_is_in_a_tensor(choices):
    with FakeTensorMode():  # tensors without numbers: whoever looks at one, or branches on it, fails
        model = GPT(GPTConfig(**SIZES | choices))
        cache = model.new_cache(2, 12)
        cache.left_padding = torch.tensor([0, 1])
        step = StaticStep(model, cache)
        assert step.features(cache.max_len).shape == (2, SIZES["d_model"])


def test_the_logits_are_tensors_like_any_other():
    model, ids = make(), random_ids(2, 5)
    cache = model.new_cache(2, 6)
    model.train()(ids[:, :4], cache)
    logits = StaticStep(model, cache)(ids[:, 4])
    assert not logits.requires_grad and not logits.is_inference() and model.training
    weight = torch.ones(2, 11, requires_grad=True)
    (logits * weight).sum().backward()
    assert weight.grad.equal(logits)


def test_an_experts_model_a_subclass_and_a_watched_model_take_the_plain_path():
    mixture = GPT(GPTConfig(**SIZES), feed_forward=lambda config: MoE(config.d_model, config.d_ff, 4, 2))
    watched, other = make(), type("Other", (GPT,), {})(GPTConfig(**SIZES))
    seen = []
    watched.blocks[1].register_forward_hook(lambda *_: seen.append(1))
    for model in (mixture, watched, other):
        assert not is_plain_gpt(model)
        with pytest.raises(ValueError, match=r"model must be a GPT of the parts of course_lib.gpt, without hooks"):
            StaticStep(model, model.new_cache(1, 8))
        assert generate(model, random_ids(1, 3), 5).shape == (1, 8)
    assert len(seen) == 5
    assert is_plain_gpt(make())


def test_autocast_takes_the_plain_path():
    model, prompt = make(), random_ids(2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert generate(model, prompt, 5, Sampling(0)).shape == (2, 8)


def test_what_does_not_fit_is_refused():
    model = make()
    cache = model.new_cache(2, 4)
    step = StaticStep(model, cache)
    with pytest.raises(ValueError, match="batch of 2, got ids with 3 rows"):
        step(random_ids(3))
    with pytest.raises(ValueError, match="ids must be from 0 to 10, got 11 to 11"):
        step(torch.tensor([11, 11]))
    for _ in range(4):
        step(random_ids(2))
    with pytest.raises(ValueError, match="1 more do not fit"):
        step(random_ids(2))
    with pytest.raises(ValueError, match="the cache must hold at most the 16 positions, got 17"):
        StaticStep(model, model.new_cache(2, 17))


def test_a_long_prompt_read_in_pieces_has_the_same_logits(monkeypatch):
    ids = random_ids(2, 16)
    for choices in CHOICES:
        model, widths = make(**choices), []
        whole = predictor.Predictor(model, 2, 16)(ids, last=3)
        monkeypatch.setattr(predictor, "_AT_ONCE", 4)
        model.tokens.register_forward_hook(lambda _, args, __, widths=widths: widths.append(args[0].size(1)))
        pieces = predictor.Predictor(model, 2, 16)(ids, last=3)
        monkeypatch.undo()
        torch.testing.assert_close(pieces, whole, atol=2e-5, rtol=1e-4)
        assert widths == [4, 4, 4, 4]


@pytest.mark.gpu
@pytest.mark.parametrize("choices", CHOICES)
def test_a_recorded_graph_is_replayed_at_every_position(choices, plain):
    model, ids = make("cuda", **choices), random_ids(2, 9).cuda()
    assert reads_as_the_model(model, ids).graph is not None
    prompt = ids[:, :4]
    text = generate(model, prompt, 20, Sampling(0))
    assert text.equal(plain(lambda: generate(model, prompt, 20, Sampling(0))))
