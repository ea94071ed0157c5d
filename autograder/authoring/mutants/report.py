"""`autograder verify --mutants`: the mutants of all lessons side by side, and what is left of them."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from autograder.authoring.mutants.record import mutations
from autograder.authoring.mutants.trial import Mutation, Survivor


def report(paths: Sequence[Path], again: bool) -> bool:
    """Try the mutants of some lessons, print what passes and a table; return whether nothing is left to do.

    again  try those, too, that the record knows

    Raises AuthoringError when a lesson cannot be read.
    """
    console = Console()
    table = Table("lesson", "exercises", "mutants", "fail", "equivalent", "pass", title="mutants")
    clean = True
    with ProcessPoolExecutor(os.cpu_count()) as lessons:
        for path, results in zip(paths, lessons.map(mutations, paths, [again] * len(paths))):
            for one in results:
                _print(one, path)
            clean &= all(one.clean for one in results)
            table.add_row(path.stem, *map(str, _numbers(results)))
    console.print(table)
    return clean


def _numbers(results: Sequence[Mutation]) -> tuple[int, int, int, int, int]:
    total, equivalent = sum(one.total for one in results), sum(one.equivalent for one in results)
    left = sum(len(one.survivors) for one in results)
    return len(results), total, total - equivalent - left, equivalent, left


def _print(one: Mutation, path: Path) -> None:
    for survivor in one.survivors:
        print(f"✗ {one.exercise}: {_where(survivor)} {survivor.mutant.slip}\n    {survivor.mutant.change}")
    for change in one.outdated:
        print(f"✗ {one.exercise}: {path.name} calls this equivalent, but no mutant that passes makes it\n    {change}")


def _where(survivor: Survivor) -> str:
    passes = survivor.passes
    hidden = len(passes) - ("public" in passes)
    where = ["the public cases"] * ("public" in passes) + [f"{hidden} of 10 hidden seeds"] * bool(hidden)
    return f"passes {' and '.join(where)}:"
