"""`results.jsonl`: what one writes the other reads, whatever a student is called or an error says."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.classroom.records import note_time, noted_times
from autograder.classroom.results import ExerciseResult, Result, ResultsFile, Status, read_results, replace_result
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.verdict import VerdictKind

LINE_ENDS = [end for end in map(chr, range(sys.maxunicode + 1)) if len(f"a{end}b".splitlines()) == 2]
texts = st.text(st.characters(exclude_categories=["Cs"]))


def result(student="ada", lesson="01_information", message="Right.", **fields) -> Result:
    row = ExerciseResult(
        ExerciseId("information.entropy"), 2.0, 2.0, VerdictKind.MISTAKE, "bits", message, ("softmax",)
    )
    return Result(student, lesson, 2.0, 2.0, Status.GRADED, **{"exercises": (row,), "key": student, **fields})


@given(texts, texts, st.lists(texts).map(tuple))
def test_a_result_comes_back_as_it_was_written(student, message, notes):
    written = result(student, message=message, notes=notes)
    assert Result.from_document(json.loads(json.dumps(written.to_document()))) == written


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_no_character_of_a_student_ends_a_line(tmp_path, end):
    with ResultsFile(tmp_path) as file:
        file.write(result(f"a{end}b", message=f"one{end}two"))
        file.write(result("ben"))
    assert [r.student for r in read_results(tmp_path)] == [f"a{end}b", "ben"]
    replace_result(tmp_path, result("chloe"))
    replace_result(tmp_path, result(f"a{end}b", message="again"))
    assert [r.student for r in read_results(tmp_path)] == ["ben", "chloe", f"a{end}b"]


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_no_other_reader_of_lines_takes_it_for_an_end_in_results_nor_in_times(tmp_path, end):
    odd = f"a{end}b"
    with ResultsFile(tmp_path) as file:
        file.write(result(odd, lesson=odd, message=odd, notes=(odd,), reason=odd, feedback=odd, key=odd))
    (line,) = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert Result.from_document(json.loads(line)) == read_results(tmp_path)[0]
    assert read_results(tmp_path)[0].notes == (odd,)
    (tmp_path / ".grading").mkdir()
    note_time(tmp_path, odd, odd, 1.5)
    note_time(tmp_path, "ben", odd, 2.5)
    assert noted_times(tmp_path) == {(odd, odd): 1.5, ("ben", odd): 2.5}
    assert len((tmp_path / ".grading" / "times.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_of_runs_that_were_killed_one_after_the_other_the_last_result_counts(tmp_path):
    replace_result(tmp_path, result("ada", message="first", key="1"))
    for message, key in (("second", "2"), ("first again", "1"), ("by our fault", "")):
        with pytest.raises(KeyboardInterrupt), ResultsFile(tmp_path) as file:
            file.write(result("ada", message=message, key=key))
            raise KeyboardInterrupt
        with ResultsFile(tmp_path) as file:
            assert file.latest[result("ada").place].exercises[0].message == message
            assert file.earlier.get(key, file.latest[result("ada").place]) == file.latest[result("ada").place]
            for kept in file.latest.values():
                file.write(kept)
        assert [r.exercises[0].message for r in read_results(tmp_path)] == [message]


def test_a_line_that_was_cut_off_is_passed_over_and_the_others_are_read(tmp_path):
    with ResultsFile(tmp_path) as file:
        file.write(result("ada"))
    with (tmp_path / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"student": "ben", "les\n[]\n{}\n')
    replace_result(tmp_path, result("chloe"))
    assert [r.student for r in read_results(tmp_path)] == ["ada", "chloe"]


def test_there_is_one_line_for_each_student_and_lesson(tmp_path):
    for score in (1.0, 2.0):
        for lesson in ("01_information", "02_tokenization"):
            replace_result(tmp_path, Result("ada", lesson, score, 2.0, Status.GRADED))
    assert [(r.lesson, r.score) for r in read_results(tmp_path)] == [("01_information", 2.0), ("02_tokenization", 2.0)]


def test_the_fixed_fields_are_there_under_their_names():
    document = result().to_document()
    assert {"student", "lesson", "score", "max_score", "status", "exercises"} <= document.keys()
    assert {"id", "points", "max_points", "verdict", "mistake", "message"} <= document["exercises"][0].keys()
    assert Result("ada", "01_information", 0.0, 1.0, Status.NOT_GRADABLE).to_document()["exercises"] == []
