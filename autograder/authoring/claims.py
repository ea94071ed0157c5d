"""Claims: the numbers and comparisons in a lesson's prose that its own cells must bear out.

    {{1.806 = rnn_loss ± 0.03}}                         the student sees 1.806
    {{closer to the floor : gpt_loss < lstm_loss}}      the student sees the words

An expression is Python, evaluated in the lesson's names after the lesson has run from top to bottom. Without `± …` a
number must be right to the last digit shown. Any other `{{` is left alone: formulas have them.
"""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from course_lib.judging.program import parse

if TYPE_CHECKING:
    from nbformat.notebooknode import NotebookNode  # three seconds, and this module is imported in a lesson's kernel

_NUMBER = r"[+\-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+\-−]?\d+)?(?:\s?%)?"
_BODY = r"(?:(?!\{\{|\}\}(?!\})).)+?"
_CLAIM = re.compile(
    rf"\{{\{{\s*(?:(?P<number>{_NUMBER})\s*=(?!=)|(?P<words>{_BODY})\s:\s|(?P<other>{_BODY})\s=\s)"
    rf"(?P<expression>{_BODY})\}}\}}(?!\}})",
    re.DOTALL,
)
_PRECISION = re.compile(rf"(?P<expression>.*)±\s*(?P<tolerance>{_NUMBER})\s*", re.DOTALL)


@dataclass(frozen=True)
class Claim:
    """A number or a comparison in prose, and the expression that must agree with it.

    file, line  where it begins
    shown       what the student reads
    expression  gives a number, or, for words, whether they are true
    number      what `shown` means; None for words. A percentage means its share: 87 % is 0.87
    tolerance   how far the expression's value may be from the number
    """

    file: str
    line: int
    shown: str
    expression: str
    number: float | None = None
    tolerance: float = 0.0


def read_claims(prose: str, file: str, line: int) -> tuple[str, list[Claim], list[tuple[int, str]]]:
    """Return the prose as students read it, its claims, and what is wrong with them: lines and sentences.

    prose  the text of a markdown cell
    line   where in the file it begins
    """
    claims: list[Claim] = []
    wrong: list[tuple[int, str]] = []

    def shown(match: re.Match[str]) -> str:
        here = line + prose.count("\n", 0, match.start())
        claim = _claim(match, file, here)
        if match["other"]:
            wrong.append(
                (here, f"the claim “{match['other']} = …” must begin with a number: {{{{1.8 = expression}}}}.")
            )
        elif problem := _not_python(claim.expression):
            wrong.append((here, f"the claim “{claim.shown}” needs Python: `{claim.expression}`: {problem}."))
        claims.append(claim)
        return claim.shown

    return _CLAIM.sub(shown, prose), claims, wrong


def _claim(match: re.Match[str], file: str, line: int) -> Claim:
    number, expression = match["number"], match["expression"]
    if not number:
        return Claim(file, line, (match["words"] or match["other"]).strip(), _one_line(expression))
    precision = _PRECISION.fullmatch(expression)
    tolerance = _value(precision["tolerance"]) if precision else _half_of_the_last_digit(number)
    expression = precision["expression"] if precision else expression
    return Claim(file, line, number, _one_line(expression), float(_value(number)), float(tolerance))


def _one_line(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip())


def _value(number: str) -> Decimal:
    """Return what a number in prose means. A percentage means its share."""
    plain = Decimal(re.sub(r"[,%\s]", "", number).replace("−", "-"))
    return plain / 100 if number.endswith("%") else plain


def _half_of_the_last_digit(number: str) -> Decimal:
    one = Decimal(1).scaleb(int(_value(number.rstrip("%")).as_tuple().exponent))
    return one / (200 if number.endswith("%") else 2)


def _not_python(expression: str) -> str:
    """Return why a claim's expression is not Python; "" when it is."""
    try:
        body = parse(f"({expression}\n)").body
    except SyntaxError as problem:
        return problem.msg
    return "" if len(body) == 1 and isinstance(body[0], ast.Expr) else "more than an expression"


# ---- checking


def unmet(claims: Sequence[Claim], names: dict[str, Any], compare: bool = True) -> list[str]:
    """Return a finding `file:line: sentence` for each claim that does not hold.

    names    what the lesson's cells have defined
    compare  False: only evaluate, for a lesson that was run with little training
    """
    return [f"{claim.file}:{claim.line}: {finding}" for claim in claims if (finding := _finding(claim, names, compare))]


def _finding(claim: Claim, names: dict[str, Any], compare: bool) -> str:
    says = f"the text says {claim.shown}" if claim.number is not None else f"the text says “{_one_line(claim.shown)}”"
    try:
        value = eval(claim.expression, names)
        value = value.item() if hasattr(value, "item") else value
        value = bool(value) if claim.number is None else float(value)
    except Exception as problem:
        return f"{says}; `{claim.expression}` fails: {type(problem).__name__}: {problem}"
    if not compare:
        return ""
    if claim.number is None:
        return "" if value else f"{says}; `{claim.expression}` is false{_sides(claim.expression, names)}"
    if abs(value - claim.number) <= claim.tolerance * (1 + 1e-6):
        return ""
    return f"{says}; `{claim.expression}` is {value:.6g} (± {claim.tolerance:g})"


def _sides(expression: str, names: dict[str, Any]) -> str:
    """Return the two sides of a comparison, so that an author sees by how much it fails."""
    tree = ast.parse(f"({expression})", mode="eval").body
    if not isinstance(tree, ast.Compare):
        return ""
    values = [eval(ast.unparse(side), names) for side in (tree.left, *tree.comparators)]
    return ": " + ", ".join(f"{value:.6g}" if isinstance(value, float) else str(value)[:60] for value in values)


def measuring_cell(claims: Sequence[Claim], compare: bool) -> str:
    """Return the source of a cell that, at the end of a lesson, prints the findings of `unmet` as a JSON list."""
    return (
        "import json as _json\n"
        "import autograder.authoring.claims as _claims\n"
        f"_made = [_claims.Claim(*made) for made in {[astuple(claim) for claim in claims]!r}]\n"
        f"print(_json.dumps(_claims.unmet(_made, globals(), compare={compare})))"
    )


def findings_of(cell: "NotebookNode") -> list[str]:
    """Return the findings that a measuring cell printed when it ran, whatever else was written there."""
    printed = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
    return json.loads(printed.splitlines()[-1])
