"""What a student writes as an answer is shown in Formgrader, in the teacher's browser: it must not act there.

Each text is put into an autograded notebook as grading does it, and rendered by nbconvert's own exporter, as Formgrader
does it. What the page then holds is judged by a parser of HTML.
"""

import base64
import re
import sys
import time
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import urlsplit

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath

from autograder.grading.notebook_cells import MAX_CELL
from autograder.grading.shown_text import shown

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
IMAGES = {"photo.png": PNG, "my photo.png": PNG}

# what a page with the text as it is would run or load, or what stopped the page
ACTIVE = [
    # HTML
    "<script>alert(1)</script>",
    "<ScRiPt src=//x.example></sCrIpT>",
    "<script\n>alert(1)</script\n>",
    "a <img src=x onerror=alert(1)> b",
    "<img src=`x` onerror=alert(1)//",
    '<img src="attachment:photo.png" onload=alert(1)>',
    '<img src="attachment:photo.png" alt="<script>alert(1)</script>">',
    "<svg/onload=alert(1)>",
    "<svg><a xlink:href=javascript:alert(1)><text y=9>x</text></a></svg>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)></style></math>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<iframe src=javascript:alert(1)>",
    "<object data=javascript:alert(1)>",
    "<embed src=//x.example/x.swf>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<details open ontoggle=alert(1)>x</details>",
    "<a href='javascript:alert(1)'>here</a>",
    "- <a href='javascript:alert(1)'>here</a>",
    "> <script>alert(1)</script>",
    "<!-- --><style>*{display:none}</style>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php <script>alert(1)</script> ?>",
    "<base href=//x.example/>",
    "<link rel=stylesheet href=//x.example/x.css>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<input autofocus onfocus=alert(1)>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<div class=mermaid>graph TD; a-->b; click a call alert(1)</div>",
    "</div></div><script>alert(1)</script>",
    "</textarea></title><script>alert(1)</script>",
    # HTML in other places of Markdown
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "# <img src=x onerror=alert(1)>",
    "text\n<script>alert(1)</script>\n===",
    "```mermaid\ngraph TD; a[<img src=x onerror=alert(1)>]\n```",
    "``` \"><script>alert(1)</script>\nx\n```",
    "    </pre><script>alert(1)</script>",
    "`</code><script>alert(1)</script>`",
    "&lt;script&gt;alert(1)&lt;/script&gt; <script>alert(1)</script>",
    "\\<script>alert(1)</script>",
    "\n\n\n<script>\n\nalert(1)\n\n</script>",
    # links
    "[here](javascript:alert(1))",
    "[here]( JavaScript:alert(1))",
    "[here](java&#115;cript:alert(1))",
    "[here](&#x6A;avascript&colon;alert(1))",
    "[here](<javascript:alert(1)>)",
    "[here](<java\tscript:alert(1)>)",
    "[here](\x01javascript:alert(1))",
    "[here](javascript\\:alert(1))",
    "[here](vbscript:msgbox(1))",
    "[here](data:text/html;base64,PHNjcmlwdD4=)",
    "[here](/lab/api/shutdown)",
    "[here](//x.example)",
    "[here](file:///etc/passwd)",
    "[here](https://x.example \"' onmouseover='alert(1)\")",
    '[here](https://x.example"onmouseover="alert(1))',
    "[a](https://x.example/`<img src=x onerror=alert(1)>`)",
    "<javascript:alert(1)>",
    "<data:text/html,<script>alert(1)</script>>",
    "[here][x]\n\n[x]: javascript:alert(1)",
    "[here]\n\n[HERE]: <javascript:alert(1)>",
    "- [fig]: javascript:alert(1)\n\n[my figure][fig]",
    "1. a\n\n   [fig]: javascript:alert(1)\n\n[my figure][fig]",
    "> [fig]: javascript:alert(1)\n\n[my figure][fig]",
    "[a\\]b]: javascript:alert(1)\n\n[click][a\\]b]",
    "[fig]:\n  javascript:alert(1)\n  'title'\n\n[fig]",
    "[[a](https://x.example)](javascript:alert(1))",
    # pictures
    "![x](https://x.example/who-looks.png)",
    "![x](http://localhost:8888/api/shutdown)",
    "![x](javascript:alert(1))",
    "![x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "![x](attachment:none.png)",
    "![x][a]\n\n- [a]: attachment:none.png",
    '![" onerror="alert(1)](attachment:photo.png)',
    "![x](attachment:photo.png\"onerror=alert(1))",
    # formulas, which MathJax reads
    "$\\href{javascript:alert(1)}{x}$",
    "$$\\href{javascript:alert(1)}{x}$$",
    "\\begin{align}\\href{javascript:alert(1)}{x}\\end{align}",
    "\\\\(\\href{javascript:alert(1)}{x}\\\\)",
    "$</script><script>alert(1)</script>$",
    "$$\n<img src=x onerror=alert(1)>\n$$",
    "\\begin{a}<script>alert(1)</script>\\end{a}",
    "$\\csname href\\endcsname{javascript:alert(1)}{x}$",
    "$\\mmlToken{mi}[href=javascript:alert(1)]{x}$",
    "$\\require{html}\\style{x}{y}\\class{x}{y}\\cssId{x}{y}$",
]  # fmt: skip
HARMLESS_TAGS = {
    "a", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
HARMLESS_ATTRIBUTES = {"href", "title", "src", "alt", "rel", "start"}


class Judge(HTMLParser):
    """Reads a piece of a page and notes what could act. found: what; text: what is to be read; images: how many."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.text, self.images = "", 0
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in HARMLESS_TAGS or not {name for name, _ in attributes} <= HARMLESS_ATTRIBUTES:
            self.found.append(f"<{tag} {attributes}>")
        for name, value in attributes:
            if name == "href" and urlsplit((value or "").lower()).scheme not in ("http", "https", "mailto"):
                self.found.append(f"{name}={value}")
            if name == "src":
                self.images += 1
                if value != PNG:
                    self.found.append(f"{name}={value}")


def page_of(texts: list[str], template: str = "classic") -> str:
    """Return the page that nbconvert makes of a notebook with these texts as its cells."""
    cells = [nbformat.v4.new_markdown_cell(text, id=f"c{number}") for number, text in enumerate(texts)]
    page, _ = HTMLExporter(template_name=template).from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    return page


@lru_cache(maxsize=3)
def _pieces(template: str) -> dict[str, str]:
    """Return what each of the answers is on one page with all of them; Formgrader's template is made from "classic"."""
    texts = [text for n, answer in enumerate(ACTIVE) for text in (f"MARK{n}BEGIN", shown(answer, IMAGES))]
    page = page_of([*texts, f"MARK{len(ACTIVE)}BEGIN"], template)
    found = {}
    for number, answer in enumerate(ACTIVE):
        piece = page[page.index(f"MARK{number}BEGIN") : page.index(f"MARK{number + 1}BEGIN")]
        begin = piece.index("<div>")  # ours has no attributes, the page's own have
        found[answer] = piece[begin : piece.index("</div>", begin)]
    return found


def judged(answer: str) -> Judge:
    return Judge(rendered(shown(answer, IMAGES)))


def rendered(markdown: str) -> str:
    """Return what nbconvert makes of one text."""
    return MarkdownWithMath(renderer=IPythonRenderer(escape=False)).render(markdown)


@pytest.mark.parametrize("template", ["classic", "lab", "basic"])
@pytest.mark.parametrize("answer", ACTIVE)
def test_an_answer_does_nothing_where_it_is_shown(answer, template):
    assert Judge(_pieces(template)[answer]).found == []


def test_nothing_follows_the_end_of_an_answer_that_is_the_answers():
    page, empty = (page_of([shown(text, IMAGES) for text in texts]) for texts in (ACTIVE, ["x"] * len(ACTIVE)))
    outside = [re.sub(r"(?s)<div>.*?</div>", "", whole) for whole in (page, empty)]
    assert outside[0] == outside[1]


def test_most_of_these_do_act_or_stop_the_page_when_they_are_shown_as_they_are():
    def acts(answer: str) -> bool:
        try:
            return bool(Judge(rendered(answer)).found)
        except InvalidNotebook:  # an attachment that is not there
            return True

    assert sum(map(acts, ACTIVE)) > len(ACTIVE) // 2


@pytest.mark.parametrize("answer", [text for text in ACTIVE if text.startswith(("<s", "<if", "a <", "\\<"))])
def test_what_a_student_wrote_as_html_is_shown_as_it_was_written(answer):
    assert answer.split("\n")[0].lstrip("\\") in judged(answer).text


@pytest.mark.parametrize("answer", [text for text in ACTIVE if text.startswith(("$", "\\"))])
def test_no_command_that_makes_a_link_or_a_style_is_left_in_a_formula(answer):
    text = judged(answer).text
    assert not any(f"\\{name}" in text for name in ("href", "csname", "mmlToken", "require", "style", "class", "cssId"))


@pytest.mark.parametrize("answer", ACTIVE)
def test_what_stands_in_the_notebook_is_handed_on_by_the_renderer_as_it_is(answer):
    html = shown(answer, IMAGES)
    assert rendered(html).strip() == html and "\n" not in html


# ---- an ordinary answer is to be read as it was meant

ORDINARY = {
    "Because $p < q$ and $a<b$, **so** `x` is small.": ["<strong>so</strong>", "<code>x</code>", "$a&lt;b$"],
    "- one\n- two\n\n1 < 2 > 0": ["<li>one</li>", "1 &lt; 2 &gt; 0"],
    "See [the page](https://example.org/a?b=c&d=e).": ['href="https://example.org/a?b=c&amp;d=e"', ">the page</a>"],
    "Ask [me](mailto:ada@example.org).": ['href="mailto:ada@example.org"'],
    "$$\n\\sum_i p_i\n- q_i\n= *r* \\\\\n# s\n$$": ["$$", "- q_i", "= *r* \\\\", "# s"],
    "$a_1 * b_2 * c_3$ and $x_i$": ["$a_1 * b_2 * c_3$ and $x_i$"],
    "\\begin{align}\na &= b \\\\\n&= c\n\\end{align}": ["\\begin{align}", "a &amp;= b \\\\", "\\end{align}"],
    "> $$\n> x^2\n> $$": ["<blockquote>", "$$", "x^2"],
    "so \\\\(x^2\\\\) and \\\\[y^2\\\\]": ["$x^2$", "$$y^2$$"],
    "| a | b |\n|---|---|\n| $1$ | 2 |": ["<td>$1$</td>"],
    "```python\nfor x in y:\n\n    pass\n```": ["for x in y:\n\n    pass"],
    "The price is 5 $.": ["5 $."],
    "`$x$` is code": ["<code>$x$</code>"],
    "~~no~~ *yes* # not a heading": ["<s>no</s>", "<em>yes</em>", "# not a heading"],
    "Größer 李 🙂": ["Größer 李 🙂"],
}


@pytest.mark.parametrize("answer", ORDINARY)
def test_an_ordinary_answer_looks_as_it_was_meant(answer):
    page = page_of([shown(answer, {})])
    assert [part for part in ORDINARY[answer] if part not in page] == []


# ---- pictures


@pytest.mark.parametrize(
    "answer",
    [
        "![my derivation](attachment:photo.png)",
        "see\n\n![](attachment:my%20photo.png)",
        "- a list ![x](attachment:photo.png) with it",
        '<img src="attachment:photo.png" width="400">',
        "<img alt='x' src='attachment:photo.png'/>",
        "![x][ref]\n\n[ref]: attachment:photo.png",
    ],
)
def test_a_picture_that_was_pasted_is_shown(answer):
    assert (judged(answer).images, judged(answer).found) == (1, [])


def test_a_picture_that_is_not_there_is_said_to_be_missing():
    assert "photo of step 2: it is not in the notebook" in judged("![photo of step 2](attachment:gone.png)").text


# ---- and in time

LONG = {
    "links": '"](', "images": "![", "brackets": "[", "nested links": "[a](", "dollars": "$", "formulas": "$a ",
    "blocks": "$$a\n\n", "begins": "\\begin{a}", "Jupyter's marks": "\\\\[", "emphasis": "*a", "strong": "**a *",
    "code": "`a``b", "quotes": "> $$a\n", "lists": "- $$a\n", "spaces": " ", "escapes": "\\$", "pictures": "<img ",
    "pictures' sources": "<img src='attachment:", "tables": "|a|\n|-|\n", "definitions": "[a]: ", "html": "<a b='",
}  # fmt: skip


@pytest.mark.parametrize("kind", LONG)
def test_twice_the_text_takes_about_twice_the_work(kind):
    def calls(length: int) -> int:
        text, count = (LONG[kind] * length)[:length], 0

        def note(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(note)
        try:
            shown(text, {})
        finally:
            sys.setprofile(None)
        return count

    shown("x", {})
    assert calls(8000) < 2.6 * calls(4000) + 2000


def test_the_longest_texts_are_rendered_again_in_no_time():
    texts = [shown((LONG[kind] * MAX_CELL)[:MAX_CELL], {}) for kind in ("brackets", "links", "nested links")]
    started = time.process_time()
    page_of(texts)
    assert time.process_time() - started < 15  # of this process alone; one of them took 50
