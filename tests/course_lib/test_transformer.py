"""The Transformer against torch.nn's own layers and stacks, weights copied, and against what it must not depend on."""

import functools
import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.attention import MultiHeadAttention, causal_mask
from course_lib.data.tasks import EOS, PAD, Rearranged
from course_lib.language_model import count_parameters
from course_lib.train import Trainer
from course_lib.transformer import (
    DecoderLayer,
    EncoderLayer,
    Transformer,
    TransformerConfig,
    add_and_norm,
    feed_forward,
    label_smoothing,
    make_masks,
    translate,
    translation_loss,
)
from tests.random_inputs import generator, normal

either_norm = pytest.mark.parametrize("pre_norm", [False, True], ids=["post-norm", "pre-norm"])
SOURCE = torch.tensor([[5, 7, 6, 4], [6, 9, 0, 0], [3, 0, 0, 0]])
TARGET = torch.tensor([[1, 4, 5], [1, 8, 0], [1, 3, 9]])


def small(seed=0, **settings):
    torch.manual_seed(seed)
    sizes = {"source_vocab_size": 11, "target_vocab_size": 10, "d_model": 16, "d_ff": 24, "dropout": 0.0}
    return Transformer(TransformerConfig(**sizes | settings)).eval()


def copied(theirs, pre_norm, decoder):
    """Return our layer with the weights of a torch.nn.TransformerEncoderLayer or TransformerDecoderLayer."""
    size, heads, hidden = theirs.linear1.in_features, theirs.self_attn.num_heads, theirs.linear1.out_features
    ours = (DecoderLayer if decoder else EncoderLayer)(size, heads, hidden, pre_norm=pre_norm)
    ours.self_attention = MultiHeadAttention.from_torch(theirs.self_attn)
    if decoder:
        ours.cross_attention = MultiHeadAttention.from_torch(theirs.multihead_attn)
    pairs = [(ours.feed_forward[0], theirs.linear1), (ours.feed_forward[3], theirs.linear2)]
    pairs += [(getattr(ours, f"norm{i}"), getattr(theirs, f"norm{i}")) for i in range(1, 4 if decoder else 3)]
    for mine, other in pairs:
        mine.load_state_dict(other.state_dict())
    return ours


def shake(module, seed=0):
    """Give every parameter, norms and biases too, a value that is not its initial one."""
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.add_(0.1 * normal(seed + i, *parameter.shape))
    return module


def assert_same_gradients(ours, theirs, pairs):
    for mine, other in pairs:
        torch.testing.assert_close(
            ours.get_parameter(mine).grad, theirs.get_parameter(other).grad, atol=1e-4, rtol=1e-3
        )


@either_norm
def test_an_encoder_layer_equals_torchs_in_outputs_and_gradients_under_padding(pre_norm):
    theirs = shake(nn.TransformerEncoderLayer(12, 3, 20, dropout=0.0, batch_first=True, norm_first=pre_norm))
    ours = copied(theirs, pre_norm, decoder=False)
    x, (mask, _) = normal(1, 3, 4, 12), make_masks(SOURCE, TARGET)
    real = (SOURCE != PAD)[..., None]
    inputs = x.clone().requires_grad_(), x.clone().requires_grad_()
    output = ours(inputs[0], mask) * real  # what stands at padded positions means nothing
    expected = theirs(inputs[1], src_key_padding_mask=SOURCE == PAD) * real
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)
    for result in (output, expected):
        result.square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, atol=1e-4, rtol=1e-3)
    pairs = [("feed_forward.0.weight", "linear1.weight"), ("feed_forward.3.bias", "linear2.bias")]
    pairs += [("norm1.weight", "norm1.weight"), ("norm2.bias", "norm2.bias")]
    assert_same_gradients(ours, theirs, [*pairs, ("self_attention.out_proj.weight", "self_attn.out_proj.weight")])


@either_norm
def test_a_decoder_layer_equals_torchs_in_outputs_and_gradients_under_all_masks(pre_norm):
    theirs = shake(nn.TransformerDecoderLayer(12, 3, 20, dropout=0.0, batch_first=True, norm_first=pre_norm))
    ours = copied(theirs, pre_norm, decoder=True)
    x, memory, (source_mask, target_mask) = normal(1, 3, 3, 12), normal(2, 3, 4, 12), make_masks(SOURCE, TARGET)
    output = ours(x, memory, target_mask, source_mask)
    expected = theirs(
        x,
        memory,
        tgt_mask=~causal_mask(3),
        tgt_key_padding_mask=TARGET == PAD,
        memory_key_padding_mask=SOURCE == PAD,
    )
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)
    for result in (output, expected):
        result.square().sum().backward()
    pairs = [(f"norm{i}.weight", f"norm{i}.weight") for i in (1, 2, 3)]
    pairs += [("cross_attention.out_proj.weight", "multihead_attn.out_proj.weight")]
    assert_same_gradients(ours, theirs, [*pairs, ("feed_forward.0.weight", "linear1.weight")])


@either_norm
def test_the_two_stacks_equal_torchs_transformer(pre_norm):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that it will not use nested tensors
        theirs = shake(nn.Transformer(12, 3, 2, 2, 20, dropout=0.0, batch_first=True, norm_first=pre_norm))
    if not pre_norm:  # torch ends both stacks with a norm, the paper's post-norm stacks have none there
        theirs.encoder.norm = theirs.decoder.norm = None
    ours = small(d_model=12, n_heads=3, d_ff=20, pre_norm=pre_norm)
    for stack, other in ((ours.encoder, theirs.encoder), (ours.decoder, theirs.decoder)):
        decoder = other is theirs.decoder
        stack.layers = nn.ModuleList(copied(layer, pre_norm, decoder) for layer in other.layers)
        if pre_norm:
            stack.norm.load_state_dict(other.norm.state_dict())
    source_mask, target_mask = make_masks(SOURCE, TARGET)
    x, y = normal(1, 3, 4, 12), normal(2, 3, 3, 12)
    expected = theirs(
        x,
        y,
        tgt_mask=~causal_mask(3),
        src_key_padding_mask=SOURCE == PAD,
        tgt_key_padding_mask=TARGET == PAD,
        memory_key_padding_mask=SOURCE == PAD,
    )
    output = ours.decoder(y, ours.encoder(x, source_mask), target_mask, source_mask)
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)


def test_the_feed_forward_network_is_two_matrices_with_a_relu_and_sees_one_position_at_a_time():
    torch.manual_seed(0)
    network, x = feed_forward(6, 10, dropout=0.5), normal(0, 2, 3, 6)
    w1, b1, w2, b2 = network.parameters()
    torch.testing.assert_close(network.eval()(x), (x @ w1.T + b1).clamp(min=0) @ w2.T + b2)
    torch.testing.assert_close(network(x)[:, 1:2], network(x[:, 1:2]))
    assert not torch.allclose(network.train()(x), network(x))


def test_add_and_norm_in_both_orders_and_with_dropout_on_what_is_added_only():
    x, norm = normal(0, 2, 3, 8), nn.LayerNorm(8)
    double = lambda t: 2 * t  # noqa: E731
    torch.testing.assert_close(add_and_norm(x, double, norm), F.layer_norm(3 * x, (8,)))
    torch.testing.assert_close(add_and_norm(x, double, norm, pre_norm=True), x + 2 * F.layer_norm(x, (8,)))
    torch.manual_seed(0)
    added = add_and_norm(x, double, norm, dropout=0.5, pre_norm=True) - x
    kept = added.abs() > 1e-6
    assert 0 < kept.sum() < kept.numel()
    torch.testing.assert_close(added[kept], 4 * F.layer_norm(x, (8,))[kept], atol=1e-5, rtol=1e-4)


def test_masks_hide_the_padding_of_both_and_the_future_of_the_target():
    source_mask, target_mask = make_masks(SOURCE, TARGET)
    assert source_mask.shape == (3, 1, 1, 4) and target_mask.shape == (3, 1, 3, 3)
    assert source_mask.dtype == target_mask.dtype == torch.bool
    for batch in range(3):
        for key in range(4):
            assert source_mask[batch, 0, 0, key] == (SOURCE[batch, key] != PAD)
        for query in range(3):
            for key in range(3):
                assert target_mask[batch, 0, query, key] == (key <= query and TARGET[batch, key] != PAD)
    assert make_masks(SOURCE, TARGET, pad_id=6)[0].sum() == 10
    assert make_masks(SOURCE.to("meta"), TARGET.to("meta"))[1].device.type == "meta"


@settings(max_examples=20)
@given(st.integers(0, 999), st.integers(1, 4), st.booleans())
def test_changing_a_target_token_changes_no_logits_before_it(seed, changed, pre_norm):
    model = small(seed, pre_norm=pre_norm)
    target = torch.randint(3, 10, (2, 5), generator=generator(seed))
    other = target.clone()
    other[:, changed] = (target[:, changed] - 2) % 7 + 3
    difference = (model(SOURCE[:2], other) - model(SOURCE[:2], target)).abs().amax(-1)
    assert difference[:, :changed].eq(0).all() and (difference[:, changed] > 0).all()


@settings(max_examples=20)
@given(st.integers(0, 999), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_more_padding_changes_nothing(seed, in_source, in_target, pre_norm):
    model = small(seed, pre_norm=pre_norm)
    longer = model(F.pad(SOURCE, (0, in_source)), F.pad(TARGET, (0, in_target)))
    torch.testing.assert_close(longer[:, :3], model(SOURCE, TARGET), atol=1e-5, rtol=1e-4)


def test_a_sentence_in_a_batch_gets_the_logits_that_it_gets_alone():
    model = small()
    together = model(SOURCE, TARGET)
    torch.testing.assert_close(together[1:2, :2], model(SOURCE[1:2, :2], TARGET[1:2, :2]), atol=1e-5, rtol=1e-4)


def test_every_source_token_can_matter_for_every_target_position():
    model = small()
    for changed in range(4):
        other = SOURCE[:1].clone()
        other[0, changed] = 10
        assert (model(other, TARGET[:1]) - model(SOURCE[:1], TARGET[:1])).abs().amax(-1).min() > 0


@pytest.mark.parametrize("learned", [None, 8], ids=["sinusoids", "learned"])
def test_token_vectors_start_with_standard_deviation_one_and_order_matters(learned):
    model = small(d_model=256, n_heads=4, source_vocab_size=500, learned_positions=learned)
    assert 0.97 < (model.source_embedding.weight * math.sqrt(256)).std() < 1.03
    model = shake(small(learned_positions=learned), seed=7)
    shuffled = model(SOURCE[:1, [1, 0, 3, 2]], TARGET[:1])
    assert (shuffled - model(SOURCE[:1], TARGET[:1])).abs().max() > 1e-3
    if learned:
        with pytest.raises(ValueError, match="positions"):
            model(torch.full((1, 9), 3), TARGET[:1])
    else:
        assert model(torch.full((1, 300), 3), TARGET[:1]).shape == (1, 3, 10)


def test_the_input_of_the_first_layer_is_token_plus_position():
    model = small(n_layers=0)
    memory = model.encode(SOURCE, None)
    for position in range(4):
        for feature in range(0, 16, 2):
            angle = position / 10000 ** (feature / 16)
            expected = 4.0 * model.source_embedding.weight[SOURCE[:, position], feature] + math.sin(angle)
            torch.testing.assert_close(memory[:, position, feature], expected)


def test_shared_embeddings_are_one_matrix_used_three_times():
    shared = small(target_vocab_size=11, tied=True)
    apart = small(target_vocab_size=11)
    assert count_parameters(apart) - count_parameters(shared) == 2 * 11 * 16
    shared(SOURCE, TARGET).sum().backward()
    assert shared.source_embedding.weight.grad is shared.to_logits.weight.grad
    assert shared.source_embedding.weight.std() < 0.4  # not that of nn.Embedding, 1
    with pytest.raises(ValueError, match="got 11 and 10"):
        small(tied=True)


def test_attention_maps_are_distributions_over_what_may_be_seen_and_leave_the_model_as_it_was():
    model = small(dropout=0.5).train()
    maps = model.attention_maps(SOURCE, TARGET)
    assert model.training and not maps["cross"][0].requires_grad
    for name, shape in {"encoder": (4, 4), "decoder": (3, 3), "cross": (3, 4)}.items():
        assert len(maps[name]) == 2
        for weights in maps[name]:
            assert weights.shape == (3, 4, *shape)
            torch.testing.assert_close(weights.sum(-1), torch.ones(3, 4, shape[0]))
    assert maps["encoder"][0][1, :, :, 2:].eq(0).all() and maps["cross"][1][1, :, :, 2:].eq(0).all()
    assert maps["decoder"][0].triu(1).eq(0).all() and maps["decoder"][0][1, :, :, 2].eq(0).all()
    for again, before in zip(model.attention_maps(SOURCE, TARGET)["cross"], maps["cross"]):
        torch.testing.assert_close(again, before)  # no dropout on the way


def test_the_maps_are_those_of_the_forward_pass():
    model = small(n_layers=1)
    x = model._embed(SOURCE, model.source_embedding, None)
    _, expected = model.encoder.layers[0].self_attention(x, mask=make_masks(SOURCE, TARGET)[0])
    torch.testing.assert_close(model.attention_maps(SOURCE, TARGET)["encoder"][0], expected)


@settings(max_examples=30)
@given(st.integers(0, 999), st.floats(0, 1), st.sampled_from([0, 3]))
def test_label_smoothing_equals_torchs_with_padding_left_out(seed, smoothing, pad_id):
    logits = (3 * normal(seed, 3, 4, 7)).requires_grad_()
    labels = torch.randint(0, 7, (3, 4), generator=generator(seed))
    labels[0, 0] = 5
    loss = label_smoothing(logits, labels, smoothing, pad_id)
    expected = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=pad_id, label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected)
    ours, theirs = (torch.autograd.grad(value, logits, retain_graph=True)[0] for value in (loss, expected))
    torch.testing.assert_close(ours, theirs)


def test_nothing_but_padding_costs_nothing_and_a_confident_model_reaches_the_floor():
    logits = normal(0, 2, 5).requires_grad_()
    loss = label_smoothing(logits, torch.zeros(2, dtype=torch.int64))
    loss.backward()
    assert loss == 0 and logits.grad.eq(0).all()
    smoothed = torch.full((5,), 0.1 / 5)
    smoothed[2] += 0.9
    floor = label_smoothing(smoothed.log()[None], torch.tensor([2]))
    torch.testing.assert_close(floor, torch.special.entr(smoothed).sum())


class Scripted(nn.Module):
    """Writes what a script says, whatever the source is, and counts how often it is asked."""

    def __init__(self, rows):
        super().__init__()
        self.rows, self.passes, self.dropout = torch.tensor(rows), 0, nn.Dropout(0.5)

    def encode(self, source, source_mask):
        assert not self.training
        return source

    def decode(self, target, memory, target_mask, source_mask):
        self.passes += 1
        known = F.one_hot(self.rows, 10).float()[:, : target.size(1)]
        return self.dropout(known)


def test_translation_stops_when_every_row_has_ended_and_pads_the_shorter_ones():
    model = Scripted([[5, EOS, 7, 7, 7, 7], [4, 6, 8, EOS, 9, 9]]).train()
    written = translate(model, SOURCE[:2], max_len=6)
    assert written.tolist() == [[5, EOS, PAD, PAD], [4, 6, 8, EOS]]
    assert model.passes == 4 and model.training
    assert translate(model, SOURCE[:2], max_len=2).tolist() == [[5, EOS], [4, 6]]
    assert translate(model.eval(), SOURCE[:2], max_len=1).shape == (2, 1) and not model.training


def test_the_training_mode_comes_back_even_after_an_error():
    model = small().train()
    with pytest.raises(ValueError, match="source must be"):
        translate(model, torch.tensor([[99]]), max_len=3)
    assert model.training


def test_each_written_token_is_the_likeliest_after_those_before():
    model = shake(small(3), seed=3)
    written = translate(model, SOURCE, max_len=6)
    for row, source in zip(written, SOURCE):
        ids = [1]
        for token in row.tolist():
            if EOS in ids:
                assert token == PAD
            else:
                logits = model(source[source != PAD][None], torch.tensor([ids]))
                assert token == logits[0, -1].argmax()
            ids.append(token)


def test_the_loss_shifts_the_target_by_one_and_leaves_the_padding_out():
    model = small()
    loss = translation_loss(model, (SOURCE, TARGET), smoothing=0.0)
    log_probs = model(SOURCE, TARGET[:, :-1]).log_softmax(-1)
    picked = [log_probs[b, t, TARGET[b, t + 1]] for b in range(3) for t in range(2) if TARGET[b, t + 1] != PAD]
    torch.testing.assert_close(loss, -torch.stack(picked).mean())


@either_norm
def test_it_learns_to_reverse_strings_that_it_has_not_seen(pre_norm):
    task = Rearranged("reverse", shortest=2, longest=5, n_letters=5)
    model = small(source_vocab_size=8, target_vocab_size=8, d_model=32, d_ff=64, n_layers=1, pre_norm=pre_norm)
    loss = functools.partial(translation_loss, smoothing=0.0)
    for _ in Trainer(model, functools.partial(task.batch, 64), loss, steps=350, lr=5e-3):
        pass
    sources, targets = task.batch(200, generator(1), held_out=True)
    assert task.accuracy(translate(model, sources, max_len=7), targets) > 0.9


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: label_smoothing(torch.zeros(2, 5), torch.zeros(2, dtype=torch.int64), 1.5), "got 1.5"),
        (lambda: label_smoothing(torch.zeros(2, 5), torch.zeros(3, dtype=torch.int64)), r"\(2,\), got \(3,\)"),
        (lambda: EncoderLayer(10, 3, 20), "d_model = 10, got n_heads = 3"),
        (lambda: make_masks(SOURCE[0], TARGET), r"\(B, S\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
@either_norm
def test_a_gpu_gives_what_the_cpu_gives(pre_norm):
    model = small(pre_norm=pre_norm)
    expected, written = model(SOURCE, TARGET), translate(model, SOURCE, max_len=5)
    loss = translation_loss(model, (SOURCE, TARGET))
    model.cuda()
    torch.testing.assert_close(model(SOURCE.cuda(), TARGET.cuda()).cpu(), expected, atol=1e-4, rtol=1e-3)
    assert translate(model, SOURCE.cuda(), max_len=5).cpu().tolist() == written.tolist()
    torch.testing.assert_close(translation_loss(model, (SOURCE, TARGET)).cpu(), loss, atol=1e-4, rtol=1e-3)
