"""`hand-in.toml`: what is wrong with it is said with the line, and days are counted as students would."""

import json
from datetime import UTC, datetime, timedelta

import nbformat
import pytest

from autograder.authoring.hand_in import HandIn, read_hand_in
from autograder.authoring.release import release
from course_lib.work.merge import first_copy, merge
from course_lib.wrong_usage import WrongUsage

LESSONS = ("01_information", "02_tokenization", "90_sample")
WHOLE = """\
[hand_in]
by = "canvas"
where = "“Homework”, the lesson's name"
roster = "roster.csv"
[resubmissions]
keep = "on_time"
[late]
percent_a_day = 10
at_most_percent = 50
grace_minutes = 15
free_days = 2
[deadlines]
time_zone = "Europe/Berlin"
01_information = 2026-03-04T18:00:00
tokenization = 2026-03-11
[extensions.ada]
01_information = 2026-03-06T18:00:00Z
[assignments]
01_information = "Homework 1 (5678)"
"""


@pytest.fixture
def read(tmp_path):
    def of(text):
        (tmp_path / "hand-in.toml").write_text(text, encoding="utf-8")
        return read_hand_in(tmp_path, LESSONS)

    return of


def test_a_whole_file_is_read_and_no_file_is_the_defaults(read, tmp_path):
    assert read_hand_in(tmp_path, LESSONS) == HandIn()
    class_ = read(WHOLE)
    assert (class_.by, class_.keep, class_.percent, class_.at_most, class_.free_days) == (
        "canvas",
        "on_time",
        10,
        50,
        2,
    )
    assert class_.roster == tmp_path / "roster.csv" and class_.grace == timedelta(minutes=15)
    assert class_.deadline("ben", "01_information") == datetime(2026, 3, 4, 17, tzinfo=UTC)
    assert class_.deadline("ada", "01_information") == datetime(2026, 3, 6, 18, tzinfo=UTC)
    assert class_.deadline("ada", "02_tokenization") == datetime(2026, 3, 11, 22, 59, 59, tzinfo=UTC)
    assert class_.deadline("ada", "90_sample") is None


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("[hand_in", 0, "cannot be read"),
        ('[handin]\nby = "hub"', 1, "there is no table [handin]"),
        ('[hand_in]\nby = "email"', 2, "by must be one of hub, canvas, moodle, blackboard, folder; it is 'email'"),
        ("[late]\n\npercent_a_day = 101", 3, "percent_a_day must be a number from 0 to 100; it is 101"),
        ("[late]\nfree_days = 1.5", 2, "free_days must be a whole number"),
        ("[late]\ngrace_minutes = true", 2, "grace_minutes must be a number"),
        ("[late]\npercent = 10", 2, "[late] has no setting percent; it has percent_a_day"),
        ('[deadlines]\n01_information = "2026-03-04"', 2, "01_information must be a date, as 2026-03-04T23:59:00"),
        ("[deadlines]\n01_informtion = 2026-03-04", 2, "there is no lesson 01_informtion"),
        ('[deadlines]\ntime_zone = "Berlin"', 2, 'time_zone must be a name like "Europe/Berlin"'),
        ("[extensions]\nada = 3", 2, "ada must be a table of lessons"),
        ("late = 3", 1, "[late] must be a table"),
        ('[resubmissions]\nkeep = "best"\n[late]\nfree_days = 1', 4, 'free_days do not go with keep = "best"'),
    ],
)
def test_what_is_wrong_is_said_with_its_line(read, text, line, sentence):
    with pytest.raises(WrongUsage) as raised:
        read(text)
    assert sentence in str(raised.value)
    assert not line or f"hand-in.toml:{line}: " in str(raised.value)


def test_everything_that_is_wrong_is_said_at_once(read):
    with pytest.raises(WrongUsage) as raised:
        read('[hand_in]\nby = "x"\n[late]\nfree_days = -1\n[deadlines]\nnone = 1')
    assert str(raised.value).count("\n") == 2


@pytest.mark.parametrize(
    ("minutes", "days"), [(-1, 0), (0, 0), (15, 0), (16, 1), (1440, 1), (1441, 2), (2880, 2), (2881, 3)]
)
def test_each_day_that_has_begun_counts_beyond_the_grace(minutes, days):
    due = datetime(2026, 3, 28, 23, tzinfo=UTC)
    class_ = HandIn(deadlines={"01_information": due}, grace=timedelta(minutes=15))
    assert class_.days_late("ada", "01_information", due + timedelta(minutes=minutes), False) == days


def test_a_mark_of_the_system_counts_where_we_cannot_tell(read):
    class_ = read(WHOLE)
    early = datetime(2026, 3, 1, tzinfo=UTC)
    assert class_.days_late("ben", "01_information", None, True) == 1
    assert class_.days_late("ben", "01_information", None, False) == 0
    assert class_.days_late("ben", "01_information", early, True) == 0
    assert class_.days_late("ada", "01_information", None, True) == 0  # the system does not know of the extension
    assert class_.days_late("ben", "90_sample", early, True) == 1


# ---- what a released notebook says


@pytest.fixture
def released(built, tmp_path):
    """A function that releases the sample lesson with a `hand-in.toml`; returns the notebook's bytes."""

    def with_settings(text):
        root, to = tmp_path / "root", tmp_path / "to" / str(len(text))
        (root / "course_lib").mkdir(parents=True, exist_ok=True)
        if not (root / "notebooks").exists():
            (root / "notebooks").symlink_to(built)
        (root / "hand-in.toml").write_text(text, encoding="utf-8")
        release(root, ["90_sample"], to)
        return (to / "notebooks" / "90_sample.ipynb").read_bytes()

    return with_settings


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ("hub", "*Nbgrader → Assignment List*"),
        ("canvas", "in Canvas"),
        ("moodle", "in Moodle"),
        ("blackboard", "in Blackboard"),
        ("folder", "into the folder that your teacher named"),
    ],
)
def test_a_released_notebook_ends_in_how_to_hand_it_in(released, built, by, says):
    rules = "[late]\npercent_a_day = 10\nat_most_percent = 50\nfree_days = 1\n[deadlines]\n90_sample = 2026-03-04"
    data = released(f'[hand_in]\nby = "{by}"\n{rules}')
    notebook = nbformat.reads(data.decode(), as_version=4)
    nbformat.validate(notebook)
    text = notebook.cells[-1].source
    assert text.startswith("## Handing in\n") and says in text and "`90_sample" in text
    assert (
        "Due on 4 March 2026, 23:59 (UTC). You may hand in again; your last submission counts. Each day late " in text
    )
    assert text.endswith("costs 10 % of the points, at most 50 %. You have 1 free day in all.")
    before = json.loads((built / "90_sample.ipynb").read_text(encoding="utf-8"))
    assert json.loads(data)["cells"][:-1] == before["cells"] and json.loads(data)["metadata"] == before["metadata"]


def test_without_the_setting_a_released_notebook_is_the_built_one_to_the_byte(released, built):
    data = (built / "90_sample.ipynb").read_bytes()
    assert released("") == released("[late]\npercent_a_day = 5") == data


def test_the_place_and_the_assignment_have_the_lecturers_own_words(released):
    named = released('[hand_in]\nby = "canvas"\n[assignments]\n90_sample = "Homework 9 (5678)"').decode()
    assert "Open “Homework 9” in Canvas" in named
    assert (
        "Put `90_sample.ipynb` into /srv/inbox" in released('[hand_in]\nby = "folder"\nwhere = "/srv/inbox"').decode()
    )


def test_a_learners_copy_takes_a_new_way_of_handing_in(released):
    old, new = (json.loads(released(f'[hand_in]\nby = "{by}"')) for by in ("hub", "moodle"))
    mine = first_copy(old)
    merged = merge(mine, new)
    assert "in Moodle" in "".join(merged.notebook["cells"][-1]["source"]) and merged.replaced == []
    assert sum("Handing in" in "".join(cell["source"]) for cell in merged.notebook["cells"]) == 1
