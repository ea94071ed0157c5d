"""The page of `make bench`, from made-up numbers; nothing is measured here."""

import ast
from pathlib import Path

import pytest

from benchmarks import library
from benchmarks.timing import alternate, row

FOLDER = Path(library.__file__).parent
MACHINE = {
    "date": "2030-01-02",
    "cpu": "2 cores, abacus",
    "gpu": "",
    "versions": "Python 3.11.7",
    "threads": "2 threads",
    "took": "5 minutes",
}
FAST = row("count beans", "slow beans", (0.002, 0.004), goal=1.0, note="equal beans", why="never said")
SLOW = row("sort beans", "fast beans", (3.0, 2.0), goal=1.2, why="Beans are round.")
ALONE = row("cook beans", "a cook", (0.000005, None), goal=1.0, note="no cook at hand")


def written(**changes):
    return library.page({"moe": [FAST, SLOW], "metrics": [ALONE], "gpu": []}, MACHINE | changes)


def cells(work):
    line = next(line for line in written().splitlines() if line.startswith(f"| {work}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_shows_both_times_their_ratio_and_whether_the_goal_is_met():
    assert cells("count beans") == [
        "count beans",
        "slow beans",
        "2.00 ms",
        "4.00 ms",
        "0.50",
        "≤ 1",
        "yes",
        "equal beans",
    ]
    assert cells("sort beans")[2:7] == ["3.00 s", "2.00 s", "1.50", "≤ 1.2", "**no**"]


def test_without_a_peer_there_is_neither_a_ratio_nor_a_verdict():
    assert cells("cook beans")[2:7] == ["5.00 µs", "–", "–", "≤ 1", "–"]
    assert library.is_met(ALONE) is None


def test_the_reason_is_given_for_the_goals_that_are_missed_and_for_no_other():
    text = written()
    assert "- sort beans, beside fast beans: 1.50, the goal is 1.2. Beans are round." in text
    assert "never said" not in text
    assert "1 of 2 goals are met" in text


def test_when_all_goals_are_met_the_page_says_so():
    assert library.page({"moe": [FAST]}, MACHINE).rstrip().endswith("## Goals missed\n\nNone.")


def test_the_page_says_whether_there_was_a_gpu():
    assert "No GPU was at hand on 2030-01-02. These rows await a card: " in written()
    assert "On a large one." in written(gpu="a large one") and "await" not in written(gpu="a large one")


def test_a_ratio_at_the_goal_meets_it_and_memory_has_its_own_unit():
    memory = row("store beans", "a bag", (12.0, 10.0), goal=1.2, unit="MiB")
    assert library.is_met(memory)
    assert "| 12 MiB | 10 MiB |" in library.table([memory])


def test_a_bar_in_a_name_does_not_open_another_column():
    assert r"p(w \| h)" in library.table([row("p(w | h)", "–", (1.0, None))])


@pytest.mark.parametrize("subject", library.SUBJECTS)
def test_every_subject_has_a_compare_without_arguments(subject):
    tree = ast.parse((FOLDER / f"{subject}.py").read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "compare"]
    assert len(found) == 1
    assert not found[0].args.args


def test_an_unknown_subject_is_refused(capsys):
    with pytest.raises(SystemExit):
        library.main(["beans"])
    assert "there is no subject beans" in capsys.readouterr().err


def test_the_two_sides_take_turns_and_warm_up_unmeasured():
    calls = []
    alternate(lambda: calls.append("ours"), lambda: calls.append("peer"), seconds=0)
    assert calls == ["ours", "peer"] * 4  # three rounds, and one before
