# ruff: noqa: E501 - students do not wrap their lines
"""Where a notebook is handed in, and by whom: other file names, folders and archives, and names that are hard to write."""

import io
import os
import zipfile
from pathlib import Path

from tests.arena.cases import enter
from tests.arena.draft import NAME, Draft


# ---- repaired: the notebook has another name, or is in another place
def _in_place(place: str, what: str, name: str, *others: str, kind: str = "accident") -> None:
    """Enter a notebook that is handed in at a place in the submission's folder, beside others that are empty."""

    def change(draft: Draft) -> None:
        def write(folder: Path) -> None:
            for path in (place, *others):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(draft.json() if path == place else '{"cells": []}', encoding="utf-8")

        draft.write = write  # type: ignore[method-assign]

    enter(kind, name=name, what=what)(change)


_in_place(f"{NAME}.IPYNB", "The ending in capitals.", "ending_in_capitals")
_in_place(f"{NAME}.ipynb.txt", "A browser added `.txt`.", "ending_txt")
_in_place(f"{NAME}.json", "A browser wrote `.json`.", "ending_json")
_in_place(f"{NAME}/{NAME}.ipynb", "One folder deeper.", "one_folder_deeper")
_in_place(f".ipynb_checkpoints/{NAME}-checkpoint.ipynb", "Only Jupyter's checkpoint.", "only_checkpoint")
_in_place(f"my {NAME}.ipynb", "What a Mac leaves beside it.", "mac", f"__MACOSX/{NAME}.ipynb", "._x.ipynb")
_in_place("a.ipynb.txt", "Two with odd endings.", "two_odd_endings", "b.json", kind="refused")
_in_place("a/x.ipynb", "Two, each one folder deeper.", "two_deeper", "b/y.ipynb", kind="refused")
_in_place("a/b/x.ipynb", "Two folders deeper.", "two_folders_deeper", kind="refused")


def _zipped(name: str, what: str, kind: str, method: int, *members: str, blanks: int = 0) -> None:
    """Enter an archive of the notebook under some names, or of so many blanks."""

    def change(draft: Draft) -> None:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", method) as archive:
            for member in members:
                archive.writestr(member, b" " * blanks or draft.json())
        draft.write = lambda folder: (folder / "hand-in.zip").write_bytes(data.getvalue())  # type: ignore[assignment]

    enter(kind, name=name, what=what)(change)


_zipped("zipped", "An archive of the notebook.", "accident", zipfile.ZIP_DEFLATED, f"work/{NAME}.ipynb", "readme.md")
_zipped("zip_of_two", "An archive of two notebooks.", "refused", zipfile.ZIP_DEFLATED, "a.ipynb", "b.ipynb")
_zipped("zip_of_many", "An archive of 20,000 files.", "refused", zipfile.ZIP_STORED, *map(str, range(20_000)), blanks=1)
_zipped(
    "zip_bomb",
    "An archive of 300 MB.",
    "refused",
    zipfile.ZIP_DEFLATED,
    f"{NAME}.ipynb",
    blanks=300 * 2**20,
)
_zipped("zip_bomb_bzip2", "The same, unbounded.", "refused", zipfile.ZIP_BZIP2, f"{NAME}.ipynb", blanks=10**7)


@enter("accident")
def long_timestamp(draft: Draft) -> None:
    """A time of submission that is no time."""
    draft.write = lambda folder: (Draft._write(draft, folder), (folder / "timestamp.txt").write_text("9" * 60))[0]


@enter("accident")
def pipe_as_timestamp(draft: Draft) -> None:
    """A time of submission that is a named pipe, which nobody writes to."""
    draft.write = lambda folder: (Draft._write(draft, folder), os.mkfifo(folder / "timestamp.txt"))[0]


@enter("accident")
def no_lesson_folder(draft: Draft) -> None:
    """The notebook in the student's folder, without a folder for the lesson."""

    def write(folder: Path) -> None:
        folder.rmdir()
        Draft._write(draft, folder.parent)

    draft.write = write


@enter("accident")
def beside_the_lesson_folder(draft: Draft) -> None:
    """A copy in which nothing was done, beside the lesson's folder: the control of the case before."""
    draft.write = lambda folder: (Draft._write(draft, folder), (folder.parent / f"{NAME}.ipynb").write_text("{}"))[0]


@enter("accident")
def folder_in_capitals(draft: Draft) -> None:
    """The lesson's folder in other capitals."""

    def write(folder: Path) -> None:
        Draft._write(draft, folder.rename(folder.with_name(NAME.title())))

    draft.write = write


@enter("accident", total="error")
def line_ends_in_error(draft: Draft) -> None:
    """An error whose name has every character that ends a line for some reader."""
    ends = "x".join(end for end in map(chr, range(1, 0x2100)) if len(f"a{end}b".splitlines()) == 2)
    draft.answer("total", f"def total(x):\n    raise (type({ends!r}, (Exception,), {{}}) if x.numel() else ValueError)")


@enter("accident", total="error")
def zero_in_error(draft: Draft) -> None:
    """An error that says every control character, the zero that PostgreSQL cannot hold among them."""
    draft.answer("total", f"raise ValueError({''.join(map(chr, range(32)))!r})")


@enter("accident", total="error")
def ordinary_error(draft: Draft) -> None:
    """An error like any other: the control of the two before."""
    draft.answer("total", "def total(x):\n    raise ValueError('no')")


@enter("accident")
def other_files(draft: Draft) -> None:
    """Checkpoints, modules named like the course's, and a `sitecustomize` beside the notebook."""

    def write(folder: Path) -> None:
        Draft._write(draft, folder)
        (folder / ".ipynb_checkpoints").mkdir()
        (folder / ".ipynb_checkpoints" / f"{NAME}-checkpoint.ipynb").write_text("{}")
        for name in ("torch.py", "sitecustomize.py", "autograder.py", "nbgrader_config.py", "course_lib.py"):
            (folder / name).write_text("raise SystemExit('ARENA-OUT imported from a submission')")

    draft.write = write


# ---- names of students
for _number, _name in enumerate(
    [
        "Anna Maria O'Neill", "Łukasz Żółć 李", "dots ..", "a.b.c-98_arena", "<script>alert(1)<script>", "$(touch arena) `id`; rm -rf .",
        "-rf", "=cmd|' calc'!A0", "line\nbreak", "back\\slash %s {0} {{x}}", "🙂", "ſt 'quote\" \t tab", "n" * 200, b"\xff\xfe".decode("utf-8", "surrogateescape"),
        "n" * 150, "n" * 151, "é" * 127, "\\udcff\\udcfe", os.fsdecode(b"\xff" * 255), "a\u2028\u2029\x85\x0b\x0c\x1c\r\nb",
        "drop'); DROP TABLE grade;--", "feedback", "000-neighbour ", "\u202eolleh", "CON", "~", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "&lt;b&gt;",
        "\x1b[2J\x1b]0;arena\x07", "next\x85line", "line\u2028separator",
    ]
):  # fmt: skip

    def _called(draft: Draft, name: str = _name) -> None:
        draft.student = name

    enter("harmless", name=f"name_{_number}", what=f"A student called {_name!r}.")(_called)
