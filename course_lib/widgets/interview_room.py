"""The interview room's furniture: an examiner for two, a clock for code from memory, and the scores by theme."""

import datetime
import html
import random
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from course_lib import store
from course_lib.checks import progress, public
from course_lib.checks.check import judge_names
from course_lib.checks.render import CheckView
from course_lib.figures.style import BLUE, GREEN_INK, GREY, ORANGE, PALE, RUST_INK
from course_lib.interview import Question, questions
from course_lib.judging.showing import prose_html
from course_lib.widgets.live import Live, still

_BOX = f"font-size:16px;line-height:1.45;border:1px solid {GREY};border-radius:6px;padding:12px 18px;max-width:720px"

_COLUMN = "text-align:left;padding:4px 18px 4px 0"
ENOUGH = 2 / 3
"""Which share of a theme's hunts must be passed for it to hold."""


# --- oral mode -----------------------------------------------------------------------------------------------------


def oral_exam(seed: int | None = None) -> Live:
    """Return an examiner for two: one asks and sees rubric and model answer, the other answers aloud.

    seed   of the order in which questions come up; a new order each day when missing. What was never asked comes
           first, then what earned least

    The points given are kept on this computer. Where there is no kernel the page shows one question, the rest folded.
    """
    asked = questions()
    if not asked:
        nothing = "<p>There is no lesson with questions here: open this notebook from the course's folder.</p>"
        return still(ipywidgets.HTML(nothing), nothing, "No questions are here.")
    waiting = _order(asked, datetime.date.today().toordinal() if seed is None else seed)
    lessons = [("all lessons", ""), *((one, one) for one in dict.fromkeys(one.lesson for one in asked))]
    choose = ipywidgets.Dropdown(options=lessons, description="from")
    following = ipywidgets.Button(description="Next question", button_style="primary")
    turn = ipywidgets.Button(description="Show the rubric", tooltip="for whoever asks")
    note = ipywidgets.Button(description="Note the points")
    page, answer, said = ipywidgets.HTMLMath(), ipywidgets.HTMLMath(), ipywidgets.HTML()
    points = ipywidgets.VBox()
    now: list[Question] = []

    def ask(_: object) -> None:
        mine = [one for one in waiting if choose.value in ("", one.lesson)]
        now[:] = mine[:1]
        waiting.remove(mine[0])
        waiting.append(mine[0])
        page.value, answer.value, said.value = _question_box(mine[0]), "", ""
        points.children, turn.disabled, note.disabled = (), False, True

    def show(_: object) -> None:
        answer.value = _answer_box(now[0])
        points.children = _point_givers(now[0])
        turn.disabled, note.disabled = True, not points.children

    def keep(_: object) -> None:
        worth = [each for each, _ in now[0].rubric if each] if now[0].is_ticked_off else [1.0]
        given = sum(float(giver.value) * each for giver, each in zip(points.children, worth))
        when = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        kept = {"points": given, "of": now[0].points, "when": when}
        with store.changing("oral") as all_kept:
            all_kept[now[0].id] = kept
        said.value = f"<small>{given:g} of {now[0].points:g} points noted for {now[0].id}.</small>"
        note.disabled = True

    following.on_click(ask)
    turn.on_click(show)
    note.on_click(keep)
    ask(None)
    box = ipywidgets.VBox([ipywidgets.HBox([choose, following, turn, note]), page, points, answer, said])
    rest = f"<details><summary>for whoever asks: rubric and model answer</summary>{_answer_box(now[0])}</details>"
    return still(box, _question_box(now[0]) + rest, f"An oral question: {now[0].id}.")


def _point_givers(question: Question) -> tuple[ipywidgets.Widget, ...]:
    """Return a box to tick for each line of the rubric, or a slider where its lines say more than that."""
    wide = ipywidgets.Layout(width="auto")
    if not question.rubric:
        return ()
    if not question.is_ticked_off:
        return (ipywidgets.FloatSlider(0, min=0, max=question.points, step=0.5, description="points"),)
    return tuple(
        ipywidgets.Checkbox(description=f"{worth:g}: {_plain(what)}", indent=False, layout=wide)
        for worth, what in question.rubric
        if worth
    )


def _order(asked: Sequence[Question], seed: int) -> list[Question]:
    shuffled = random.Random(seed).sample(list(asked), len(asked))
    kept = _oral()
    return sorted(shuffled, key=lambda one: kept[one.id] if one.id in kept else -1.0)


def _oral() -> dict[str, float]:
    """Return the share of the points that each question earned aloud, of entries that can be read."""
    shares = {}
    for id, entry in store.load("oral").items():
        if isinstance(entry, dict) and isinstance(entry.get("points"), int | float) and entry.get("of"):
            shares[id] = entry["points"] / entry["of"]
    return shares


def _question_box(question: Question) -> str:
    lesson = f'<small style="color:#767676">{html.escape(question.lesson)}</small>'
    return f'<div style="{_BOX}">{lesson}{_page(question.text)}</div>'


def _answer_box(question: Question) -> str:
    if not question.answer:
        return f'<div style="{_BOX}">This copy of the course has no model answers; your teacher has them.</div>'
    rows = "".join(f"<li>{f'{worth:g}: ' if worth else ''}{_inline(what)}</li>" for worth, what in question.rubric)
    return f'<div style="{_BOX}"><b>Rubric</b><ul>{rows}</ul><b>Model answer</b>{_page(question.answer)}</div>'


def _page(text: str) -> str:
    """Return a few paragraphs of Markdown as HTML: lists, bold, italics, code; formulas stay as they are."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.split("\n")
        if all(re.match(r"(- |\d+\. )", line) for line in lines):
            kind = "ul" if lines[0].startswith("- ") else "ol"
            items = "".join(f"<li>{_inline(line.split(' ', 1)[1])}</li>" for line in lines)
            parts.append(f"<{kind}>{items}</{kind}>")
        else:
            parts.append(f"<p>{_inline(block)}</p>")
    return "".join(parts)


def _inline(text: str) -> str:
    pieces = re.split(r"(\$\$.*?\$\$|\$[^$]+\$|`[^`]*`)", text, flags=re.DOTALL)
    for index in range(0, len(pieces), 2):
        bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(pieces[index]), flags=re.DOTALL)
        pieces[index] = re.sub(r"\*(.+?)\*", r"<i>\1</i>", bold, flags=re.DOTALL)
    for index in range(1, len(pieces), 2):
        code = pieces[index].startswith("`")
        pieces[index] = prose_html(pieces[index]) if code else html.escape(pieces[index], quote=False)
    return "".join(pieces)


def _plain(text: str) -> str:
    """Return a line for a label, which sets neither formulas nor code."""
    return re.sub(r"[$`*]", "", text)


# --- the clock -----------------------------------------------------------------------------------------------------


def drill_clock(drills: Mapping[str, float], names: dict[str, Any]) -> Live:
    """Return a clock for code from memory: it shows a task, measures your time, and checks what you defined.

    drills  exercise id → minutes. The check is that of the exercise, wherever in the course it is
    names   where your function is looked for: `globals()` of the notebook

    Your best time with a passed check is kept on this computer. Raises ValueError for an exercise that is not here.
    """
    tasks = {id: public.find(id.partition(".")[0]).exercises.get(id) for id in drills}  # type: ignore[call-overload]
    if missing := [id for id, task in tasks.items() if task is None]:
        raise ValueError(f"there is no exercise {', '.join(missing)} here")
    options = [(f"{id} ({minutes:g} min)", id) for id, minutes in drills.items()]
    choose = ipywidgets.Dropdown(options=options, description="task", layout=ipywidgets.Layout(width="26em"))
    start = ipywidgets.Button(description="Start the clock", button_style="primary")
    stop = ipywidgets.Button(description="Stop and check", disabled=True)
    bar, task, result = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
    began: list[float] = []

    def begin(_: object) -> None:
        began[:] = [time.monotonic()]
        task.value, result.value = _task_html(tasks[choose.value].exercise.stub), ""
        bar.value = _bar(60 * drills[choose.value], len(store.load("drills")))
        start.disabled, choose.disabled, stop.disabled = True, True, False

    def end(_: object) -> None:
        id, seconds = choose.value, time.monotonic() - began[0]
        exercise, verdict = judge_names(id, names)
        passed = verdict.points == verdict.max_points
        in_time = "in time" if seconds <= 60 * drills[id] else f"after the {drills[id]:g} minutes"
        if passed:
            _keep_time(id, seconds)
        words = f"{_clock(seconds)}, {in_time}" if passed else f"{_clock(seconds)}, not passed yet"
        result.value = f"<p><b>{words}</b>{_best(id)}</p>{CheckView(exercise, verdict)._repr_html_()}"
        bar.value, start.disabled, choose.disabled, stop.disabled = "", False, False, True

    start.on_click(begin)
    stop.on_click(end)
    rows = "".join(f"<tr><td>{html.escape(id)}</td><td>{minutes:g}</td></tr>" for id, minutes in drills.items())
    table = f"<table><tr><th>code from memory</th><th>minutes</th></tr>{rows}</table>"
    box = ipywidgets.VBox([ipywidgets.HBox([choose, start, stop]), bar, task, result])
    return still(box, table, f"A clock for {len(drills)} tasks to be coded from memory.")


def _bar(seconds: float, number: int) -> str:
    """Return a bar that shrinks to nothing in this time. `number` gives each its own animation."""
    name, until = f"drill{number}{int(time.time())}", datetime.datetime.now() + datetime.timedelta(seconds=seconds)
    moving = f"width:100%;height:12px;background:{BLUE};animation:{name} {seconds:.0f}s linear forwards"
    return (
        f"<style>@keyframes {name} {{from {{width:100%}} to {{width:0;background:{ORANGE}}}}}</style>"
        f'<div style="width:420px;background:{PALE}"><div style="{moving}"></div></div>'
        f"<small>until {until:%H:%M:%S}</small>"
    )


def _task_html(stub: str) -> str:
    """Return the specification of an exercise, as its cell has it."""
    return f'<pre style="{_BOX};max-width:960px;font-size:13px;white-space:pre-wrap">{html.escape(stub)}</pre>'


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _keep_time(id: str, seconds: float) -> None:
    with store.changing("drills") as kept:
        before = kept.get(id)
        if not isinstance(before, int | float) or seconds < before:
            kept[id] = round(seconds, 1)


def _best(id: str) -> str:
    best = store.load("drills").get(id)
    return f" (your best: {_clock(best)})" if isinstance(best, int | float) else ""


# --- scores --------------------------------------------------------------------------------------------------------


def theme_scores(lesson: str, themes: Mapping[str, tuple[str, str]]) -> Live:
    """Return a table of themes: what you passed of each, and the lessons to return to.

    lesson  the name of the lesson that the hunts are in, "interview_room"
    themes  theme → (file names of its lessons, names of its exercises in `lesson`), each a text with spaces

    A theme holds when two thirds of its hunts are passed. A button reads the notes of the checks again.
    """
    page = ipywidgets.HTML(_scores_html(lesson, themes))
    again = ipywidgets.Button(description="Look again", tooltip="read what the checks have noted since")

    def refresh(_: object) -> None:
        page.value = _scores_html(lesson, themes)

    again.on_click(refresh)
    return still(ipywidgets.VBox([again, page]), page.value, f"Scores of {len(themes)} themes, with their lessons.")


def _scores_html(lesson: str, themes: Mapping[str, tuple[str, str]]) -> str:
    entries, aloud, lessons = progress.load(), _oral(), public.lessons()
    names = ("", "theme", "hunts", "exercises", "aloud", "return to")
    head = "<tr>" + "".join(f'<th style="{_COLUMN}">{name}</th>' for name in names) + "</tr>"
    rows = []
    for theme, (lesson_names, hunt_names) in themes.items():
        files, hunts = lesson_names.split(), hunt_names.split()
        tried = [entries[f"{lesson}.{name}"] for name in hunts if f"{lesson}.{name}" in entries]
        passed = sum(entry["passed"] for entry in tried)
        here = [lessons[file] for file in files if file in lessons]
        exercises = {id: one.exercise for lesson_here in here for id, one in lesson_here.exercises.items()}
        solved = sum(entries[id]["passed"] for id in exercises if id in entries)
        coded = sum(exercise.kind != "text" for exercise in exercises.values())
        spoken = [aloud[id] for id in exercises if id in aloud]
        holds = passed >= ENOUGH * len(hunts)
        mark, colour = ("✓", GREEN_INK) if holds else ("→", RUST_INK) if tried else ("○", "#767676")
        back = "" if holds or not tried else ", ".join(_link(file, lessons) for file in files)
        cells = [
            f'<span style="color:{colour}">{mark}</span>',
            html.escape(theme),
            f"{passed} of {len(hunts)}",
            f"{solved} of {coded}",
            f"{sum(spoken) / len(spoken):.0%}" if spoken else "–",
            back or ("" if holds else "not tried yet"),
        ]
        rows.append("<tr>" + "".join(f'<td style="{_COLUMN}">{cell}</td>' for cell in cells) + "</tr>")
    legend = "✓ two thirds of the hunts passed &nbsp; → tried, not there yet &nbsp; ○ not tried"
    return f"<table>{head}{''.join(rows)}</table><small>{legend}</small>"


def _link(file: str, lessons: Mapping[str, object]) -> str:
    if file not in lessons:
        return html.escape(file[:2])
    return f'<a href="{file}.ipynb" style="color:{BLUE};text-decoration:underline">{html.escape(file)}</a>'
