"""The limits that the grading guide names are those of the code."""

import re
from pathlib import Path

from autograder.grading import notebook_cells as cells
from autograder.grading.pasted_images import MAX_IMAGE
from autograder.grading.prepare import Limits
from autograder.grading.submitted_file import MAX_BYTES

GUIDE = (Path(__file__).parents[2] / "docs" / "grading.md").read_text(encoding="utf-8")
ROWS = re.findall(r"(?m)^ *\| ([^|]+) \|", GUIDE.split("| limit | on | beyond it |")[1].split("**Run.**")[0])


def test_each_limit_is_the_one_in_the_code():
    limits = Limits()
    assert ROWS == [
        f"{MAX_BYTES >> 20} MB",
        f"{cells.MAX_KEPT >> 20} MB, {cells.MAX_VALUES // 10**6} million values",
        f"{cells.MAX_CELL:,} characters",
        f"{cells.MAX_TEXT:,} characters, {cells.MAX_CELLS:,} cells",
        f"{MAX_IMAGE >> 20} MB, {cells.MAX_IMAGES >> 20} MB in all as they are in the file",
        f"{limits.cell:g} s of computing, {limits.idle:g} s idle",
        f"{limits.case:g} s of computing or more, {limits.idle:g} s idle",
        f"{limits.notebook:g} s of computing and idle",
    ]
