"""A submission in the making: the arena's lesson, solved honestly, for a case to spoil."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.authoring.build import student_notebook
from autograder.authoring.lesson import Lesson, read_lesson

LESSON = Path(__file__).parent / "lesson" / "98_arena.py"
NAME = LESSON.stem
FULL = {"total": 2.0, "Ledger": 3.0, "which": 1.0, "entropy": 2.0, "perplexity": 2.0}

HONEST = {
    "total": """def total(x):
    if x.numel() == 0:
        raise ValueError("nothing to add up")
    return sum((place * amount for place, amount in enumerate(x, 1)), torch.tensor(0))""",
    "Ledger": """class Ledger:
    def __init__(self):
        self.sum, self.most = 0, None

    def add(self, amount):
        self.sum += amount
        self.most = amount if self.most is None else max(self.most, amount)

    def balance(self):
        return self.sum

    def largest(self):
        return self.most""",
    "which": 'which = "b"',
    "entropy": """def entropy(p):
    return -torch.where(p > 0, p * p.log(), 0.0).sum(-1)""",
    "perplexity": """def perplexity(p):
    return torch.exp(entropy(p))""",
}


@lru_cache(maxsize=1)
def lesson() -> Lesson:
    """Return the arena's lesson, read once."""
    return read_lesson(LESSON)


class Draft:
    """One student's submission. notebook: to be changed at will; write: to replace how it is written to its folder."""

    def __init__(self) -> None:
        self.notebook: NotebookNode = student_notebook(lesson())
        self.write: Callable[[Path], None] = self._write
        self.student = ""  # another name of the student's folder
        for name, source in HONEST.items():
            self.answer(name, source)

    def index(self, exercise: str, role: str = "exercise") -> int:
        """Return where the cell of an exercise stands."""
        wanted = role, f"arena.{exercise}"
        courses = [cell.metadata.get("course", {}) for cell in self.notebook.cells]
        return next(i for i, ours in enumerate(courses) if (ours.get("role"), ours.get("exercise")) == wanted)

    def answer(self, exercise: str, source: str) -> None:
        """Write something into an exercise's cell."""
        self.notebook.cells[self.index(exercise)].source = source

    def spoil(self, exercise: str, line: str) -> None:
        """Put lines of code before what the cell of an exercise has."""
        cell = self.notebook.cells[self.index(exercise)]
        cell.source = f"{line}\n\n{cell.source}"

    def add(self, source: str, before: str = "") -> None:
        """Add a cell of the student's own, at the end or before an exercise."""
        place = self.index(before) if before else len(self.notebook.cells)
        self.notebook.cells.insert(place, nbformat.v4.new_code_cell(source, id=f"own-{len(self.notebook.cells)}"))

    def text(self, text: str | bytes) -> None:
        """Hand in this text instead of the notebook."""
        data = text.encode() if isinstance(text, str) else text
        self.write = lambda folder: (folder / f"{NAME}.ipynb").write_bytes(data)

    def json(self) -> str:
        """Return the notebook's text as it is now."""
        return nbformat.writes(self.notebook)

    def _write(self, folder: Path) -> None:
        (folder / f"{NAME}.ipynb").write_text(self.json(), encoding="utf-8")
