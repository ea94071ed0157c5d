"""For an appeal: grade one exercise of one submission once more with the run's seed, and show everything.

What is shown holds hidden inputs and expected outcomes: it is for the teacher.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from autograder.authoring.lesson import Lesson, find_lessons, read_lesson
from autograder.classroom.places import find_submissions
from autograder.classroom.records import kept_outcomes, kept_seed
from autograder.classroom.results import ExerciseResult, read_results
from autograder.classroom.taken import Taken
from autograder.grading.grade import grade_submission
from autograder.grading.plain_text import readable, spelled_out
from autograder.grading.prepare import GradedLesson, Limits, prepare
from autograder.grading.submission import Submission, parse_submission
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.showing import difference
from course_lib.judging.verdict import Judged, Verdict, VerdictKind
from course_lib.wrong_usage import WrongUsage


@dataclass(frozen=True)
class Replay:
    """One exercise that was graded again.

    verdict    with every case, hidden ones too
    public     how many of its cases, from the first on, are public
    recorded   the exercise's entry in `results.jsonl`, or None when there is none
    digest     of the notebook's file
    """

    graded: GradedLesson
    submission: Submission
    verdict: Verdict
    public: int
    recorded: ExerciseResult | None
    digest: str
    sandbox: str

    @property
    def agrees(self) -> bool:
        """Whether the verdict is the recorded one."""
        recorded, now = self.recorded, self.verdict
        return recorded is not None and (recorded.points, recorded.verdict, recorded.mistake) == (
            now.points,
            now.verdict,
            now.mistake,
        )


def replay(student: str, exercise: str, submitted: Path, out: Path, solutions: Path, sandbox: str = "auto") -> Replay:
    """Grade an exercise of a student's submission again.

    exercise   "information.entropy", or "entropy" where only one of the student's lessons has it
    submitted  the folder of submissions; out: the course folder that `grade` wrote; solutions: the lesson files

    Raises WrongUsage when there is no such submission, exercise or run, and NotGradable.
    """
    known = {path.stem: path for path in find_lessons(solutions)}
    places = {p.lesson: p for p in find_submissions(submitted, known) if p.student == student}
    if not places:
        raise WrongUsage(f"There is no student {student!r} in {submitted}.")
    if not (out / ".grading" / "seed").is_file():
        raise WrongUsage(f"Nothing was graded in {out}: there is no seed to repeat. Name the course folder with --out.")
    lesson = _lesson([read_lesson(known[name]) for name in sorted(places.keys() & known)], exercise)
    name = exercise.rsplit(".", 1)[-1]
    id = lesson.exercises[name].check.id
    graded = prepare(lesson, kept_seed(out), Limits(), kept_outcomes(out))
    taken = Taken.of(places[lesson.name])
    if taken.refusal:
        raise taken.refusal
    submission = parse_submission(student, lesson.name, taken.data, list(taken.notes), graded.release)
    verdicts = grade_submission(graded, submission, sandbox, show_hidden=True).verdicts
    verdict = next(verdict for verdict in verdicts if verdict.id == id)
    public = graded.exercises[id].public if id in graded.exercises else 0
    digest = hashlib.sha256(taken.data).hexdigest()
    return Replay(graded, submission, verdict, public, _recorded(out, submission, id), digest, sandbox)


def _lesson(lessons: list[Lesson], exercise: str) -> Lesson:
    """Return the one of the lessons that a student handed in which has an exercise."""
    short, _, name = exercise.rpartition(".")
    found = [lesson for lesson in lessons if name in lesson.exercises and short in ("", lesson.short, lesson.name)]
    if len(found) == 1:
        return found[0]
    has = ", ".join(e.check.id for lesson in lessons for e in lesson.exercises.values())
    problem = "is in more than one lesson" if found else "is in none of the lessons that were handed in"
    raise WrongUsage(f"{exercise!r} {problem}. There are: {has or 'none'}.")


def _recorded(out: Path, submission: Submission, id: ExerciseId) -> ExerciseResult | None:
    for result in read_results(out):
        if result.place == (submission.student, submission.lesson):
            refused = ExerciseResult(id, 0.0, 0.0, VerdictKind.NOT_GRADED, "", result.reason)
            return next((exercise for exercise in result.exercises if exercise.id == id), refused)
    return None


def print_replay(console: Console, replay: Replay) -> None:
    """Print what was handed in, every case with the expected and the actual outcome, and whether the mark holds."""
    verdict, submission = replay.verdict, replay.submission
    exercise = replay.graded.lesson.exercises[verdict.id.name]
    console.print(f"[bold]{verdict.id}[/] · {submission.lesson} · ", _shown(submission.student), sep="")
    console.print(
        f"seed {replay.graded.seed} · lesson version {replay.graded.lesson.version} · sandbox {replay.sandbox}"
    )
    console.print(f"notebook sha256 {replay.digest}", highlight=False)
    for note in submission.notes:
        console.print(_shown(f"note: {note}", "dim"))
    for source in submission.sources(verdict.id):
        console.print(Panel(_code(source, exercise.check.kind), title="handed in", title_align="left"))
    console.print(Panel(_code(exercise.reference, exercise.check.kind), title="reference", title_align="left"))
    for view in _cases(verdict.judged, replay.public):
        console.print(view)
    named = f": {verdict.mistake}" if verdict.mistake else ""
    console.print(f"[bold]verdict[/] {verdict.verdict}{named}, {verdict.points:g} of {verdict.max_points:g} points")
    console.print(_shown(verdict.message))
    console.print(Text(_comparison(replay), style="green" if replay.agrees else "red"))


def _code(source: str, kind: str) -> RenderableType:
    if kind == "text":
        return _shown(source)
    return Syntax(readable(spelled_out(source)), "python", background_color="default", word_wrap=True)


def _shown(text: str, style: str = "") -> Text:
    """Return what may hold a student's text, so that it cannot move, colour or hide anything in the terminal."""
    return Text(spelled_out(text), style=style)


def _cases(judged: tuple[Judged, ...], public: int) -> Iterator[RenderableType]:
    for index, one in enumerate(judged):
        kind = "public" if index < public else "hidden"
        title = f"case {index + 1} of {len(judged)} · {kind}" + (f" · {one.case.note}" if one.case.note else "")
        rows = dict(difference(one))
        texts = [Text(f"{'got' if name == 'yours' else name:9}", style="dim") + _shown(rows[name]) for name in rows]
        if one.reason:
            texts.append(_shown(f"✗ {one.reason}", "red"))
        yield Panel(Group(*texts), title=Text(title), title_align="left", border_style="red" if one.reason else "green")


def _comparison(replay: Replay) -> str:
    recorded = replay.recorded
    if recorded is None:
        return "No mark is recorded for this submission in results.jsonl."
    if replay.agrees:
        return "The recorded mark is the same."
    named = f" ({recorded.mistake})" if recorded.mistake else ""
    return (
        f"The recorded mark differs: {recorded.points:g} points, {recorded.verdict}{named}. "
        "The file or the lesson has changed since, or a time limit decided: grade the class again."
    )
