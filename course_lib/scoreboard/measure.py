"""All models of the course, measured side by side: same text, same held-out tokens; for networks the same batches.

Networks are made about equally large and get the same number of updates on the same windows, in the same order, with
one recipe (AdamW, warm-up and cosine); only the learning rate is each one's own. The mixture of experts has the GPT's
active parameters per token, and so its arithmetic: eight experts, each half a feed-forward network, of which two work.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.device import best_device
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import count_parameters, draw_windows, nats_per_token, next_token_loss
from course_lib.moe import MoE, active_parameters, auxiliary_loss
from course_lib.neural_ngram import NeuralNgram
from course_lib.ngrams import add_k, count_ngrams, kneser_ney
from course_lib.recurrent import RecurrentLM
from course_lib.scoreboard.texts import held_out, training, vocab_size
from course_lib.train import Trainer

UPDATES = 500  # of a network, with budget 1
BATCH, WINDOW = 32, 64  # sequences and tokens of an update; a network reads at most WINDOW tokens back


@dataclass(frozen=True)
class Result:
    """What was measured of one model on one text.

    nats_per_token  cross-entropy on the held-out tokens
    parameters      numbers learned: weights, or entries of tables
    active          of those, how many one token meets, where that differs; else None
    updates         0 for what is counted, not trained
    seconds         to count or train, without measuring
    """

    model: str
    nats_per_token: float
    parameters: int
    active: int | None
    updates: int
    seconds: float


def measure(
    corpus: str, budget: float = 1.0, seed: int = 0, watch: Callable[[Trainer, str], Iterator] | None = None
) -> Iterator[Result]:
    """Yield the result of each model, from the one that knows nothing to the mixture of experts.

    corpus  "mouse" or "english"
    budget  multiplies the number of updates of every network
    seed    of the networks' first weights and of their batches
    watch   watch(trainer, name) → its steps: shows how training goes; None: nobody watches

    The same budget and seed give the same numbers on the same machine and number of threads.
    Raises ValueError for an unknown corpus or a budget that is not positive.
    """
    if not budget > 0:
        raise ValueError(f"budget must be above 0, got {budget}")
    train, test, vocabulary = training(None, corpus), held_out(corpus), vocab_size(corpus)
    yield Result("uniform", math.log(vocabulary), 0, None, 0, 0.0)
    for name, order, estimate in (
        ("unigram", 1, add_k),
        ("bigram", 2, kneser_ney),
        ("Kneser–Ney 5-gram", 5, kneser_ney),
    ):
        start = time.perf_counter()
        model = estimate(count_ngrams(train, order, vocabulary))
        seconds = time.perf_counter() - start
        nats = -float(model.log_probs(test)[_measured(len(test))].mean())
        entries = sum(map(len, model.log_prob)) + sum(map(len, model.log_backoff))
        yield Result(name, nats, entries, None, 0, seconds)
    for name in NETWORKS:
        yield train_network(name, corpus, max(1, round(UPDATES * budget)), seed, watch)[1]


def train_network(
    name: str,
    corpus: str,
    updates: int = UPDATES,
    seed: int = 0,
    watch: Callable[[Trainer, str], Iterator] | None = None,
) -> tuple[nn.Module, Result]:
    """Train one network as the scoreboard does, on the best device; return it with what it reached.

    name                 a key of NETWORKS
    corpus, seed, watch  as for `measure`
    updates              at least 1

    Raises ValueError for an unknown name or corpus.
    """
    if name not in NETWORKS:
        raise ValueError(f"name must be one of {', '.join(NETWORKS)}, got {name!r}")
    make, lr = NETWORKS[name]
    torch.manual_seed(seed)
    network = make(vocab_size(corpus)).to(best_device())
    windows = draw_windows(training(None, corpus), BATCH, WINDOW)
    trainer = Trainer(network, windows, _loss, steps=updates, lr=lr, weight_decay=0.1, seed=seed)
    for _ in watch(trainer, name) if watch else trainer:
        pass
    mixed = any(isinstance(module, MoE) for module in network.modules())
    result = Result(
        name,
        nats_per_token(network, held_out(corpus), WINDOW),
        count_parameters(network),
        active_parameters(network) if mixed else None,
        updates,
        trainer.seconds,
    )
    return network, result


def _measured(n_tokens: int) -> slice:
    """Return which of the held-out tokens `nats_per_token` counts: all but the first half window, in half windows."""
    half = WINDOW // 2
    return slice(half + 1, half + 1 + (n_tokens - half - 1) // half * half)


def _loss(model: nn.Module, windows: Tensor) -> Tensor:
    loss = next_token_loss(model, windows)
    return loss + auxiliary_loss(model) if any(isinstance(module, MoE) for module in model.modules()) else loss


def _config(vocabulary: int) -> GPTConfig:
    return GPTConfig(vocabulary, WINDOW, d_model=128, n_heads=4, n_layers=2, norm="rms", positions="rope", bias=False)


def _experts(config: GPTConfig) -> MoE:
    return MoE(config.d_model, config.d_ff // 2, n_experts=8, top_k=2)


#: name → (made from the number of tokens, learning rate). The rates are the best of 2e-3, 4e-3 and 8e-3 after 200
#: updates, measured on the last tenth of the toy language's training text; the mixture takes the GPT's
NETWORKS: dict[str, tuple[Callable[[int], nn.Module], float]] = {
    "feed-forward": (lambda vocabulary: NeuralNgram(vocabulary, n_context=8, d_model=64, d_hidden=400), 8e-3),
    "RNN": (lambda vocabulary: RecurrentLM(vocabulary, "rnn", d_model=128, d_hidden=384), 8e-3),
    "LSTM": (lambda vocabulary: RecurrentLM(vocabulary, "lstm", d_model=128, d_hidden=224), 8e-3),
    "GPT": (lambda vocabulary: GPT(_config(vocabulary)), 4e-3),
    "mixture of experts": (lambda vocabulary: GPT(_config(vocabulary), _experts), 4e-3),
}
