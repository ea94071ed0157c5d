"""The grammar of addresses that jsonschema imports is built when it is asked something, and then answers."""

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = 'def is_valid_syntax(term, value):\n    return (term, value) == ("iri", "right")\n\n\nrules = "all"\n'
PROGRAM = """
import sys, autograder, nbformat
from jsonschema import FormatChecker

grammar = sys.modules["rfc3987_syntax"]
assert not hasattr(grammar, "__file__"), "it was built at once"
assert FormatChecker().conforms("right", "iri") and not FormatChecker().conforms("wrong", "iri")
assert sys.modules["rfc3987_syntax"].__file__ and grammar.rules == "all"
"""


def test_the_grammar_is_built_when_it_is_asked_and_answers_then(tmp_path):
    (tmp_path / "rfc3987_syntax").mkdir()
    (tmp_path / "rfc3987_syntax/__init__.py").write_text(PACKAGE)
    places = [str(tmp_path), str(Path(__file__).parents[2])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    ended = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
