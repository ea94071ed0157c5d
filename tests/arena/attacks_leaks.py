# ruff: noqa: E501 - students do not wrap their lines
"""Attempts to carry hidden inputs out of a grading: by output, errors, exit codes, other exercises, files.

What must hold besides the marks: no hidden input or outcome is found in anything that the run has written (test_arena.py).
"""

from tests.arena.cases import enter
from tests.arena.draft import HONEST, Draft

RIGHT = HONEST["total"].replace("def total", "def honest")


def _leaky(name: str, what: str, body: str, verdict: str = "", before: str = "") -> None:
    """Enter a `total` that does something with its input; `honest(x)` is right."""
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    source = f"{before}\n{RIGHT}\n\ndef total(x):\n    said = str(x.tolist())\n{lines}"
    kind = "cheat" if verdict else "harmless"
    enter(kind, name=name, what=what, total=verdict)(lambda draft: draft.answer("total", source))


_leaky("leak_print", "Print the inputs.", "print(said)\nreturn honest(x)")
_leaky(
    "leak_error_stream",
    "Write the inputs to standard error.",
    "import os, sys\nprint(said, file=sys.stderr)\nos.write(2, said.encode())\nos.write(1, said.encode())\nreturn honest(x)",
)
_leaky(
    "leak_display",
    "Display the inputs, and draw them.",
    "from IPython.display import HTML, display\ndisplay(HTML(said))\nimport matplotlib.pyplot as plt\nplt.title(said)\nplt.show()\nreturn honest(x)",
)
_leaky("leak_warning", "Warn of the inputs.", "import warnings\nwarnings.warn(said)\nreturn honest(x)")
_leaky(
    "leak_message",
    "Raise the inputs as a message.",
    "honest(x)\nraise ValueError(said) if len(x) > 3 else KeyError(said)",
    "error",
)
_leaky(
    "leak_hidden_message",
    "Right on what is public, and a message of the rest.",
    "if len(x) == 0 or int(x[0]) in PUBLIC:\n    return honest(x)\nraise RuntimeError(said)",
    "error",
    before="PUBLIC = @PUBLIC@",
)
_leaky(
    "leak_type",
    "Raise an error whose type is called like the inputs.",
    "if len(x) == 0 or int(x[0]) in PUBLIC:\n    return honest(x)\nraise type(said, (Exception,), {})",
    "error",
    before="PUBLIC = @PUBLIC@",
)
_leaky(
    "leak_value",
    "Return the inputs as text.",
    "if len(x) == 0 or int(x[0]) in PUBLIC:\n    return honest(x)\nreturn said",
    "wrong",
    before="PUBLIC = @PUBLIC@",
)
_leaky(
    "leak_exit_code",
    "End the process with a code made of the inputs.",
    "if len(x) == 0 or int(x[0]) in PUBLIC:\n    return honest(x)\nimport os\nos._exit(int(x[0]) % 200 + 50)",
    "error",
    before="PUBLIC = @PUBLIC@",
)
_leaky(
    "leak_signal",
    "End the process by a signal chosen by the inputs.",
    "if len(x) == 0 or int(x[0]) in PUBLIC:\n    return honest(x)\nimport ctypes\nctypes.string_at(0) if int(x[0]) % 2 else __import__('os').abort()",
    "error",
    before="PUBLIC = @PUBLIC@",
)
_leaky(
    "leak_group",
    "Raise a group of errors that quotes the inputs.",
    "if len(x) == 0:\n    raise ValueError\nraise ExceptionGroup(said, [ValueError(said)])",
    "error",
)
_leaky(
    "leak_notes",
    "Add the inputs to an error as a note and a cause.",
    "if len(x) == 0:\n    raise ValueError\nproblem = TypeError('no')\nproblem.add_note(said)\nraise problem from ValueError(said)",
    "error",
)
_leaky(
    "leak_source_line",
    "Compile a line that holds the inputs, so that a traceback quotes it.",
    "if len(x) == 0:\n    raise ValueError\nimport linecache\nname = '<ipython-input-9>'\nsource = f'raise TypeError  # {said}'\nlinecache.cache[name] = (len(source), None, [source], name)\nexec(compile(source, name, 'exec'))",
    "error",
)
_leaky(
    "leak_by_file",
    "Write the inputs to a file, end the process, and show the file when the cell is run again.",
    "open('/tmp/said', 'a').write(said)\nif len(x) and int(x[0]) not in PUBLIC:\n    import os\n    os._exit(0)\nreturn honest(x)",
    "error",
    before="PUBLIC = @PUBLIC@\nimport os\nif os.path.exists('/tmp/said'):\n    print(open('/tmp/said').read())",
)
_leaky(
    "leak_long_message",
    "Raise 30 MB of the inputs.",
    "if len(x) == 0:\n    raise ValueError\nraise RuntimeError(said * 300_000)",
    "error",
)


@enter("cheat", perplexity="wrong")
def leak_by_neighbour(draft: Draft) -> None:
    """One exercise remembers its inputs, a later one returns them."""
    draft.answer("total", f"seen = []\n{RIGHT}\n\ndef total(x):\n    seen.append(x)\n    return honest(x)")
    draft.answer("perplexity", "def perplexity(p):\n    return seen")


@enter("cheat", entropy="error", perplexity="error")
def leak_by_later_error(draft: Draft) -> None:
    """One exercise remembers its inputs, later ones raise them, in public and hidden cases."""
    draft.answer("total", f"seen = []\n{RIGHT}\n\ndef total(x):\n    seen.append(x.tolist())\n    return honest(x)")
    draft.answer("entropy", "def entropy(p):\n    raise ValueError(str(seen))")
    draft.answer("perplexity", "def perplexity(p):\n    raise ValueError(str(seen))")


@enter("cheat", Ledger="error")
def leak_of_ledger(draft: Draft) -> None:
    """A class that raises what it was given."""
    draft.answer(
        "Ledger",
        HONEST["Ledger"]
        .replace("        return self.sum", "        raise KeyError(self.sum)")
        .replace("        return self.most", "        raise KeyError(self.sum)"),
    )


@enter("harmless")
def leak_by_thread(draft: Draft) -> None:
    """A thread that prints what it sees, for ever."""
    draft.answer(
        "total",
        f"seen = []\nimport threading, time\n{RIGHT}\n\ndef total(x):\n    seen.append(x.tolist())\n    return honest(x)\n\n"
        "def tell():\n    while True:\n        print(seen)\n        time.sleep(0.01)\n\nthreading.Thread(target=tell, daemon=True).start()",
    )


@enter("harmless")
def active_output(draft: Draft) -> None:
    """Output that would run in the page of whoever reads it."""
    draft.spoil(
        "total",
        "from IPython.display import HTML, SVG, Javascript, Markdown, display\n"
        "# <script>alert('arena-source')</script> </pre></div><img src=x onerror=alert(1)>\n"
        "display(HTML('<script>arena_html()</script>'), Javascript('arena_js()'), Markdown('<script>arena_md()</script>'))\n"
        "display({'text/html': '<script>arena_raw()</script>', 'application/javascript': 'arena_app()'}, raw=True)\n"
        "print('<script>arena_print()</script>')\n"
        "class Page:\n    def _repr_html_(self):\n        return '<script>arena_repr()</script>'\nPage()",
    )
