"""One call that works for each function and constructor of course_lib that takes a number: its name → its arguments.

`tests/course_lib/test_arguments.py` spoils one number of them at a time.
"""

from pathlib import Path
from tempfile import mkdtemp

import torch
from torch import nn

from course_lib.ngrams import count_ngrams, kneser_ney


def rng():
    return torch.Generator().manual_seed(0)


def words():
    from course_lib.embeddings import Text, Vocabulary

    text = Text(torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 0, 0]))
    return text, Vocabulary(["a", "b"], torch.tensor([2, 2]))


def vectors():
    from course_lib.embeddings import WordVectors

    return WordVectors(["a", "b", "c"], torch.eye(3))


def bert_config():
    from course_lib.bert import BERTConfig

    return BERTConfig(vocab_size=5, d_model=8)


def blocks_of_vectors():
    x = torch.ones(1, 2, 2)
    return dict(centres=x, contexts=x, negatives=x, pairs=x > 0, n_negatives=2.0)


def language():
    from course_lib.data.mouse_and_cheese import MouseAndCheese

    return MouseAndCheese()


def gpt():
    from course_lib.gpt import GPT, GPTConfig

    return GPT(GPTConfig(vocab_size=5, seq_len=8, d_model=8, n_heads=2, n_layers=1))


def calls():
    """Return a call that works for each function or constructor with numbers in it: name → what makes its arguments."""
    x, ids, text, vocabulary = torch.ones(2, 2), torch.tensor([0, 1, 0, 1] * 9), *words()
    params, counts = [nn.Parameter(x.clone())], count_ngrams([0, 1, 1, 0], 2, 2)
    sizes = dict(vocab_size=5, seq_len=8, d_model=8, n_heads=2, n_layers=1)
    two = dict(param=x, grad=x)
    table = torch.eye(3).to_sparse()
    loss = lambda model, batch: model(batch).sum()  # noqa: E731
    return {
        "alignment.policy_gradient.group_advantages": lambda: dict(rewards=x),
        "alignment.policy_gradient.kl_penalised_reward": lambda: dict(
            reward=x[0], log_probs=-x, ref_log_probs=-x, reply=x > 0
        ),
        "alignment.policy_gradient.gae": lambda: dict(rewards=x, values=x),
        "alignment.policy_gradient.ppo_clip_loss": lambda: dict(log_probs=-x, old_log_probs=-x, advantages=x),
        "alignment.preferences.kl_optimal_policy": lambda: dict(ref_log_probs=-x, rewards=x),
        "alignment.preferences.implicit_reward": lambda: dict(log_probs=-x, ref_log_probs=-x),
        "alignment.preferences.dpo_loss": lambda: dict(chosen=-x, rejected=-x, ref_chosen=-x, ref_rejected=-x),
        "alignment.rollouts.sample_replies": lambda: dict(model=gpt(), prompt=[0], n=1, max_new_tokens=1, eos_id=0),
        "attention.causal_mask": lambda: dict(n_queries=2, n_keys=3),
        "attention.scaled_dot_product_attention": lambda: dict(q=x, k=x, v=x),
        "attention.fused_attention": lambda: dict(q=x, k=x, v=x),
        "attention.require_fitting": lambda: dict(q=x, k=x, v=x, mask=None, dropout=0.1, bias=None),
        "attention.split_heads": lambda: dict(x=torch.ones(1, 2, 4), n_heads=2),
        "attention.MultiHeadAttention": lambda: dict(d_model=8, n_heads=4, n_kv_heads=2),
        "attention_lm.AttentionLM": lambda: sizes,
        "bert.model.BERTConfig": lambda: dict(vocab_size=5),
        "bert.model.Classifier": lambda: dict(config=bert_config(), n_classes=2),
        "bert.model.pooled_classifier": lambda: dict(states=x[None], w_pool=x, b_pool=x[0], w_out=x, b_out=x[0]),
        "bert.objectives.mask_tokens": lambda: dict(ids=ids, vocab_size=5, mask_id=4),
        "bert.objectives.random_spans": lambda: dict(length=9),
        "cross_entropy.chunked_cross_entropy": lambda: dict(hidden=x, weight=x, targets=ids[:2]),
        "data.corpora.english": lambda: dict(n_chars=5),
        "data.corpora.python_sources": lambda: dict(n_chars=5),
        "data.corpora.beginning": lambda: dict(text="abc", n_chars=2),
        "data.recall.Recall": lambda: dict(distance=3),
        "data.repeats.Repeats": dict,
        "data.sentence_tasks.person_or_animal": lambda: dict(n=4, generator=rng()),
        "data.sentence_tasks.hidden_animals": lambda: dict(n=1, generator=rng()),
        "data.sentence_tasks.agreement": lambda: dict(n=4, generator=rng()),
        "data.spirals.spirals": lambda: dict(n=3, generator=rng()),
        "data.tasks.arithmetic.Addition": dict,
        "data.tasks.brackets.Brackets": dict,
        "data.tasks.number_words.NumberWords": dict,
        "data.tasks.sequences.Rearranged": lambda: dict(order="copy"),
        "decoding.beam.beam_search": lambda: dict(model=gpt(), prompt=ids[None, :2], max_new_tokens=1),
        "decoding.filters.apply_temperature": lambda: dict(logits=x, temperature=1),
        "decoding.filters.top_k_filter": lambda: dict(logits=x, k=1),
        "decoding.filters.top_p_filter": lambda: dict(logits=x, p=0.5),
        "decoding.filters.min_p_filter": lambda: dict(logits=x, min_p=0.5),
        "decoding.filters.typical_filter": lambda: dict(logits=x, p=0.5),
        "decoding.filters.repetition_penalty": lambda: dict(logits=x[0], ids=ids[:2], penalty=2.0),
        "decoding.generation.stream": lambda: dict(model=gpt(), prompt=ids[None, :2], max_new_tokens=1),
        "decoding.generation.generate": lambda: dict(model=gpt(), prompt=ids[None, :2], max_new_tokens=1),
        "decoding.predictor.Predictor": lambda: dict(model=gpt(), batch_size=1, max_len=3),
        "decoding.predictor.require_prompt": lambda: dict(prompt=ids[None], max_new_tokens=1),
        "decoding.sampling.Sampling": dict,
        "decoding.speculative.tokens_per_call": lambda: dict(rate=0.5, n_draft=2),
        "decoding.speculative.speculative_decode": lambda: dict(
            model=gpt(), draft=gpt(), prompt=ids[None, :2], max_new_tokens=1
        ),
        "distributed.share_of": lambda: dict(draw=lambda generator: ids, rank=0, n_processes=2),
        "embeddings.cooccurrence.cooccurrences": lambda: dict(text=text, vocab_size=2),
        "embeddings.cooccurrence.ppmi": lambda: dict(counts=table),
        "embeddings.cooccurrence.svd_vectors": lambda: dict(matrix=table, d_model=2, generator=rng()),
        "embeddings.evaluation.neighbour_purity": lambda: dict(
            vectors=vectors(), kinds={"a": "x", "b": "x", "c": "y"}, k=1
        ),
        "embeddings.glove.glove_weight": lambda: dict(counts=x),
        "embeddings.glove.glove_loss": lambda: dict(
            words=x, contexts=x, word_biases=x[0], context_biases=x[0], counts=x[0]
        ),
        "embeddings.glove.GloVe": lambda: dict(counts=table, d_model=2, generator=rng()),
        "embeddings.neighbours.nearest_neighbours": lambda: dict(vectors=x, query=x[0]),
        "embeddings.neighbours.analogy": lambda: dict(vectors=torch.eye(4), a=0, b=1, c=2),
        "embeddings.pairs.skipgram_pairs": lambda: dict(words=["a", "b"], window=1),
        "embeddings.pairs.cbow_examples": lambda: dict(words=["a", "b"], window=1),
        "embeddings.pairs.dynamic_windows": lambda: dict(n=2, window=1, generator=rng()),
        "embeddings.pairs.context_blocks": lambda: dict(text=text, windows=torch.ones(4, dtype=torch.int64), window=1),
        "embeddings.subwords.fasttext_ngrams": lambda: dict(word="cat"),
        "embeddings.subwords.SubwordTable": lambda: dict(words=["a"], d_model=2, generator=rng(), n_buckets=3),
        "embeddings.table.small_random": lambda: dict(n=2, d_model=2, generator=rng()),
        "embeddings.vocabulary.keep_probability": lambda: dict(counts=x[0]),
        "embeddings.vocabulary.noise_distribution": lambda: dict(counts=x[0]),
        "embeddings.word2vec.skipgram_gradients": lambda: blocks_of_vectors(),
        "embeddings.word2vec.cbow_gradients": lambda: blocks_of_vectors(),
        "embeddings.word2vec.Word2Vec": lambda: dict(text=text, vocabulary=vocabulary, d_model=2, generator=rng()),
        "extrapolation.PositionalLM": lambda: sizes | dict(positions="none"),
        "extrapolation.loss_by_position": lambda: dict(model=gpt(), tokens=ids, length=4),
        "gpt.GPTConfig": lambda: sizes,
        "interpretability.induction_score": lambda: dict(weights=torch.ones(1, 1, 5, 5), period=3),
        "gpt.init_weights": lambda: dict(model=nn.Linear(2, 2), n_layers=1),
        "huffman.blocks": lambda: dict(probs={"a": 1.0}, length=1),
        "information.softmax": lambda: dict(logits=x),
        "kv_cache.KVCache": lambda: dict(n_layers=1, batch_size=1, n_kv_heads=1, max_len=2, d_head=2),
        "language_model.draw_windows": lambda: dict(tokens=ids, batch_size=2, length=3),
        "language_model.nats_per_token": lambda: dict(model=gpt(), tokens=ids, length=4),
        "language_model.write_tokens": lambda: dict(path=Path(mkdtemp()) / "ids.npy", tokens=[0, 1], vocab_size=2),
        "lora.lora_linear": lambda: dict(x=x, weight=x, a=x, b=x, alpha=1.0),
        "lora.merge_lora": lambda: dict(weight=x, a=x, b=x, alpha=1.0),
        "lora.LoRALinear": lambda: dict(base=nn.Linear(2, 2), rank=1, alpha=1.0),
        "lora.add_lora": lambda: dict(model=nn.ModuleDict({"up": nn.Linear(2, 2)}), rank=1, alpha=1.0, targets=["up"]),
        "metrics.bleu.bleu": lambda: dict(hypotheses=[["a"]], references=[[["a"]]]),
        "metrics.bleu.sentence_bleu": lambda: dict(hypothesis=["a"], references=[["a"]]),
        "metrics.bleu.clipped_matches": lambda: dict(hypothesis=["a"], references=[["a"]], n=1),
        "metrics.bleu.brevity_penalty": lambda: dict(hypothesis_length=1, reference_length=1),
        "metrics.calibration.reliability_bins": lambda: dict(confidence=x[0], correct=x[0]),
        "metrics.calibration.expected_calibration_error": lambda: dict(probs=x / 2, targets=ids[:2]),
        "moe.route_top_k": lambda: dict(logits=x, top_k=1),
        "data.near_duplicates.shingle_numbers": lambda: dict(text="a mouse"),
        "data.near_duplicates.hash_functions": lambda: dict(n_hashes=2),
        "moe.route_with_bias": lambda: dict(scores=x, bias=x[0], top_k=1),
        "moe.updated_bias": lambda: dict(bias=x[0], experts=ids, rate=0.1),
        "moe.expert_capacity": lambda: dict(n_tokens=4, n_experts=2, top_k=1, capacity_factor=1.0),
        "moe.within_capacity": lambda: dict(experts=ids.view(2, 6, 3), n_experts=2, capacity=2),
        "moe.dispatch": lambda: dict(experts=ids, n_experts=2),
        "moe.Expert": lambda: dict(d_model=2, d_ff=2),
        "moe.MoE": lambda: dict(d_model=2, d_ff=2, n_experts=2, top_k=1),
        "neural.batches.minibatches": lambda: dict(n=2, batch_size=1, generator=rng()),
        "neural.deep_averaging.drop_words": lambda: dict(mask=x > 0, dropout=0.5),
        "neural.deep_averaging.DeepAveragingNetwork": lambda: dict(vocab_size=3, n_classes=2),
        "neural.linear.fit_logistic": lambda: dict(x=torch.eye(2), labels=torch.tensor([0.0, 1.0]), l2=1.0),
        "neural_ngram.windows": lambda: dict(x=ids[None], size=2),
        "neural_ngram.parameter_count": lambda: dict(vocab_size=5, n_context=2, d_model=2, d_hidden=2),
        "neural_ngram.NeuralNgram": lambda: dict(vocab_size=5),
        "ngrams.by_hand.count_ngrams": lambda: dict(tokens=[0, 1], n=1),
        "ngrams.by_hand.counts_after": lambda: dict(tokens=[0, 1], history=(0,), vocab_size=2),
        "ngrams.by_hand.mle": lambda: dict(tokens=[0, 1], history=(0,), vocab_size=2),
        "ngrams.by_hand.add_k": lambda: dict(tokens=[0, 1], history=(0,), vocab_size=2, k=1.0),
        "ngrams.by_hand.continuation_prob": lambda: dict(tokens=[0, 1], vocab_size=2),
        "ngrams.by_hand.kneser_ney": lambda: dict(tokens=[0, 1], history=0, vocab_size=2, discount=0.5),
        "ngrams.by_hand.sample_text": lambda: dict(bigram=x / 2, eos=0, max_tokens=3, generator=rng()),
        "ngrams.by_hand.noisy_channel_correct": lambda: dict(typed="a", prior={"a": 1.0}, error_rate=0.5),
        "ngrams.by_hand.absolute_backoff": lambda: dict(counts=x, lower=x[0] / 2, discount=0.5),
        "ngrams.counts.count_ngrams": lambda: dict(tokens=ids, order=2, vocab_size=2),
        "ngrams.discounting.kneser_ney": lambda: dict(counts=counts),
        "ngrams.estimates.add_k": lambda: dict(counts=counts),
        "ngrams.estimates.interpolation_weights": lambda: dict(counts=counts, held_out=[0, 1]),
        "ngrams.estimates.stupid_backoff": lambda: dict(counts=counts),
        "metrics.pass_at_k.pass_at_k": lambda: dict(n=4, correct=1, k=2),
        "data.cloze.sentences": lambda: dict(stream=[1, 0], longest=3),
        "data.cloze.subject_kinds": lambda: dict(n=2, language=language(), generator=rng(), half=0),
        "data.cloze.hole_probs": lambda: dict(
            language=language(), sentence=language().encode("the mice eat cheese <eos>"), place=1
        ),
        "data.conversations.split_questions": lambda: dict(),
        "ngrams.noisy_channel.typing_log_prob": lambda: dict(typed="a", meant="a", error_rate=0.5),
        "ngrams.noisy_channel.NoisyChannel": lambda: dict(
            model=kneser_ney(counts), vocabulary=["a", "b"], unknown=0, start=1
        ),
        "ngrams.trie.Trie": lambda: dict(vocab_size=2, keys=[]),
        "optim.clipping.clip_grad_norm": lambda: dict(grads=[x], max_norm=1.0),
        **{
            f"optim.optimizers.{name}": lambda: dict(params=params)
            for name in "SGD Momentum Adagrad RMSprop Adam AdamW".split()
        },
        "optim.schedules.cosine_schedule": lambda: dict(steps=3),
        "optim.schedules.step_schedule": lambda: dict(every=3),
        "optim.schedules.linear_warmup": lambda: dict(warmup=3),
        "optim.update_rules.sgd_step": lambda: two | dict(lr=0.1),
        "optim.update_rules.momentum_step": lambda: two | dict(velocity=x, lr=0.1),
        "optim.update_rules.adagrad_step": lambda: two | dict(total=x),
        "optim.update_rules.rmsprop_step": lambda: two | dict(mean_square=x),
        "optim.update_rules.adam_step": lambda: two | dict(m=x, v=x, step=1),
        "optim.update_rules.adamw_step": lambda: two | dict(m=x, v=x, step=1),
        "optim.muon.newton_schulz": lambda: dict(matrix=x),
        "optim.muon.muon_step": lambda: two | dict(velocity=x),
        "optim.muon.Muon": lambda: dict(params=params),
        "progress.printed": lambda: dict(seconds=1.0),
        "positions.LearnedPositions": lambda: dict(seq_len=2, d_model=2),
        "positions.sinusoidal": lambda: dict(n_positions=2, d_model=2),
        "positions.shift_matrix": lambda: dict(offset=1, d_model=2),
        "positions.rope": lambda: dict(x=x, positions=ids[:2]),
        "positions.yarn_frequencies": lambda: dict(d_head=4, factor=2.0, trained=8),
        "positions.alibi_slopes": lambda: dict(n_heads=2),
        "positions.alibi_bias": lambda: dict(n_heads=2, n_queries=2, n_keys=3),
        "positions.relative_buckets": lambda: dict(relative=ids),
        "positions.RelativePositionBias": lambda: dict(n_heads=2),
        "positions.local_window_mask": lambda: dict(n_queries=2, n_keys=3, window=1),
        "recurrent.bptt.gradient_bound": lambda: dict(w_hh=x, distance=1),
        "recurrent.bptt.truncated_bptt": lambda: dict(x=x[None], h0=x[:1], w_ih=x, w_hh=x, b=None, window=1),
        "recurrent.language_model.RecurrentLM": lambda: dict(vocab_size=3),
        "recurrent.language_model.ConsecutiveWindows": lambda: dict(tokens=ids, batch_size=2, length=3),
        **{f"recurrent.layers.{name}": lambda: dict(d_input=2, d_hidden=2) for name in ("RNN", "LSTM", "GRU")},
        "recurrent.starts.orthogonal_": lambda: dict(module=nn.RNN(2, 2)),
        "recurrent.starts.set_forget_bias": lambda: dict(module=nn.LSTM(2, 2)),
        "regularization.ridge_fit": lambda: dict(x=torch.eye(2), y=x[0], alpha=1.0),
        "regularization.soft_threshold": lambda: dict(x=x, threshold=1.0),
        "regularization.lasso_fit": lambda: dict(x=torch.eye(2), y=x[0], alpha=1.0),
        "regularization.lasso_path": lambda: dict(x=torch.eye(2), y=x[0], alphas=x[0]),
        "regularization.dropout": lambda: dict(x=x, p=0.5),
        "regularization.EarlyStopping": lambda: dict(patience=1),
        "regularization.early_stopping": lambda: dict(losses=[1.0], patience=1),
        "regularization.augment_tokens": lambda: dict(ids=ids, unk_id=0),
        "scaling.checkpointing.checkpointed": lambda: dict(layers=[nn.Identity()], x=x, every=1),
        "scaling.flops.flops_per_token": lambda: dict(n_parameters=1, n_layers=1, d_model=1, n_keys=1),
        "scaling.laws.bootstrap_power_law": lambda: dict(
            x=[1.0, 2.0, 3.0, 4.0], losses=[4.0, 3.0, 2.5, 2.2], generator=rng()
        ),
        "scaling.laws.compute_optimal": lambda: dict(flops=1e9),
        "scaling.memory.adamw_bytes": lambda: dict(n_parameters=1),
        "scaling.memory.kv_cache_bytes": lambda: dict(n_layers=1, n_kv_heads=1, d_head=1, seq_len=1),
        "scaling.memory.score_bytes": lambda: dict(n_layers=1, n_heads=1, seq_len=1),
        "scaling.memory.activation_bytes": lambda: dict(config=gpt().config, batch_size=1, seq_len=1),
        "scaling.roofline.matmul_intensity": lambda: dict(m=1, k=1, n=1),
        "quantization.quantize": lambda: dict(weight=x, bits=4),
        "quantization.quantized_bytes": lambda: dict(n_rows=1, n_columns=1, bits=4),
        "quantization.quantized": lambda: dict(model=nn.Linear(2, 2), bits=4),
        "scaling.roofline.decoding_ceiling": lambda: dict(
            n_parameters=1, bytes_per_number=2.0, cache_bytes=0, batch_size=1, peak=1.0, bandwidth=1.0
        ),
        "scaling.roofline.attainable_flops": lambda: dict(intensity=1.0, peak_flops=1.0, bandwidth=1.0),
        "scaling.softmax.online_softmax": lambda: dict(scores=x),
        "scaling.tiling.tiled_attention": lambda: dict(q=x, k=x, v=x),
        "seq2seq.Seq2SeqConfig": lambda: dict(source_vocab_size=5, target_vocab_size=5),
        "tokenization.bpe_training.train_bpe": lambda: dict(text="aab", vocab_size=300),
        "tokenization.characters.train_words": lambda: dict(text="aab", vocab_size=3),
        "tokenization.steps.train_bpe": lambda: dict(words=[(["a", "b"], 1)], n_merges=1),
        "tokenization.unigram.train_unigram": lambda: dict(text="aab", vocab_size=9),
        "tokenization.wordpiece.train_wordpiece": lambda: dict(text="aab", vocab_size=9),
        "train.Trainer": lambda: dict(model=nn.Linear(2, 1), draw=lambda generator: x, loss=loss, steps=1),
        "optim.schedules.warmup_cosine": lambda: dict(steps=3),
        "optim.schedules.inverse_sqrt": lambda: dict(warmup=3),
        "train.interrupted": lambda: dict(n_parameters=16),
        "transformer.TransformerConfig": lambda: dict(source_vocab_size=5, target_vocab_size=5),
        "transformer.add_and_norm": lambda: dict(x=x, sublayer=nn.Identity(), norm=nn.Identity()),
        "transformer.feed_forward": lambda: dict(d_model=2, d_ff=2),
        "transformer.EncoderLayer": lambda: dict(d_model=4, n_heads=2, d_ff=2),
        "transformer.DecoderLayer": lambda: dict(d_model=4, n_heads=2, d_ff=2),
        "transformer.Stack": lambda: dict(layers=[], d_model=2),
        "transformer.label_smoothing": lambda: dict(logits=x, labels=ids[:2]),
    }


CALLS = calls()
