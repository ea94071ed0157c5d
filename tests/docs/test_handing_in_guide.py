"""The page about the LMS says what the code does: its file is valid, its limits and commands are the real ones."""

import re
from pathlib import Path

import pytest

from autograder.authoring.hand_in import read_hand_in
from autograder.authoring.hand_in_text import hand_in_text
from autograder.cli import main
from autograder.lms.unpack import Limits

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "handing-in.md").read_text(encoding="utf-8")
LESSONS = [path.stem for path in (ROOT / "solutions").glob("[0-9][0-9]_*.py")]


def test_the_whole_file_that_it_shows_is_valid_and_means_what_it_says(tmp_path):
    (block,) = re.findall(r"(?s)```toml\n(.*?)```", GUIDE)
    (tmp_path / "hand-in.toml").write_text(block, encoding="utf-8")
    class_ = read_hand_in(tmp_path, LESSONS)
    assert (class_.by, class_.keep, class_.percent, class_.free_days) == ("canvas", "last", 10, 3)
    assert class_.deadline("ada", "01_information") > class_.deadline("ben", "01_information")
    assert "Open “Homework” in our course in Canvas" in hand_in_text("01_information", class_)


def test_each_limit_is_the_one_in_the_code():
    limits, rows = Limits(), re.findall(r"(?m)^\| ([^|]+) \| [^|]+ \|$", GUIDE.split("| limit | on |")[1])
    assert rows[:5] == [
        f"{limits.file >> 20} MB",
        f"{limits.unpacked >> 20} MB, {limits.inside:,} files",
        f"{limits.ratio} times its size",
        f"{limits.depth}",
        f"{limits.entries:,}",
    ]
    assert limits.archive == limits.file and f"more than {limits.small >> 20} MB may unpack" in GUIDE


@pytest.mark.parametrize("command", re.findall(r"(?m)^autograder (.*)$", GUIDE.split("```")[1]))
def test_the_three_commands_are_commands(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*command.split(), "--course", "nowhere"]) == 2
    assert "There is no course in" in capsys.readouterr().err
