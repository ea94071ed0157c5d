"""What importing the library costs once torch is there, and whether heavy packages wait until they are used.

Every module is imported in a process of its own, forked from one that has imported torch and nothing of ours.
"""

import json
import pkgutil
import statistics
import subprocess
import sys

import course_lib
from benchmarks.timing import row

_LIMIT = 0.030  # seconds
_HEAVY = ("matplotlib", "sklearn", "ipywidgets", "scipy", "pandas")
_MAY_DRAW = ("course_lib.figures", "course_lib.widgets")  # these exist to draw
_PROBE = """
import json, os, sys, time, torch
for name in sys.argv[2:]:
    for _ in range(int(sys.argv[1])):
        if os.fork() == 0:
            start = time.perf_counter()
            for part in name.split("+"):
                __import__(part)
            seconds = time.perf_counter() - start
            heavy = [module for module in HEAVY if module in sys.modules]
            os.write(1, (json.dumps([name, seconds, heavy]) + "\\n").encode())
            os._exit(0)
        os.wait()
"""


def compare() -> list[dict]:
    names = [module.name for module in pkgutil.walk_packages(course_lib.__path__, "course_lib.")]
    models = [name for name in names if not name.startswith(_MAY_DRAW) and not name.endswith("__main__")]
    together = "+".join(models)
    measured = _measure(["course_lib", *models, together])
    slowest = max(models, key=lambda name: measured[name][0])
    eager = sorted(name for name in models if measured[name][1])
    heavy = (
        f"but {', '.join(eager)} import heavy packages at once" if eager else f"none imports {', '.join(_HEAVY[:3])}"
    )
    limit = f"the limit, {_LIMIT * 1000:.0f} ms"
    why = "The standard library's parts of these modules (regular expressions, tables of Unicode) take most of it."
    return [
        row("import course_lib, after torch", limit, (measured["course_lib"][0], _LIMIT), 1.0),
        row(
            f"import of the slowest of {len(models)} modules, {slowest}, after torch",
            limit,
            (measured[slowest][0], _LIMIT),
            1.0,
            note=f"all without figures and widgets; {heavy}",
            why=why,
        ),
        row(
            f"import of these {len(models)} modules together, after torch",
            "no limit set",
            (measured[together][0], None),
        ),
    ]


def _measure(names: list[str], rounds: int = 3) -> dict[str, tuple[float, list[str]]]:
    """Return the median seconds of each import, and the heavy packages that it loaded."""
    probe = f"HEAVY = {_HEAVY!r}\n{_PROBE}"
    command = [sys.executable, "-c", probe, str(rounds), *names]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found: dict[str, list] = {}
    for line in lines:
        name, seconds, heavy = json.loads(line)
        found.setdefault(name, []).append((seconds, heavy))
    return {name: (statistics.median(s for s, _ in tries), tries[0][1]) for name, tries in found.items()}
