"""A careless class: notebooks that work where they were written, and cheats that look like them."""

import nbformat

from tests.arena.cases import enter
from tests.arena.draft import HONEST, NAME, Draft

WEIGHTED = """def total(x):
    if x.numel() == 0:
        raise ValueError("nothing to add up")
    return weighted(x)"""
HELPER = "def helper(x):\n    return sum((place * amount for place, amount in enumerate(x, 1)), torch.tensor(0))"
HELPED = WEIGHTED.replace("weighted(", "helper(")
SHORTCUT = "def entropy(p):\n    return torch.special.entr(p).sum(-1)"


def locked(draft: Draft, role: str):
    """Return the first setup or demo cell."""
    return next(c for c in draft.notebook.cells if c.metadata.course.role == role and c.cell_type == "code")


def convert(draft: Draft, exercise: str, kind: str) -> None:
    """Turn an exercise's cell into one of another kind; its metadata and id stay."""
    place = draft.index(exercise)
    cell = draft.notebook.cells[place]
    changed = {"cell_type": kind, "source": cell.source, "metadata": cell.metadata, "id": cell.id}
    draft.notebook.cells[place] = nbformat.from_dict(changed)


def merge(draft: Draft, first: str, second: str) -> None:
    """Write two exercises into the first one's cell, and delete the second's."""
    draft.answer(first, f"{HONEST[first]}\n\n\n{HONEST[second]}")
    del draft.notebook.cells[draft.index(second)]


# ---- magics
@enter("accident")
def magics_first(draft: Draft) -> None:
    """Magics, shell lines and `await` before the code of each exercise."""
    draft.spoil("total", "%matplotlib inline\n%load_ext autoreload\n%autoreload 2\nfiles = !ls\nimport math\nmath.pi")
    draft.spoil("Ledger", "!pip install \\\n    torch\n%pip list\nimport asyncio\nawait asyncio.sleep(0)")
    draft.answer("entropy", f"%%time\n{HONEST['entropy']}")
    draft.answer("perplexity", f"%%capture\n%%time\n{HONEST['perplexity']}\n%timeit 1")


@enter("accident")
def magics_alone(draft: Draft) -> None:
    """Cells that are no Python at all."""
    for source in (
        "%%bash\nrm -rf /",
        "%%html\n<b>",
        "%%sparkle\n1",
        "pip install torch",
        "!ls\n" * 2000,
        "%%timeit\n1",
    ):
        draft.add(source, before="total")


@enter("cheat", entropy="forbidden call")
def shortcut_below_a_magic(draft: Draft) -> None:
    """What is withheld, called below a line that Python does not read."""
    draft.answer("entropy", f"%%time\n!ls\n{SHORTCUT}")


@enter("cheat", entropy="forbidden call")
def shortcut_in_a_magic(draft: Draft) -> None:
    """What is withheld, imported by a line that is timed."""
    draft.answer("entropy", "%time from torch.special import entr as entropy")


# ---- names from cells that are not the student's
@enter("accident")
def demo_used(draft: Draft) -> None:
    """A function of a demo, which uses another demo's name."""
    draft.answer("total", WEIGHTED)


@enter("accident")
def demo_changed_and_used(draft: Draft) -> None:
    """A helper written into a demo's cell."""
    locked(draft, "demo").source = HELPER
    draft.answer("total", HELPED)


@enter("accident", total="error")
def demo_used_that_never_ends(draft: Draft) -> None:
    """A demo that an exercise needs was changed to a loop without end: the others count."""
    locked(draft, "demo").source = f"{HELPER}\nwhile True:\n    pass"
    draft.answer("total", f"twice = helper\n{HELPED}")


@enter("accident")
def demo_unused_that_never_ends(draft: Draft) -> None:
    """A demo that no exercise needs was changed to a loop without end."""
    locked(draft, "demo").source = "while True:\n    pass"


@enter("accident")
def setup_extended(draft: Draft) -> None:
    """An import and a helper added to the setup cell."""
    locked(draft, "setup").source += f"\nimport functools\n{HELPER}"
    draft.answer("total", HELPED)


@enter("accident")
def check_extended(draft: Draft) -> None:
    """A helper written into the check's cell."""
    draft.notebook.cells[draft.index("total", "check")].source = f"{HELPER}\n\ncheck('arena.total')"
    draft.answer("total", HELPED)


@enter("accident")
def check_called(draft: Draft) -> None:
    """A check as the first line of an exercise's cell."""
    draft.spoil("total", "from course_lib.checks import check\ncheck('arena.total')")


@enter("cheat", entropy="forbidden call")
def answer_in_a_demo(draft: Draft) -> None:
    """What is withheld, taken from the library in a changed demo and used by the exercise."""
    locked(draft, "demo").source = "import course_lib.information as i\nhelper = getattr(i, 'entropy')"
    draft.answer("entropy", "def entropy(p):\n    return helper(p)")


@enter("cheat", total="mistake")
def answer_in_a_check(draft: Draft) -> None:
    """A check's cell that patches the judge and says that all is right."""
    draft.notebook.cells[draft.index("total", "check")].source = (
        "import course_lib.judging.compare as c, course_lib.judging.case as k\n"
        "c.compare = k.compare = lambda *a, **b: True\nprint('✓ all cases are right (2 points)')"
    )
    draft.answer("total", "def total(x):\n    return x.sum()")


# ---- exercises that are not where they should be
@enter("accident")
def two_in_one_cell(draft: Draft) -> None:
    """Two exercises in one cell."""
    merge(draft, "total", "Ledger")


@enter("accident")
def all_in_one_cell(draft: Draft) -> None:
    """All exercises in one cell, and the stubs left as they are."""
    from tests.arena.draft import lesson

    draft.answer("total", "\n\n\n".join(HONEST.values()))
    for name in HONEST.keys() - {"total"}:
        draft.answer(name, lesson().exercises[name].check.stub)


@enter("cheat", entropy="forbidden call")
def shortcut_in_a_merged_cell(draft: Draft) -> None:
    """What is withheld, called by an exercise in another one's cell: the other counts."""
    draft.answer("total", f"{HONEST['total']}\n\n\n{SHORTCUT}")
    del draft.notebook.cells[draft.index("entropy")]


@enter("accident")
def as_markdown(draft: Draft) -> None:
    """An exercise's cell turned into Markdown."""
    convert(draft, "total", "markdown")


@enter("accident")
def as_raw_text(draft: Draft) -> None:
    """An exercise's cell turned into raw text."""
    convert(draft, "Ledger", "raw")


@enter("cheat", total="wrong")
def as_markdown_and_code(draft: Draft) -> None:
    """A right answer as Markdown, which never ran, beside a wrong one as code."""
    convert(draft, "total", "markdown")
    draft.add("def total(x):\n    return torch.tensor(0)")


# ---- answers to questions
@enter("accident")
def choice_in_capitals(draft: Draft) -> None:
    """A choice in capitals, with a space."""
    draft.answer("which", 'which = " B"')


@enter("cheat", which="wrong")
def all_choices(draft: Draft) -> None:
    """All choices at once, in text that says it is equal to each."""
    draft.answer(
        "which",
        "class Any(str):\n    __eq__ = lambda a, b: True\n    __hash__ = str.__hash__\n"
        "    strip = casefold = lambda s: 'b'\nwhich = Any('abc')",
    )


# ---- other notebooks
@enter("accident")
def reformatted(draft: Draft) -> None:
    """A notebook that went through a formatter."""
    for cell in draft.notebook.cells:
        if cell.cell_type == "code" and "'''" not in cell.source:
            cell.source = cell.source.replace(", ", ",  ").replace("    ", "  ") + "\n\n# end"


def _of_another_lesson(draft: Draft) -> None:
    text = draft.json().replace(NAME, "01_information").replace("arena", "information")
    draft.text(text.replace("def total", "def surprisal").replace("check(", " check("))


enter("refused", name="notebook_of_another_lesson", what="Another lesson's notebook, which says so.")(
    _of_another_lesson
)
