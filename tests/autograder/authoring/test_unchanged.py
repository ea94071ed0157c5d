"""What did not change is not built or verified again, and whatever decides the result counts as a change."""

import subprocess
import sys

import pytest

from autograder.authoring.reach import Library
from autograder.authoring.unchanged import Unchanged, as_built, note_built
from autograder.cli import main
from course_lib.course_folder import CourseFolder


@pytest.fixture
def course(tmp_path, solutions):
    return CourseFolder(solutions.parent)


@pytest.fixture
def library(tmp_path):
    """A library: `a` imports `b`, which names `deep.c` in a string; `d` is reached by none of them."""
    folder = tmp_path / "course_lib"
    (folder / "deep").mkdir(parents=True)
    for name, text in {
        "__init__.py": "",
        "a.py": "from course_lib import (\n    b,\n)\n",
        "b.py": 'import_module("course_lib.deep.c")\n',
        "deep/__init__.py": "import torch\n",
        "deep/c.py": "import course_lib.a\n",
        "d.py": "import course_lib.a\n",
        "words.toml": "",
    }.items():
        (folder / name).write_text(text)
    return folder


def test_a_source_reaches_what_it_names_and_what_that_names(library):
    reached = Library(library).reached("def f():\n    from course_lib.a import something\n")
    assert reached == {f"course_lib{name}" for name in ("", ".a", ".b", ".deep", ".deep.c")}
    assert Library(library).reached("import torch") == set()


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("a.py", True),
        ("b.py", True),
        ("deep/c.py", True),
        ("deep/__init__.py", True),
        ("words.toml", True),
        ("d.py", False),
    ],
)
def test_only_what_is_reached_counts(file, counts, library):
    before = Library(library).content("import course_lib.a")
    (library / file).write_text("changed = 1\n" + (library / file).read_text())
    assert (Library(library).content("import course_lib.a") != before) is (file != "d.py")


def test_a_lesson_is_as_built_until_it_or_its_files_or_what_decides_changes(course, monkeypatch):
    (lesson,) = course.solutions.glob("*.py")
    cases = course.notebooks / "cases" / f"{lesson.stem}.json"
    cases.parent.mkdir(parents=True)
    cases.write_text("{}")
    assert not as_built(Unchanged("build"), lesson, course)
    note_built(Unchanged("build"), lesson, course)
    assert as_built(Unchanged("build"), lesson, course)
    assert Unchanged("verify").found(lesson) is None

    cases.write_text("{ }")
    assert not as_built(Unchanged("build"), lesson, course)
    cases.write_text("{}")
    assert as_built(Unchanged("build"), lesson, course)

    (course.solutions / "mutants").mkdir()
    (course.solutions / "mutants" / f"{lesson.stem}.json").write_text("{}")
    assert not as_built(Unchanged("build"), lesson, course)
    (course.solutions / "mutants" / f"{lesson.stem}.json").unlink()

    with monkeypatch.context() as other:
        other.setattr("autograder.authoring.unchanged.machine", lambda: "another torch")
        assert not as_built(Unchanged("build"), lesson, course)
    lesson.write_text(lesson.read_text() + "\n# changed\n")
    assert not as_built(Unchanged("build"), lesson, course)


def test_a_build_that_changes_nothing_imports_no_torch_and_says_the_same(course):
    build = ["build", "--course", str(course.root)]
    assert main(build) == 0
    program = (
        "import sys; from autograder.cli import main; code = main(sys.argv[1:]); assert 'torch' not in sys.modules"
    )
    for arguments in (build, [*build, "--check"]):
        ended = subprocess.run([sys.executable, "-c", f"{program}; sys.exit(code)", *arguments], capture_output=True)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_a_file_that_differs_is_no_note_of_a_check(course):
    build = ["build", "--course", str(course.root)]
    assert main([*build, "--check"]) == 1
    assert main([*build, "--check"]) == 1
    assert main(build) == main([*build, "--check"]) == main([*build, "--check", "--again"]) == 0


def test_what_was_verified_is_said_again_and_what_failed_is_tried_again(course, monkeypatch, capsys):
    from autograder.authoring import verify as verifying

    tried, holds = [], [False]

    def verify(lesson):
        tried.append(lesson.name)
        return [verifying.Trial("sample.mean", "mistake", "sum, public", holds[0])]

    monkeypatch.setattr(verifying, "verify", verify)
    command = ["verify", "--course", str(course.root)]
    assert main(command) == main(command) == 1 and len(tried) == 2
    holds[0] = True
    capsys.readouterr()
    assert main(command) == 0 and len(tried) == 3
    first = capsys.readouterr().out
    assert main(command) == 0 and len(tried) == 3
    assert capsys.readouterr().out == first
    assert main([*command, "--again"]) == main([*command, "--all"]) == 0 and len(tried) == 5
