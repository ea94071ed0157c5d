"""Encoder–decoders against torch's cells in a plain loop, beam search against enumeration, and a task to be learned."""

import functools
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.data.tasks import Dates
from course_lib.decoding import Sampling, beam_search, generate
from course_lib.seq2seq import (
    ConditionalLM,
    Seq2Seq,
    Seq2SeqConfig,
    additive_attention,
    greedy_decode,
    masked_nll,
    seq2seq_loss,
    teacher_forcing_inputs,
)
from course_lib.train import Trainer
from course_lib.transformer import Transformer, TransformerConfig, translate
from tests.language_models import every_continuation
from tests.random_inputs import normal, random_mask

SOURCE = torch.tensor([[4, 6, 3, 5, 8], [7, 3, 0, 0, 0], [8, 8, 4, 0, 0]])
TARGET = torch.tensor([[1, 5, 3, 4, 2], [1, 6, 2, 0, 0], [1, 3, 3, 2, 0]])
VARIANTS = list(itertools.product(["gru", "lstm"], [True, False]))


def small(cell="gru", attention=True, seed=0, spread=1.0, **options):
    """A model whose choices differ from row to row: the weights are larger than those that training starts from."""
    torch.manual_seed(seed)
    sizes = {"source_vocab_size": 9, "target_vocab_size": 7, "d_model": 5, "d_hidden": 6}
    model = Seq2Seq(Seq2SeqConfig(**sizes | options, cell=cell, attention=attention))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=spread)
    return model.eval()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 4), st.integers(1, 5))
def test_additive_attention_is_bahdanaus_formula_one_score_at_a_time(seed, batch, length):
    query, memory, v = normal(seed, batch, 3), normal(seed + 1, batch, length, 4), normal(seed + 2, 5)
    w_q, w_k = normal(seed + 3, 3, 5), normal(seed + 4, 4, 5)
    mask = random_mask(seed, batch, length)
    context, weights = additive_attention(query, memory, w_q, w_k, v, mask)
    for row in range(batch):
        real = mask[row].nonzero().flatten().tolist()
        scores = [math.exp((v * (query[row] @ w_q + memory[row, s] @ w_k).tanh()).sum()) for s in real]
        expected = {s: score / sum(scores) for s, score in zip(real, scores)}
        assert weights[row].tolist() == pytest.approx([expected.get(s, 0.0) for s in range(length)], abs=1e-5)
        mean = sum((expected[s] * memory[row, s] for s in real), torch.zeros(4))
        torch.testing.assert_close(context[row], mean, atol=1e-5, rtol=1e-4)


def test_a_row_with_nothing_to_attend_to_gets_zeros_and_all_gradients_agree_with_finite_differences():
    shapes = [(2, 3), (2, 4, 2), (3, 5), (2, 5), (5,)]
    inputs = [normal(i, *shape, dtype=torch.float64).requires_grad_() for i, shape in enumerate(shapes)]
    mask = torch.tensor([[True, False, True, True], [False, False, False, False]])
    context, weights = additive_attention(*inputs, mask)
    assert context[1].eq(0).all() and weights[1].eq(0).all() and weights[0].sum().item() == pytest.approx(1)
    assert torch.autograd.gradcheck(lambda *a: additive_attention(*a, mask), inputs)


def test_in_half_precision_the_mask_still_hides():
    memory = normal(0, 1, 3, 4, dtype=torch.float16)
    w, v, mask = (
        normal(1, 4, 4, dtype=torch.float16),
        normal(2, 4, dtype=torch.float16),
        torch.tensor([[True, False, True]]),
    )
    _, weights = additive_attention(memory[:, 0], memory, w, w, v, mask)
    assert weights.dtype == torch.float16 and weights[0, 1] == 0 and weights.isfinite().all()


def test_teacher_forcing_reads_the_true_words_and_predicts_the_next_ones():
    inputs, labels = teacher_forcing_inputs(TARGET)
    assert inputs.tolist() == [[1, 5, 3, 4], [1, 6, 2, 0], [1, 3, 3, 2]]
    assert labels.tolist() == [[5, 3, 4, 2], [6, 2, 0, 0], [3, 3, 2, 0]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.sampled_from([0, 3]))
def test_the_masked_loss_is_the_mean_over_real_tokens_not_over_rows_or_positions(seed, pad_id):
    logits = normal(seed, 3, 4, 5)
    labels = torch.randint(0, 5, (3, 4), generator=torch.Generator().manual_seed(seed))
    labels[0, 0], labels[0, 1] = 1, pad_id
    losses = [
        -math.log(logits[row, t].exp()[labels[row, t]] / logits[row, t].exp().sum())
        for row, t in itertools.product(range(3), range(4))
        if labels[row, t] != pad_id
    ]
    assert masked_nll(logits, labels, pad_id).item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_nothing_but_padding_costs_nothing_and_has_no_gradient():
    logits = normal(0, 2, 3, 4).requires_grad_()
    loss = masked_nll(logits, torch.zeros(2, 3, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0 and logits.grad.eq(0).all()


def by_hand(model, source, target):
    """The logits of one pair, without padding, with torch's own encoder and decoder cells."""
    config, hidden = model.config, model.config.d_hidden
    encoder_kind, cell_kind = (nn.GRU, nn.GRUCell) if config.cell == "gru" else (nn.LSTM, nn.LSTMCell)
    encoder = encoder_kind(config.d_model, hidden, bidirectional=True, batch_first=True)
    encoder.load_state_dict(model.encoder.state_dict())
    cell = cell_kind(config.d_model + 2 * hidden, hidden)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in model.decoder.state_dict().items()})
    memory, last = encoder(model.source_embedding(source)[None])
    last = [s.flatten() for s in ([last] if config.cell == "gru" else last)]
    h, *c = (torch.tanh(bridge.weight @ s + bridge.bias)[None] for bridge, s in zip(model.bridges, last))
    logits = []
    for token in target:
        context = last[0]
        if config.attention:
            scores = [torch.dot(model.v, torch.tanh(h[0] @ model.w_q + state @ model.w_k)) for state in memory[0]]
            context = torch.stack(scores).softmax(0) @ memory[0]
        x = torch.cat([model.target_embedding(token), context])[None]
        h, *c = cell(x, (h, *c)) if c else (cell(x, h),)
        logits.append(model.to_logits(torch.cat([h[0], context])))
    return torch.stack(logits)


@pytest.mark.parametrize("cell, attention", VARIANTS)
def test_it_equals_torchs_cells_in_a_loop_sentence_by_sentence_whatever_the_padding(cell, attention):
    model = small(cell, attention, spread=0.5)
    logits = model(SOURCE, TARGET)
    assert logits.shape == (3, 5, 7)
    for row in range(3):
        source, target = SOURCE[row][SOURCE[row] != 0], TARGET[row][TARGET[row] != 0]
        expected = by_hand(model, source, target)
        torch.testing.assert_close(logits[row, : len(target)], expected, atol=1e-5, rtol=1e-4)
    expected.sum().backward()
    from_torch = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    model(source[None], target[None]).sum().backward()
    for name, gradient in from_torch.items():  # of what both use by name: not of the copied encoder and decoder
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, gradient, atol=1e-4, rtol=1e-3)
    assert "bridges.0.weight" in from_torch and ("v" in from_torch) == attention


@pytest.mark.parametrize("cell, attention", VARIANTS)
def test_changing_a_target_token_changes_no_logits_before_it_and_every_source_token_matters(cell, attention):
    model = small(cell, attention, spread=0.5)
    before = model(SOURCE[:1], TARGET[:1])
    for t in range(5):
        changed = TARGET[:1].clone()
        changed[0, t] = 6
        difference = (model(SOURCE[:1], changed) - before).abs().amax(-1)[0]
        assert difference[:t].eq(0).all() and difference[t:].gt(0).all()
        other = SOURCE[:1].clone()
        other[0, t] = 2
        assert (model(other, TARGET[:1]) - before).abs().amax(-1).gt(0).all()


@pytest.mark.parametrize("cell, attention", VARIANTS)
def test_a_cache_continues_and_its_rows_can_be_permuted_and_repeated(cell, attention):
    model, rows = small(cell, attention), torch.tensor([2, 0, 0])
    cache = model.new_cache(3, 5)
    parts = [model(SOURCE, TARGET[:, :2], cache), model(SOURCE, TARGET[:, 2:3], cache)]
    assert cache.length == 3
    whole = model(SOURCE, TARGET)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole[:, :3])
    cache.reorder(rows)
    torch.testing.assert_close(model(SOURCE[rows], TARGET[rows][:, 3:], cache), whole[rows][:, 3:])


@pytest.mark.parametrize("cell, attention", VARIANTS)
def test_without_forcing_it_reads_what_it_wrote_instead_of_the_target(cell, attention):
    model = small(cell, attention)
    written = greedy_decode(model, SOURCE, 6, eos_id=99)
    only_begin = prefixed(torch.full((3, 5), 3))
    torch.testing.assert_close(model(SOURCE, only_begin, forcing=0.0), model(SOURCE, prefixed(written)[:, :6]))


def prefixed(written):
    return torch.cat([torch.ones(len(written), 1, dtype=torch.int64), written], dim=1)


def test_with_some_forcing_each_row_reads_the_true_token_with_that_probability():
    model, n = small(), 2000
    source, target = SOURCE[:1].expand(n, -1), torch.tensor([[1, 5]]).expand(n, -1)
    true, own = (model(SOURCE[:1], target[:1], forcing=forcing)[0, 1] for forcing in (1.0, 0.0))
    assert (true - own).abs().max() > 0.1
    first, second = (
        model(source, target, forcing=0.7, generator=torch.Generator().manual_seed(seed))[:, 1] for seed in (0, 0)
    )
    is_true, is_own = ((first - other).abs().amax(-1) < 1e-4 for other in (true, own))
    assert (is_true ^ is_own).all() and 0.65 < is_true.float().mean() < 0.75
    assert first.equal(second)


def test_dropout_is_for_training_only_and_reaches_embeddings_and_logits():
    model = small(dropout=0.5, spread=0.5)
    quiet = model(SOURCE, TARGET)
    assert quiet.equal(model(SOURCE, TARGET))
    read = []
    model.dropout.register_forward_hook(lambda _, args, output: read.append(args[0].size(-1)))
    assert not torch.allclose(model.train()(SOURCE, TARGET), quiet)
    assert sorted(read) == [5, 5, 18]  # source, target, and state beside context


def test_attention_maps_are_distributions_over_the_real_source_and_leave_the_model_as_it_was():
    model = small(dropout=0.5, spread=0.5).train()
    weights = model.attention_map(SOURCE, TARGET)
    assert weights.shape == (3, 5, 5) and model.training and model.dropout.training
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 5))
    assert weights.masked_select((SOURCE == 0)[:, None]).eq(0).all()
    assert weights.equal(model.attention_map(SOURCE, TARGET))
    torch.testing.assert_close(model.attention_map(SOURCE, TARGET[:, :3]), weights[:, :3])


def log_prob(model, source, tokens):
    log_probs = model(source[None], torch.tensor([[1, *tokens[:-1]]]))[0].log_softmax(-1)
    return sum(log_probs[t, token].item() for t, token in enumerate(tokens))


@pytest.mark.parametrize("cell, attention", VARIANTS)
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_with_beams_for_every_beginning_beam_search_finds_the_best_of_all_targets(cell, attention, length_penalty):
    model = small(cell, attention, target_vocab_size=4)
    found = beam_search(
        ConditionalLM(model, SOURCE), torch.ones(3, 1, dtype=torch.int64), 3, beams=16, eos_id=2, n_best=3,
        length_penalty=length_penalty,
    )  # fmt: skip
    for source, hypotheses in zip(SOURCE, found):
        scores = {
            tuple(tokens): log_prob(model, source, tokens) / len(tokens) ** length_penalty
            for tokens in every_continuation(4, 3, 2)
        }
        best = sorted(scores, key=scores.get, reverse=True)[:3]
        assert [tuple(h.tokens) for h in hypotheses] == best
        assert [h.score for h in hypotheses] == pytest.approx([scores[tokens] for tokens in best], abs=1e-4)
        assert [h.finished for h in hypotheses] == [tokens[-1] == 2 for tokens in best]
    assert len({round(hypotheses[0].score, 3) for hypotheses in found}) == 3  # the source matters


def test_one_beam_is_greedy_and_here_five_find_nothing_less_likely():
    model, begin = small(spread=0.7), torch.ones(3, 1, dtype=torch.int64)
    greedy = greedy_decode(model, SOURCE, 8)
    one, five = (beam_search(ConditionalLM(model, SOURCE), begin, 8, beams=k, eos_id=2) for k in (1, 5))
    for row in range(3):
        written = greedy[row].tolist()
        assert one[row][0].tokens == written[: written.index(2) + 1 if 2 in written else None]
        assert five[row][0].log_prob >= one[row][0].log_prob - 1e-5


def test_greedy_decoding_is_the_likeliest_token_at_every_step_and_padding_after_the_end():
    model = small(spread=0.7)
    written = greedy_decode(model, SOURCE, 8)
    for source, row in zip(SOURCE, written.tolist()):
        tokens = [1]
        while len(tokens) <= 8 and tokens[-1] != 2:
            tokens.append(int(model(source[None], torch.tensor([tokens]))[0, -1].argmax()))
        assert row == (tokens[1:] + [0] * 8)[: written.size(1)]
    assert greedy_decode(model, SOURCE, 0).shape == (3, 0)


def test_a_source_is_encoded_once_however_long_the_target_and_however_many_the_beams():
    model, encoded = small(spread=0.5), []
    model.encoder.register_forward_hook(lambda *_: encoded.append(1))
    greedy_decode(model, SOURCE, 6, eos_id=99)
    beam_search(ConditionalLM(model, SOURCE), torch.ones(3, 1, dtype=torch.int64), 6, beams=3)
    assert len(encoded) == 2


def test_a_transformer_with_its_source_given_is_decoded_by_the_same_functions():
    torch.manual_seed(1)
    model = Transformer(TransformerConfig(9, 7, d_model=8, n_heads=2, d_ff=8)).train()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    assert greedy_decode(model, SOURCE, 5).equal(translate(model, SOURCE, 5)) and model.training
    (best,) = beam_search(ConditionalLM(model, SOURCE[:1]), torch.tensor([[1]]), 3, beams=49, eos_id=2)
    model.eval()
    assert best[0].tokens == max(every_continuation(7, 3, 2), key=lambda tokens: log_prob(model, SOURCE[0], tokens))


def test_targets_can_be_sampled_and_follow_the_models_own_distribution():
    model = small(spread=0.5, target_vocab_size=3)
    lm = ConditionalLM(model, SOURCE[:1].expand(4000, -1))
    drawn = generate(
        lm, torch.ones(4000, 1, dtype=torch.int64), 1, Sampling(), generator=torch.Generator().manual_seed(0)
    )
    expected = model(SOURCE[:1], torch.tensor([[1]]))[0, 0].softmax(-1)
    torch.testing.assert_close(drawn[:, 1].bincount(minlength=3) / 4000, expected, atol=0.04, rtol=0)


def test_the_loss_shifts_the_target_by_one_and_leaves_the_padding_out():
    model = small()
    logits = model(SOURCE, TARGET[:, :-1])
    expected = F.cross_entropy(logits.transpose(1, 2), TARGET[:, 1:], ignore_index=0)
    torch.testing.assert_close(seq2seq_loss(model, (SOURCE, TARGET)), expected)
    assert seq2seq_loss(model, (SOURCE, TARGET), forcing=0.0) != expected


def test_it_learns_to_write_dates_that_it_has_not_seen_as_iso_and_looks_at_the_year_to_write_the_year():
    torch.manual_seed(0)
    task = Dates()
    model = Seq2Seq(Seq2SeqConfig(task.vocab_size, task.vocab_size, d_hidden=48))
    for _ in Trainer(model, functools.partial(task.batch, 32), seq2seq_loss, steps=250, lr=1e-2):
        pass
    sources, targets = task.batch(200, torch.Generator().manual_seed(1), held_out=True)
    assert task.accuracy(greedy_decode(model, sources, 12), targets) > 0.95
    source, target = task.tensors([("March 5, 1987", "1987-03-05")])
    weights = model.attention_map(source, target[:, :-1])[0]  # row t: before it writes character t
    assert weights[:4, 9 - 1 :].sum(-1).min() > 0.5
    assert weights[5:7, :5].sum(-1).min() > 0.3


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Seq2SeqConfig(5, 5, cell="rnn"), ValueError, "cell must be one of gru, lstm, got 'rnn'"),
        (lambda: Seq2SeqConfig(5, 5, dropout=2.0), ValueError, "got 2.0"),
        (lambda: teacher_forcing_inputs(torch.tensor([[1]])), ValueError, r"got \(1, 1\)"),
        (lambda: masked_nll(torch.zeros(2, 3), torch.tensor([1])), ValueError, r"labels .* \(2,\), got \(1,\)"),
        (lambda: small()(SOURCE, TARGET, forcing=1.5), ValueError, "forcing must be .* got 1.5"),
        (lambda: small(attention=False).attention_map(SOURCE, TARGET), ValueError, "attention = False"),
        (lambda: small().encode(torch.zeros(1, 3, dtype=torch.int64)), ValueError, "lengths"),
        (lambda: ConditionalLM(small(), SOURCE)(TARGET[:2]), ValueError, "3 sources, got 2 rows"),
        (lambda: attend(w_q=torch.ones(4, 5)), ValueError, r"w_q must have the shape \(3, 5\), got \(4, 5\)"),
        (lambda: attend(w_k=torch.ones(4, 4)), ValueError, r"w_k must have the shape \(4, 5\), got \(4, 4\)"),
        (lambda: attend(mask=torch.ones(1, 2)), TypeError, "torch.float32"),
        (lambda: attend(mask=torch.ones(1, 3) == 1), ValueError, r"mask .* \(1, 2\), got \(1, 3\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()


def attend(**changed):
    given = {"query": (1, 3), "memory": (1, 2, 4), "w_q": (3, 5), "w_k": (4, 5), "v": (5,)}
    return additive_attention(**{name: torch.ones(shape) for name, shape in given.items()} | changed)


@pytest.mark.gpu
@pytest.mark.parametrize("cell, attention", VARIANTS)
def test_a_gpu_gives_what_the_cpu_gives(cell, attention):
    model = small(cell, attention, spread=0.5)
    logits, begin = model(SOURCE, TARGET), torch.ones(3, 1, dtype=torch.int64)
    written, loss = greedy_decode(model, SOURCE, 6), seq2seq_loss(model, (SOURCE, TARGET))
    found = beam_search(ConditionalLM(model, SOURCE), begin, 5, eos_id=2)
    model.cuda()
    torch.testing.assert_close(model(SOURCE.cuda(), TARGET.cuda()).cpu(), logits, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(seq2seq_loss(model, (SOURCE, TARGET)).cpu(), loss, atol=1e-4, rtol=1e-3)
    assert greedy_decode(model, SOURCE.cuda(), 6).cpu().equal(written)
    on_gpu = beam_search(ConditionalLM(model, SOURCE.cuda()), begin.cuda(), 5, eos_id=2)
    assert [h[0].tokens for h in on_gpu] == [h[0].tokens for h in found]
    model(SOURCE.cuda(), TARGET.cuda(), forcing=0.5, generator=torch.Generator().manual_seed(0))
