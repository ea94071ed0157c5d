"""The index of terms: the field's own words, and where in the course each is explained."""

import html
from urllib.parse import quote

import ipywidgets

from course_lib.checks import public
from course_lib.figures.style import BLUE
from course_lib.widgets.live import Live, live


def terms_index() -> Live:
    """Return the index, with a field that looks words up; the whole index where there is no kernel.

    The words are those in bold italics in the lessons of this folder. Each links to its section.
    """
    look = ipywidgets.Text(placeholder="part of a word", description="look up", continuous_update=True)
    return live(_page, "The index of terms: each word with the lesson and section that explains it.", look=look)


def _page(look: str = "") -> str:
    entries = sorted(
        (
            (term, lesson.name, heading)
            for lesson in public.lessons().values()
            for term, heading in lesson.terms.items()
        ),
        key=lambda entry: entry[0].casefold(),
    )
    found = [entry for entry in entries if look.casefold() in entry[0].casefold()]
    if not found:
        return f"<p>No lesson in this folder explains a term with “{html.escape(look)}” in it.</p>"
    rows = "".join(
        f'<div style="break-inside:avoid"><b>{html.escape(_at_the_head(t))}</b> {_link(n, h)}</div>'
        for t, n, h in found
    )
    return f'<div style="columns:18em;column-gap:2em;line-height:1.5">{rows}</div>'


def _at_the_head(term: str) -> str:
    """Return a term with a capital letter, wherever in a sentence it was; fastText keeps its own spelling."""
    rest = term.split()[0][1:]
    return term[0].upper() + term[1:] if rest == rest.lower() else term


def _link(lesson: str, heading: str) -> str:
    """Return a link to a section: Jupyter names it by its heading, with hyphens for spaces."""
    target = f"{lesson}.ipynb#{quote(heading.replace(' ', '-'))}"
    look = f"color:{BLUE};text-decoration:underline"
    return f'<a href="{target}" style="{look}" title="{html.escape(heading, quote=True)}">{lesson[:2]}</a>'
