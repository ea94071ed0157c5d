"""The library beside its peers: `make bench` runs every subject and writes docs/benchmarks.md.

    python -m benchmarks.library                    all subjects, and the page
    python -m benchmarks.library moe sampling       these subjects, printed; the page stays as it is

A subject is a module beside this one with `compare()`, which returns rows as `benchmarks.timing.row` makes them. With
each number its subject asserts that both sides compute the same. Run it on a machine that does nothing else.
"""

import argparse
import importlib
import importlib.util
import os
import platform
import sys
import time
import traceback
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
SUBJECTS = {
    "tokenization": "Byte-pair encoding",
    "ngrams": "N-grams",
    "embeddings": "Word vectors",
    "recurrent": "Recurrent networks",
    "attention": "Attention",
    "gpt": "Training a GPT",
    "cross_entropy": "The loss of a large vocabulary",
    "generation": "Generation",
    "moe": "Mixture of experts",
    "sampling": "Sampling",
    "optim": "Optimisers",
    "metrics": "BLEU",
    "imports": "Imports",
    "gpu": "On a GPU",
}
AWAITED = (
    "These rows await a card: attention, a training step, a mixture of experts and generation of a GPT of 124 M "
    "parameters in bfloat16, beside what the device can do at best; its training (as it is, with the loss in chunks, "
    "compiled) and its generation, and that of 4 × 128, beside transformers."
)
PEERS = ("torch", "numpy", "tokenizers", "tiktoken", "transformers", "nltk", "kenlm", "gensim", "sacrebleu")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.library", description=__doc__.splitlines()[0])
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"any of {', '.join(SUBJECTS)}; none: all")
    parser.add_argument("--threads", type=int, default=2, help="of torch, on both sides (default: 2)")
    options = parser.parse_args(arguments)
    chosen, threads = options.subjects, options.threads
    if unknown := set(chosen) - SUBJECTS.keys():
        parser.error(f"there is no subject {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    start, results, failed = time.perf_counter(), {}, []
    for subject in chosen or SUBJECTS:
        began = time.perf_counter()
        try:
            results[subject] = run(subject, threads)
        except Exception:
            traceback.print_exc()
            failed.append(subject)
            continue
        print(
            f"\n## {SUBJECTS[subject]} ({time.perf_counter() - began:.0f} s)\n\n{table(results[subject])}", flush=True
        )
    if failed:
        print(f"\nfailed: {', '.join(failed)}; nothing is written", file=sys.stderr)
        return 1
    if not chosen:
        PAGE.write_text(page(results, machine(time.perf_counter() - start, threads)), encoding="utf-8")
        print(f"\nwrote {PAGE}")
    return 0


def run(subject: str, threads: int) -> list[dict]:
    """Return the rows of one subject."""
    import torch

    torch.set_num_threads(threads)
    return importlib.import_module(f"benchmarks.{subject}").compare()


def machine(seconds: float, threads: int) -> dict[str, str]:
    """Return what the numbers depend on: machine, versions, date, and how long all of it took."""
    import torch

    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": f"{os.cpu_count()} cores, {_cpu_name()}",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        "versions": f"Python {platform.python_version()}, " + ", ".join(f"{name} {_version(name)}" for name in PEERS),
        "threads": f"{threads} thread{'s' * (threads > 1)}",
        "took": f"{seconds / 60:.0f} minutes, load average at the end {load}",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # kenlm may lie on the path without having been installed
        return "of no known version" if importlib.util.find_spec(name) else "not installed"


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def page(results: dict[str, list[dict]], machine: dict[str, str]) -> str:
    """Return docs/benchmarks.md.

    results  the rows of each subject
    machine  as `machine` returns it
    """
    rows = [row for some in results.values() for row in some]
    goals = [row for row in rows if is_met(row) is not None]
    missed = [row for row in goals if not is_met(row)]
    parts = [
        "# How fast the library is",
        f"Written by `make bench` on {machine['date']}: {machine['cpu']}. {machine['versions']}.",
        "Ours and its peer run in the same process, in turn, after a warm-up where a round is short, with "
        f"{machine['threads']} for torch. Times are medians, ratio = ours / peer: below 1 we are faster. Both must "
        "compute the same, or nothing is written (of word vectors, the losses are noted). "
        f"{len(goals) - len(missed)} of {len(goals)} goals are met. "
        f"The whole run took {machine['took']}.",
    ]
    for subject, some in results.items():
        parts.append(f"## {SUBJECTS[subject]}")
        if subject == "gpu":
            parts.append(
                f"On {machine['gpu']}." if machine["gpu"] else f"No GPU was at hand on {machine['date']}. {AWAITED}"
            )
        if some:
            parts.append(table(some))
    parts.append("## Goals missed")
    reasons = [
        f"- {row['work']}, beside {row['peer']}: {_ratio(row):.2f}, the goal is {row['goal']:g}. {row['why']}".rstrip()
        for row in missed
    ]
    parts.append("\n".join(reasons) or "None.")
    return "\n\n".join(parts) + "\n"


def table(rows: list[dict]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| work | peer | ours | peer's | ratio | goal | met | note |", "|---|---|---:|---:|---:|---:|---|---|"]
    for row in rows:
        ratio, met, goal = _ratio(row), is_met(row), row.get("goal")
        cells = [
            row["work"],
            row["peer"],
            _amount(row["ours_s"], row),
            _amount(row["peer_s"], row),
            "–" if ratio is None else f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}",
            "–" if goal is None else f"≤ {goal:g}",
            {None: "–", True: "yes", False: "**no**"}[met],
            row["note"],
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def is_met(row: dict) -> bool | None:
    """Return whether the goal of a row is met; None where there is no goal, or no peer to measure with."""
    ratio = _ratio(row)
    return None if ratio is None or row.get("goal") is None else ratio <= row["goal"]


def _ratio(row: dict) -> float | None:
    return None if row["peer_s"] is None else row["ours_s"] / row["peer_s"]


def _amount(number: float | None, row: dict) -> str:
    """A time in the unit that makes it readable; three digits."""
    if number is None:
        return "–"
    if row.get("unit", "s") != "s":
        return f"{number:.3g} {row['unit']}"
    unit, factor = ("s", 1) if number >= 1 else ("ms", 1e3) if number >= 1e-3 else ("µs", 1e6)
    number *= factor
    return f"{number:.{2 if number < 10 else 1 if number < 100 else 0}f} {unit}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
