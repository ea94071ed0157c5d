"""What importing the library costs: nothing heavy before it is used."""

import json
import subprocess
import sys
from pathlib import Path

import course_lib

ROOT = Path(course_lib.__file__).parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "course_lib").rglob("*.py")
)
SHOWN = ("course_lib.figures", "course_lib.widgets")  # these draw, and import what draws
HEAVY = "matplotlib sklearn ipywidgets IPython scipy pandas transformers tqdm rich autograder".split()


def imported(*modules: str, blocked: tuple[str, ...] = ()) -> set[str]:
    """Return what a new Python has imported after these modules, with the blocked ones missing from the machine."""
    program = """
import importlib, json, sys
modules, blocked = json.loads(sys.argv[1])
sys.modules.update(dict.fromkeys(blocked))
for module in modules:
    importlib.import_module(module)
print(json.dumps([name for name, module in sys.modules.items() if module is not None]))
"""
    arguments = json.dumps([modules, blocked])
    done = subprocess.run([sys.executable, "-c", program, arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_only_figures_and_widgets_import_what_draws_or_is_heavy():
    rest = [module for module in MODULES if not module.startswith(SHOWN)]
    after = imported(
        *rest, blocked=tuple(HEAVY)
    )  # an import of one of them fails, with a traceback that names the line
    assert len(rest) > 80 and set(rest) <= after
    assert not {name.partition(".")[0] for name in after}.intersection(HEAVY)
    assert not {name for name in after if name.startswith(SHOWN)}


def test_the_package_itself_imports_none_of_its_parts():
    assert {name for name in imported("course_lib") if name.startswith("course_lib")} == {"course_lib"}
    assert "torch" not in imported("course_lib")
