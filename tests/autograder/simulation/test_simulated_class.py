"""The simulated class: the same from the same seed, quick, of all kinds, and right where it means to be."""

import json
import random

import pytest

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.authoring.reference import PUBLIC_SEED, Reference
from autograder.report.lookalikes import tokens
from autograder.report.report import LIBRARY
from autograder.simulation.__main__ import main
from autograder.simulation.rewriting import rewritten
from autograder.simulation.simulate import STUDENTS
from autograder.simulation.simulated_class import RIGHT, STUB, _Task, simulate_class, students_of
from course_lib.judging.verdict import VerdictKind, judge_exercise

LESSONS = ("01_information", "12_attention")


@pytest.fixture(scope="module")
def lessons():
    return [read_lesson(path) for path in find_lessons(LIBRARY.parent / "solutions", LESSONS)]


@pytest.fixture(scope="module")
def simulated(lessons, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    return folder, simulate_class(lessons, folder, 120, seed=5)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.ipynb"))}


def answers(path):
    cells = json.loads(path.read_bytes().decode("utf-8-sig"))["cells"]
    places = [(c["metadata"].get("course", {}), "".join(c["source"])) for c in cells]
    return {course["exercise"]: text for course, text in places if course.get("role") == "exercise"}


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(lessons, simulated, tmp_path):
    simulate_class(lessons, tmp_path / "again", 120, seed=5)
    assert contents(tmp_path / "again") == contents(simulated[0])
    simulate_class(lessons, tmp_path / "other", 5, seed=6)
    assert not set(contents(tmp_path / "other").values()) & set(contents(simulated[0]).values())


def test_no_two_notebooks_are_the_same_and_some_are_not_whole(simulated):
    files = contents(simulated[0])
    assert len(files) == len(simulated[1]) > 220
    assert len(set(files.values())) >= len(files) - sum(not data for data in files.values())
    broken = 0
    for data in files.values():
        try:
            json.loads(data.decode("utf-8-sig"))
        except ValueError:
            broken += 1
    assert 1 <= broken <= 10


def test_a_class_has_different_people_and_somebody_to_copy_from():
    students = students_of(2000, seed=1)
    assert len({student.name for student in students}) == 2000
    copiers = [student for student in students if student.copies_from is not None]
    assert 80 < len(copiers) < 160 and 50 < sum(student.pastes for student in students) < 120
    for student in copiers:
        source = students[student.copies_from]
        assert source.number < student.number and source.copies_from is None and not source.pastes
    assert abs(sum(student.ability for student in students) / 2000) < 0.1
    assert students[:50] == students_of(50, seed=1)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        students_of(0, seed=1)


def test_a_copy_has_the_same_structure_in_other_words(simulated):
    folder, _ = simulated
    students = students_of(120, seed=5)
    compared = 0
    for student in students:
        if student.copies_from is None:
            continue
        own = folder / student.name / LESSONS[1] / f"{LESSONS[1]}.ipynb"
        other = folder / students[student.copies_from].name / LESSONS[1] / f"{LESSONS[1]}.ipynb"
        try:
            mine, theirs = answers(own), answers(other)
        except (OSError, ValueError):
            continue
        same = [
            e
            for e in mine.keys() & theirs.keys()
            if [t[0] for t in tokens(mine[e])] == [t[0] for t in tokens(theirs[e])]
        ]
        assert len(same) >= 0.6 * len(mine)
        assert sum(mine[e] != theirs[e] for e in same if "def " in mine[e] and "NotImplementedError" not in mine[e]) > 2
        compared += 1
    assert compared >= 3


def test_the_able_solve_more_and_give_up_less(lessons):
    students = students_of(600, seed=2)
    tasks = [_Task(e, n, seed=2) for n, e in enumerate(lessons[0].exercises.values())]
    chosen = {s.number: [t.choose(s, random.Random(f"{s.number} {t.check.id}")) for t in tasks] for s in students}
    ordered = sorted((s for s in students if not s.pastes), key=lambda s: s.ability)
    for kind, more in ((RIGHT, ordered[-150:]), (STUB, ordered[:150])):
        less = ordered[:150] if kind == RIGHT else ordered[-150:]
        count = [sum(chosen[s.number].count(kind) for s in some) for some in (more, less)]
        assert count[0] > 2 * count[1]


@pytest.mark.parametrize("number", [0, 1])
def test_a_reference_in_other_words_still_passes_every_public_case(lessons, number):
    reference = Reference(lessons[number])
    for exercise in lessons[number].exercises.values():
        if exercise.check.kind != "function":
            continue
        cases, texts = reference.case_set(exercise, PUBLIC_SEED), set()
        for draw in range(5):
            comments = (f"# {i}" for i in range(100))
            text = rewritten(exercise.reference, random.Random(draw)).text(17 * draw, ["", "_x"][draw % 2], comments)
            names = dict(reference.names)
            exec(text, names)
            got = reference.outcomes(exercise, names[exercise.check.name], cases.cases)
            verdict = judge_exercise(exercise.check, cases, got)
            assert verdict.verdict == VerdictKind.PASSED, f"{verdict.message}\n{text}"
            texts.add(text)
        assert len(texts) >= 3


def test_a_fault_and_a_missing_colon_are_what_they_say(sample):
    source = sample.exercises["mean"].reference
    for draw in range(5):
        crash = rewritten(source, random.Random(draw), "crash").text(0, "", iter(lambda: "#", None))
        assert ".shpae" in crash and compile(crash, "", "exec")
        with pytest.raises(SyntaxError):
            compile(
                rewritten(source, random.Random(draw)).without_colon().text(0, "", iter(lambda: "#", None)), "", "exec"
            )


def test_a_name_is_never_one_that_the_program_uses():
    source = "def f(result):\n    total = result + 1\n    value = total * total\n    return value"
    for start in range(200):
        names = {}
        exec(rewritten(source, random.Random(1)).text(start, "", iter(lambda: "# c", None)), names)
        assert names["f"](2) == 9


def test_the_program_writes_the_nine_or_as_many_as_asked(tmp_path, capsys):
    main([str(tmp_path / "nine"), "01_information"])
    assert "9 submissions of 9 simulated students" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "nine").iterdir()} == set(STUDENTS)
    main([str(tmp_path / "some"), "01_information", "--students", "12", "--seed", "4"])
    assert "of 12 simulated students" in capsys.readouterr().out
    assert len(list((tmp_path / "some").iterdir())) > 8
