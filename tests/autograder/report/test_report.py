"""The class report: what it counts, what it keeps to itself, and that nothing from students is more than text."""

import base64
import csv
import io
import json
import random
import re
import shutil
from datetime import datetime
from html.parser import HTMLParser

import pytest
from nbgrader.api import Gradebook

import autograder.report.report as report
from autograder.cli import main
from autograder.report.graded_class import ADDED, ClassLesson, Mark, Work, read_class
from autograder.report.lookalikes import Source
from autograder.report.report import report_page, without_texts
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.needed import with_help
from course_lib.judging.verdict import VerdictKind

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
NOW = datetime(2026, 3, 4, 10, 0)
BITS = "You measured in bits."
HOSTILE = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 1'>"
FORMULA = '=HYPERLINK("http://evil.example","click")'


@pytest.fixture(autouse=True, scope="module")
def _one_module(tmp_path_factory):
    """Of the library one module is enough here, and quicker."""
    folder = tmp_path_factory.mktemp("lib") / "course_lib"
    folder.mkdir()
    shutil.copy(report.LIBRARY / "attention.py", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "LIBRARY", folder)
        yield


def mark(name, verdict=VerdictKind.PASSED, points=2.0, mistake="", message="", **more):
    earned = points if verdict == VerdictKind.PASSED else 0.0
    return Mark(ExerciseId(f"sample.{name}"), earned, points, verdict, mistake, message, **more)


def work(student, *marks, status="graded", reason="", notes=(), isolated=True, code=None, **more):
    return Work(student, "90_sample", status, reason, list(notes), isolated, list(marks), code=code or {}, **more)


def bits(student, code):
    return work(
        student, mark("entropy", VerdictKind.MISTAKE, mistake="bits", message=BITS), code={"sample.entropy": code}
    )


def page_of(*works, words=None, **more):
    lesson = ClassLesson("90_sample", "How much?", list(works), {"sample.entropy": "def entropy(p):\n    ..."}, [])
    words = {w.student: {w.student.casefold()} for w in works} if words is None else words
    return report_page([lesson], words, NOW, **more)


def text_of(page):
    """Return what a reader sees, without marks of code and with single blanks."""
    parser = _Page()
    parser.feed(page)
    return " ".join("".join(parser.text).split())


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text, self.ids, self.links = set(), set(), [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.text.append(" " if tag in ("td", "th", "li", "p", "details", "pre", "h4") else "")
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data):
        self.text.append(data)


def table(page, name):
    """Return the rows of one of the tables that can be downloaded."""
    data = re.search(rf'download="{name}.csv" href="data:text/csv;charset=utf-8;base64,([^"]+)"', page)[1]
    return list(csv.reader(io.StringIO(base64.b64decode(data).decode("utf-8-sig"))))


# ---- what it counts


def test_mistakes_are_named_counted_and_explained_and_the_hardest_exercise_comes_first():
    works = [work(f"s{n}", mark("easy"), mark("entropy"), mark("hard", VerdictKind.WRONG)) for n in range(6)]
    works += [bits(f"b{n}", "def entropy(p):\n    return -(p * p.log2()).sum(-1)") for n in range(3)]
    works.append(work("n", mark("entropy", VerdictKind.NOT_STARTED)))
    page = page_of(*works)
    text = text_of(page)
    assert "known mistake 3 30 %" in text and "passed 6 60 %" in text and "not started 1 10 %" in text
    assert f"bits 3 30 % {BITS} An example def entropy(p): return -(p * p.log2()).sum(-1)" in text
    assert page.index('id="sample-hard"') < page.index('id="sample-entropy"') < page.index('id="sample-easy"')
    assert ["90_sample", "entropy", "mistake", "bits", "3", "10", BITS] in table(page, "mistakes")


def test_failures_with_one_symptom_are_counted_together_whatever_their_messages():
    wrong = lambda said: mark("entropy", VerdictKind.WRONG, symptom="scaled", message=f"Each is × 2. {said}")  # noqa: E731
    text = text_of(page_of(*(work(f"s{n}", wrong("x" * n)) for n in range(3))))
    assert "wrong 3 100 % Each is × 2." in text and "xx" not in text


def test_marks_are_spread_over_ten_bins_and_what_waits_for_a_person_is_left_out():
    essay = mark("essay", VerdictKind.BY_HAND, points=4.0)
    works = [work("full", mark("a"), essay), work("half", mark("a"), mark("b", VerdictKind.WRONG), essay)]
    page = page_of(*works, work("none", mark("a", VerdictKind.WRONG)))
    assert "0 to 10 percent: 1; " in page and "50 to 60 percent: 1; " in page and "90 to 100 percent: 1" in page
    assert "2 submissions have answers that wait for a grader" in text_of(page)
    assert "essay 4 waits" in text_of(page)
    rows = {row[0]: dict(zip(table(page, "marks")[0], row)) for row in table(page, "marks")[1:]}
    assert (rows["half"]["90_sample score"], rows["half"]["90_sample of"], rows["half"]["sample.essay"]) == (
        "2.0",
        "4.0",
        "",
    )


def test_a_hint_is_shown_without_the_note_about_one_students_prerequisites():
    helped = ("mean",)
    message = with_help(BITS, helped)
    assert "Judged with" in message
    works = [work("a", mark("entropy", VerdictKind.MISTAKE, mistake="bits", message=message, helped=helped))]
    assert BITS in page_of(*works) and "Judged with" not in page_of(*works)


def test_failures_that_no_mistake_names_are_grouped():
    trace = "The cell ends with an error:\n  line {}\nNameError: name 'lg' is not defined"
    works = [work(f"s{n}", mark("entropy", VerdictKind.ERROR, message=trace.format(n))) for n in range(3)]
    assert "error 3 100 % NameError: name 'lg' is not defined" in text_of(page_of(*works))


def test_what_needs_a_look_is_sorted_by_kind_and_says_who():
    works = [
        work("torn", status="not gradable", reason="broken JSON"),
        work("loop", mark("a", VerdictKind.TIMEOUT, message="It took too long."), status="partly graded"),
        work("free", mark("a"), isolated=False),
        work("mend", mark("a"), notes=["A check was missing."]),
        work("essay", mark("e", VerdictKind.BY_HAND)),
        work("twice", mark("a", by_hand=True, open=True)),
    ]
    text = text_of(page_of(*works))
    look = text[text.index("From here on") : text.index("Look-alikes Texts")]
    for part in (
        "Not graded · 1", "90_sample: broken JSON 1 × torn", "sample.a: timeout. It took too long. 1 × loop",
        "Marked by hand, and changed since · 1", "twice", "sample.e 1 × essay", "Graded without isolation · 1",
        "90_sample: A check was missing. 1 × mend",
    ):  # fmt: skip
        assert part in look
    assert "every submission was graded whole" in text_of(page_of(work("ada", mark("a"))))


def test_the_time_that_grading_took_is_told_where_it_was_noted():
    works = [work(f"s{n}", mark("a"), seconds=float(n)) for n in (1, 2, 60)]
    assert "3 submissions took 1.1 minutes in all" in text_of(page_of(*works))
    assert "2.00 seconds for the one in the middle" in text_of(page_of(*works))
    assert "noted no times" in text_of(page_of(work("ada", mark("a"))))


def test_look_alikes_are_shown_side_by_side_with_names_and_copies_of_the_library_with_their_source():
    def own(n):
        draw = random.Random(n)
        return "def f(x):\n" + "".join(f"    x = x.step{draw.randrange(60)}({i}) + {i}\n" for i in range(9))

    def code(n):
        return {f"sample.e{e}": own(n * 17 + e) for e in range(6)}

    works = [work(f"s{n:02}", mark("e0"), code=code(n)) for n in range(30)]
    works.append(work("twin", mark("e0"), code={e: text.replace("x", "z") for e, text in code(7).items()}))
    works.append(work("heir", mark("e0"), code=code(50) | {ADDED: (report.LIBRARY / "attention.py").read_text()}))
    page = page_of(*works)
    text = text_of(page)
    assert "1 pair of 32 students share more than chance explains" in text and "s07, twin" in text
    assert "<mark>def f(z):" in page or "<mark>z = z" in page
    assert re.search(r"cells of their own like course_lib\.attention\.\w+: 1 of 1 · heir", text)
    assert "A person reads both texts and decides" in text


# ---- what it keeps to itself


def test_an_example_names_nobody():
    code = '''# by Ada Lovelace, 4711001
def entropy(p):
    """Mine (ada)."""
    ada_total = -(p * p.log2()).sum(-1)
    author = "ada.l@example.org"
    return ada_total  # ask Ada
'''
    words = {"ada.lovelace": {"ada.lovelace", "ada", "lovelace", "4711001"}, "ben": {"ben"}}
    page = page_of(bits("ada.lovelace", code), words=words)
    lessons = page[: page.index('id="look"')].lower()
    shown = lessons[lessons.index("an example") :]
    assert "p * p.log2()" in shown and "return …_total" in shown
    for telling in ("ada", "lovelace", "4711", "example.org", "ask"):
        assert telling not in shown


def test_the_example_is_what_most_wrote_and_rather_one_that_needs_no_strokes():
    usual = "def entropy(p):\n    return -(p * p.log2()).sum(-1)"
    named = "def entropy(p):\n    return -(p.log2() * p).sum(-1)  # {0}\nmine = '{0}'"
    works = [bits("ben", named.format("ben")), bits("carl", named.format("carl")), bits("dora", named.format("dora"))]
    works += [bits("emma", usual), bits("fay", usual.replace("p", "q")), bits("gil", "def entropy(p): return 3")]
    page = page_of(*works)
    example = text_of(page[page.index('id="sample-entropy"') : page.index('id="look"')])
    assert "-(p * p.log2()).sum(-1)" in example and "mine" not in example and "return 3" not in example


def test_comments_and_docstrings_go_and_code_stays():
    code = 'def f(x):  # one\n    """Two."""\n\n    # three\n    y = "# four"\n\n\n    return y\n'
    assert without_texts(code) == 'def f(x):\n    y = "…"\n\n    return y'


@pytest.mark.parametrize(
    "line",
    [
        '__author__ = "Grace Hopper, matriculation 4711001"',
        "note = 'Gruppe Müller'",
        'print(f"{x} by Grace")',
        "which = 4, 'nr. 4711001'",
        'name = """Grace\nHopper"""',
        'name = "Grace',
        "name = rb'Hopper'",
    ],
)
def test_a_text_that_may_tell_who_wrote_it_is_struck_out_of_an_example(line):
    shown = without_texts(f"x = 1\n{line}")
    assert "…" in shown and not re.search("grace|hopper|gruppe|4711", shown, re.IGNORECASE)


def test_a_text_that_names_axes_is_part_of_the_mistake_and_stays():
    line = "y = torch.einsum('ij,jk->ik', a, b)"
    assert without_texts(line) == line


def test_the_lessons_come_first_and_name_nobody():
    works = [bits(f"student-{n}", f"def entropy(p):\n    return {n}") for n in range(20)]
    page = page_of(*works)
    assert "student-" not in page[page.index("<main") : page.index('id="look"')]
    assert "Confidential" in page[: page.index("<main")]


# ---- nothing from a student is more than text


def test_hostile_names_code_reasons_and_notes_are_text_and_nothing_else():
    code = f"def entropy(p):\n    return '{HOSTILE}' + '</pre></details>{{{{ 7 * 7 }}}}'"
    wrong = mark("entropy", VerdictKind.MISTAKE, mistake=HOSTILE, message=HOSTILE)
    works = [work(f"{HOSTILE}{n}", wrong, notes=[HOSTILE], code={"sample.entropy": code}) for n in range(4)]
    works += [work(f"x{HOSTILE}", status="not gradable", reason=HOSTILE)]
    works += [work("e", mark("entropy", VerdictKind.ERROR, message=HOSTILE), status="partly graded", seconds=1.0)] * 2
    page = page_of(*works, words={})
    parser = _Page()
    parser.feed(page)
    assert not parser.tags & {"script", "img", "iframe", "object", "embed", "form", "base", "link", "a onerror"}
    assert not {name for name in parser.attributes if name.startswith("on")}
    assert {"stolen"} & set(re.findall(r"\w+", "".join(parser.text)))
    assert "49" not in re.findall(r"\w+", text_of(page[page.index("</details>") - 400 :])[:400])
    assert all(link.startswith(("#", "data:text/csv")) for link in parser.links)
    assert "default-src 'none'" in page and "http" not in re.sub(r'http-equiv|base64,[^"]+', "", page)


def test_no_cell_of_a_table_is_a_formula():
    names = [FORMULA, "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "ada", "-"]
    wrong = mark("entropy", VerdictKind.MISTAKE, mistake="=1", message="@hint")
    page = page_of(*(work(name, wrong) for name in names))
    for cell in (cell for name in ("marks", "mistakes") for row in table(page, name) for cell in row):
        assert not cell.strip().startswith(tuple("=+-@＝")), cell
    assert f"'{FORMULA}" in {row[0] for row in table(page, "marks")}


def test_a_table_too_long_for_an_address_lies_beside_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MAX_IN_LINK", 100)
    page = page_of(*(work(f"s{n}", mark("a")) for n in range(50)), out=tmp_path)
    assert 'href="report-marks.csv"' in page
    assert (tmp_path / "report-marks.csv").read_text(encoding="utf-8-sig").count("\n") == 51


def test_every_link_leads_somewhere_and_no_id_is_there_twice():
    page = page_of(bits("ada", "def entropy(p): return 1"), work("ben", mark("entropy"), mark("mean")))
    parser = _Page()
    parser.feed(page)
    assert len(parser.ids) == len(set(parser.ids))
    assert {link[1:] for link in parser.links if link.startswith("#")} <= set(parser.ids)
    assert page.count("<h1") == 1 and 'lang="en"' in page


def test_a_class_of_which_nothing_was_graded_has_a_page_too():
    assert "Class report" in report_page([], {}, NOW)
    page = page_of(work("torn", status="not gradable", reason="empty"))
    assert "90_sample: empty 1 × torn" in text_of(page) and "How much?" not in page


# ---- from a graded course folder


@pytest.fixture(scope="module")
def course(tmp_path_factory, sample_path, solved, hand_in, sandbox):
    """A class of four that `autograder grade` graded, and a person after it."""
    root = tmp_path_factory.mktemp("course")
    (root / "solutions").mkdir()
    (root / "solutions" / sample_path.name).write_text(sample_path.read_text(encoding="utf-8"), encoding="utf-8")
    bits = "def entropy(p):\n    return -(p * p.log2()).nansum(-1)"
    hand_in(root / "submitted", "ada", solved())
    hand_in(root / "submitted", "ben", solved(entropy=bits))
    hand_in(root / "submitted", "<b>bo", solved(entropy=f"# {HOSTILE}\n{bits}"))
    hand_in(root / "submitted", "torn", "{")
    main(
        ["grade", str(root / "submitted"), "--solutions", str(root / "solutions"), "--seed", "1", "--sandbox", sandbox]
    )
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        for name, score in (("sample-why_nats", 2.5), ("sample-entropy", 1.0)):
            grade = book.find_grade(name, "90_sample", "90_sample", "ben")
            grade.manual_score, grade.needs_manual_grade = score, False
        student = book.find_student("ben")
        student.first_name, student.last_name = "Benedikt", "Østergård"
        book.db.commit()
    return root


@pytest.mark.slow
def test_the_command_writes_one_page_with_the_marks_of_record(course, capsys):
    assert main(["report", "--out", str(course)]) == 0
    assert capsys.readouterr().out.strip() == str(course / "report.html")
    page = (course / "report.html").read_text(encoding="utf-8")
    rows = {row[0]: dict(zip(table(page, "marks")[0], row)) for row in table(page, "marks")[1:]}
    results = [json.loads(line) for line in (course / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    auto = next(r["score"] for r in results if r["student"] == "ben")
    assert float(rows["ben"]["90_sample score"]) == auto + 3.5
    assert rows["ben"]["sample.why_nats"] == "2.5" and rows["ada"]["sample.why_nats"] == ""
    assert (rows["torn"]["90_sample status"], rows["torn"]["90_sample score"]) == ("not gradable", "")
    assert "marked by hand 1" in text_of(page) and "<b>bo" not in page and HOSTILE not in page


@pytest.mark.slow
def test_a_course_folder_is_read_with_code_titles_words_and_times(course):
    lessons, words = read_class(course, f"sqlite:///{course / 'gradebook.db'}")
    (lesson,) = lessons
    assert lesson.title and "sample.entropy" in lesson.received and all(isinstance(d, Source) for d in lesson.demos)
    by_name = {w.student: w for w in lesson.works}
    assert "p.log2()" in by_name["ben"].code["sample.entropy"] and not by_name["torn"].code
    assert words["ben"] >= {"ben", "benedikt", "østergård"}
    assert len(lesson.graded) == 3 and by_name["ada"].seconds > 0


def test_wrong_usage_is_2_and_a_gradebook_that_cannot_be_read_is_1(tmp_path, capsys):
    assert main(["report", "--out", str(tmp_path)]) == 2
    assert "run `autograder grade` first" in capsys.readouterr().err
    (tmp_path / "results.jsonl").write_text("")
    assert main(["report", "--out", str(tmp_path)]) == 2
    assert "name it with --db" in capsys.readouterr().err
    assert not (tmp_path / "gradebook.db").exists()
    (tmp_path / "gradebook.db").write_text("this is no database, it is a text of some length " * 10)
    assert main(["report", "--out", str(tmp_path)]) == 1
    assert "cannot be used" in capsys.readouterr().err
