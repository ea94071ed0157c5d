"""Our engine inside nbgrader: `nbgrader autograde`, `nbgrader generate_feedback` and Formgrader's buttons for them.

nbgrader's converters hand each notebook to an exporter, and which one is configuration (`nbgrader_config.py`). The
exporter for `Autograde` grades; nbgrader's own Execute, which runs students' code without isolation, is not loaded.
"""

import hashlib
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import Exporter, NotebookExporter
from traitlets import Enum, Unicode

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.classroom.course_lock import sole_writer
from autograder.classroom.gradebook import MarksBook, publish
from autograder.classroom.places import Place
from autograder.classroom.recorder import ClassRun, Recorder
from autograder.classroom.records import kept_outcomes, kept_seed
from autograder.classroom.results import Status, replace_result
from autograder.classroom.taken import Taken
from autograder.grading.feedback import description_in, feedback_page
from autograder.grading.job import Done, do, try_sandbox
from autograder.grading.plain_text import plain_name, spelled_out
from autograder.grading.prepare import GradedLesson, prepare, public_case_file
from course_lib.course_folder import find_course

PATIENCE = 60.0  # seconds to wait for another door that is just recording a submission


class GradingExporter(NotebookExporter):
    """What `nbgrader autograde` and Formgrader's button hand a submission to. It leaves what `autograder grade` leaves.

    nbgrader makes it once per command, before it touches the first submission; what is wrong with the lesson or with
    this machine's isolation is said then.
    """

    solutions = Unicode("", help="Folder of the lesson files (default: solutions/ in the course).").tag(config=True)
    sandbox = Enum(
        ("auto", "strict", "none"),
        "auto",
        help="How a student's process is isolated: auto demands no files, no network and no forks, strict demands "
        "every layer, none is no isolation.",
    ).tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        course = self.course = _course_directory(self)
        root, lesson = Path(course.root), course.assignment_id
        solutions = Path(self.solutions) if self.solutions else find_course().solutions
        path = next((path for path in find_lessons(solutions) if path.stem == lesson), None)
        if path is None:
            raise ValueError(f"There is no lesson called {lesson} in {solutions}.")
        seed = kept_seed(root)
        graded = _prepared(path, hashlib.sha256(path.read_bytes()).hexdigest(), seed, root)
        try_sandbox(graded, self.sandbox)
        publish(graded.release, lesson, public_case_file(graded.lesson), root, course.db_url)
        self.run = ClassRun(root / course.submitted_directory, root, path.parent, course.db_url, sandbox=self.sandbox)
        self.lessons, self.seed = {lesson: graded}, seed

    def from_filename(self, filename: str, resources: dict | None = None, **options: Any) -> Any:
        """Grade the submission that a file belongs to; return the notebook for Formgrader.

        nbgrader calls this twice: with the file as submitted, and with what we made of that.
        """
        where = (resources or {})["nbgrader"]
        student, lesson = where["student"], where["assignment"]
        submitted = self.course.format_path(self.course.submitted_directory, student, lesson)
        place = Place(student, lesson, Path(submitted))
        if Path(filename).parent != place.folder:
            return super().from_filename(filename, resources, **options)
        if (plain := plain_name(student)) != student:
            raise ValueError(f"nbgrader would put this student's name into pages as it is: rename the folder {plain}.")
        recorder = Recorder(self.run, self.lessons, self.seed)
        try:
            with sole_writer(self.run.out, PATIENCE):
                notebook = self._grade(recorder, place)
        finally:
            recorder.book.close()
        return self.from_notebook_node(notebook, resources)

    def _grade(self, recorder: Recorder, place: Place) -> nbformat.NotebookNode:
        key = ""
        end: Done | Exception
        try:
            taken = Taken.of(place)
            key = recorder.key(place, taken)
            end = do(*recorder.job(place, taken))
        except Exception as problem:  # the recorder says what it was
            end = problem
        written = recorder.notebook(place.student, place.lesson)
        shutil.rmtree(written.parent, ignore_errors=True)  # nbgrader copied whatever lay, or was linked, there
        result = recorder.record(place, key, end)
        replace_result(self.run.out, result)
        more = spelled_out(result.reason, keep="") or f"{result.score:g} of {result.max_score:g} points"
        say = self.log.info if result.status == Status.GRADED else self.log.warning
        say(f"{place.student}/{place.lesson}: {result.status}, {more}")
        return nbformat.read(written, as_version=4)


def _course_directory(exporter: Exporter) -> Any:
    """Return nbgrader's `CourseDirectory`, which its commands have and plain nbconvert has not."""
    if exporter.parent is None:
        raise ValueError("This exporter works inside nbgrader: run `nbgrader autograde`.")
    return exporter.parent.coursedir


@lru_cache(maxsize=4)
def _prepared(path: Path, digest: str, seed: int, root: Path) -> GradedLesson:
    """Return a lesson ready for grading; a server prepares it once for each version and seed."""
    return prepare(read_lesson(path), seed, kept=kept_outcomes(root))


def under_the_lessons_name(assignment: str, student: str, notebooks: list[str]) -> None:
    """Have nbgrader take a submission whose notebook has another name, which the engine can repair: a pre_convert_hook.

    notebooks  the files of one submission, changed here
    """
    notebooks[:] = [str(Path(notebooks[0]).with_name(f"{assignment}.ipynb"))]


class FeedbackExporter(Exporter):
    """What `nbgrader generate_feedback` hands an autograded notebook to: our page, with hand-given marks."""

    def _file_extension_default(self) -> str:
        return ".html"

    def from_filename(self, filename: str, resources: dict | None = None, **options: Any) -> Any:
        """Return the feedback page about an autograded notebook."""
        resources = resources or {}
        where = resources["nbgrader"]
        about = description_in(nbformat.read(filename, as_version=4))
        book = MarksBook(where["db_url"])
        try:
            given = book.given(where["student"], where["assignment"])
        finally:
            book.close()
        page = feedback_page(where["student"], where["assignment"], about, given)
        return page, {**resources, "output_extension": self.file_extension}
