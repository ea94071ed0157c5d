"""BERT: looks both ways, never at padding, and learns what only both sides together tell. test_weights.py: parity."""

import pytest
import torch
from torch import nn

from course_lib.bert import BERT, BERTConfig, Classifier, MaskedLM, mask_tokens, mlm_loss, pooled_classifier
from course_lib.train import Trainer
from tests.random_inputs import generator

CONFIG = BERTConfig(vocab_size=11, seq_len=8, d_model=12, n_heads=3, n_layers=2, d_ff=20, dropout=0.0)
IDS = torch.tensor([[1, 5, 6, 7, 2], [1, 8, 2, 0, 0]])


def test_every_token_matters_for_every_state_in_both_directions():
    bert = BERT(CONFIG, generator()).eval()
    before = bert(IDS[:1])
    for place in range(5):
        changed = IDS[:1].clone()
        changed[0, place] = 9
        assert (bert(changed) - before).abs().amax(-1).gt(0).all()


def test_padding_and_the_rest_of_a_batch_change_nothing():
    bert = BERT(CONFIG, generator()).eval()
    together = bert(IDS)
    torch.testing.assert_close(together[1:, :3], bert(IDS[1:, :3]), atol=1e-5, rtol=1e-4)
    longer = torch.cat([IDS, torch.zeros(2, 3, dtype=torch.int64)], dim=1)
    torch.testing.assert_close(bert(longer)[:1, :5], together[:1], atol=1e-5, rtol=1e-4)


def test_order_and_token_types_matter_and_the_first_type_is_the_default():
    bert = BERT(CONFIG, generator()).eval()
    states, types = bert(IDS[:1]), torch.tensor([[0, 0, 0, 1, 1]])
    torch.testing.assert_close(bert(IDS[:1], torch.zeros(1, 5, dtype=torch.int64)), states)
    assert (bert(IDS[:1], types) - states).abs().max() > 1e-3
    swapped = IDS[:1, [0, 2, 1, 3, 4]]
    assert (bert(swapped)[:, [0, 2, 1, 3, 4]] - states).abs().max() > 1e-3


def test_attention_maps_are_distributions_over_the_real_tokens():
    maps = {"encoder": []}
    BERT(CONFIG, generator()).eval()(IDS, maps=maps)
    assert [weights.shape for weights in maps["encoder"]] == [(2, 3, 5, 5)] * 2
    for weights in maps["encoder"]:
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5))
        assert weights[1, ..., 3:].eq(0).all()


def test_initial_weights_have_the_spread_of_berts_come_from_the_generator_and_make_nearly_uniform_predictions():
    wide = BERTConfig(vocab_size=500, seq_len=128, d_model=192, n_heads=2, n_layers=1)
    first, second = MaskedLM(wide, generator(3)), MaskedLM(wide, generator(3))
    torch.testing.assert_close(first.state_dict(), second.state_dict())
    for name, parameter in first.named_parameters():
        if "norm" in name or parameter.dim() == 1:
            assert parameter.unique().tolist() in ([0.0], [1.0])
        elif parameter.numel() > 1000:
            assert parameter.std().item() == pytest.approx(0.04, rel=0.05), name
    ids = torch.randint(3, 500, (4, 20), generator=generator())
    assert mlm_loss(first(ids), ids.roll(1, 1)).item() == pytest.approx(torch.tensor(500.0).log().item(), abs=0.6)


def test_the_output_matrix_is_the_token_embedding():
    masked_lm = MaskedLM(CONFIG, generator())
    assert sum(p.numel() for p in masked_lm.parameters()) == (
        sum(p.numel() for p in masked_lm.bert.parameters()) + 12 * 12 + 12 + 2 * 12 + 11
    )
    masked_lm(IDS)[..., 10].sum().backward()  # id 10 is nowhere in the input
    assert masked_lm.bert.tokens.weight.grad[10].abs().sum() > 0


def test_the_pooled_classifier_reads_the_first_state_only():
    states = torch.randn(4, 6, 12, generator=generator())
    pooler, out = nn.Linear(12, 12), nn.Linear(12, 3)
    expected = nn.Sequential(pooler, nn.Tanh(), out)(states[:, 0])
    weights = (pooler.weight, pooler.bias, out.weight, out.bias)
    torch.testing.assert_close(pooled_classifier(states, *weights), expected)
    states[:, 1:] = 0
    torch.testing.assert_close(pooled_classifier(states, *weights), expected)
    torch.manual_seed(0)
    dropped = pooled_classifier(states, pooler.weight, pooler.bias, torch.eye(12), torch.zeros(12), dropout=0.5)
    pooled = pooler(states[:, 0]).tanh()
    kept = dropped != 0
    assert 0 < kept.sum() < kept.numel()
    torch.testing.assert_close(dropped[kept], 2 * pooled[kept])


def test_dropout_is_for_training_only_and_begins_with_the_embeddings():
    classifier = Classifier(BERTConfig(11, d_model=12, n_heads=3, dropout=0.5), 2, generator())
    entering = []
    classifier.bert.encoder.register_forward_pre_hook(lambda _, args: entering.append(args[0]))
    assert not torch.equal(classifier(IDS), classifier(IDS))
    classifier.eval()
    assert torch.equal(classifier(IDS), classifier(IDS))
    noisy, _, quiet, _ = entering
    kept = noisy != 0
    assert 0 < kept.sum() < kept.numel()
    torch.testing.assert_close(noisy[kept], 2 * quiet[kept])


def palindromes(n, generator):
    """Rows (n, 9): [CLS] = 1, then eight letters 3 … 8 that read the same from both ends. 2 is the mask."""
    half = torch.randint(3, 9, (n, 4), generator=generator)
    return torch.cat([torch.ones(n, 1, dtype=torch.int64), half, half.flip(1)], dim=1)


def test_it_learns_to_fill_in_what_only_the_other_side_tells_and_fine_tunes_from_there():
    config = BERTConfig(vocab_size=9, seq_len=9, d_model=32, n_heads=4, n_layers=2, d_ff=64, dropout=0.0)
    masked_lm = MaskedLM(config, generator())

    def draw(generator):
        return mask_tokens(palindromes(32, generator), 9, mask_id=2, special_ids=(0, 1), generator=generator)

    def loss(masked_lm, batch):
        return mlm_loss(masked_lm(batch[0]), batch[1])

    for _ in Trainer(masked_lm, draw, loss, steps=300, lr=5e-3):
        pass
    ids = palindromes(200, generator(1))
    masked = ids.clone()
    masked[:, 2] = 2  # its mirror image stands to the right of it
    with torch.no_grad():
        assert (masked_lm.eval()(masked)[:, 2].argmax(-1) == ids[:, 2]).float().mean() > 0.95

    classifier = Classifier(masked_lm.bert, n_classes=6, generator=generator(2))  # which letter comes first?
    assert classifier.bert is masked_lm.bert

    def which(classifier, ids):
        return nn.functional.cross_entropy(classifier(ids), ids[:, 1] - 3)

    for _ in Trainer(classifier, lambda generator: palindromes(64, generator), which, steps=60, lr=3e-3):
        pass
    with torch.no_grad():
        assert (classifier.eval()(ids).argmax(-1) == ids[:, 1] - 3).float().mean() > 0.95


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: BERT(CONFIG)(IDS[0]), r"ids must have the shape \(B, S\), got \(5,\)"),
        (lambda: BERT(CONFIG)(torch.ones(1, 9, dtype=torch.int64)), "n_positions = 9"),
        (lambda: BERT(BERTConfig(5, d_model=10, n_heads=4)), "d_model = 10, got n_heads = 4"),
        (lambda: pooled_classifier(torch.ones(2, 3), *[torch.ones(1)] * 4), r"states .* got \(2, 3\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives():
    masked_lm = MaskedLM(CONFIG, generator()).eval()
    expected = masked_lm(IDS)
    torch.testing.assert_close(masked_lm.cuda()(IDS.cuda()).cpu(), expected, atol=1e-4, rtol=1e-3)
