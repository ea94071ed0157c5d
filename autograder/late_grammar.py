"""A grammar of web addresses, built when somebody asks it something, and not in every process that reads notebooks.

nbformat imports jsonschema, jsonschema imports `rfc3987_syntax`, and that builds a parser of international addresses
(formats "iri" and "iri-reference") as it is imported: seconds of computing for formats that no notebook's schema names.
"""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

GRAMMAR = "rfc3987_syntax"


class _WhenAsked(ModuleType):
    """Stands in for the module until it is called, or asked for another of its names; then the module is imported."""

    def is_valid_syntax(self, term: str, value: str) -> bool:
        return _grammar().is_valid_syntax(term, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the import system and inspect look for
            raise AttributeError(name)
        return getattr(_grammar(), name)


def _grammar() -> ModuleType:
    if isinstance(sys.modules.get(GRAMMAR), _WhenAsked):
        del sys.modules[GRAMMAR]
    return importlib.import_module(GRAMMAR)


def build_grammar_when_asked() -> None:
    """Have `import rfc3987_syntax` cost nothing from now on, where it is installed and has not been imported."""
    if GRAMMAR not in sys.modules and find_spec(GRAMMAR) is not None:
        sys.modules[GRAMMAR] = _WhenAsked(GRAMMAR)
