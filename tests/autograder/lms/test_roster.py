"""A roster in whatever table the systems and people keep: everybody is there once, under a name that leads nowhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.lms.csv_file import read_csv
from autograder.lms.roster import folder_name, read_roster, same_name
from course_lib.wrong_usage import WrongUsage


@pytest.fixture
def roster(tmp_path):
    def read(text, encoding="utf-8"):
        path = tmp_path / "roster.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_roster(path)

    return read


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_encoding_and_separator_of_a_spreadsheet_is_read_and_written_again(roster, tmp_path, encoding, separator):
    read = roster(
        separator.join(["Name", "Email", "Username"]) + "\n" + separator.join(["Zoë", "z@u", "zoe"]), encoding
    )
    assert [(one.student, one.name, one.keys["email"]) for one in read.students] == [("zoe", "Zoë", "z@u")]
    (tmp_path / "again.csv").write_bytes(read.table.to_bytes())
    assert read_csv(tmp_path / "again.csv").rows == read.table.rows
    if encoding != "cp1252":
        assert read.table.to_bytes().startswith("N".encode(encoding)[:3])


def test_canvas_without_logins_gives_its_numbers(roster):
    read = roster(
        'Student,ID,SIS Login ID,Section,HW (5)\n  Points Possible,,,,10\n,,,,Manual Posting\n"L, A",12,,S,3\n'
    )
    assert (read.kind, [(one.student, one.name) for one in read.students]) == ("canvas", [("12", "A L")])


def test_a_worksheet_in_another_language_is_known_by_its_first_column(roster):
    read = roster("ID,Vollständiger Name,E-Mail-Adresse,Status,Bewertung\nTeilnehmer/in 7,Ada L,a@u.de,,\n")
    assert (read.kind, [(one.student, one.keys["moodle"]) for one in read.students]) == ("moodle", [("a@u.de", "7")])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("colour,size\nred,3\n", "needs one of the columns student, username, id, email or name"),
        ("student\n", "names no student"),
        ("name\nAda L\nada l\n", "two students who are both called ada l"),
    ],
)
def test_what_is_no_roster_is_wrong_usage_and_says_what_it_lacks(roster, text, sentence):
    with pytest.raises(WrongUsage, match=sentence):
        roster(text)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_a_folders_name_leads_nowhere_on_any_system(name):
    made = folder_name(name)
    assert made and made not in (".", "..") and not made.startswith(".") and len(made.encode()) <= 100
    assert not set(made) & set('/\\:*?"<>|\0') and folder_name(made) == made


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada Lovelace", "Lovelace, Ada", True),
        ("Ada Lovelace", "lovelaceada", True),
        ("Ada King Lovelace", "kinglovelaceada", True),
        ("Zoe\u0308 O'Neil", "oneilzoë", True),
        ("Ada Lovelace", "Ada Turing", False),
        ("", "", False),
    ],
)
def test_two_ways_to_write_a_name(one, other, same):
    assert same_name(one, other) == same
