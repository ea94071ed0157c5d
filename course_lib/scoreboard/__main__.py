"""`python -m course_lib.scoreboard`: measure every model of the course on the same texts, and write the tables."""

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch

from course_lib.scoreboard.measure import BATCH, UPDATES, WINDOW, Result, measure
from course_lib.scoreboard.texts import CORPORA, bits_per_byte, entropy_rate, held_out, training, vocab_size
from course_lib.train import Trainer

#: (the model that should be behind, the one that should be ahead) → why it may be otherwise
REASONS = {
    ("Kneser–Ney 5-gram", "feed-forward"): "Three times as many updates bring it only 0.05 nats closer: it is not for "
    "want of them alone. We do not know what else is missing.",
    (
        "Kneser–Ney 5-gram",
        "RNN",
    ): "Counting uses the whole text at once; a network that has met it only a few times has not caught up yet.",
    (
        "Kneser–Ney 5-gram",
        "GPT",
    ): "So few updates do not pay back what counting gets for nothing. On the English text three times as many do, and "
    "six times as many overfit it.",
    ("RNN", "LSTM"): "Gates pay when something must be carried far. Here most of what helps is a few tokens back.",
    ("LSTM", "GPT"): "Over a few dozen tokens a gated state holds nearly all that attention could look up again; "
    "attention gains with longer texts and more updates.",
    ("GPT", "mixture of experts"): "Where the GPT is close to what can be known, more parameters have little left to "
    "learn. And how the router starts can matter as much as this gap: compare another `--seed`.",
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, telling every result on standard error, and write the page; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.scoreboard",
        description="Every model of the course on the same held-out text. Under ten minutes on two idle cores.",
    )
    parser.add_argument("--corpus", nargs="+", choices=list(CORPORA), default=list(CORPORA), help="which texts")
    parser.add_argument(
        "--budget", type=float, default=1.0, metavar="X", help="X times as many updates of each network"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of first weights and batches (default 0)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="processor cores to use (default 2)")
    parser.add_argument("--to", type=Path, metavar="FILE", help="page to write (default: standard output)")
    options = parser.parse_args(arguments)
    if options.budget <= 0 or options.threads < 1:
        parser.error("--budget must be above 0 and --threads at least 1")
    torch.set_num_threads(options.threads)
    results: dict[str, list[Result]] = {}
    for corpus in options.corpus:
        print(f"\n{CORPORA[corpus]}", file=sys.stderr)
        results[corpus] = []
        for result in measure(corpus, options.budget, options.seed, _progress):
            if not results[corpus]:
                print(_line(_head(corpus)), file=sys.stderr)
            results[corpus].append(result)
            print(_line(_cells(corpus, result)), file=sys.stderr, flush=True)
    text = page(results, options.budget, options.seed)
    if options.to is None:
        print(text, end="")
    else:
        options.to.parent.mkdir(parents=True, exist_ok=True)
        options.to.write_text(text, encoding="utf-8")
        print(f"\nwrote {options.to}", file=sys.stderr)
    return 0


def page(results: dict[str, list[Result]], budget: float, seed: int = 0) -> str:
    """Return the page as Markdown.

    results  corpus → what `measure` yielded
    budget, seed  that it was called with
    """
    updates = max((result.updates for some in results.values() for result in some), default=0)
    parts = [
        "# The scoreboard",
        "Written by `make scoreboard` (`python -m course_lib.scoreboard`); nothing here is typed by hand. Every model "
        "reads the same training text and is measured on the same held-out tokens. Networks get the same "
        f"{updates:,} updates of {BATCH} windows of {WINDOW} tokens, the same windows in the same order. They are "
        "about equally large, but for the mixture of experts, which has as many *active* parameters per token as the "
        "GPT. N-grams are counted; their *parameters* are the entries of their tables.",
    ]
    for corpus, some in results.items():
        parts += [f"## {CORPORA[corpus][0].upper()}{CORPORA[corpus][1:]}", _about(corpus, some)]
        table = [_head(corpus), tuple("---" if not i else "---:" for i in range(len(_head(corpus))))]
        table += [_cells(corpus, result) for result in some]
        parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in table))
        parts += surprises(some)
    parts += ["## How it was measured", _machine(budget, seed)]
    return "\n\n".join(parts) + "\n"


def surprises(results: list[Result]) -> list[str]:
    """Return a sentence for each model that should be ahead of the one before it in the table, and is not."""
    found = []
    by_name = {result.model: result for result in results}
    pairs = [(before.model, after.model) for before, after in pairwise(results)]
    for behind, ahead in [*pairs, *(pair for pair in REASONS if pair not in pairs)]:
        if behind in by_name and ahead in by_name:
            gap = by_name[ahead].nats_per_token - by_name[behind].nats_per_token
            if gap > 0:
                why = REASONS.get((behind, ahead), "We do not know why.")
                found.append(f"**Not as theory has it:** {ahead} is {gap:.3f} nats behind {behind}. {why}")
    return found


def _about(corpus: str, results: list[Result]) -> str:
    n_train, n_test, floor = len(training(None, corpus)), len(held_out(corpus)), entropy_rate(corpus)
    epochs = max((result.updates for result in results), default=0) * BATCH * WINDOW / n_train
    text = (
        f"{n_train:,} tokens to train on ({epochs:.1f} times over for the networks), {n_test:,} held out, "
        f"{vocab_size(corpus):,} different tokens."
    )
    if floor is None:
        return (
            f"{text} The tokens are those of a byte-level BPE trained on the training text alone; the text is that of "
            f"Python {platform.python_version()} and differs a little in other releases. Nobody knows its entropy."
        )
    return f"{text} A token is a word. The entropy rate, {floor:.4f} nats per token, is known exactly."


def _head(corpus: str) -> tuple[str, ...]:
    second = "bits per byte" if entropy_rate(corpus) is None else "above the entropy rate"
    return ("model", "nats per token", second, "parameters", "of them active", "seconds")


def _cells(corpus: str, result: Result) -> tuple[str, ...]:
    nats, floor = result.nats_per_token, entropy_rate(corpus)
    return (
        result.model,
        f"{nats:.3f}",
        f"{bits_per_byte(nats):.3f}" if floor is None else f"{nats - floor:.3f}",
        f"{result.parameters:,}",
        "" if result.active is None else f"{result.active:,}",
        f"{result.seconds:.1f}",
    )


def _line(cells: tuple[str, ...]) -> str:
    widths = (20, 14, 22, 12, 14, 8)
    return "  ".join(
        cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(cells, widths))
    )


def _machine(budget: float, seed: int) -> str:
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    return (
        f"{datetime.date.today().isoformat()}, {cpu}, {torch.get_num_threads()} of {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, torch {torch.__version__}. Budget {budget:g} (1 is {UPDATES} updates), "
        f"seed {seed}. Seconds are those of training or counting on this machine as busy as it was; the other numbers "
        "do not depend on its speed. Of the held-out text all but the first half window counts, for every model."
    )


def _progress(trainer: Trainer, name: str) -> Iterator:
    """Train, and show on a terminal how far it is."""
    shown = sys.stderr.isatty()
    for step in trainer:
        if shown and (step.number % 10 == 0 or step.number == trainer.steps):
            print(f"\r{name}: update {step.number} of {trainer.steps}, loss {step.loss:.3f} ", end="", file=sys.stderr)
        yield step
    if shown:
        print("\r\033[K", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
