"""The progress board: every lesson, its exercises, and how far this learner is with each.

States are told by shape and word as well as by colour. The board reads what `check` has noted on this computer; it
changes nothing, and it is no grade.
"""

import html

import ipywidgets

from course_lib import store
from course_lib.checks import progress, public
from course_lib.figures.style import BLUE, GREEN, GREEN_INK, PALE, RUST_INK
from course_lib.judging.exercise import Exercise, PublicLesson
from course_lib.widgets.live import Live, still

# state: (mark, colour of the mark, words)
STATES = {
    "passed": ("●", GREEN_INK, "passed"),
    "tried": ("◐", RUST_INK, "tried, not passed yet"),
    "shown": ("◆", BLUE, "answer shown, not passed yet"),
    "new": ("○", "#767676", "not started"),
    "by hand": ("✎", "#767676", "your own words, read by a grader"),
}


def state(exercise: Exercise, entry: progress.Entry | None) -> str:
    """Return the state of one exercise, a key of STATES. Passed stays passed, also after the answer was shown."""
    if exercise.kind == "text":
        return "by hand"
    if not entry:
        return "new"
    if entry["passed"]:
        return "passed"
    if entry["answer_shown"]:
        return "shown"
    return "tried" if entry["tries"] else "new"


def board_html() -> str:
    """Return the board as HTML: a line that sums up, and per lesson its exercises. Reads the files again."""
    lessons, entries = public.lessons(), progress.load()
    if not lessons:
        return (
            "<p>The board finds no lessons: this notebook is in no course's folder. Open it from the folder "
            "<code>work</code> of the course, which <code>python -m course_lib.work</code> makes, or let the "
            "environment variable COURSE name the course's folder, and restart the kernel.</p>"
        )
    checked = [
        p.exercise for lesson in lessons.values() for p in lesson.exercises.values() if p.exercise.kind != "text"
    ]
    passed = sum(state(exercise, entries.get(exercise.id)) == "passed" for exercise in checked)
    points = sum(entries[exercise.id]["points"] for exercise in checked if exercise.id in entries)
    legend = " &nbsp; ".join(f"{_mark(name)}&nbsp;{words}" for name, (_, _, words) in STATES.items())
    head = (
        f"<p><b>{passed} of {len(checked)} exercises passed, {points:g} of {sum(e.points for e in checked):g} points."
        f"</b>{_predictions()}<br><small>{legend}</small></p>"
    )
    under_way = [_under_way(lesson, entries) for lesson in lessons.values()]
    if not any(under_way):
        under_way[0] = True  # nothing to go on with: begin here
    return head + "".join(_lesson(lesson, entries, unfold) for lesson, unfold in zip(lessons.values(), under_way))


def progress_board() -> Live:
    """Return the progress board with a button that reads it again; a still of it where there is no kernel."""
    page = ipywidgets.HTML(board_html())
    again = ipywidgets.Button(description="Look again", tooltip="read what the checks have noted since")

    def refresh(_: object) -> None:
        page.value = board_html()

    again.on_click(refresh)
    return still(ipywidgets.VBox([again, page]), page.value, "The progress board: each lesson with its exercises.")


def _predictions() -> str:
    made = len(store.load("predictions"))
    return (
        f" {made} result{'' if made == 1 else 's'} predicted before seeing {'it' if made == 1 else 'them'}."
        if made
        else ""
    )


def _mark(name: str) -> str:
    mark, colour, _ = STATES[name]
    return f'<span aria-hidden="true" style="color:{colour}">{mark}</span>'


def _under_way(lesson: PublicLesson, entries: dict[str, progress.Entry]) -> bool:
    """Whether a lesson was begun and is not complete."""
    states = [state(public.exercise, entries.get(public.exercise.id)) for public in lesson.exercises.values()]
    graded = {name for name in states if name != "by hand"}
    return bool(graded - {"new"}) and graded != {"passed"}


def _lesson(lesson: PublicLesson, entries: dict[str, progress.Entry], unfold: bool) -> str:
    """Return one lesson as a line with a bar; unfolded, its exercises are below it."""
    exercises = [public.exercise for public in lesson.exercises.values()]
    states = [state(exercise, entries.get(exercise.id)) for exercise in exercises]
    graded = [name for name in states if name != "by hand"]
    passed = graded.count("passed")
    earned = sum(entries[exercise.id]["points"] for exercise in exercises if exercise.id in entries)
    total = sum(exercise.points for exercise in exercises if exercise.kind != "text")
    chips = "".join(
        f'<span title="{STATES[name][2]}" style="display:inline-block;margin:2px 14px 2px 0;white-space:nowrap">'
        f"{_mark(name)} {html.escape(exercise.name)} "
        f'<small style="color:#767676">{exercise.points:g}<span style="{_UNSEEN}"> points, {STATES[name][2]}.</span>'
        f"{' optional' if exercise.optional else ''}"
        "</small></span>"
        for exercise, name in zip(exercises, states)
    )
    share = 100 * passed / max(len(graded), 1)
    bar = (
        f'<span style="display:inline-block;width:120px;height:9px;background:{PALE};vertical-align:middle">'
        f'<span style="display:block;width:{share:.0f}%;height:9px;background:{GREEN}"></span></span>'
    )
    return (
        f"<details{' open' if unfold else ''}><summary>{bar} &nbsp;<b>{lesson.name[:2]}</b> "
        f'{html.escape(lesson.title)} <small style="color:#767676">{earned:g} of {total:g} points</small></summary>'
        f'<div style="margin:2px 0 10px 18px">{chips}</div></details>'
    )


_UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"  # read aloud, not shown
