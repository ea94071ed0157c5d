"""Grading one submission: run the student's cells, probe each exercise on public and hidden cases, judge here.

Everything that decides about marks happens in this process. The student's process gets inputs and returns plain data.
"""

import builtins
import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial

from autograder.authoring.withheld import withheld_beside, withheld_names
from autograder.grading.prepare import GradedExercise, GradedLesson
from autograder.grading.submission import Submission
from autograder.grading.which_run import as_it_runs
from autograder.sandbox.session import START_SECONDS, NotDefined, Session, SessionEnded
from autograder.sandbox.turns import alone, side_by_side
from course_lib.judging.case import Case, Outcome
from course_lib.judging.exercise import Exercise, ExerciseId
from course_lib.judging.forbidden import forbidden_in, forbidden_sentence
from course_lib.judging.needed import verdict_on_own_code
from course_lib.judging.program import without_definitions
from course_lib.judging.verdict import Verdict, VerdictKind, judge_exercise, simplest_failure, with_symptom, zero

MAX_OUTPUT = 8 * 2**20  # characters of a notebook's outputs that are kept


@dataclass
class Grading:
    """The result for one submission. outputs: what the student's cells put out, by index of the cell."""

    submission: Submission
    verdicts: list[Verdict]
    outputs: dict[int, tuple[dict, ...]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def score(self) -> float:
        """The points earned so far; hand-graded questions are not among them."""
        return sum(verdict.points for verdict in self.verdicts)


def grade_submission(
    graded: GradedLesson, submission: Submission, sandbox: str = "auto", show_hidden: bool = False
) -> Grading:
    """Return the verdicts on every exercise of a submission. A student's code cannot make this raise.

    sandbox      how the student's process is isolated (see Session)
    show_hidden  keep the hidden cases in the verdicts: for a teacher's eyes, never for a student's
    """
    started = time.perf_counter()
    run = _Run(graded, submission, sandbox, show_hidden)
    grading = Grading(submission, run.verdicts(), run.outputs)
    grading.seconds = time.perf_counter() - started
    return grading


class _Run:
    """One submission on its way through a session; the session is renewed when the student's code ends it."""

    def __init__(self, graded: GradedLesson, submission: Submission, sandbox: str, show_hidden: bool) -> None:
        self.graded, self.submission, self.sandbox, self.show_hidden = graded, submission, sandbox, show_hidden
        self.withheld = withheld_names(graded.lesson)
        self.outputs: dict[int, tuple[dict, ...]] = {}
        self.errors: dict[int, str] = {}
        self.fatal: dict[int, SessionEnded] = {}  # cells that end the process: not run again
        self.suspects: set[int | ExerciseId] = set()  # cells and exercises that timed out once: they get one try alone
        self.session: Session | None = None
        self.room = MAX_OUTPUT
        self.used = 0.0  # seconds, in sessions that are over

    def verdicts(self) -> list[Verdict]:
        checks = [exercise.check for exercise in self.graded.lesson.exercises.values()]
        certain = {check.id: verdict for check in checks if (verdict := self.without_running(check))}
        try:
            found = self.judge_all(checks, certain)
        finally:
            self.stop()
        self.help_with_prerequisites(found)
        return [found[check.id] for check in checks]

    def judge_all(self, checks: list[Exercise], certain: dict[ExerciseId, Verdict]) -> dict[ExerciseId, Verdict]:
        """Return the verdicts on all exercises. All public cases come before the first hidden one: what a student's
        code has seen of hidden inputs can then never get into what the feedback shows.

        certain  the verdicts for which nothing needs to run
        """
        outcomes: dict[ExerciseId, list[Outcome]] = {check.id: [] for check in checks}
        found = dict(certain)
        for hidden in (False, True):
            for check in checks:
                if check.id not in found and (ended := self.probe(check, hidden, outcomes[check.id])):
                    found[check.id] = ended
        return {c.id: found[c.id] if c.id in found else self.judge(c, outcomes[c.id]) for c in checks}

    # ---- what the text alone decides

    def without_running(self, check: Exercise) -> Verdict | None:
        sources = self.submission.sources(check.id)
        if not sources:
            where = "answer" if check.kind == "text" else "cell"
            return zero(check, VerdictKind.MISSING, f"The {where} of this exercise is not in the notebook.")
        if check.kind == "text":
            if all(source.strip() in ("", check.stub) for source in sources):
                return zero(check, VerdictKind.NOT_STARTED, "Not started yet.")
            return zero(check, VerdictKind.BY_HAND, "Waits for a grader to read it.")
        others = self.graded.lesson.exercises.keys() - {check.name}
        parts = [without_definitions(source, others) for source in sources]  # a cell may answer several exercises
        if all(check.is_unchanged(object(), part) or not part.strip() for part in parts):
            return zero(check, VerdictKind.NOT_STARTED, "Not started yet.")
        for source in parts:
            if name := forbidden_in(source, check.withheld):
                return zero(check, VerdictKind.FORBIDDEN, forbidden_sentence(name))
        return None

    # ---- the session

    def running(self, withheld: frozenset[str] | None = None) -> Session:
        """Return the session; where there is none, start one and run the student's cells in it.

        A cell that ends the process, or times out twice, is left out and noted. Raises SessionEnded when the time for
        the whole notebook is over.
        """
        while self.session is None:
            self.check_time()
            names = self.withheld if withheld is None else withheld
            self.session = session = Session(names, self.sandbox, self.graded.imports, self.graded.limits.idle)
            session.run(self.graded.lesson.setup, seconds=START_SECONDS)
            self.room = MAX_OUTPUT
            try:
                for index, cell in enumerate(self.submission.cells):
                    if cell.runs and index not in self.fatal:
                        self.check_time()
                        self.run_cell(session, index, as_it_runs(cell))
            except SessionEnded:
                self.stop()
        return self.session

    def check_time(self) -> None:
        most = self.graded.limits.notebook
        if self.used + (self.session.used if self.session else 0.0) > most:
            raise SessionEnded("timeout", f"The whole notebook took more than {most:.0f} seconds.")

    def turn(self, what: int | ExerciseId) -> AbstractContextManager[None]:
        return alone() if what in self.suspects else side_by_side()

    def excused(self, what: int | ExerciseId, end: SessionEnded) -> bool:
        """Whether a cell or an exercise gets another try, alone: the machine may have been too busy for the first."""
        first = end.why == "timeout" and what not in self.suspects
        self.suspects.add(what)
        return first

    def run_cell(self, session: Session, index: int, source: str) -> None:
        try:
            with self.turn(index):
                ran = session.run(source, self.graded.limits.cell)
        except SessionEnded as end:
            if not self.excused(index, end):
                self.fatal[index] = end
                self.outputs[index] = ({"output_type": "stream", "name": "stderr", "text": end.sentence},)
            raise
        self.outputs[index] = self.with_room(ran.outputs)
        self.errors[index] = ran.error

    def with_room(self, outputs: tuple[dict, ...]) -> tuple[dict, ...]:
        """Return the outputs for which there is room in the notebook that the grader keeps."""
        kept: list[dict] = []
        for output in outputs:
            self.room -= len(json.dumps(output))
            if self.room < 0:
                return (*kept, {"output_type": "stream", "name": "stderr", "text": "Further output was left out."})
            kept.append(output)
        return tuple(kept)

    def stop(self) -> None:
        if self.session is not None:
            self.used += self.session.used
            self.session.close()
            self.session = None

    # ---- judging

    def probe(self, check: Exercise, hidden: bool, outcomes: list[Outcome]) -> Verdict | None:
        """Probe the public or hidden cases and append their outcomes; return a verdict if one is certain already."""
        graded = self.graded.exercises[check.id]
        for case in graded.cases.cases[graded.public :] if hidden else graded.cases.cases[: graded.public]:
            try:
                outcome = self.outcome(check, case)
            except NotDefined:
                return self.undefined(check)
            except SessionEnded as end:
                if hidden and end.why == "died":  # the exit code could tell of the hidden input
                    end = SessionEnded("died", "It ended the Python process.")
                return self.ended(check, end)
            if "MemoryError" in outcome.raised:
                self.stop()  # what it holds on to would be lacking for the next exercise
                return zero(check, VerdictKind.MEMORY, "It asked for more memory than there is.")
            outcomes.append(outcome)
        return None

    def outcome(self, check: Exercise, case: Case) -> Outcome:
        """Return the outcome of one case, of the second try if the first timed out.

        Raises NotDefined, and SessionEnded when the case, or the exercise's own cell, ends the process.
        """
        graded = self.graded.exercises[check.id]
        while True:
            session = self.running()
            for index, cell in enumerate(self.submission.cells):
                if cell.answers(check.id) and index in self.fatal:
                    raise self.fatal[index]
            self.check_time()
            try:
                with self.turn(check.id):
                    return session.probe(
                        check.name,
                        check.setup,
                        check.probe_source,
                        case.arguments,
                        check.withheld,
                        graded.seconds,
                        graded.most,
                    )
            except SessionEnded as end:
                self.stop()
                if not self.excused(check.id, end):
                    raise

    def judge(self, check: Exercise, outcomes: list[Outcome]) -> Verdict:
        graded = self.graded.exercises[check.id]
        verdict = judge_exercise(check, graded.cases, outcomes)
        if verdict.verdict in (VerdictKind.WRONG, VerdictKind.ERROR) and graded.has_mistakes:
            verdict = judge_exercise(check, graded.with_mistakes(), outcomes)
        return verdict if self.show_hidden else self.without_hidden_values(graded, verdict)

    def undefined(self, check: Exercise) -> Verdict:
        """Return the verdict when no cell defined the name: the error that the cell ended with, if there was one."""
        for index, cell in enumerate(self.submission.cells):
            if cell.answers(check.id) and (error := self.errors.get(index)):
                return zero(check, VerdictKind.ERROR, f"The cell ends with an error:\n{error}")
        return zero(check, VerdictKind.ERROR, f"The cell does not define `{check.name}`.")

    def ended(self, check: Exercise, end: SessionEnded) -> Verdict:
        kind = VerdictKind.TIMEOUT if end.why == "timeout" else VerdictKind.ERROR
        return zero(check, kind, end.sentence)

    def without_hidden_values(self, graded: GradedExercise, verdict: Verdict) -> Verdict:
        """Return the verdict with a message, and cases, that tell nothing of hidden inputs and outcomes."""
        public, message = verdict.judged[: graded.public], verdict.message
        if verdict.verdict in (VerdictKind.WRONG, VerdictKind.ERROR):
            if any(judged.reason for judged in public):
                simplest = simplest_failure(public)
                label = simplest.case.note or f"case {public.index(simplest) + 1}"
                message = f"Not right on the public case “{label}”. {simplest.reason}"
            else:
                message = _about_hidden(verdict, graded.public)
            message = with_symptom(message, verdict.symptom)
        if graded.check.kind in ("choice", "number"):
            public = ()  # its only case is its answer
            message = "This is not the answer." if verdict.verdict == VerdictKind.WRONG else message
        return replace(verdict, message=message, judged=public)

    # ---- prerequisites

    def help_with_prerequisites(self, found: dict[ExerciseId, Verdict]) -> None:
        """Judge again, with tested versions, what is not right and builds on others: nobody loses marks twice."""
        exercises = self.graded.lesson.exercises
        helped: dict[str, tuple[str, ...]] = {}  # exercise → prerequisites that it passed with
        for name, exercise in exercises.items():
            check = exercise.check
            if not check.needs or self.without_running(check) is not None:
                continue
            passes = {need: found[exercises[need].check.id].verdict == VerdictKind.PASSED for need in check.needs}
            failing = {n for need in check.needs for n in (helped.get(need, ()) if passes[need] else (need,))}
            passing = [need for need in check.needs if passes[need] and need not in failing]
            judge_with = partial(self.judge_with_tested, check)
            found[check.id] = verdict_on_own_code(found[check.id], sorted(failing), passing, judge_with)
            helped[name] = found[check.id].helped

    def judge_with_tested(self, check: Exercise, needs: Sequence[str]) -> Verdict:
        outputs, errors = dict(self.outputs), dict(self.errors)
        try:
            lesson = self.graded.lesson
            session = self.running(withheld_beside(lesson, lesson.exercises[check.name], set(needs)))
            for need in needs:
                session.bind(need, self.graded.lesson.exercises[need].tested)
            outcomes: list[Outcome] = []
            for hidden in (False, True):
                if ended := self.probe(check, hidden, outcomes):
                    return ended
            return self.judge(check, outcomes)
        except SessionEnded as end:
            return self.ended(check, end)
        finally:
            self.stop()
            self.outputs, self.errors = outputs, errors


def _about_hidden(verdict: Verdict, public: int) -> str:
    hidden = [judged for judged in verdict.judged[public:] if judged.reason]
    total = len(verdict.judged) - public
    notes = sorted({judged.case.note for judged in hidden if judged.case.note})
    raised = sorted({judged.got.raised[0] for judged in hidden if judged.got.raised} & set(dir(builtins)))
    about = f" ({'; '.join(notes)})" if notes else ""
    errors = f" It raises {', '.join(raised)}." if raised else ""
    return (
        f"Right on the public cases, but not on {len(hidden)} of {total} hidden ones{about}.{errors} "
        "Think of other values, shapes and edge cases than those shown."
    )
