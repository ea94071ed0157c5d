"""A download becomes submissions: each student's, for the right lesson, once, and nowhere else."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.lms.collect import LEFT, NEW, PASSED, REPLACED, SAME
from autograder.lms.handed_in import read_collected
from tests.autograder.lms.downloads import Class, notebook, zipped

ONE = "01_information"
DUE = {"deadlines": {ONE: datetime(2026, 3, 4, 12, tzinfo=UTC)}}
CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (5678),Current Score
    Points Possible,,,,,100,(read only)
"Lovelace, Ada",1234,u1,ada,S1,,
"Turing, Alan",1235,u2,alan,S1,,
"Noether, Emmy",1236,u3,emmy,S1,,
"Student, Test",1299,,x9,S1,,
"""
MOODLE = """\
\ufeffIdentifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,Grade can be changed,\
Last modified (submission),Last modified (grade),Feedback comments
Participant 11,Ada Lovelace,m1,ada@uni.edu,Submitted for grading,,100.00,Yes,"Tuesday, 3 March 2026, 10:05 AM",-,
Participant 12,Alan Turing,m2,alan@uni.edu,"Submitted for grading - 1 day late",,100.00,Yes,\
"Thursday, 5 March 2026, 11:30 AM",-,
Participant 13,Ada Lovelace,m3,ada3@uni.edu,No submission,,100.00,Yes,-,-,
"""


def test_a_download_of_canvas_is_sorted_by_the_roster_and_told(school):
    rows = school.collect(
        {
            f"lovelaceada_1234_501_{ONE}-1.ipynb": notebook("ada"),
            "turingalan_LATE_1235_502_hw.zip": zipped({"hw/x.zip": zipped({"deep/homework.ipynb": notebook("alan")})}),
            "noetheremmy_1236_503_essay.pdf": b"%PDF",
            f"gaussCarl_1400_504_{ONE}.ipynb": notebook("carl"),
        },
        roster=CANVAS,
    )
    assert {place: (row.word, row.notes) for place, row in rows.items()} == {
        ("ada", ONE): (NEW, []),
        ("alan", ONE): (NEW, ["late"]),
        ("gaussCarl_1400", ONE): (NEW, ["not on the roster"]),
        ("emmy", ""): (LEFT, ["no notebook, but essay.pdf. Ask for the .ipynb"]),
    }
    assert school.submitted() == {
        f"ada/{ONE}/{ONE}.ipynb": notebook("ada"),
        f"alan/{ONE}/{ONE}.ipynb": notebook("alan"),
        f"gaussCarl_1400/{ONE}/{ONE}.ipynb": notebook("carl"),
    }
    assert school.found.missing == {ONE: ["x9"]}


def test_doing_it_twice_changes_nothing(school):
    files = {f"a_1_501_{ONE}.ipynb": notebook("a"), f"b_LATE_2_502_{ONE}.ipynb": notebook("b"), "c_3_503_x.pdf": b""}
    school.collect(files)
    before = school.everything()
    rows = school.collect(school.root / "download.zip")
    assert {row.word for row in rows.values()} == {SAME, LEFT}
    lock = "course/.grading/lock"
    assert {k: v for k, v in school.everything().items() if k != lock} == {k: v for k, v in before.items() if k != lock}


def test_a_download_of_moodle_has_its_times_and_names_in_the_worksheet(school):
    files = {
        f"Ada Lovelace_13_assignsubmission_file/{ONE}.ipynb": notebook("the other ada"),
        f"Alan Turing_12_assignsubmission_file_/sub/folder/{ONE}.ipynb": notebook("alan"),
        "Ada Lovelace_11_assignsubmission_file/my work.ipynb": notebook("ada"),
        "Ada Lovelace_11_assignsubmission_onlinetext/onlinetext.html": b"<p>",
    }
    rows = school.collect(files, "moodle", MOODLE, **DUE)
    assert {place: row.notes for place, row in rows.items()} == {
        ("m1", ONE): [], ("m2", ONE): ["1 day late"], ("m3", ONE): []
    }  # fmt: skip
    there = school.submitted()
    assert there[f"m1/{ONE}/{ONE}.ipynb"] == notebook("ada")
    assert there[f"m3/{ONE}/{ONE}.ipynb"] == notebook("the other ada")
    assert there[f"m2/{ONE}/timestamp.txt"] == b"2026-03-05 11:30:00 UTC\n"


def test_moodles_number_of_another_assignment_never_decides(school):
    other = MOODLE.replace("Participant 11", "Participant 99").replace("Participant 12", "Participant 11")
    rows = school.collect(
        {
            "Alan Turing_21_assignsubmission_file/x.ipynb": notebook("alan"),
            "Ada Lovelace_11_assignsubmission_file/x.ipynb": notebook("ada"),
        },
        "moodle",
        other,
    )
    assert rows["m2", ONE].word == NEW
    assert "the roster is of another assignment" in rows["", ""].notes[0]
    assert school.submitted()[f"m2/{ONE}/{ONE}.ipynb"] == notebook("alan")


def test_without_a_worksheet_two_of_one_name_are_told_apart_with_a_remark(school):
    files = {f"Ada Lovelace_{n}_assignsubmission_file/x.ipynb": notebook(str(n)) for n in (11, 13)}
    rows = school.collect(files, "moodle")
    assert set(rows) == {("Ada Lovelace", ONE), ("Ada Lovelace 13", ONE)}
    assert "use --roster" in rows["Ada Lovelace 13", ONE].notes[0]


def test_a_download_of_blackboard_has_its_times_in_the_names_and_its_logins_in_the_receipts(school):
    base = "HW_1_ada_l_attempt_2026-03-0{}-09-00-00"
    receipt = b"Name: Ada Lovelace (ada_l)\nAssignment: HW_1\n"
    files = {f"{base.format(d)}.txt": receipt for d in (3, 5)}
    files |= {f"{base.format(d)}_{ONE}.ipynb": notebook(str(d)) for d in (3, 5)}
    files["HW_1_ben_attempt_2026-03-03-10-00-00.txt"] = b"Name: Ben B (ben)\nAssignment: HW_1\n"
    rows = school.collect(files, "blackboard", **DUE)
    assert rows["ada_l", ONE].notes == ["1 day late", "2 attempts: the last one counts"]
    assert rows["ben", ""].notes == ["no file. Ask for the .ipynb"]
    assert school.submitted()[f"ada_l/{ONE}/{ONE}.ipynb"] == notebook("5")
    rows = school.collect(files, "blackboard", keep="on_time", **DUE)
    assert rows["ada_l", ONE].word == REPLACED
    assert school.submitted() == {
        f"ada_l/{ONE}/{ONE}.ipynb": notebook("3"), f"ada_l/{ONE}/timestamp.txt": b"2026-03-03 09:00:00 UTC\n"
    }  # fmt: skip


def test_a_folder_of_any_shape_is_sorted_by_the_names_on_the_way(school):
    folder = school.root / "cloud"
    for path, work in {
        f"{ONE}/ada/x.ipynb": "ada",  # the wrong way round
        "week 1/Alan Turing/02/deep/x.ipynb": "alan",
        "emmy.zip": "",
        f"{ONE}_x9.ipynb": "test",
        "nobody/x.ipynb": "nobody",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(notebook(work) if work else zipped({"x.ipynb": notebook("emmy")}))
    (folder / ONE / "ada" / "timestamp.txt").write_text("2026-03-06T10:00:00+01:00")
    rows = school.collect(folder, "folder", CANVAS, **DUE)
    assert {place for place, row in rows.items() if row.word == NEW} == {
        (s, ONE) for s in ("ada", "alan", "emmy", "x9")
    }
    assert rows["ada", ONE].notes == ["2 days late"]
    assert "no student of the roster is named" in rows["", ""].notes[0]


def test_without_a_roster_the_outermost_folder_is_the_student(school):
    rows = school.collect({"Ada L/w/x.ipynb": notebook("a"), "x.ipynb": notebook("lost")}, "folder")
    assert set(rows) == {("Ada L", ONE), ("", "")} and "lies in no student's folder" in rows["", ""].notes[0]


# ---- which lesson, and which attempt


def test_another_lessons_notebook_is_taken_for_its_own_lesson_with_a_remark(school):
    files = {f"s{n}_{n}_{500 + n}_{ONE}.ipynb": notebook(str(n)) for n in range(3)}
    files[f"odd_7_507_{ONE}.ipynb"] = notebook("odd", "02_tokenization")
    rows = school.collect(files)
    assert rows["odd_7", "02_tokenization"].notes == [f"called {ONE}.ipynb, but it is the notebook of 02_tokenization"]


def test_a_notebook_that_says_nothing_is_of_the_lesson_of_the_others_or_of_the_one_that_is_named(school):
    bare = {"bare_9_509_homework.ipynb": b'{"cells": []}'}
    rows = school.collect(bare)
    assert "Name it with --lesson" in rows["bare_9", ""].notes[0] and not school.submitted()
    rows = school.collect(bare | {"ada_1_501_x.ipynb": notebook("ada")})
    assert "taken for 01_information" in rows["bare_9", ONE].notes[0]
    rows = school.collect(bare, lesson="03_ngrams")
    assert rows["bare_9", "03_ngrams"].word == NEW


def test_half_a_notebook_is_placed_so_that_grading_says_what_is_wrong(school):
    rows = school.collect({"ada_1_501_x.ipynb": notebook("ada")[:300]})
    assert rows["ada_1", ONE].word == NEW and "grading will refuse it" in rows["ada_1", ONE].notes[0]


def test_a_resubmission_takes_the_place_of_the_earlier_one_and_an_old_download_does_not(school):
    first, second = {f"a_1_501_{ONE}.ipynb": notebook("1")}, {f"a_1_777_{ONE}-1.ipynb": notebook("2")}
    school.collect(first)
    assert school.collect(second)["a_1", ONE].word == REPLACED
    row = school.collect(first)["a_1", ONE]
    assert (row.word, row.notes) == (PASSED, ["the last one counts"])
    assert school.submitted() == {f"a_1/{ONE}/{ONE}.ipynb": notebook("2")}


def test_the_last_on_time_counts_and_an_extension_is_time(school):
    late = {"deadlines": {ONE: datetime(2026, 3, 4, tzinfo=UTC)}}
    files = {f"HW_ada_attempt_2026-03-0{d}-09-00-00_{ONE}.ipynb": notebook(str(d)) for d in (1, 3, 5)}
    school.collect(files, "blackboard", keep="on_time", **late)
    assert school.submitted()[f"ada/{ONE}/{ONE}.ipynb"] == notebook("3")
    more = {"extensions": {"ada": {ONE: datetime(2026, 3, 5, 12, tzinfo=UTC)}}}
    school.collect(files, "blackboard", keep="on_time", **late, **more)
    assert school.submitted()[f"ada/{ONE}/{ONE}.ipynb"] == notebook("5")


def test_if_the_best_counts_each_attempt_lies_where_it_can_be_graded_with_the_same_hidden_cases(school):
    name = "HW_ada_attempt_2026-03-0{}-09-00-00_x.ipynb"
    school.collect({name.format(d): notebook(str(d)) for d in (1, 2)}, "blackboard", keep="best")
    school.collect({name.format(5): notebook("5")}, "blackboard", keep="best")
    lies = {k.removeprefix("course/"): data for k, (_, data) in school.everything().items() if k.endswith("ion.ipynb")}
    assert lies == {
        f"earlier/1/submitted/ada/{ONE}/{ONE}.ipynb": notebook("1"),
        f"earlier/2/submitted/ada/{ONE}/{ONE}.ipynb": notebook("2"),
        f"submitted/ada/{ONE}/{ONE}.ipynb": notebook("5"),
    }
    seeds = {(school.out / root / ".grading" / "seed").read_text() for root in ("", "earlier/1", "earlier/2")}
    assert len(seeds) == 1 and [path.name for path in school.found.earlier] == ["1", "2"]


def test_of_two_that_nothing_tells_apart_none_is_taken_and_equal_ones_are_one(school):
    at = "Ada_7_assignsubmission_file"
    rows = school.collect({f"{at}/a.ipynb": notebook("1"), f"{at}/b.ipynb": notebook("2")}, "moodle")
    assert rows["Ada", ONE].word == LEFT and "a.ipynb and b.ipynb differ" in rows["Ada", ONE].notes[0]
    rows = school.collect({f"{at}/a.ipynb": notebook("1"), f"{at}/{ONE}.ipynb": notebook("1")}, "moodle")
    assert rows["Ada", ONE].word == NEW
    copies = {f"{at}/x.ipynb": notebook("3"), f"{at}/x (2).ipynb": notebook("4"), f"{at}/x-1.ipynb": notebook("5")}
    school.collect(copies | {f"{at}/.ipynb_checkpoints/x-checkpoint.ipynb": notebook("6")}, "moodle")
    assert school.submitted() == {f"Ada/{ONE}/{ONE}.ipynb": notebook("4")}


def test_what_the_grader_changed_by_hand_stays(school):
    files = {f"a_1_501_{ONE}.ipynb": notebook("1")}
    school.collect(files)
    place = school.out / "submitted" / "a_1" / ONE / f"{ONE}.ipynb"
    place.write_bytes(b"by hand")
    row = school.collect(files)["a_1", ONE]
    assert row.word == LEFT and "changed by hand" in row.notes[-1] and place.read_bytes() == b"by hand"


def test_a_student_who_came_without_a_roster_is_found_again_and_a_new_name_is_told(school):
    files = {f"lovelaceada_1234_501_{ONE}.ipynb": notebook("ada")}
    school.collect(files)
    rows = school.collect(files, roster=CANVAS)
    assert "collected before as lovelaceada_1234" in rows["ada", ONE].notes[0]


# ---- nothing outside, nobody lost


@pytest.mark.parametrize("planted", ["ada", f"ada/{ONE}", f"ada/{ONE}/{ONE}.ipynb"])
def test_nothing_is_written_through_a_link(school, planted):
    outside = school.root / "outside"
    (outside / ONE).mkdir(parents=True)
    link = school.out / "submitted" / planted
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "x" if planted.endswith(".ipynb") else outside)
    rows = school.collect({f"l_1234_501_{ONE}.ipynb": notebook("ada"), "b_2_502_x.ipynb": notebook("b")}, roster=CANVAS)
    assert rows["ada", ONE].word == LEFT and "a link to another place" in rows["ada", ONE].notes[-1]
    assert rows["b_2", ONE].word == NEW and not list(outside.rglob("*.ipynb"))


def test_a_name_that_leads_out_is_told_and_leads_nowhere(school):
    inner = zipped({"../../../../../tmp/x.ipynb": notebook("sam"), "C:\\Windows\\y.txt": b""})
    rows = school.collect({"slipsam_1_501_x.zip": inner})
    assert rows["slipsam_1", ONE].word == NEW and "led out of the archive" in rows["slipsam_1", ONE].notes[0]
    assert set(school.submitted()) == {f"slipsam_1/{ONE}/{ONE}.ipynb"}


def test_each_bad_file_is_told_by_the_name_of_its_student_and_costs_nobody_anything(school):
    bad = {
        "bomb_1_501_x.zip": zipped({"x.ipynb": bytes(20_000_000)}),
        "broken_2_502_x.zip": b"PK\x03\x04",
        "rar_3_503_x.rar": b"Rar!",
        "nothing_4_504_x.zip": zipped({}),
    }
    rows = school.collect(bad | {"ada_9_509_x.ipynb": notebook("ada")})
    assert rows.pop(("ada_9", ONE)).word == NEW
    said = {student: row.notes[0] for (student, _), row in rows.items()}
    assert "a bomb" in said["bomb_1"] and "broken" in said["broken_2"] and ".rar are not read" in said["rar_3"]
    assert {row.word for row in rows.values()} == {LEFT}


PARTS = st.sampled_from(["..", ".", "/", "~", "C:", "a\x1b[31m", "CON", "\u202e", "ada", "x" * 300, "__MACOSX", "é"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(PARTS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_whatever_names_a_folder_has_all_is_written_below_submitted(tmp_path_factory, paths):
    school = Class(tmp_path_factory.mktemp("names"))
    files = {"/".join([*parts, "x.ipynb"]): notebook(str(n)) for n, parts in enumerate(paths)}
    school.collect(files | {"zoe/x.ipynb": notebook("zoe")}, "folder")
    allowed = ("course/submitted/", "course/.grading/", "download.zip")
    assert [path for path in school.everything() if not path.startswith(allowed)] == []
    assert school.submitted()[f"zoe/{ONE}/{ONE}.ipynb"] == notebook("zoe")
    assert all(len(path.split("/")) == 3 and path.split("/")[0].strip(".") for path in school.submitted())


def test_the_record_is_for_the_grader_alone_and_a_strange_line_in_it_is_passed_over(school):
    school.collect({f"a_1_501_{ONE}.ipynb": notebook("1")})
    record = school.out / ".grading" / "collected.jsonl"
    assert record.stat().st_mode & 0o077 == 0
    record.write_text(record.read_text() + 'half a {line\n{"student": 1}\n', encoding="utf-8")
    assert [one.student for one in read_collected(school.out)] == ["a_1"]
    assert json.loads(record.read_text().splitlines()[0])["number"] == 501


def test_a_large_class_is_collected_in_one_go(school):
    files = {f"s{n}_{n}_{1000 + n}_x.ipynb": notebook(random.Random(n).randbytes(20).hex()) for n in range(300)}
    start = datetime.now(UTC)
    assert {row.word for row in school.collect(files).values()} == {NEW}
    assert len(school.submitted()) == 300 and datetime.now(UTC) - start < timedelta(minutes=2)
