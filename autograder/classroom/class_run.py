"""Grading a whole class: from submissions to the gradebook, feedback pages, `grades.csv` and `results.jsonl`.

One bad submission never stops the others. Each ends in one recorded state: graded, partly graded, or not gradable with
the reason. A run that was interrupted goes on where it stopped: what has the same content, lesson version and seed is
not graded again. Submissions are graded wherever the executor does its work; only this process writes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from pathlib import Path

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.classroom.executor import make_executor
from autograder.classroom.gradebook import publish
from autograder.classroom.recorder import ClassRun, Place, Recorder, Taken
from autograder.classroom.records import kept_seed, write_csv
from autograder.classroom.results import Result, ResultsFile
from autograder.grading.grade import GradedLesson, prepare
from autograder.grading.job import do, try_sandbox
from autograder.grading.plain_text import plain_name
from autograder.grading.refusal import NotGradable
from course_lib.judging.exercise import write_public

MAX_WAITING = 1000
MAX_WAITING_BYTES = 256 * 2**20


def find_submissions(submitted: Path, lessons: tuple[str, ...]) -> list[Place]:
    """Return the submissions in nbgrader's layout STUDENT/LESSON/, ordered by student and lesson."""
    places = []
    for student in _folders(submitted):
        for folder in _folders(student):
            if not lessons or folder.name in lessons:
                places.append(Place(plain_name(student.name), plain_name(folder.name), folder))
    return places


def _folders(place: Path) -> list[Path]:
    """Return the folders in a folder, in order, but for hidden ones, which tools leave behind."""
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def grade_class(run: ClassRun, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Result]:
    """Grade every submission; return the results, as they stand in `results.jsonl`.

    progress  called with the number of finished submissions and of all

    Raises ValueError for wrong usage, AuthoringError when a lesson cannot be read, SandboxUnavailable, and
    SQLAlchemyError when the gradebook is down or full; what was graded so far is then on the disk.
    """
    known = {path.stem: path for path in find_lessons(run.solutions)}
    wanted = tuple(path.stem for path in find_lessons(run.solutions, run.lessons)) if run.lessons else ()
    places = find_submissions(run.submitted, wanted)
    if not places:
        raise ValueError(f"There are no submissions in {run.submitted}; expected STUDENT/LESSON/LESSON.ipynb.")
    seed = kept_seed(run.out, run.seed)
    with make_executor(run.jobs, run.scheduler) as executor:
        lessons: dict[str, GradedLesson] = {}
        sandboxes = []  # they start while the gradebook does
        for name in sorted({place.lesson for place in places} & known.keys()):
            lessons[name] = prepare(read_lesson(known[name]), seed, run.limits)
            sandboxes.append(executor.submit(try_sandbox, lessons[name], run.sandbox))
            publish(lessons[name].release, name, write_public(lessons[name].public), run.out, run.db_url)
        for future in sandboxes:
            future.result()
        recorder = Recorder(run, lessons, seed)
        try:
            with ResultsFile(run.out) as file:
                results = [file.write(r) for r in file.latest() if wanted and r.lesson not in wanted]
                for done, result in enumerate(_results(places, recorder, file.earlier, executor), 1):
                    results.append(file.write(result))
                    progress(done, len(places))
        finally:
            recorder.book.close()
    results.sort(key=lambda result: result.place)
    write_csv(run.out / "grades.csv", results)
    return results


def _results(
    places: list[Place], recorder: Recorder, earlier: dict[str, Result], executor: Executor
) -> Iterator[Result]:
    """Yield the result for each place as it is ready. A bounded number of files is in memory at a time."""
    waiting: dict[Future, tuple[Place, str, int]] = {}
    try:
        for place in places:
            taken = Taken.of(place)
            key = recorder.key(place, taken)
            if key in earlier and recorder.stands(earlier[key]):
                yield recorder.refreshed(earlier[key])
                continue
            try:
                graded, job = recorder.job(place, taken)
            except NotGradable as refusal:
                yield recorder.record(place, key, refusal)
                continue
            waiting[executor.submit(do, graded, job)] = (place, key, len(job.data))
            while len(waiting) >= MAX_WAITING or sum(size for *_, size in waiting.values()) > MAX_WAITING_BYTES:
                yield from _recorded(waiting, recorder)
        while waiting:
            yield from _recorded(waiting, recorder)
    except BaseException:  # the gradebook is gone, or the run was interrupted: what is not begun is left
        for future in waiting:
            future.cancel()
        raise


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
