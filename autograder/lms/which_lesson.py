"""Which lesson a notebook is of: its cells say it, in the metadata and ids that the builder gave them.

The name of the file is the last thing that is asked. Students rename files, and upload the wrong one.
"""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from autograder.grading.notebook_cells import read_cells, without_outputs
from autograder.grading.refusal import NotGradable

NOTEBOOKS = (".ipynb", ".ipynb.txt", ".ipynb.json", ".json")
_CHECK = re.compile(r"""(?:check|show_answer)\(\s*["'](\w+)\.\w+["']""")
_ID = re.compile(r'"(?:exercise|grade_id)"\s*:\s*"(\w+?)(?:\.\w+|-[\w-]+)"')


@dataclass(frozen=True)
class Recognised:
    """What a file is. lesson: "" when nothing says it; by_name: whether only the file's name says it; broken: why
    grading will refuse it, "" when it reads well."""

    lesson: str
    by_name: bool = False
    broken: str = ""


def recognise(name: str, data: bytes, lessons: Collection[str]) -> Recognised | None:
    """Return which of the lessons a file is a notebook of; None when it is no notebook, though it may be called so.

    name  the file's own name
    """
    short = {lesson.partition("_")[2]: lesson for lesson in lessons}
    words, broken, said = _ids(data), "", ""
    try:
        cells, said = read_cells(data, [])
        words += [word for cell in cells for word in _CHECK.findall(cell["source"])]
    except NotGradable as problem:
        if name.casefold().endswith(".json") and not name.casefold().endswith(".ipynb.json"):
            return None
        broken = str(problem)
    if votes := Counter(short[word] for word in words if word in short):
        return Recognised(votes.most_common(1)[0][0], broken=broken)
    said = said if said in lessons else short.get(said, "")
    return Recognised(said or _by_name(name, short), not said, broken)


def _by_name(name: str, short: dict[str, str]) -> str:
    """Return the lesson in the name of a file, the longest where one holds another."""
    plain = re.sub(r"[\W_]+", "_", name.casefold())
    return max((lesson for word, lesson in short.items() if word.casefold() in plain), key=len, default="")


def _ids(data: bytes) -> list[str]:
    """Return the lessons of the exercises and cells that a notebook's metadata names, once for each.

    They are found without parsing, so that half a notebook says whose it is, too. Inside a string, quotes have
    backslashes before them.
    """
    try:
        data = without_outputs(data)
    except NotGradable:
        data = data[: 2**20]
    return _ID.findall(data.decode("utf-8", errors="replace"))
