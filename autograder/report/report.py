"""The class report: one HTML page for the lecturer about everything that was graded in a course folder.

How the marks are spread, which exercises are hard, which mistakes the class makes, what needs a look, who wrote what
somebody else wrote. The page needs no network and runs no script; everything from students is text in it and nothing
more. Names are in the last two parts alone, so that the rest can be shown to the class.
"""

import base64
import csv
import io
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

import course_lib
from autograder.classroom.records import spreadsheet_cell
from autograder.classroom.results import UNJUDGED, Status
from autograder.classroom.whole_files import write_whole
from autograder.report.graded_class import ClassLesson, Mark, Work, read_class
from autograder.report.lookalikes import Copied, LookAlikes, Pair, Source, groups, library, tokens
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.needed import with_help
from course_lib.judging.showing import prose_html
from course_lib.judging.verdict import VerdictKind

LIBRARY = Path(course_lib.__file__).parent
KINDS = {  # what a bar is made of, in its order: verdict → what it is called
    VerdictKind.PASSED: "passed",
    VerdictKind.MISTAKE: "known mistake",
    VerdictKind.WRONG: "wrong otherwise",
    VerdictKind.ERROR: "error",
    VerdictKind.TIMEOUT: "no end",
    VerdictKind.MEMORY: "no end",
    VerdictKind.FORBIDDEN: "forbidden call",
    VerdictKind.NOT_STARTED: "not started",
    VerdictKind.MISSING: "not started",
    "by hand": "marked by hand",
    VerdictKind.BY_HAND: "waits for a grader",
}
MAX_NAMES, MAX_PAIRS, MAX_PASSAGES, MAX_CODE = 24, 40, 4, 4000
_TELLING = re.compile(r"[^\W\d_]{3,}|\d{4,}")  # as `words` has them: what may tell who wrote something
MAX_IN_LINK = 1_500_000  # bytes; browsers refuse longer addresses


def write_report(out: Path, db_url: str, progress: Callable[[str], None] = lambda what: None) -> Path:
    """Write `report.html` into a course folder that was graded; return its path.

    db_url    nbgrader's gradebook
    progress  called with what is being done

    Raises WrongUsage when nothing was graded there.
    """
    progress("reading what was graded")
    lessons, words = read_class(out, db_url)
    page = report_page(lessons, words, datetime.now().astimezone(), out, progress)
    write_whole(out / "report.html", page)
    return out / "report.html"


def report_page(
    lessons: list[ClassLesson],
    words: dict[str, set[str]],
    now: datetime,
    out: Path | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> str:
    """Return the page.

    words  for each student what would tell who it is; none of it is in an anonymous example
    now    when it is made
    out    where tables go that are too long for the page itself
    """
    sources = list(library(LIBRARY))
    shown = []
    for lesson in (lesson for lesson in lessons if lesson.graded):
        progress(f"looking at {lesson.name}")
        shown.append(_lesson(lesson, words) | {"alike": _alike(lesson, sources)})
    works = [work for lesson in lessons for work in lesson.works]
    tables = {"marks": _marks_csv(lessons), "mistakes": _mistakes_csv(shown)}
    return _template().render(
        lessons=shown,
        students=len({work.student for work in works}),
        submissions=len(works),
        now=now.strftime("%-d %B %Y, %H:%M"),
        look=_needs_a_look(works),
        time=_time(works),
        links={name: _link(name, text, out) for name, text in tables.items()},
        most_names=MAX_NAMES,
    )


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("autograder.report", ".")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["hint"] = lambda text: Markup(prose_html(text))
    environment.filters["soft"] = lambda text: Markup(escape(text).replace("_", Markup("_<wbr>")))
    environment.filters["slug"] = lambda text: re.sub(r"\W+", "-", text).lower()
    return environment.get_template("report.html.jinja")


# ---- marks and mistakes


def _lesson(lesson: ClassLesson, words: dict[str, set[str]]) -> dict:
    shares = [100 * work.score / work.max_score for work in lesson.graded if work.max_score]
    marks: dict[str, list[tuple[Mark, Work]]] = defaultdict(list)
    for work in lesson.graded:
        for mark in work.marks:
            marks[mark.id].append((mark, work))
    everybody = set().union(*words.values()) if words else set()
    exercises = [_exercise(some, words, everybody) for some in marks.values()]
    exercises.sort(key=lambda exercise: (exercise["share"] is None, exercise["share"]))
    common = [(mistake, exercise) for exercise in exercises for mistake in exercise["mistakes"]]
    return {
        "name": lesson.name,
        "title": lesson.title,
        "submitted": len(lesson.works),
        "graded": len(lesson.graded),
        "bins": [sum(min(9, int(share // 10)) == bin for share in shares) for bin in range(10)],
        "median": statistics.median(shares) if shares else None,
        "quartiles": statistics.quantiles(shares, n=4)[::2] if len(shares) > 1 else None,
        "full": sum(share >= 100 for share in shares),
        "waiting": sum(any(mark.waits for mark in work.marks) for work in lesson.graded),
        "exercises": exercises,
        "common": sorted(common, key=lambda pair: -pair[0]["count"])[:8],
    }


def _exercise(marks: list[tuple[Mark, Work]], words: dict[str, set[str]], everybody: set[str]) -> dict:
    complete = not any(mark.waits for mark, _ in marks)
    most = sum(mark.max_points for mark, _ in marks) if complete else 0
    counts = Counter(KINDS["by hand" if m.by_hand else m.verdict] for m, _ in marks)
    mistakes: dict[str, list[tuple[Mark, Work]]] = defaultdict(list)
    others: dict[tuple[str, str], list[tuple[Mark, Work]]] = defaultdict(list)
    for mark, work in marks:
        if mark.verdict == VerdictKind.MISTAKE:
            mistakes[mark.mistake].append((mark, work))
        elif mark.verdict in (VerdictKind.WRONG, VerdictKind.ERROR):
            others[mark.verdict, mark.symptom or _gist(mark)].append((mark, work))
    return {
        "id": marks[0][0].id,
        "name": marks[0][0].name,
        "points": marks[0][0].max_points,
        "share": 100 * sum(mark.points for mark, _ in marks) / most if most else None,
        "total": len(marks),
        "bar": [(kind, counts[kind]) for kind in dict.fromkeys(KINDS.values()) if counts[kind]],
        "mistakes": [
            {
                "name": name.replace("_", " "),
                "count": len(some),
                "hint": min((_without_help(mark) for mark, _ in some), key=len),
                "example": _example(some, words, everybody),
            }
            for name, some in sorted(mistakes.items(), key=lambda item: (-len(item[1]), item[0]))
        ],
        "others": [
            {
                "verdict": verdict,
                "gist": min((_gist(mark) for mark, _ in some), key=len),
                "count": len(some),
                "example": _example(some, words, everybody),
            }
            for (verdict, _), some in sorted(others.items(), key=lambda item: (-len(item[1]), item[0]))[:3]
            if len(some) > 1
        ],
    }


def _without_help(mark: Mark) -> str:
    return mark.message.removesuffix(with_help("", mark.helped))


def _gist(mark: Mark) -> str:
    """Return what equal failures have in common: a sentence, or the last line of a traceback."""
    message = _without_help(mark).strip()
    if "\n" in message:
        message = message.splitlines()[-1]
    return message[:200]


def _example(some: list[tuple[Mark, Work]], words: dict[str, set[str]], everybody: set[str]) -> str:
    """Return the code that most of these handed in, without comments, texts and whatever tells who wrote it; or ""."""
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for mark, work in some:
        if code := work.code.get(mark.id):
            bare = without_texts(code)
            anonymous = _without_names(bare, words.get(work.student, set()))
            tells = "…" in anonymous or not everybody.isdisjoint(_TELLING.findall(bare.casefold()))
            alike[(str(tells), *(word for word, _, _ in tokens(code)))].append(anonymous)
    if not alike:
        return ""
    most = min(alike, key=lambda key: (key[0], -len(alike[key]), len(key), key))
    return min(alike[most], key=lambda code: (len(code), code))[:MAX_CODE]


def without_texts(code: str) -> str:
    """Return code without its comments and docstrings, with at most one empty line in a row, and with strings struck
    out that may hold words or long numbers.

    >>> without_texts("x = 1  # by Ada\\n# and Ben\\ny = 'Ada', 'ij,jk'")
    "x = 1\\ny = '…', 'ij,jk'"
    """
    pieces, position = [], 0
    for kind, begin, end in tokens(code):
        gap, text = code[position:begin], code[begin:end]
        if gap.strip():
            gap = "\n" + gap.rsplit("\n", 1)[1] if "\n" in gap else " "
        if kind == "S" and _TELLING.search(text):
            quote = text.lstrip("rbfuRBFU")[0]
            text = f"{quote}…{quote}"
        pieces += [re.sub(r"\n\s*\n", "\n\n", gap), text]
        position = end
    return "".join(pieces).strip("\n")


def _without_names(code: str, words: set[str]) -> str:
    """Return code with a student's own name and every address of mail struck out."""
    code = re.sub(r"""(?<=['"\s])[\w.+-]+@[\w-]+\.[\w.]+(?=['"\s])""", "…", code)
    for word in sorted(words, key=len, reverse=True):
        code = re.sub(re.escape(word), "…", code, flags=re.IGNORECASE)
    return code


# ---- what needs a look, and the time


def _needs_a_look(works: list[Work]) -> list[dict]:
    """Return kinds of remarks, each with rows (what, students)."""
    refused: dict[str, list[str]] = defaultdict(list)
    partly, changed, waiting, reachable, repaired = (refused.copy() for _ in range(5))
    for work in works:
        who = work.student
        if work.status == Status.NOT_GRADABLE:
            refused[f"{work.lesson}: {work.reason}"].append(who)
        for mark in work.marks:
            if work.status == Status.PARTLY and mark.verdict in UNJUDGED:
                partly[f"{mark.id}: {mark.verdict}. {_gist(mark)}"].append(who)
            if mark.waits:
                waiting[mark.id].append(who)
            elif mark.by_hand and mark.open:
                changed[f"{mark.id}: the automatic mark changed after a grader gave {mark.points:g}"].append(who)
        if not work.isolated:
            reachable[f"{work.lesson}: the students' code could reach this machine"].append(who)
        for note in work.notes:
            repaired[f"{work.lesson}: {note}"].append(who)
    kinds = {
        "Not graded": refused,
        "Partly graded: code that did not run, or did not end": partly,
        "Marked by hand, and changed since": changed,
        "Waits for a grader to read it": waiting,
        "Graded without isolation": reachable,
        "Repaired before grading": repaired,
    }
    rows = {kind: sorted(found.items(), key=lambda row: (-len(row[1]), row[0])) for kind, found in kinds.items()}
    return [
        {"kind": kind, "rows": some, "count": sum(len(who) for _, who in some)} for kind, some in rows.items() if some
    ]


def _time(works: list[Work]) -> dict | None:
    timed = [(work.seconds, work) for work in works if work.seconds is not None]
    if not timed:
        return None
    seconds = [some for some, _ in timed]
    slowest = [work for _, work in sorted(timed, key=lambda pair: -pair[0])[:5]]
    return {"total": sum(seconds), "median": statistics.median(seconds), "count": len(timed), "slowest": slowest}


# ---- look-alikes


def _alike(lesson: ClassLesson, sources: list[Source]) -> dict:
    code = {work.student: work.code for work in lesson.graded}
    index = LookAlikes(code, lesson.received, [*sources, *lesson.demos])
    pairs = index.pairs()
    shown = pairs[:MAX_PAIRS]
    return {
        "lesson": lesson.name,
        "students": len(code),
        "chance": index.by_chance,
        "pairs": len(pairs),
        "shown": len(shown),
        "groups": [_group(index, some) for some in groups(shown)],
        "copied": [_copied(index, one) for one in index.copied()],
    }


def _group(index: LookAlikes, pairs: list[Pair]) -> dict:
    return {
        "students": sorted({student for pair in pairs for student in pair.students}),
        "pairs": [
            {
                "students": pair.students,
                "surprise": pair.surprise,
                "exercises": [ExerciseId(exercise).name or exercise for exercise in pair.exercises],
                "passages": [index.shared(pair, exercise) for exercise in pair.exercises[:MAX_PASSAGES]],
            }
            for pair in pairs
        ],
    }


def _copied(index: LookAlikes, one: Copied) -> dict:
    first = max(one.students, key=lambda student: one.students[student])
    return {
        "exercise": one.exercise,
        "source": one.source.name,
        "students": sorted(one.students),
        "of": one.of,
        "first": first,
        "passage": index.shared_with_source(one, first),
    }


# ---- tables to take away


def _marks_csv(lessons: list[ClassLesson]) -> str:
    """Return a table with a row for each student: status and mark of each lesson, points of each exercise."""
    head = ["student"]
    rows: dict[str, dict[str, object]] = defaultdict(dict)
    for lesson in lessons:
        exercises = list(dict.fromkeys(mark.id for work in lesson.works for mark in work.marks))
        head += [f"{lesson.name} status", f"{lesson.name} score", f"{lesson.name} of", *exercises]
        for work in lesson.works:
            row = rows[work.student]
            row[f"{lesson.name} status"] = work.status
            if work.status != Status.NOT_GRADABLE:
                row |= {f"{lesson.name} score": work.score, f"{lesson.name} of": work.max_score}
                row |= {mark.id: "" if mark.waits else mark.points for mark in work.marks}
    return _csv(
        [head, *([student, *(row.get(name, "") for name in head[1:])] for student, row in sorted(rows.items()))]
    )


def _mistakes_csv(lessons: list[dict]) -> str:
    rows = [["lesson", "exercise", "verdict", "mistake", "students", "of", "hint"]]
    for lesson in lessons:
        for exercise in lesson["exercises"]:
            about = [lesson["name"], exercise["name"]]
            for m in exercise["mistakes"]:
                rows.append([*about, "mistake", m["name"], m["count"], exercise["total"], m["hint"]])
            rows += [[*about, kind, "", count, exercise["total"], ""] for kind, count in exercise["bar"]]
    return _csv(rows)


def _csv(rows: Iterable[list]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[spreadsheet_cell(cell) for cell in row] for row in rows])
    return text.getvalue()


def _link(name: str, text: str, out: Path | None) -> str:
    """Return the address of a table: the table itself, or a file beside the page when that would be too long."""
    data = text.encode("utf-8-sig", errors="backslashreplace")  # spreadsheets know UTF-8 by its mark
    if out is not None and len(data) > MAX_IN_LINK:
        (out / f"report-{name}.csv").write_bytes(data)
        return f"report-{name}.csv"
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(data).decode()
