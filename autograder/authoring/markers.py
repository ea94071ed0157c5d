"""The markers in an exercise's cell: what between them is the reference, and what the student receives instead."""

import re

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_STARTER, END_STARTER = "### BEGIN STARTER", "### END STARTER"
BEGIN_RUBRIC, END_RUBRIC = "### BEGIN RUBRIC", "### END RUBRIC"


def reference_of(source: str) -> str:
    """Return the cell without its markers and without the starter, which is broken on purpose."""
    source = re.sub(rf"(?ms)^[ \t]*{BEGIN_STARTER}.*?{END_STARTER}[ \t]*\n?", "", source)
    return re.sub(rf"(?m)^[ \t]*({BEGIN}|{END})[ \t]*\n?", "", source).rstrip()


def stub_of(source: str, name: str) -> str:
    """Return the cell with each solution replaced: by the starter after it, or by a line that says “not started”."""
    starter = rf"(?:\s*{BEGIN_STARTER}[ \t]*\n(?P<starter>.*?)^[ \t]*{END_STARTER})?"

    def replace(match: re.Match) -> str:
        indent = match["indent"]
        if match["starter"] is not None:
            return re.sub(r"(?m)^([ \t]*)# ?", r"\1", match["starter"]).rstrip()
        return f'{indent}# YOUR CODE HERE\n{indent}raise NotImplementedError("{name} is not started yet")'

    pattern = rf"(?ms)^(?P<indent>[ \t]*){BEGIN}[ \t]*\n.*?^[ \t]*{END}[ \t]*{starter}"
    return re.sub(pattern, replace, source).rstrip()


def model_answer_of(source: str) -> str:
    """Return the model answer of a free-text question."""
    return _between(source, BEGIN, END)


def rubric_of(source: str) -> str:
    """Return the rubric of a free-text question; "" where there is none."""
    return _between(source, BEGIN_RUBRIC, END_RUBRIC)


def question_text(source: str) -> str:
    """Return what a free-text cell asks, without its model answer and rubric."""
    return source.split(BEGIN)[0].rstrip()


def _between(source: str, begin: str, end: str) -> str:
    match = re.search(rf"(?s){begin}[ \t]*\n(.*?)\n?[ \t]*{end}", source)
    return match[1].strip() if match else ""
