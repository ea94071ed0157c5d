"""Which modules of `course_lib` a source can reach, found in its text: no module is imported for it.

That is every module that it names, in an import or in a string, the packages that these lie in, and what those name in
turn. It finds too much rather than too little: a name in a comment counts. What no source names in full, and imports by
putting a name together, is not found; the library has no such import.
"""

import re
from pathlib import Path

import course_lib
from autograder.authoring.kept import digest_of

_DOTTED = re.compile(r"\bcourse_lib(?:\.\w+)*")
_FROM = re.compile(r"\bfrom\s+(course_lib(?:\.\w+)*)\s+import\s+(\([^)]*\)|[^\n]*)")


class Library:
    """The files of a `course_lib` as they are on the disk when this is made."""

    def __init__(self, folder: Path = Path(course_lib.__path__[0])) -> None:
        self._texts: dict[str, str] = {}  # by the module's dotted name
        others = []
        for path in sorted(folder.rglob("*")):
            if "__pycache__" in path.parts or not path.is_file():  # Python writes there at any time
                continue
            if path.suffix == ".py":
                parts = path.relative_to(folder.parent).with_suffix("").parts
                self._texts[".".join(parts).removesuffix(".__init__")] = path.read_text(encoding="utf-8")
            else:
                others.append((path.relative_to(folder).as_posix(), path.read_bytes()))
        self._others = digest_of(others)
        self._named: dict[str, frozenset[str]] = {}  # modules that a module names

    def reached(self, source: str) -> set[str]:
        """Return the dotted names of the modules that a source can reach."""
        found: set[str] = set()
        waiting = set(self._names_in(source))
        while waiting:
            module = waiting.pop()
            found.add(module)
            if module not in self._named:
                self._named[module] = self._names_in(self._texts[module])
            waiting |= self._named[module] - found
        return found

    def content(self, source: str) -> str:
        """Return a digest of the modules that a source can reach, and of all files that are no modules."""
        return digest_of(self._others, [(module, self._texts[module]) for module in sorted(self.reached(source))])

    def _names_in(self, source: str) -> frozenset[str]:
        names = set(_DOTTED.findall(source))
        for module, some in _FROM.findall(source):
            names |= {f"{module}.{name}" for name in re.findall(r"\w+", some)}
        parts = [name.split(".") for name in names]
        within = {".".join(some[:length]) for some in parts for length in range(1, len(some) + 1)}
        return frozenset(within & self._texts.keys())
