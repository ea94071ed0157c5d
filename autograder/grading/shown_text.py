"""A student's free text as HTML that does nothing but show it, in Formgrader and wherever the notebook is opened.

Whoever renders a notebook's Markdown may understand more of it than we do. So the text is rendered here, by
markdown-it-py, and cleaned by nh3. What is put into the notebook is one line of HTML, which every renderer of Markdown
hands on as it is. HTML that the student wrote is shown as text; formulas are left to MathJax.
"""

import html
import re
from functools import lru_cache
from urllib.parse import unquote

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

_TAGS = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
_SCHEMES = ("http://", "https://", "mailto:")
_MATH = re.compile(r"\$\$?|\\begin\{([a-z]{1,20}\*?)\}|\\\\[\[(]")
# what MathJax would make links, styles and marks of, and what builds the names of such commands
_ACTIVE_TEX = re.compile(r"\\(href|class|style|cssId|csname|require|mmlToken|unicode|url)(?![A-Za-z])")
_HTML_IMAGE = re.compile(r"""<img\s[^<>]{0,300}?src=["'](attachment:[^"'<>]{1,300})["'][^<>]{0,300}>""")
_IMAGE = re.compile(r'src="attachment:(\d+)"')


def shown(markdown: str, images: dict[str, str]) -> str:
    """Return one line of HTML that shows a text. It is Markdown, too: a block of HTML.

    images  the pictures that the text may show, as `attachment:` and their name: name → `data:` address
    """
    names = list(images)

    def allowed(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "href":
            return value if value.lower().startswith(_SCHEMES) else None
        if attribute == "src":
            name = unquote(value.removeprefix("attachment:"))
            return f"attachment:{names.index(name)}" if value.startswith("attachment:") and name in images else None
        return value

    text = _HTML_IMAGE.sub(lambda match: f"![]({match[1]})", markdown)
    clean = nh3.clean(
        _markdown().render(text, {"images": images}),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=allowed,
        url_schemes={"http", "https", "mailto", "attachment"},
    )
    clean = _ACTIVE_TEX.sub(r"\\text", clean)
    clean = clean.replace("[", "&#91;")  # nbconvert looks for links to `files/` in pages, in quadratic time
    clean = _IMAGE.sub(lambda match: f'src="{images[names[int(match[1])]]}"', clean)
    return f"<div>{clean.strip()}</div>".replace("\r", "").replace("\n", "&#10;")


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])
    parser.inline.ruler.before("escape", "math", _inline_math)
    parser.block.ruler.before("fence", "math", _block_math, {"alt": ["paragraph", "blockquote", "list"]})
    parser.add_render_rule("math", _math)
    parser.add_render_rule("image", _image)
    return parser


def _end_of_math(text: str, begin: int, missing: set[str]) -> int:
    """Return where the formula ends that begins here; 0 when there is none.

    missing  what was looked for in vain in this text, so that nothing is looked for twice
    """
    opening = _MATH.match(text, begin)
    if not opening:
        return 0
    closing = {"$": "$", "$$": "$$", "\\\\[": "\\\\]", "\\\\(": "\\\\)"}.get(opening[0], rf"\end{{{opening[1]}}}")
    if closing in missing:
        return 0
    end = text.find(closing, opening.end())
    while end > 0 and text[end - 1] == "\\" and closing[0] == "$":
        end = text.find(closing, end + 1)
    if end < 0:
        missing.add(closing)
        return 0
    return end + len(closing) if end > opening.end() else 0


def _inline_math(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\":
        return False
    missing = state.env.setdefault("no end", {}).setdefault(state.src, set())
    end = _end_of_math(state.src, state.pos, missing)
    if not end:
        return False
    if not silent:
        state.push("math", "", 0).content = state.src[state.pos : end]
    state.pos = end
    return True


def _block_math(state: StateBlock, start: int, last: int, silent: bool) -> bool:
    """Take a formula of several lines, so that no line of it is taken for a list or a heading."""
    begin = state.bMarks[start] + state.tShift[start]
    if state.level or not state.src.startswith(("$$", "\\begin{", "\\\\["), begin):
        return False  # inside of lists and quotations, lines have more before them than the formula's
    end = _end_of_math(state.src, begin, state.env.setdefault("no end", {}).setdefault("", set()))
    if not end or state.src[end : end + 1] not in ("", "\n"):
        return False
    line = start
    while line < last and state.eMarks[line] < end:
        line += 1
    if line >= last:
        return False
    if not silent:
        token = state.push("math", "", 0)
        token.content, token.map = state.src[begin:end], [start, line + 1]
        state.line = line + 1
    return True


def _math(self: object, tokens: list, index: int, *_: object) -> str:
    """Return a formula between the marks by which MathJax knows it."""
    formula = tokens[index].content
    if formula.startswith(r"\\"):  # Jupyter's marks, with the backslash that Markdown would take away
        mark = "$" if formula[2] == "(" else "$$"
        formula = f"{mark}{formula[3:-3]}{mark}"
    return html.escape(formula)


def _image(self: object, tokens: list, index: int, options: object, env: dict) -> str:
    """Return a picture that the student pasted; any other is a link, since loading it tells its server who looks."""
    address, words = tokens[index].attrs["src"], tokens[index].content
    if not address.startswith("attachment:"):
        return f'<a href="{html.escape(address)}">{html.escape(words or address)}</a>'
    if unquote(address.removeprefix("attachment:")) not in env["images"]:
        return f"<em>(picture {html.escape(words)}: it is not in the notebook)</em>"
    return f'<img src="{html.escape(address)}" alt="{html.escape(words)}">'
