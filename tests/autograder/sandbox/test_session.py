"""A student's process: cells run, probes answer, and nothing that the code does reaches the grader but plain data."""

import json
import os

import pytest
import torch

from autograder.sandbox.library import copy_without
from autograder.sandbox.session import NotDefined, SandboxUnavailable, Session, SessionEnded
from autograder.sandbox.warm import parent_for
from course_lib.judging.case import Outcome

WITHHELD = frozenset({"course_lib.information.entropy", "torch.special.entr"})


@pytest.fixture
def session(sandbox):
    with Session(WITHHELD, sandbox) as one:
        yield one


@pytest.fixture
def confined(sandbox):
    if sandbox == "none":
        pytest.skip("this machine cannot shut a process in")
    with Session(WITHHELD, sandbox) as one:
        yield one


def probe(session, name="f", arguments=None, **options) -> Outcome:
    options = {"setup": "", "probe_source": "", "withheld": ()} | options
    return session.probe(name, arguments=arguments or {}, **options)


def value(session, expression, imports="import os, sys"):
    """Return the value of an expression in the student's process."""
    session.run(f"{imports}\ndef f():\n    return {expression}")
    outcome = probe(session)
    assert not outcome.raised, outcome.complaint
    return outcome.value


# ---- cells


def test_a_cell_gives_its_outputs(session):
    ran = session.run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
    assert ran.error == ""
    assert [(o["name"], o["text"]) for o in ran.outputs] == [("stdout", "out\n"), ("stderr", "err\n")]


def test_names_stay_from_cell_to_cell(session):
    session.run("a = 1")
    assert value(session, "a + 1") == 2


def test_an_error_shows_the_students_lines_only(session):
    ran = session.run("def g():\n    return 1 / 0\ng()")
    assert ran.error.splitlines() == [
        "  line 3, in <module>:  g()",
        "  line 2, in g:  return 1 / 0",
        "ZeroDivisionError: division by zero",
    ]
    (error,) = ran.outputs
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")


def test_a_syntax_error_shows_its_line(session):
    assert "line 2:  x = = 1" in session.run("a = 1\nx = = 1").error


def test_a_picture_comes_as_png_and_html_does_not_come(session):
    ran = session.run(
        "from IPython.display import HTML, Image, display\n"
        "display(HTML('<script>alert(1)</script>'))\ndisplay({'image/png': 'aGk=', 'text/html': '<b>'}, raw=True)"
    )
    assert "script" not in json.dumps(ran.outputs)
    assert ran.outputs[1]["data"] == {"image/png": "aGk="}


@pytest.mark.parametrize("source", ["sys.exit(0)", "exit()", "raise SystemExit(3)", "quit()"])
def test_a_polite_exit_ends_only_the_cell(session, source):
    session.run(f"import sys\n{source}")
    assert value(session, "7") == 7


@pytest.mark.parametrize("source", ["input('name? ')", "import sys\nassert sys.stdin.read() == ''\nraise EOFError"])
def test_there_is_nobody_to_answer_a_question(session, source):
    assert session.run(source).error != ""
    assert value(session, "7") == 7


def test_a_huge_print_is_cut_and_costs_nothing(session):
    ran = session.run("print('x' * 200_000_000)")
    assert ran.error == "" and len(ran.outputs[0]["text"]) <= 20_000
    assert value(session, "7") == 7


def test_ten_thousand_outputs_are_cut(session):
    ran = session.run("from IPython.display import display\nfor i in range(10_000): display(i)")
    assert len(ran.outputs) <= 52


@pytest.mark.parametrize("name", ["str", "repr"])
def test_an_error_that_cannot_be_printed_ends_nothing(session, name):
    session.run(f"class Evil(Exception):\n    def __{name}__(self):\n        raise RuntimeError\n")
    session.run("raise Evil('x')")
    session.run("def f():\n    raise Evil('x')")
    assert probe(session).raised[0] == "Evil"


def test_half_characters_arrive_as_what_they_are(session):
    ran = session.run("print('\\ud800')")
    assert isinstance(json.dumps(ran.outputs), str)
    session.run("def f():\n    raise ValueError('\\ud800')")
    assert probe(session).raised[0] == "ValueError"


# ---- probes


def test_a_probe_sends_arguments_and_brings_the_value(session):
    session.run("def f(x, names):\n    return {'y': x.T * 2, 'names': (len(names), None)}")
    outcome = probe(session, arguments={"x": torch.arange(6.0).reshape(2, 3), "names": ["a", "b"]})
    assert torch.equal(outcome.value["y"], torch.arange(6.0).reshape(2, 3).T * 2)
    assert outcome.value["names"] == (2, None)


def test_a_probe_of_the_exercise_sees_the_setup(session):
    session.run("f = 20")
    source = "def probe(student, case):\n    return student + math.floor(case['x'])"
    assert probe(session, setup="import math", probe_source=source, arguments={"x": 1.9}).value == 21


def test_what_is_not_defined_is_said_and_the_session_goes_on(session):
    with pytest.raises(NotDefined):
        probe(session, "nothing")
    assert session.run("f = 1").error == ""


def test_a_withheld_function_is_absent_and_refuses_however_it_is_reached(session):
    session.run(
        "import importlib, sys, course_lib.information as i\n"
        "def f(p): return getattr(i, 'ent' + 'ropy')(p)\n"
        "def g(p): return getattr(importlib.reload(i), 'entropy')(p)\n"
        "def h(p): return [m for n, m in sys.modules.items() if n.endswith('.information')][0].entropy(p)"
    )
    for name in "fgh":
        assert probe(session, name, arguments={"p": torch.tensor([0.5, 0.5])}).raised[0] == "ForbiddenCall"
    assert value(session, "open(i.__file__).read().count('cross_entropy(p, p)')") == 0


def test_a_withheld_torch_function_trips(session):
    session.run("import torch\nf = lambda p: getattr(torch.special, 'en' + 'tr')(p)")
    outcome = probe(session, arguments={"p": torch.tensor([0.5, 0.5])}, withheld=("torch.special.entr",))
    assert outcome.raised[0] == "ForbiddenCall"


@pytest.mark.parametrize(
    "source",
    ["return object()", "return (i for i in range(3))", "return 10**10000", "x = []; x.append(x); return x"],
)
def test_a_result_that_is_no_plain_data_is_an_outcome_and_no_value_error(session, source):
    session.run(f"def f():\n    {source}")
    assert probe(session).raised == ("WireError",)
    assert value(session, "7") == 7


def test_a_number_that_claims_to_equal_everything_arrives_as_the_number(session):
    session.run(
        "class Liar(float):\n    __eq__ = lambda a, b: True\n    __sub__ = lambda a, b: 0.0\n"
        "class Text(str):\n    __eq__ = lambda a, b: True\n"
        "def f():\n    return [Liar(3.0), Text('x')]"
    )
    outcome = probe(session)
    assert outcome.value == [3.0, "x"] and [type(item) for item in outcome.value] == [float, str]


def test_bind_puts_the_tested_function_in_place(session):
    session.run("perplexity = 0")
    session.bind("perplexity", "course_lib.information.perplexity")
    outcome = probe(session, "perplexity", {"log_probs": torch.log(torch.tensor([0.25, 0.25]))})
    assert outcome.value.item() == pytest.approx(4.0)


def test_settings_that_a_cell_leaves_behind_do_not_reach_the_probe(session):
    session.run(
        "import torch, warnings\nwarnings.simplefilter('error')\ntorch.set_default_dtype(torch.float64)\n"
        "torch.set_default_device('meta')\ntorch.set_grad_enabled(False)\n"
        "def f(x):\n    warnings.warn('careful')\n    return torch.zeros(2) + x, torch.is_grad_enabled()"
    )
    outcome = probe(session, arguments={"x": torch.ones(2)})
    assert not outcome.raised, outcome.complaint
    assert outcome.value[0].dtype == torch.float32 and outcome.value[0].tolist() == [1.0, 1.0]
    assert outcome.value[1] is True


# ---- ends


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos._exit(0)",
        "import os\nos._exit(37)",
        "import ctypes\nctypes.string_at(0)",
        "import os\nos.abort()",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\nos._exit(1)",
        "import os\nos.kill(os.getpid(), 35)\nos._exit(1)",
        "import os\nfor fd in range(3, 100):\n    try: os.close(fd)\n    except OSError: pass\nos._exit(0)",
    ],
)
def test_a_process_that_ends_itself_is_said_to_have_died(session, source):
    with pytest.raises(SessionEnded) as end:
        session.run(source, seconds=10)
    assert end.value.why == "died" and "ended the Python process" in end.value.sentence
    with pytest.raises((SessionEnded, OSError)):
        session.run("1")


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "import signal\nfor s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        "import threading\ndef compute():\n    while True: pass\n"
        "for _ in range(3): threading.Thread(target=compute).start()\nthreading.Event().wait()",
    ],
)
def test_a_cell_that_computes_without_end_is_stopped_in_time(session, source):
    with pytest.raises(SessionEnded) as end:
        session.run(source, seconds=0.5)
    assert end.value.why == "timeout" and "computed for more than 0.5 seconds" in end.value.sentence
    assert 0.5 < session.used < 5


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.sleep(3600)",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
        "import os\nos.read(os.pipe()[0], 1)",
    ],
)
def test_a_cell_that_waits_without_end_is_stopped_in_time(sandbox, source):
    with Session(sandbox=sandbox, idle=0.5) as session, pytest.raises(SessionEnded) as end:
        session.run(source, seconds=60)
    assert end.value.why == "timeout" and "did nothing for 0.5 seconds" in end.value.sentence
    assert 0.5 < session.used < 5


def test_who_makes_itself_the_last_in_the_queue_is_not_waited_for_for_ever(session, monkeypatch, busy):
    monkeypatch.setattr("autograder.sandbox.session.PATIENCE", 0.01)
    monkeypatch.setattr("os.getloadavg", lambda: (1.0, 1.0, 1.0))
    with busy(), pytest.raises(SessionEnded, match="more than its share"):
        session.run("import os\ntry: os.nice(19)\nexcept OSError: pass\nwhile True: pass", seconds=1.0)


def test_a_probe_without_end_is_stopped_in_time(session):
    session.run("def f():\n    while True: pass")
    with pytest.raises(SessionEnded, match="computed for more than"):
        probe(session, seconds=0.5)


def test_too_large_a_reply_ends_the_session(session):
    session.run("import torch\ndef f():\n    return torch.zeros(30_000_000)")
    with pytest.raises(SessionEnded, match=r"more than 64 MB|ended"):
        probe(session, seconds=30)


def test_too_much_memory_is_an_error_of_the_student(session):
    session.run(
        "import torch\ndef f():\n    return torch.zeros(10**11)[:1]\ndef g():\n    return len(bytearray(10**11))"
    )
    assert "DefaultCPUAllocator" in probe(session, "f").complaint
    assert probe(session, "g").raised[0] == "MemoryError"
    assert value(session, "7") == 7


GARBAGE = [
    "b'garbage! ' * 100",
    "(2**63).to_bytes(8, 'big')",
    "(5).to_bytes(8, 'big') + b'12345'",
    "(2).to_bytes(8, 'big') + b'[]'",
    "(9).to_bytes(8, 'big') + b'{\"a\": 1 }'",
    "(4000).to_bytes(8, 'big') + b'[' * 4000",
    "(len(M)).to_bytes(8, 'big') + M",
]
FORGED = (
    '{"outputs": [{"output_type": "error", "traceback": ' + "[" * 500 + "]" * 500 + ', "ename": {}}], "error": "x"}'
)


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_on_any_descriptor_gives_an_answer_or_an_end_and_nothing_else(session, garbage):
    write = f"for fd in range(3, 64):\n    try: os.write(fd, {garbage})\n    except OSError: pass"
    source = f"import os\nM = {FORGED.encode()!r}\n{write}"
    try:
        session.run(source, seconds=2)
        for _ in range(2):
            session.run("def f(): return 1", seconds=2)
            assert isinstance(probe(session, seconds=2), Outcome)
    except SessionEnded as end:
        assert end.why in ("died", "timeout")


def test_closing_leaves_no_process_and_no_file(sandbox):
    session = Session(WITHHELD, sandbox)
    session.run(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
        "open('left.txt', 'w').write('x')"
    )
    child, folder = session._child, session._folder
    assert os.path.isdir(f"/proc/{child}")
    session.close()
    session.close()  # twice does nothing
    assert not os.path.exists(f"/proc/{child}") and not os.path.exists(folder)


def test_sessions_do_not_see_each_other(sandbox):
    with Session(WITHHELD, sandbox) as one, Session(WITHHELD, sandbox) as two:
        one.run("import sys\nsys.secret = 1\nopen('note.txt', 'w').write('hello')")
        assert value(two, "hasattr(sys, 'secret'), os.path.exists('note.txt')") == (False, False)


# ---- what is not to be found inside


def test_the_grader_cannot_be_imported(session):
    for module in ("autograder", "autograder.authoring.lesson", "nbgrader_config"):
        ran = session.run(f"import {module}")
        assert "ModuleNotFoundError" in ran.error


def test_the_environment_holds_nothing_of_the_graders(sandbox, monkeypatch):
    monkeypatch.setenv("GRADER_SECRET", "marzipan")
    with Session(WITHHELD, sandbox) as session:
        environment = value(session, "dict(os.environ)")
        assert "marzipan" not in json.dumps(environment)
        assert not set(environment) & {"GRADER_SECRET", "COURSE", "VIRTUAL_ENV", "PYTHONPATH"}


def test_the_graders_files_are_not_there(confined, sample_path):
    expression = f"os.path.exists({str(sample_path)!r}), os.path.exists({os.getcwd()!r} + '/solutions')"
    assert value(confined, expression) == (False, False)
    assert value(confined, "os.getuid() != 0") is True
    assert (
        value(confined, "[os.path.exists(p) for p in ('/home', '/etc/passwd', '/var', '/sys', '/run')]") == [False] * 5
    )


@pytest.mark.parametrize(
    "attempt",
    [
        "__import__('socket').socket()",
        "os.fork()",
        "__import__('subprocess').run(['true'])",
        "os.system('true') == 0 or 1 / 0",
        "os.execv('/bin/true', ['true'])",
        "open('/tmp/../course', 'w')",
        "open(os.__file__, 'a')",
        "os.mkdir('/x')",
        "os.setuid(0)",
        "os.unshare(0x10000000) if hasattr(os, 'unshare') else 1 / 0",
        "os.chroot('/tmp')",
        "open('/proc/1/mem', 'rb').read(1)",
        "os.kill(os.getppid(), 9) if os.getppid() else 1 / 0",
    ],
)
def test_what_a_computation_has_no_use_for_is_refused(confined, attempt):
    confined.run(f"import os\ndef f():\n    {attempt}\n    return 'got through'")
    outcome = probe(confined)
    assert outcome.value != "got through" and outcome.raised


def test_the_library_cannot_be_changed_for_the_next_student(confined):
    confined.run("import course_lib.judging.probe as p\ndef f():\n    open(p.__file__, 'w').write('')")
    assert probe(confined).raised[0] in ("PermissionError", "OSError")


def test_the_disk_fills_up_for_the_student_alone(confined):
    confined.run(
        "def f():\n    n = 0\n    try:\n        while True:\n"
        "            open(f'/tmp/{n}', 'wb').write(bytes(2**20))\n            n += 1\n"
        "    except OSError:\n        return n"
    )
    assert probe(confined, seconds=20).value < 100


def test_strict_demands_every_layer(sandbox):
    try:
        with Session(WITHHELD, "strict") as session:
            assert set(session.layers) >= {"namespaces", "files", "limits", "privileges", "landlock", "seccomp"}
    except SandboxUnavailable as problem:
        assert "--sandbox none" in str(problem)


def test_without_isolation_a_process_still_has_a_place_of_its_own():
    with Session(WITHHELD, "none") as session:
        assert session.layers == ()
        assert value(session, "os.getcwd()") == session._folder


# ---- the library without its answers


def test_the_copy_lacks_the_withheld_and_nothing_else():
    folder = copy_without(frozenset({"course_lib.information.entropy", "course_lib.attention.MultiHeadAttention"}))
    source = (folder / "course_lib" / "information.py").read_text()
    assert "def cross_entropy" in source and "def _refuse" not in source
    assert "ForbiddenCall('course_lib.information.entropy')" in source
    attention = (folder / "course_lib" / "attention.py").read_text()
    assert "class MultiHeadAttention(nn.Module)" in attention and "self.query" not in attention
    compile(attention, "x", "exec")


@pytest.mark.parametrize("name", ["course_lib.information.marzipan", "course_lib.marzipan.entropy", "course_lib.x"])
def test_a_name_that_the_library_does_not_have_is_an_error(name):
    with pytest.raises(LookupError):
        copy_without(frozenset({name}))


def test_one_warm_parent_serves_every_session_of_a_lesson():
    assert parent_for(WITHHELD) is parent_for(WITHHELD)
    assert parent_for(frozenset()) is not parent_for(WITHHELD)
