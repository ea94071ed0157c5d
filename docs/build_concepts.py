"""`python docs/build_concepts.py`: write docs/concepts.md, the index of concepts, from docs/concepts.toml.

An entry is a place: a concept, the lesson and section that teach it, and the exercise that practises it. Entries of one
name become one row of the page.
"""

import json
import re
import tomllib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "concepts.md"
SOURCE = ROOT / "docs" / "concepts.toml"
OPTIONAL = " · optional"
WITHIN = ("Exercise · ", "Question · ")
HEAD = """<!-- Written by `make concepts` from docs/concepts.toml: do not edit. -->

# Concepts: where each is taught

Each row names the lesson and the section that explain a concept and, where one practises it, the exercise. A test
follows every row to its section in the notebook and finds the concept there. Words that belong to this project, not to
the field, are in the [glossary](glossary.md).
"""


@dataclass(frozen=True)
class Entry:
    """A place where a concept is taught.

    section   the heading, without “· optional”
    exercise  its name in the lesson, "" where none practises the concept
    words     what must stand in the section: the concept's name without parentheses, unless the entry says otherwise
    """

    concept: str
    lesson: str
    section: str
    exercise: str = ""
    words: str = ""

    @property
    def names(self) -> set[str]:
        """What the concept may be called in bold italics: its name, an abbreviation in parentheses, the words."""
        outside, inside = re.fullmatch(r"(.*?)(?: \((.*)\))?", self.concept).groups()  # type: ignore[union-attr]
        return {name.casefold() for name in (outside, inside, self.words) if name}


def entries(text: str) -> list[Entry]:
    """Return the entries of a concepts.toml, in its order. Raises TypeError for a field that no entry has."""
    return [
        Entry(concept, lesson, section, **{"words": concept.split(" (")[0]} | fields)
        for lesson, sections in tomllib.loads(text).items()
        for section, concepts in sections.items()
        for concept, fields in concepts.items()
    ]


def _row(concept: str, places: list[Entry]) -> str:
    where = "<br>".join(f"[{e.lesson}](../notebooks/{e.lesson}.ipynb): {e.section}" for e in places)
    exercises = dict.fromkeys(f"`{e.lesson.split('_', 1)[1]}.{e.exercise}`" for e in places if e.exercise)
    return f"| {concept} | {where} | {'<br>'.join(exercises)} |"


def page(found: list[Entry]) -> str:
    """Return the text of the page: a table for each letter."""
    by_name = sorted(found, key=lambda entry: (entry.concept.casefold(), entry.lesson))  # stable: sections in order
    rows = [(concept, _row(concept, list(places))) for concept, places in groupby(by_name, lambda e: e.concept)]
    parts = [HEAD]
    for letter, of_letter in groupby(rows, lambda row: row[0][0].upper() if row[0][0].isalpha() else "0–9"):
        table = "\n".join(row for _, row in of_letter)
        parts.append(f"## {letter}\n\n| concept | lesson and section | exercise |\n|---|---|---|\n{table}\n")
    return "\n".join(parts)


def sections(lesson: str) -> dict[str, str]:
    """Return what a learner reads under each heading of a notebook, up to the next one of its level.

    An exercise or a question ends no section: what follows it still belongs to the one that it stands in. Checks, where
    hints and mistakes are, do not count. The title's section ends with the first heading below it. A heading that
    occurs twice has "" (nobody could say which is meant).
    """
    cells = json.loads((ROOT / "notebooks" / f"{lesson}.ipynb").read_text(encoding="utf-8"))["cells"]
    found: dict[str, str] = {}
    open_: list[tuple[int, str]] = []
    twice: set[str] = set()
    for cell in cells:
        if cell["metadata"].get("course", {}).get("role") == "check":
            continue
        fenced = cell["cell_type"] != "markdown"
        for line in "".join(cell["source"]).split("\n"):
            fenced ^= line.startswith("```")
            if not fenced and (heading := re.match(r"(#+) (.*)", line)):
                name = heading[2].strip().removesuffix(OPTIONAL)
                level = len(heading[1]) + name.startswith(WITHIN)
                open_ = [(lvl, other) for lvl, other in open_ if 1 < lvl < level] + [(level, name)]
                if name in found:
                    twice.add(name)
                found.setdefault(name, "")
            for _, name in open_:
                found[name] += line + "\n"
    return {name: "" if name in twice else text for name, text in found.items()}


if __name__ == "__main__":
    PAGE.write_text(page(entries(SOURCE.read_text(encoding="utf-8"))), encoding="utf-8")
