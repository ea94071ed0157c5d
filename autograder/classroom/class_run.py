"""Grading a whole class: from submissions to the gradebook, feedback pages, `grades.csv` and `results.jsonl`.

One bad submission never stops the others. Each ends in one recorded state: graded, partly graded, or not gradable with
the reason. A run that was interrupted goes on where it stopped: what has the same content, lesson version and seed is
not graded again. Submissions are graded wherever the executor does its work; only this process writes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from pathlib import Path

from nbgrader.api import InvalidEntry

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.classroom.course_lock import sole_writer
from autograder.classroom.executor import make_executor
from autograder.classroom.gradebook import fault_of_database, publish
from autograder.classroom.layouts import other_layout
from autograder.classroom.places import Place, find_submissions
from autograder.classroom.recorder import ClassRun, Recorder
from autograder.classroom.records import kept_outcomes, kept_seed, write_csv
from autograder.classroom.results import Result, ResultsFile, Status
from autograder.classroom.taken import Taken
from autograder.grading.job import Job, do, try_sandbox
from autograder.grading.prepare import GradedLesson, prepare, public_case_file
from autograder.grading.refusal import NotGradable
from course_lib.wrong_usage import WrongUsage

MAX_WAITING = 1000
MAX_WAITING_BYTES = 256 * 2**20


def grade_class(run: ClassRun, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Result]:
    """Grade every submission; return the results, as they are in `results.jsonl`.

    What was recorded of submissions that are not in this folder stays: of another section of the class, or week.

    progress  called with the number of finished submissions and of all

    Raises WrongUsage, AuthoringError when a lesson cannot be read, SandboxUnavailable, InUse when another run writes to
    the course folder, SQLAlchemyError when the gradebook is down or full, and OSError when the disk is; what was graded
    so far is then on the disk.
    """
    known = {path.stem: path for path in find_lessons(run.solutions)}
    wanted = tuple(path.stem for path in find_lessons(run.solutions, run.lessons)) if run.lessons else ()
    if sentence := other_layout(run.submitted, known):
        raise WrongUsage(sentence)
    places = find_submissions(run.submitted, known, wanted)
    if not places:
        raise WrongUsage(f"There are no submissions in {run.submitted}; expected STUDENT/LESSON/LESSON.ipynb.")
    try:
        with sole_writer(run.out), make_executor(run.jobs, run.scheduler) as executor:
            return _graded(run, known, places, executor, progress)
    except InvalidEntry as problem:  # what nbgrader makes of a gradebook that is full
        raise fault_of_database(problem) or problem from None


def _graded(
    run: ClassRun,
    known: dict[str, Path],
    places: list[Place],
    executor: Executor,
    progress: Callable[[int, int], None],
) -> list[Result]:
    seed = kept_seed(run.out, run.seed)
    lessons: dict[str, GradedLesson] = {}
    sandboxes = []  # they start while the gradebook does
    for name in sorted({place.lesson for place in places} & known.keys()):
        lessons[name] = prepare(read_lesson(known[name]), seed, run.limits, kept_outcomes(run.out))
        sandboxes.append(executor.submit(try_sandbox, lessons[name], run.sandbox))
        publish(lessons[name].release, name, public_case_file(lessons[name].lesson), run.out, run.db_url)
    for future in sandboxes:
        future.result()
    recorder = Recorder(run, lessons, seed)
    try:
        with ResultsFile(run.out) as file:
            results = [file.write(result) for result in _kept(file.latest.values(), places, known, run)]
            for done, result in enumerate(_results(places, recorder, file.earlier, executor), 1):
                results.append(file.write(result))
                progress(done, len(places))
    finally:
        recorder.book.close()
    results.sort(key=lambda result: result.place)
    write_csv(run.out / "grades.csv", results)
    return results


def _kept(earlier: Iterable[Result], places: list[Place], known: Collection[str], run: ClassRun) -> list[Result]:
    """Return the earlier results that stay as they are in a run that grades these places: those of other places.

    One that was no submission for a lesson is gone, if the student has something here that was looked through.
    """
    here, students = {(place.student, place.lesson) for place in places}, {place.student for place in places}
    gone = lambda r: r.status == Status.NOT_GRADABLE and r.lesson not in known and r.student in students  # noqa: E731
    return [r for r in earlier if r.place not in here and (run.lessons or not gone(r))]


def _results(
    places: list[Place], recorder: Recorder, earlier: dict[str, Result], executor: Executor
) -> Iterator[Result]:
    """Yield the result for each place as it is ready. A bounded number of files is in memory at a time."""
    waiting: dict[Future, tuple[Place, str, int]] = {}
    try:
        for place in places:
            key, begun = _begin(place, recorder, earlier)
            if isinstance(begun, Result):
                yield begun
                continue
            if isinstance(begun, Exception):
                yield recorder.record(place, key, begun)
                continue
            waiting[executor.submit(do, *begun)] = (place, key, len(begun[1].data))
            while len(waiting) >= MAX_WAITING or sum(size for *_, size in waiting.values()) > MAX_WAITING_BYTES:
                yield from _recorded(waiting, recorder)
        while waiting:
            yield from _recorded(waiting, recorder)
    except BaseException:  # the gradebook is gone, or the run was interrupted: what is not begun is left
        for future in waiting:
            future.cancel()
        raise


def _begin(
    place: Place, recorder: Recorder, earlier: dict[str, Result]
) -> tuple[str, Result | Exception | tuple[GradedLesson, Job]]:
    """Return the key of a place, and the result that it has, what there is to do, or why nothing can be done."""
    key = ""
    try:
        taken = Taken.of(place)
        key = recorder.key(place, taken)
        if key in earlier and (result := _standing(earlier[key], recorder)):
            return key, result
        return key, recorder.job(place, taken)
    except OSError as problem:
        recorder.only_this(problem)
        return "", NotGradable(f"What was handed in cannot be read ({problem.strerror or problem}).")
    except Exception as problem:
        return key, problem


def _standing(result: Result, recorder: Recorder) -> Result | None:
    """Return an earlier result as it is today; None when it does not stand, or what belongs to it is broken."""
    try:
        return recorder.refreshed(result) if recorder.stands(result) else None
    except Exception as problem:
        recorder.only_this(problem)
        recorder.book.undo()
        return None


def _recorded(waiting: dict[Future, tuple[Place, str, int]], recorder: Recorder) -> Iterator[Result]:
    """Wait until something is done; record it."""
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        place, key, _ = waiting.pop(future)
        try:
            end = future.result()
        except CancelledError:
            raise RuntimeError("The cluster is gone. What was graded so far is kept; run the same again.") from None
        except Exception as problem:
            end = problem
        yield recorder.record(place, key, end)
