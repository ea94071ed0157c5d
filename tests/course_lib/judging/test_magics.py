"""What of a cell is Python, and what only Jupyter understands."""

import ast
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

import course_lib
from course_lib.judging.magics import without_magics

PYTHON_LEFT = {
    "%matplotlib inline\nimport math": "pass\nimport math",
    "!ls\nx = 1": "pass\nx = 1",
    "x = !ls\ny, z = %sparkle": "x = None\ny, z = None",
    "!pip install \\\n  torch\nx = 1": "pass\n\nx = 1",
    "%time x = f()": "x = f()",
    "%time": "pass",
    "%%time\ndef f(): pass": "\ndef f(): pass",
    "\n%%capture output\n%%time -x\nx = 1": "\n\n\nx = 1",
    "%%bash\nls\nrm x": "\n\n",
    "%%timeit\nx = 1": "\n",
    "torch.where?\n?torch\nx??": "pass\npass\npass",
    "if x:\n    !ls\n    %pwd": "if x:\n    pass\n    pass",
    "s = '''\n%time\n!ls\n'''": "s = '''\n%time\n!ls\n'''",
    "x = (5\n  % 3)\n!ls": "x = (5\n  % 3)\npass",
    "x = 5 \\\n  % 3\n!ls": "x = 5 \\\n  % 3\npass",
    "s = 'it\\'s' # isn't (\n!ls": "s = 'it\\'s' # isn't (\npass",
    "x = {\n  'a': 'b[',\n}\n%pwd": "x = {\n  'a': 'b[',\n}\npass",
    'x = """a\n"b"\n%c"""\n!ls': 'x = """a\n"b"\n%c"""\npass',
    "await f()": "await f()",
}


@pytest.mark.parametrize("source", PYTHON_LEFT)
def test_what_is_left_of_a_cell_is_its_python_line_for_line(source):
    plain, _ = without_magics(source)
    assert plain == PYTHON_LEFT[source]
    ast.parse(plain)


@pytest.mark.parametrize("source", PYTHON_LEFT)
def test_what_is_taken_for_a_magic_is_what_jupyter_takes_for_one(source):
    plain, _ = without_magics(source)
    assert (plain != source) == ("get_ipython()" in TransformerManager().transform_cell(source))


def test_what_runs_when_grading_is_not_passed_over():
    source = "%%time\n%cd x\n%time y = 1\n!ls\nz = %who\n%sparkle a"
    assert without_magics(source)[1] == ["!ls", "z = %who", "%sparkle a"]
    assert without_magics("%%writefile own.py\nx = 1") == ("\n", [])
    assert without_magics("%%bash\nx = 1") == ("\n", ["%%bash"])


@pytest.mark.parametrize("path", sorted(Path(course_lib.__file__).parent.rglob("*.py")), ids=lambda path: path.stem)
def test_a_program_without_magics_stays_as_it_is(path):
    source = path.read_text(encoding="utf-8")
    assert without_magics(source) == (source, [])
