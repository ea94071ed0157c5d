"""Numbers that make no sense: every public function and constructor refuses them, and names the argument and the value.

`calls_with_numbers` has a call that works for each; `WRONG` says, by the argument's name, which values make no sense.
A function that is missing there fails a test.
"""

import ast
import inspect
import math
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

import course_lib
from course_lib.arguments import require_counts, require_from, require_one_of
from course_lib.ngrams import count_ngrams
from tests.calls_with_numbers import CALLS, gpt, rng

nan, inf = math.nan, math.inf
COUNT = (0, -1, 2.5, nan)  # what must be 1 at least
NATURAL = (-1, 2.5, nan)  # what may be 0
POSITIVE = (0, -1, nan, inf)
AT_LEAST_0 = (-1, nan, inf)
PROBABILITY = (-0.1, 1.5, nan)
SHARE = (-0.1, 1.0, nan)  # what must be less than 1
FINITE = (inf, -inf, nan)


WRONG = {
    "n": NATURAL, "steps": COUNT, "warmup": COUNT, "every": COUNT, "step": COUNT, "n_bins": COUNT, "max_n": COUNT,
    "min_n": COUNT, "order": COUNT, "batch_size": COUNT, "length": COUNT, "window": COUNT, "size": COUNT, "k": COUNT,
    "vocab_size": COUNT, "seq_len": COUNT, "d_model": COUNT, "d_hidden": COUNT, "d_ff": COUNT, "d_head": COUNT,
    "d_input": COUNT, "n_heads": COUNT, "n_kv_heads": COUNT, "n_layers": COUNT, "max_len": COUNT, "n_classes": COUNT,
    "source_vocab_size": COUNT, "target_vocab_size": COUNT, "n_token_types": COUNT, "learned_positions": COUNT,
    "n_context": COUNT, "n_experts": COUNT, "top_k": COUNT, "block": COUNT, "rank": COUNT, "epochs": COUNT,
    "n_negatives": COUNT, "min_count": COUNT, "n_buckets": COUNT, "max_distance": COUNT, "n_processes": COUNT,
    "digits": COUNT, "kinds": COUNT, "longest": COUNT, "shortest": COUNT, "depth": COUNT, "n_letters": COUNT,
    "distance": COUNT, "n_symbols": (1, 2.5), "n_items": COUNT, "n_fillers": COUNT, "accumulate": COUNT,
    "evaluate_every": COUNT, "patience": COUNT, "max_sweeps": COUNT, "n_resamples": COUNT, "beam": COUNT,
    "beams": COUNT, "n_best": COUNT, "n_draft": COUNT, "m": COUNT, "n_words": COUNT, "n_chars": COUNT,
    "bits": (1, 9, 2.5, nan), "n_rows": COUNT, "n_columns": COUNT, "peak": POSITIVE, "cache_bytes": AT_LEAST_0,
    "rows": COUNT, "beta": POSITIVE, "gamma": PROBABILITY, "lam": PROBABILITY,
    "half": (-1, 2, 0.5, nan), "period": COUNT, "place": (-1, 4, 0.5, nan), "correct": (-1, 5, 2.5, nan),
    "unasked": (-1, 1000, 2.5, nan), "trained": COUNT, "fast": POSITIVE, "slow": POSITIVE,
    "n_queries": NATURAL, "n_keys": NATURAL, "n_positions": NATURAL, "n_tokens": NATURAL, "rounds": NATURAL,
    "n_merges": NATURAL, "capacity": NATURAL, "max_new_tokens": NATURAL, "max_tokens": NATURAL, "n_parameters": NATURAL,
    "hypothesis_length": NATURAL, "reference_length": NATURAL, "n_shared": NATURAL, "n_hashes": COUNT,
    "rope_theta": POSITIVE, "theta": POSITIVE, "clip": (0, -1, nan), "capacity_factor": POSITIVE, "x_max": POSITIVE,
    "threshold": POSITIVE, "flops": POSITIVE, "intensity": POSITIVE, "peak_flops": POSITIVE, "bandwidth": POSITIVE,
    "bytes_per_number": POSITIVE, "penalty": POSITIVE, "repetition_penalty": POSITIVE,
    "lr": AT_LEAST_0, "eps": AT_LEAST_0, "weight_decay": AT_LEAST_0, "norm_eps": AT_LEAST_0, "init_std": AT_LEAST_0,
    "std": AT_LEAST_0, "balance": AT_LEAST_0, "z": AT_LEAST_0, "final": AT_LEAST_0, "factor": AT_LEAST_0,
    "l2": AT_LEAST_0, "tol": AT_LEAST_0, "min_delta": AT_LEAST_0, "power": AT_LEAST_0, "noise": AT_LEAST_0,
    "steepest": AT_LEAST_0, "length_penalty": AT_LEAST_0, "temperature": AT_LEAST_0, "max_norm": (-1, nan),
    "mean_span": (0.5, nan, inf), "seconds": AT_LEAST_0,
    "dropout": PROBABILITY, "word_dropout": PROBABILITY, "p": PROBABILITY, "drop": PROBABILITY, "swap": PROBABILITY,
    "unk": PROBABILITY, "smoothing": PROBABILITY, "discount": PROBABILITY, "rate": PROBABILITY, "min_p": PROBABILITY,
    "top_p": (0, 1.5, nan), "typical_p": (0, 1.5, nan), "density": (0, 1, nan), "error_rate": (-0.1, 1.5, nan),
    "momentum": SHARE, "gain": FINITE, "value": FINITE, "turns": FINITE, "offset": FINITE,
}  # fmt: skip

# where a name means something else than elsewhere
NO_ZERO = (0, 1.5, nan)
HERE = {
    "ppo_clip_loss clip": (0, 1, -0.2, nan), "kl_penalised_reward beta": AT_LEAST_0, "sample_replies n": COUNT,
    "pass_at_k n": COUNT, "subject_kinds n": COUNT, "pass_at_k k": (0, 5, 2.5, nan),
    "decoding_ceiling n_parameters": COUNT, "yarn_frequencies factor": (0.5, -1, nan, inf),
    "bleu k": AT_LEAST_0, "sentence_bleu k": AT_LEAST_0, "add_k k": POSITIVE, "top_k_filter k": NATURAL,
    "Sampling top_k": NATURAL, "top_p_filter p": NO_ZERO, "typical_filter p": NO_ZERO, "stupid_backoff alpha": NO_ZERO,
    "lora_linear alpha": FINITE, "merge_lora alpha": FINITE, "LoRALinear alpha": FINITE, "add_lora alpha": FINITE,
    "glove_weight alpha": AT_LEAST_0, "glove_loss alpha": AT_LEAST_0, "GloVe alpha": AT_LEAST_0, "GloVe lr": POSITIVE,
    "Word2Vec lr": POSITIVE, "ridge_fit alpha": AT_LEAST_0, "lasso_fit alpha": POSITIVE, "RMSprop alpha": SHARE,
    "rmsprop_step alpha": SHARE, "warmup_cosine warmup": PROBABILITY, "soft_threshold threshold": AT_LEAST_0,
    "minibatches n": COUNT, "clipped_matches n": COUNT, "count_ngrams n": COUNT, "matmul_intensity n": COUNT,
    "person_or_animal n": COUNT, "hidden_animals n": COUNT, "agreement n": COUNT,
    "DeepAveragingNetwork n_layers": NATURAL,
    "gradient_bound distance": NATURAL, "tokens_per_call n_draft": NATURAL,
    "skipgram_gradients n_negatives": POSITIVE, "cbow_gradients n_negatives": POSITIVE, "ppmi n_negatives": POSITIVE,
    "updated_bias rate": AT_LEAST_0, "expert_capacity n_tokens": COUNT,
    "flops_per_token n_layers": AT_LEAST_0, "flops_per_token d_model": AT_LEAST_0,
    "flops_per_token n_parameters": AT_LEAST_0, "flops_per_token n_keys": AT_LEAST_0,
    "TransformerConfig n_layers": NATURAL, "share_of rank": (-1, 2, nan), "local_window_mask n_keys": (1,),
}  # fmt: skip

#: what is no setting: an id, a place, a seed, or a number that may be anything
FREE = {
    "ignored",
    "pad_id",
    "unk_id",
    "mask_id",
    "eos_id",
    "eos",
    "seed",
    "fill",
    "history",
    "a",
    "b",
    "c",
    "unknown",
    "start",
}


def function(name):
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(f"course_lib.{module}"), attribute)


def numbers(called):
    """The names of a function's arguments that are one number, by their annotations."""
    parameters = [p for p in inspect.signature(called).parameters.values() if p.kind is not p.VAR_KEYWORD]
    kinds = {parameter.name: str(parameter.annotation) for parameter in parameters}
    one = r"(<class '(int|float)'>|(int|float) \| None)"
    return [name for name, kind in kinds.items() if re.fullmatch(one, kind) and name not in FREE]


def nonsense():
    for name in CALLS:
        called = function(name)
        for argument in numbers(called):
            here = f"{called.__name__} {argument}"
            for value in HERE[here] if here in HERE else WRONG[argument]:
                yield pytest.param(name, argument, value, id=f"{name}({argument}={value})")


def consumed(called, arguments):
    """Call it, and draw from it what it would yield."""
    result = called(**arguments)
    return list(result) if inspect.isgenerator(result) else result


@pytest.mark.parametrize("name", list(CALLS))
def test_the_calls_that_are_spoilt_below_work_as_they_are(name):
    consumed(function(name), CALLS[name]())


@pytest.mark.parametrize("name, argument, value", list(nonsense()))
def test_a_number_that_makes_no_sense_is_refused_by_its_name_with_its_value(name, argument, value):
    with pytest.raises(ValueError, match=rf"\b{argument}\b.*(?<![\d.]){re.escape(str(value))}(?![\d.])"):
        consumed(function(name), CALLS[name]() | {argument: value})


#: what comes out of functions, and what is a formula with any numbers
NOT_CALLED = {
    "Step", "Hypothesis", "SpeculativeText", "ScalingLaw", "PowerLaw", "NGramModel", "Download", "budget", "carries",
    "number_in_words", "translation_loss", "seq2seq_loss", "translate", "greedy_decode", "tiny_shakespeare",
    "wikitext2", "wikitext103", "text8", "enwik8", "glove", "train", "gpt_from_gpt2", "gpt_from_llama",
    "masked_lm_from_bert", "classifier_from_bert", "checked_ids", "sequence_log_prob", "masked_nll", "make_masks",
    "padding_mask", "require_left_padding", "as_stream", "frequencies", "Question", "Broken",
}  # fmt: skip
ELSEWHERE = ("judging", "checks", "figures", "widgets", "work", "scoreboard", "deck", "arguments")


def test_every_function_with_numbers_is_called_here():
    root = Path(course_lib.__file__).parent
    missing: set[str] = set()
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[0] in ELSEWHERE or parts[-1].startswith("__"):
            continue
        module = import_module(".".join(["course_lib", *parts]))
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                called = getattr(module, node.name)
                if isinstance(called, type) and (
                    issubclass(called, tuple | Exception) or "Protocol" in str(called.__mro__)
                ):
                    continue
                if numbers(called) and node.name not in NOT_CALLED:
                    missing.add(".".join([*parts, node.name]))
    assert sorted(missing - set(CALLS)) == []


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda: function("optim.optimizers.Adam")([torch.ones(1)], betas=(0.9,)), r"betas must be two .*\(0\.9,\)"),
        (lambda: function("optim.optimizers.AdamW")([torch.ones(1)], betas=(0.9, 1.0)), r"betas\[1\] .* got 1\.0"),
        (
            lambda: function("tokenization.bpe_training.train_bpe")("a", 300, special_tokens=[""]),
            r"special_tokens .*''",
        ),
        (lambda: function("tokenization.steps.Tokenizer")([], [""]), r"special_tokens must .*''"),
        (lambda: function("tokenization.steps.Tokenizer")([], "<e>"), r"special_tokens must be a list .*'<e>'"),
        (lambda: function("tokenization.bpe.BPE")(["a"], [], byte_level=False, special_tokens=["a", "a"]), "'a', 'a'"),
        (lambda: function("scaling.laws.fit_power_law")([1.0, 2.0, inf], [3.0, 2.0, 1.0]), r"x must .*inf"),
        (lambda: function("scaling.laws.fit_power_law")([1.0, 2.0, 3.0], [3.0, inf, 1.0]), r"losses must .*inf"),
        (
            lambda: function("ngrams.estimates.interpolated")(count_ngrams([0, 1], 1, 2), []),
            r"weights must be 1 .*\[\]",
        ),
        (
            lambda: function("ngrams.estimates.interpolation_weights")(count_ngrams([0, 1], 1, 2), []),
            "held_out .* none",
        ),
        (lambda: function("regularization.l2_penalty")([]), "weights must .* none"),
        (lambda: function("neural.mlp.mlp_layers")([2, 0], rng()), r"sizes\[1\] must be at least 1, got 0"),
        (lambda: function("tokenization.unigram.train_unigram")("", 10), "text must hold"),
        (
            lambda: gpt()(torch.zeros(2, 3).long(), left_padding=torch.tensor([1])),
            r"left_padding .*\(2,\).* got \(1,\)",
        ),
        (lambda: gpt()(torch.zeros(2, 3).long(), left_padding=torch.tensor([0, -1])), r"left_padding .*\[0, -1\]"),
        (
            lambda: gpt()(torch.zeros(2, 3).long(), left_padding=torch.tensor([0, 4])),
            r"left_padding .* from 0 to 3, got \[0, 4\]",
        ),
        (lambda: gpt()(torch.zeros(2, 3).long(), left_padding=torch.tensor([0, 0.5])), r"left_padding .*float32"),
        (lambda: require_counts(layers="two"), "layers must be a whole number, got two"),
        (lambda: require_from(1, 4, layers=5), "layers must be from 1 to 4, got 5"),
        (lambda: require_one_of(("a", "b"), kind="c"), "kind must be one of a, b, got 'c'"),
    ],
)
def test_what_is_no_single_number_is_refused_in_the_same_words(spoil, message):
    with pytest.raises(ValueError, match=message):
        spoil()
