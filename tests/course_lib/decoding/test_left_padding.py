"""Prompts of unequal length, padded at the left: every row is continued as if it were alone, whatever the model.

Together against one by one, and against Hugging Face's generation with an attention mask.
"""

import pytest
import torch

from course_lib.decoding import Predictor, Sampling, beam_search, generate
from course_lib.gpt import GPT, GPTConfig
from course_lib.gpt_weights import gpt_from_gpt2
from course_lib.neural_ngram import NeuralNgram
from course_lib.recurrent import RecurrentLM
from tests.language_models import HistoryLM, WithoutCache

V, T = 9, 6
LEFT_PADDING = torch.tensor([0, 2, 5, 1])
PROMPT = torch.randint(1, V, (4, T), generator=torch.Generator().manual_seed(0))
PADDING = torch.arange(T) < LEFT_PADDING[:, None]


def gpt(**choices):
    config = dict(vocab_size=V, seq_len=12, d_model=16, n_heads=4, n_layers=2, init_std=0.5)
    return GPT(GPTConfig(**config | choices), generator=torch.Generator().manual_seed(1))


def recurrent(cell, n_layers):
    torch.manual_seed(2)
    model = RecurrentLM(V, cell, 8, 8, n_layers)
    torch.nn.init.normal_(model.tokens.weight, std=2.0)
    torch.nn.init.normal_(model.to_logits.weight, std=2.0)
    return model


def neural_ngram():
    torch.manual_seed(3)
    return NeuralNgram(V, n_context=4, d_model=8, d_hidden=8, direct=True)


MODELS = {
    **{positions: lambda positions=positions: gpt(positions=positions) for positions in ("learned", "rope", "alibi")},
    "grouped": lambda: gpt(positions="rope", n_kv_heads=2, norm="rms", ffn="swiglu"),
    "no positions": lambda: gpt(positions="none", pre_norm=False),
    "rnn": lambda: recurrent("rnn", 1),
    "lstm": lambda: recurrent("lstm", 2),
    "gru": lambda: recurrent("gru", 2),
    "neural n-gram": neural_ngram,
}


@pytest.fixture(params=list(MODELS))
def model(request):
    return MODELS[request.param]().eval()


@pytest.mark.parametrize("filler", [0, 3])
@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("choice", [Sampling(0), Sampling(0, repetition_penalty=1.4)])
@pytest.mark.parametrize("new", [4, 9])  # within the window of those that have one, and beyond it
def test_rows_of_unequal_length_are_continued_as_if_alone(model, filler, use_cache, choice, new):
    prompt = PROMPT.masked_fill(PADDING, filler)
    written = generate(model, prompt, new, choice, left_padding=LEFT_PADDING, use_cache=use_cache)
    assert written[:, :T].equal(prompt)
    for row, n_padding in enumerate(LEFT_PADDING.tolist()):
        alone = generate(model, PROMPT[row : row + 1, n_padding:], new, choice, use_cache=False)
        assert written[row, n_padding:].tolist() == alone[0].tolist()
    assert len({tuple(row) for row in written[:, T:].tolist()}) > 1  # the rows are different, or nothing would be told


@torch.no_grad()
@pytest.mark.parametrize("pieces", [[T], [3, 1, 2], [6, 0]])
def test_the_logits_of_real_tokens_are_those_of_the_text_alone_cached_and_not(model, pieces):
    prompt = PROMPT.masked_fill(PADDING, 7)
    left_padding, prompt = LEFT_PADDING.clamp(max=2), prompt  # a recurrent model needs a token in the first call
    cache, parts = model.new_cache(4, T), []
    for piece in prompt.split(pieces, dim=1):
        if piece.size(1):
            parts.append(model(piece, cache, left_padding if cache.length == 0 else None))
    together = model(prompt, left_padding=left_padding)
    torch.testing.assert_close(torch.cat(parts, 1)[:, 2:], together[:, 2:], atol=1e-4, rtol=1e-4)
    for row, n_padding in enumerate(left_padding.tolist()):
        alone = model(prompt[row : row + 1, n_padding:])
        torch.testing.assert_close(together[row, n_padding:], alone[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("new", [4, 8])
def test_beams_find_for_every_row_what_they_find_for_it_alone(model, cached, new):
    asked = model if cached else without_cache(model)
    options = {"beams": 3, "n_best": 3, "eos_id": 2, "length_penalty": 0.7}
    together = beam_search(asked, PROMPT, new, left_padding=LEFT_PADDING, **options)
    for row, n_padding in enumerate(LEFT_PADDING.tolist()):
        (alone,) = beam_search(WithoutCache(model), PROMPT[row : row + 1, n_padding:], new, **options)
        assert [h.tokens for h in together[row]] == [h.tokens for h in alone]
        assert [h.log_prob for h in together[row]] == pytest.approx([h.log_prob for h in alone], abs=1e-4)


def without_cache(model):
    class Plain(WithoutCache):
        def forward(self, ids, left_padding=None):
            return self.model(ids, left_padding=left_padding)

    return Plain(model)


@pytest.mark.parametrize("beams", [1, 3])
def test_greedy_and_beams_are_those_of_hugging_face(beams):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=V, n_positions=24, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0, pad_token_id=0
    )
    torch.manual_seed(0)
    theirs = transformers.GPT2LMHeadModel(config).eval()
    torch.nn.init.normal_(theirs.transformer.wte.weight, std=0.6)
    prompt = PROMPT.masked_fill(PADDING, 0)
    expected = theirs.generate(
        prompt, attention_mask=(~PADDING).long(), max_new_tokens=8, do_sample=False, num_beams=beams,
        length_penalty=0.0, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    ours = gpt_from_gpt2(theirs.state_dict(), 2)
    if beams == 1:
        written = generate(ours, prompt, 8, Sampling(0), left_padding=LEFT_PADDING)[:, T:]
    else:
        written = torch.tensor([h[0].tokens for h in beam_search(ours, prompt, 8, beams, left_padding=LEFT_PADDING)])
    assert written.tolist() == expected[:, T:].tolist()


def test_rows_of_a_predictor_keep_their_padding_when_they_change_places():
    model = gpt()
    predict = Predictor(model, 4, 9, use_cache=False, left_padding=LEFT_PADDING)
    rows = torch.tensor([3, 1, 1])
    predict.reorder(rows)
    with torch.no_grad():
        expected = model(PROMPT[rows], left_padding=LEFT_PADDING[rows])[:, -1]
    torch.testing.assert_close(predict(PROMPT[rows])[:, 0], expected)


def test_a_model_that_takes_no_padding_is_named_and_needs_none_where_there_is_none():
    model = HistoryLM(vocab_size=V)
    for search in (generate, beam_search):
        with pytest.raises(ValueError, match=r"model must take left_padding .* got a HistoryLM"):
            search(model, PROMPT, 2, left_padding=LEFT_PADDING)
    none = torch.zeros(4, dtype=torch.int64)
    assert generate(model, PROMPT, 3, Sampling(0), left_padding=none).equal(generate(model, PROMPT, 3, Sampling(0)))


@pytest.mark.parametrize("wrong", [[0, 1], [0, -1, 0, 0], [0, 0, 0, 6], [0.0, 1.0, 2.0, 3.0]])
def test_padding_of_another_shape_or_out_of_range_is_named(wrong):
    for search in (generate, beam_search):
        with pytest.raises(ValueError, match="left_padding must be"):
            search(gpt(), PROMPT, 2, left_padding=torch.tensor(wrong))


@pytest.mark.parametrize("late", ["learned", "lstm", "neural n-gram"])
def test_padding_cannot_come_after_the_first_tokens(late):
    model = MODELS[late]()
    cache = model.new_cache(4, T)
    model(PROMPT[:, :3], cache)
    with pytest.raises(ValueError, match="left_padding belongs to the first call"):
        model(PROMPT[:, 3:], cache, torch.tensor([0, 0, 0, 1]))
