"""Corpus BLEU against sacrebleu, on texts that are already cut into tokens."""

import random

import sacrebleu

from benchmarks.timing import alternate, row
from course_lib.metrics import bleu

_SENTENCES = 2000


def compare() -> list[dict]:
    rng = random.Random(0)
    words = [f"w{i}" for i in range(1000)]
    references = [rng.choices(words, k=rng.randint(10, 40)) for _ in range(_SENTENCES)]
    hypotheses = [[rng.choice(words) if rng.random() < 0.2 else word for word in text] for text in references]
    lines, reference_lines = ([" ".join(text) for text in texts] for texts in (hypotheses, references))
    found = {}

    def ours() -> None:
        found["ours"] = bleu(hypotheses, [[reference] for reference in references])

    def peer() -> None:
        found["peer"] = sacrebleu.corpus_bleu(lines, [reference_lines], tokenize="none", force=True).score

    measured = alternate(ours, peer)
    assert abs(found["ours"] - found["peer"]) < 1e-9, "both must give the same score"
    return [
        row(
            f"BLEU of {_SENTENCES:,} sentences",
            "sacrebleu",
            measured,
            note=f"equal score, {found['ours']:.2f}; ours gets lists of tokens, the peer strings that it splits",
        )
    ]
