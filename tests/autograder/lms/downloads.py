"""A class that hands in: small notebooks of three lessons, and archives in the shape in which the systems give them."""

import io
import json
import zipfile
from pathlib import Path

from autograder.authoring.hand_in import HandIn
from autograder.lms.collect import collect
from autograder.lms.roster import Roster, read_roster

LESSONS = ("01_information", "02_tokenization", "03_ngrams")


def notebook(work: str = "", lesson: str = "01_information", **without) -> bytes:
    """A notebook as a student hands it in: the builder's metadata, and an answer that nobody else has.

    without  metadata=False, ids=False, named=False: what some tool has taken away
    """
    short, kept = lesson.partition("_")[2], {"metadata": True, "ids": True, "named": True} | without
    course = {"role": "exercise", "exercise": f"{short}.entropy"}
    marks = {"grade_id": f"{short}-entropy-answer", "schema_version": 3}
    answer = {"cell_type": "code", "source": f"# {work}", "outputs": [], "execution_count": None}
    answer["metadata"] = {"course": course, "nbgrader": marks} if kept["metadata"] else {}
    check = {"cell_type": "code", "source": f'check("{short}.entropy")', "outputs": [], "metadata": {}}
    check["execution_count"] = None
    if kept["ids"]:
        answer["id"], check["id"] = f"{short}-entropy-answer", f"{short}-entropy"
    metadata = {"course": {"lesson": lesson}} if kept["named"] else {}
    document = {"cells": [answer, check], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document).encode()


def zipped(files: dict, **options) -> bytes:
    """A zip archive. files: name, or ZipInfo → bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


class Class:
    """A course folder, into which downloads are collected."""

    def __init__(self, root: Path) -> None:
        self.root, self.out = root, root / "course"
        self.out.mkdir()
        self.found = None

    def collect(self, files, system="canvas", roster: Roster | str = "", lesson="", **settings):
        """Collect an archive of these files, or what lies at a path; return the rows by student and lesson."""
        path = files
        if isinstance(files, dict):
            path = self.root / "download.zip"
            path.write_bytes(zipped(files))
        if isinstance(roster, str) and roster:
            (self.root / "roster.csv").write_text(roster, encoding="utf-8")
            roster = read_roster(self.root / "roster.csv")
        self.found = collect(path, system, self.out, LESSONS, HandIn(**settings), roster or Roster(), lesson)
        return {(row.student, row.lesson): row for row in self.found.rows}

    def submitted(self) -> dict[str, bytes]:
        """What lies in `submitted/`: path → bytes."""
        root = self.out / "submitted"
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def everything(self) -> dict[str, tuple[int, bytes]]:
        """Every file below the root, with when it was written."""
        return {
            path.relative_to(self.root).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
            for path in self.root.rglob("*")
            if path.is_file() and not path.is_symlink()
        }
