"""Word vectors against gensim: time from lists of words to vectors, and held-out loss of both.

`compare()` returns one row for each piece of work. Both sides read the same sentences as often, with the same window,
number of negatives, subsampling and length of vectors; gensim with one worker (its C code, one thread beside Python's),
we with the threads that torch has. Repetitions alternate; times are medians.

The held-out loss is that of negative sampling, in nats, over all pairs of held-out text, with the same negatives for
both. So that nobody is compared at a poor learning rate, gensim has the one that was best for it on this loss: 0.05 for
skip-gram (of 0.025, its default, 0.05, 0.075, 0.1), 0.2 for CBOW (of 0.025, 0.05, 0.1, 0.2; it diverges from 0.3).
We keep our default for both, which was chosen by the skip-gram loss on the same held-out text.
"""

import re
import statistics
import time
from collections.abc import Callable

import torch
from gensim.models import Word2Vec as GensimWord2Vec
from torch import Tensor

from course_lib.data.corpora import english
from course_lib.embeddings import Vocabulary, Word2Vec, context_blocks, noise_distribution
from course_lib.embeddings.word2vec import cbow_gradients, skipgram_gradients

_EPOCHS, _D_MODEL, _WINDOW, _NEGATIVES = 5, 100, 5, 5
_REPETITIONS = 5
_GENSIM_LR = {False: 0.05, True: 0.2}  # by cbow


def compare() -> list[dict]:
    """Return rows with the keys work, peer, ours_s, peer_s (medians), goal, why and note (held-out losses)."""
    return [_row(cbow=False), _row(cbow=True)]


def _row(cbow: bool) -> dict:
    sentences = _sentences(held_out=False)
    n_words = sum(map(len, sentences))
    ours_s, peer_s, ours_loss, peer_loss = [], [], [], []
    for seed in range(_REPETITIONS):
        ours, seconds = _timed(lambda: _train_ours(sentences, cbow, seed))  # noqa: B023
        ours_s.append(seconds)
        ours_loss.append(_held_out_loss(*ours, cbow))
        peer, seconds = _timed(lambda: _train_gensim(sentences, cbow, seed))  # noqa: B023
        peer_s.append(seconds)
        peer_loss.append(_held_out_loss(*peer, cbow))
    return {
        "work": f"{'CBOW' if cbow else 'skip-gram'}, negative sampling, {_EPOCHS} × {n_words:,} words, D = {_D_MODEL}",
        "peer": "gensim, 1 worker (C)",
        "ours_s": statistics.median(ours_s),
        "peer_s": statistics.median(peer_s),
        "goal": None if cbow else 1.0,
        "why": "Both read the same pairs; ours goes through torch's kernels in small batches.",
        "note": f"held-out loss {statistics.median(ours_loss):.3f}, gensim {statistics.median(peer_loss):.3f} nats",
    }


def _train_ours(sentences: list[list[str]], cbow: bool, seed: int) -> tuple[Vocabulary, Tensor, Tensor]:
    vocabulary = Vocabulary.from_sentences(sentences)
    model = Word2Vec(
        vocabulary.encode(sentences),
        vocabulary,
        _D_MODEL,
        torch.Generator().manual_seed(seed),
        cbow=cbow,
        window=_WINDOW,
        n_negatives=_NEGATIVES,
        epochs=_EPOCHS,
    )
    for _ in model:
        pass
    return vocabulary, model.inputs.rows, model.outputs.rows


def _train_gensim(sentences: list[list[str]], cbow: bool, seed: int) -> tuple[Vocabulary, Tensor, Tensor]:
    model = GensimWord2Vec(
        sentences,
        vector_size=_D_MODEL,
        window=_WINDOW,
        negative=_NEGATIVES,
        sg=int(not cbow),
        min_count=5,
        sample=1e-3,
        alpha=_GENSIM_LR[cbow],
        epochs=_EPOCHS,
        workers=1,
        seed=seed + 1,
    )
    words = model.wv.index_to_key
    counts = torch.tensor([model.wv.get_vecattr(word, "count") for word in words])
    return Vocabulary(words, counts), torch.tensor(model.wv.vectors), torch.tensor(model.syn1neg)


def _held_out_loss(vocabulary: Vocabulary, inputs: Tensor, outputs: Tensor, cbow: bool) -> float:
    # words of equal count stand in another order in gensim's: by name, so that both get the same negatives
    order = sorted(range(len(vocabulary)), key=lambda i: vocabulary.words[i])
    vocabulary = Vocabulary([vocabulary.words[i] for i in order], vocabulary.counts[order])
    inputs, outputs = inputs[order], outputs[order]
    text = vocabulary.encode(_sentences(held_out=True))
    centres, contexts, pairs = context_blocks(text, torch.full_like(text.ids, _WINDOW), _WINDOW)
    noise, generator = noise_distribution(vocabulary.counts), torch.Generator().manual_seed(0)
    drawn = torch.multinomial(noise, 256 * len(centres), replacement=True, generator=generator)
    gradients = cbow_gradients if cbow else skipgram_gradients
    of_centres, of_contexts = (outputs, inputs) if cbow else (inputs, outputs)
    negatives = outputs[drawn.view(len(centres), -1)]
    found = gradients(of_centres[centres], of_contexts[contexts], negatives, pairs, _NEGATIVES)
    return (found.loss / found.examples).item()


def _sentences(held_out: bool) -> list[list[str]]:
    lines = (re.findall(r"[a-z]+(?:'[a-z]+)?", line.lower()) for line in english(held_out=held_out).splitlines())
    return [line for line in lines if line]


def _timed(work: Callable[[], tuple]) -> tuple[tuple, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    for row in compare():
        print(row, f"ratio {row['ours_s'] / row['peer_s']:.2f}")
