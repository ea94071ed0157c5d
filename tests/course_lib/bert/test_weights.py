"""BERT against Hugging Face transformers with the same random weights; nothing is downloaded.

In a file of its own: importing these models takes seconds.
"""

import pytest
import torch

from course_lib.bert import classifier_from_bert, masked_lm_from_bert, mlm_loss, replaced_token_loss

transformers = pytest.importorskip("transformers")

SIZES = dict(
    vocab_size=30, hidden_size=12, num_hidden_layers=3, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=9, type_vocab_size=2,
)  # fmt: skip
IDS = torch.tensor([[1, 5, 6, 2, 9, 8, 2], [1, 8, 2, 12, 2, 0, 0], [1, 29, 2, 0, 0, 0, 0]])
TYPES = torch.tensor([[0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 0]])
REAL = IDS != 0


def theirs(kind, **options):
    """One of their models in eval mode, all weights random: biases and norms, too."""
    model = getattr(transformers, kind)(transformers.BertConfig(**SIZES, **options))
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4, generator=generator)
    return model.eval()


@pytest.fixture(scope="module")
def bert():
    return theirs("BertModel")


@pytest.fixture(scope="module")
def masked_lm():
    return theirs("BertForMaskedLM")


def test_states_and_the_pooled_state_are_theirs_with_padding_and_two_texts(bert):
    ours = classifier_from_bert(bert.state_dict(), n_heads=3, n_classes=2)
    expected = bert(IDS, attention_mask=REAL.long(), token_type_ids=TYPES)
    states = ours.bert(IDS, TYPES)
    torch.testing.assert_close(states[REAL], expected.last_hidden_state[REAL], atol=1e-5, rtol=1e-4)
    pooled = ours.pooler(states[:, 0]).tanh()
    torch.testing.assert_close(pooled, expected.pooler_output, atol=1e-5, rtol=1e-4)
    assert not ours.training


def test_masked_language_modelling_is_theirs_in_logits_loss_and_gradients(masked_lm):
    ours = masked_lm_from_bert(masked_lm.state_dict(), n_heads=3)
    labels = torch.where((IDS % 3 == 2) & REAL, IDS, -100)
    expected = masked_lm(IDS, attention_mask=REAL.long(), token_type_ids=TYPES, labels=labels)
    logits = ours(IDS, TYPES)
    torch.testing.assert_close(logits[REAL], expected.logits[REAL], atol=1e-4, rtol=1e-4)
    loss = mlm_loss(logits, labels)
    torch.testing.assert_close(loss, expected.loss, atol=1e-5, rtol=1e-4)
    loss.backward()
    expected.loss.backward()
    first, their_first = ours.bert.encoder.layers[0], masked_lm.bert.encoder.layer[0]
    for mine, their in [
        (ours.bias, masked_lm.cls.predictions.bias),
        (ours.bert.positions.weight, masked_lm.bert.embeddings.position_embeddings.weight),
        (first.self_attention.k_proj.weight, their_first.attention.self.key.weight),
        (first.feed_forward[2].weight, their_first.output.dense.weight),
        (first.norm1.weight, their_first.attention.output.LayerNorm.weight),
    ]:
        torch.testing.assert_close(mine.grad, their.grad, atol=1e-5, rtol=1e-3)
    # the padding's embedding is excluded from their gradient, not from ours: nobody sees it in either
    torch.testing.assert_close(
        ours.bert.tokens.weight.grad[1:],
        masked_lm.bert.embeddings.word_embeddings.weight.grad[1:],
        atol=1e-5,
        rtol=1e-3,
    )


def test_attention_maps_are_theirs(masked_lm):
    masked_lm.set_attn_implementation("eager")
    maps = {"encoder": []}
    masked_lm_from_bert(masked_lm.state_dict(), n_heads=3).bert(IDS, TYPES, maps)
    expected = masked_lm(IDS, attention_mask=REAL.long(), token_type_ids=TYPES, output_attentions=True).attentions
    for weights, their in zip(maps["encoder"], expected):
        torch.testing.assert_close(weights.transpose(1, 2)[REAL], their.transpose(1, 2)[REAL], atol=1e-5, rtol=1e-4)


def test_classification_is_theirs():
    model = theirs("BertForSequenceClassification", num_labels=4)
    ours = classifier_from_bert(model.state_dict(), n_heads=3, n_classes=4)
    expected = model(IDS, attention_mask=REAL.long(), token_type_ids=TYPES).logits
    torch.testing.assert_close(ours(IDS, TYPES), expected, atol=1e-5, rtol=1e-4)


def test_the_file_of_a_pretrained_model_serves_both_heads_in_old_and_new_spelling_and_any_dtype():
    model = theirs("BertForPreTraining").double()
    state = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in model.state_dict().items()
    } | {"bert.embeddings.position_ids": torch.arange(9)[None]}
    expected = model(IDS, attention_mask=REAL.long(), token_type_ids=TYPES).prediction_logits
    torch.testing.assert_close(masked_lm_from_bert(state, 3)(IDS, TYPES)[REAL], expected[REAL])
    first, second = (classifier_from_bert(state, 3, 5, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first(IDS, TYPES).shape == (3, 5) and first(IDS, TYPES).dtype == torch.float64
    torch.testing.assert_close(first(IDS), second(IDS))


@pytest.mark.parametrize("settings", [{}, {"layer_norm_eps": 0.5}, {"pad_token_id": 8}])
def test_what_no_tensor_tells_is_read_from_the_settings(settings):
    model = theirs("BertForMaskedLM", **settings)
    ours = masked_lm_from_bert(model.state_dict(), config=model.config.to_dict())
    real = IDS != settings.get("pad_token_id", 0)
    expected = model(IDS, attention_mask=real.long()).logits
    torch.testing.assert_close(ours(IDS)[real], expected[real], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"tie_word_embeddings": False}, r"decoder.weight' must be .* 'bert.tokens.weight', got another"),
        ({"hidden_act": "relu"}, "hidden_act.* must be 'gelu'.* got 'relu'"),
        ({"is_decoder": True}, "is_decoder.* must be False"),
        ({"pad_token_id": None}, "pad_token_id.* must be an id"),
    ],
)
def test_what_this_bert_does_not_have_is_refused(settings, message):
    model = theirs("BertForMaskedLM", **settings)
    with pytest.raises(ValueError, match=message):
        masked_lm_from_bert(model.state_dict(), config=model.config.to_dict())


def test_a_decoder_that_is_not_tied_is_refused_without_settings_and_does_not_matter_to_a_classifier():
    model = theirs("BertForPreTraining", tie_word_embeddings=False)
    with pytest.raises(ValueError, match=r"decoder.weight' must be"):
        masked_lm_from_bert(model.state_dict(), 3)
    assert classifier_from_bert(model.state_dict(), None, 2, config=model.config.to_dict())(IDS).shape == (3, 2)
    with pytest.raises(ValueError, match=r"n_heads must be 3 as in config\['num_attention_heads'\], got 2"):
        classifier_from_bert(model.state_dict(), 2, 2, config=model.config.to_dict())
    with pytest.raises(ValueError, match=r"config\['num_hidden_layers'\] must be 3 as in state_dict, got 4"):
        masked_lm_from_bert(model.state_dict(), config=model.config.to_dict() | {"num_hidden_layers": 4})


def test_the_loss_of_replaced_tokens_is_electras():
    config = transformers.ElectraConfig(**SIZES, embedding_size=12)
    electra = transformers.ElectraForPreTraining(config).eval()
    replaced = (IDS % 4 == 1) & REAL
    expected = electra(IDS, attention_mask=REAL.long(), labels=replaced.long())
    torch.testing.assert_close(replaced_token_loss(expected.logits, replaced, REAL), expected.loss)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda state: state.pop("bert.encoder.layer.1.output.dense.bias"), "layers.1.feed_forward.2.bias"),
        (lambda state: state.pop("bert.embeddings.token_type_embeddings.weight"), "token_types.weight"),
        (lambda state: state.pop("cls.predictions.bias"), "'bias'"),
        (lambda state: state.update({"bert.encoder.extra": torch.zeros(1)}), "no place for: .*extra"),
        (lambda state: state.update({"cls.predictions.bias": torch.zeros(3)}), r"bias must .* \(30,\), got \(3,\)"),
    ],
)
def test_errors_name_the_tensor(masked_lm, change, message):
    state = dict(masked_lm.state_dict())
    change(state)
    with pytest.raises(ValueError, match=message):
        masked_lm_from_bert(state, 3)
