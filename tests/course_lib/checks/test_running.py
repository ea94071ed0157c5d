"""A check ends: what the learner wrote is stopped after a limit in time, and by the learner's own interrupt."""

import linecache
import sys
import threading
import time

import pytest

from course_lib.checks import check, running, time_limit, yours
from course_lib.checks.running import Interrupted
from course_lib.checks.time_limit import Endless


@pytest.fixture
def run(built, monkeypatch):
    """Run cells, then a check of entropy, with limits of a fraction of a second; return what was shown last."""
    shown = []
    monkeypatch.setenv("COURSE", str(built.parent))
    monkeypatch.setattr(sys.modules["course_lib.checks.check"], "put", shown.append)
    monkeypatch.setattr(running, "COMPUTING", 0.2)
    monkeypatch.setattr(running, "IDLE", 0.5)
    monkeypatch.setattr(running, "UNTESTED", 0.3)
    monkeypatch.setattr(running, "TIMES", 1.0)  # on a busy machine ten times the tested version is above 0.2
    names = {"In": [""], "check": check, "yours": yours}

    def cells(*sources):
        for source in (*sources, 'check("sample.entropy")'):
            names["In"].append(source)
            file = f"<ipython-input-{len(names['In'])}>"
            linecache.cache[file] = (len(source), None, source.splitlines(True), file)  # as IPython does
            exec(compile(source, file, "exec"), names)
        return shown[-1]

    cells.names = names
    return cells


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("while True:\n        p = p", "It computed for more than 0.2 seconds. Is there a loop that never ends?"),
        ("import time\n    time.sleep(60)", "It did nothing for 0.5 seconds. Does it sleep, or wait for something"),
        (
            "while True:\n        try:\n            p = p.abs()\n        except Exception:\n            p = p",
            "It computed for more than 0.2 seconds.",
        ),
        (
            "while True:\n        try:\n            p = p.abs()\n        except:\n            p = p",
            "It computed for more than 0.2 seconds.",
        ),
    ],
)
def test_what_does_not_end_is_ended_with_the_graders_sentence_the_case_and_the_line(run, body, said):
    view = run(f"def entropy(p):\n    {body}")
    assert view.verdict.verdict == "timeout" and view.verdict.points == 0
    headline, sentence = repr(view).splitlines()[:2]
    assert headline == "✗ sample.entropy – it did not come to an end"
    assert sentence.startswith(said) and "That was in the case “a fair coin”, line " in sentence
    assert sentence.partition(", in entropy: `")[2].rstrip("`") in body
    page = view._repr_html_()
    assert 'data-verdict="timeout"' in page and "a fair coin" in page


def test_yours_falls_back_when_it_does_not_end(run):
    run("def entropy(p):\n    while True:\n        p = p", 'mine = yours("sample.entropy", "tested")')
    assert run.names["mine"] == "tested"


def test_the_library_is_whole_and_the_timer_is_off_after_an_end(run):
    run("def entropy(p):\n    while True:\n        p = p")
    run("import torch\nfrom course_lib.information import entropy as whole\nassert whole(torch.tensor([1.0])) == 0")
    time.sleep(0.3)  # a timer that still ran would raise here


def test_slow_code_is_given_ten_times_what_the_tested_version_takes(run, monkeypatch):
    slow = (
        "import time, torch\n"
        "def entropy(p):\n"
        "    until = time.thread_time() + 0.4\n"
        "    while time.thread_time() < until:\n"
        "        pass\n"
        "    return -torch.where(p > 0, p * p.log(), 0).sum(-1)"
    )
    assert run(slow).verdict.verdict == "timeout"
    monkeypatch.setattr(running, "_patience", lambda exercise, case: 60.0)
    assert run(slow).verdict.verdict == "passed"


def test_the_tested_version_is_timed_on_the_case(built, monkeypatch):
    from course_lib.checks.public import find

    monkeypatch.setenv("COURSE", str(built.parent))
    entry = find("sample").exercises["sample.entropy"]
    case = entry.cases.cases[0]

    def slow(p):
        until = time.thread_time() + 0.6
        while time.thread_time() < until:
            pass

    assert running._patience(entry.exercise, case) == running.COMPUTING
    monkeypatch.setattr(running, "tested_version", lambda exercise: slow)
    assert 6.0 <= running._patience(entry.exercise, case) < 50
    monkeypatch.setattr(running, "tested_version", lambda exercise: None)
    assert running._patience(entry.exercise, case) == running.UNTESTED


def test_in_another_thread_than_the_first_it_ends_too(run):
    shown = []
    thread = threading.Thread(target=lambda: shown.append(run("def entropy(p):\n    while True:\n        p = p")))
    thread.start()
    thread.join(60)
    assert shown and shown[0].verdict.verdict == "timeout" and ", in entropy: `" in repr(shown[0])


def test_where_there_is_no_timer_another_thread_watches(run, monkeypatch):
    monkeypatch.delattr(time_limit.signal, "setitimer")  # as on Windows
    view = run("def entropy(p):\n    while True:\n        p = p")
    assert view.verdict.verdict == "timeout" and "in the case “a fair coin”" in repr(view)


def test_code_that_ends_in_time_meets_nothing_afterwards(monkeypatch):
    for watch in (time_limit._timer, time_limit._watcher):
        with watch(60.0, 60.0) as limit:
            sum(range(1000))
        assert limit.why == ""


def test_a_limit_that_is_over_raises_what_no_except_exception_keeps():
    with pytest.raises(Endless), time_limit.time_limit(0.1, 5.0):
        while True:
            try:
                int("no number")
            except Exception:
                pass


def test_an_interrupt_shows_the_learners_lines_and_no_others(run):
    source = "def entropy(p):\n    import _thread\n    _thread.interrupt_main()\n    while True:\n        p = p"
    with pytest.raises(Interrupted) as interrupted:
        run(source)
    shown = interrupted.value._render_traceback_()
    assert shown[0] == "You interrupted the check of sample.entropy in the case “a fair coin”."
    assert len(shown) == 2 and "in entropy:" in shown[1]
    assert isinstance(interrupted.value, KeyboardInterrupt)
