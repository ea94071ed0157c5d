"""The trusted side's answers: a lesson's references and mistakes, run on the cases of any seed.

Only the grader and the builder run this, never a student's process. It executes the author's code, which is trusted.
"""

from typing import Any

from autograder.authoring.lesson import AuthoredExercise, AuthoringError, Lesson
from autograder.authoring.withheld import require_withheld
from course_lib.judging import wire
from course_lib.judging.case import Case, CaseSet, Mistake, Outcome
from course_lib.judging.exercise import AUTHOR_NAMES
from course_lib.judging.probe import run_probe

PUBLIC_SEED = 0


class Reference:
    """A lesson's reference solutions, executed once; asked for the outcomes of any exercise and seed."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        require_withheld(lesson)
        self._public: dict[str, CaseSet] = {}
        self.names: dict[str, Any] = {**AUTHOR_NAMES, "__name__": f"reference_of_{lesson.short}"}
        for cell in lesson.cells:
            if cell.kind == "setup":
                self._run(cell.source, cell.line, self.names)
        for exercise in lesson.exercises.values():
            if exercise.check.kind != "text":
                self._run(exercise.reference, exercise.cell.line, self.names)

    def _run(self, source: str, line: int, names: dict[str, Any]) -> None:
        """Execute author's code so that its tracebacks point into the lesson file."""
        try:
            exec(compile("\n" * (line - 1) + source, str(self.lesson.path), "exec"), names)
        except Exception as problem:
            where = _line_in(problem, str(self.lesson.path)) or line
            raise AuthoringError(f"{self.lesson.path}:{where}: {type(problem).__name__}: {problem}") from problem

    def cases(self, exercise: AuthoredExercise, seed: int) -> tuple[Case, ...]:
        """Return the cases of an exercise for a seed; a question has a single case without arguments."""
        if exercise.cases is None:
            return (Case({}),)
        names = dict(self.names)
        self._run(exercise.cases.source, exercise.cases.line, names)
        cases = []
        try:
            for item in names["cases"](seed):
                case = item if isinstance(item, Case) else Case(item)
                wire.encode(case.arguments)
                if exercise.check.parts and case.part and case.part not in exercise.check.parts:
                    raise ValueError(f"there is no part {case.part!r}")
                cases.append(case)
        except Exception as problem:
            line = _line_in(problem, str(self.lesson.path)) or exercise.cases.line
            raise AuthoringError(
                f"{self.lesson.path}:{line}: the cases of `{exercise.check.name}` for seed {seed} fail: {problem}"
            ) from problem
        if not cases:
            raise AuthoringError(
                f"{self.lesson.path}:{exercise.cases.line}: `{exercise.check.name}` has no case at all."
            )
        return tuple(cases)

    def case_set(self, exercise: AuthoredExercise, seed: int) -> CaseSet:
        """Return the cases for a seed with the outcomes of the reference and of every mistake."""
        if seed == PUBLIC_SEED and exercise.check.name in self._public:
            return self._public[exercise.check.name]
        made = self._case_set(exercise, seed)
        if seed == PUBLIC_SEED:  # of which building, verifying and grading each need more than one
            self._public[exercise.check.name] = made
        return made

    def _case_set(self, exercise: AuthoredExercise, seed: int) -> CaseSet:
        right = self.expected(exercise, seed)
        return CaseSet(right.cases, right.expected, self.mistakes(exercise, right.cases))

    def expected(self, exercise: AuthoredExercise, seed: int) -> CaseSet:
        """Return the cases for a seed with the outcomes of the reference alone."""
        cases = self.cases(exercise, seed)
        expected = self.outcomes(exercise, self.names[exercise.check.name], cases)
        for case, outcome in zip(cases, expected):
            if "NotImplementedError" in outcome.raised or "WireError" in outcome.raised:
                raise AuthoringError(
                    f"{self.lesson.path}:{exercise.cell.line}: the reference of `{exercise.check.name}` gives no "
                    f"outcome on the case “{case.note or cases.index(case)}”: {outcome.complaint}"
                )
        return CaseSet(cases, expected)

    def mistakes(self, exercise: AuthoredExercise, cases: tuple[Case, ...]) -> tuple[Mistake, ...]:
        """Return the outcomes of every mistake on some cases."""
        return tuple(
            Mistake(m.name, m.hint, self.outcomes(exercise, self.mistaken(exercise, m.name), cases))
            for m in exercise.mistakes
        )

    def mistaken(self, exercise: AuthoredExercise, mistake: str, over: str = "") -> Any:
        """Return what a mistake's cell defines under the exercise's name.

        over  another mistake that takes the place of the reference on which it builds
        """
        authored = next(m for m in exercise.mistakes if m.name == mistake)
        names = dict(self.names)
        if over:
            names[exercise.check.name] = self.mistaken(exercise, over)
        self._run(authored.source, authored.line, names)
        return names[exercise.check.name]

    def outcomes(self, exercise: AuthoredExercise, solution: Any, cases: tuple[Case, ...]) -> tuple[Outcome, ...]:
        """Return the outcomes of any solution on some cases, without the people's part of a complaint."""
        outcomes = []
        for case in cases:
            outcome = run_probe(solution, exercise.check.probe, case.arguments)
            outcomes.append(Outcome(outcome.value, outcome.raised, outcome.changed, outcome.complaint[-300:]))
        return tuple(outcomes)


def _line_in(problem: BaseException, filename: str) -> int | None:
    if isinstance(problem, SyntaxError) and problem.filename == filename:
        return problem.lineno
    line, trace = None, problem.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
