"""The student's side: a warm parent that has imported torch, and for each submission a fork of it that runs and probes.

It knows neither expected outcomes nor marks, and it must not import `autograder`. It is started by path with three
arguments: the descriptor of a Unix socket to the grader, the folder of the student's `course_lib`, and after how many
seconds without children it leaves. On the socket the grader asks to fork (and sends the child's two pipes along), to
end a child, or to import what a lesson needs; on its pipes a child answers the grader's messages: eight bytes of length
and a JSON document, each way.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import socket
import struct
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import shell  # type: ignore[import-not-found]  # beside this file, which is started by path

if sys.platform == "linux":
    import confine  # type: ignore[import-not-found]
del sys.path[0]

MEMORY_GIGABYTES = 6.0


def _receive(descriptor: int) -> dict | None:
    head = _read(descriptor, 8)
    if head is None:
        return None
    (length,) = struct.unpack(">Q", head)
    body = _read(descriptor, length)
    return None if body is None else json.loads(body)


def _read(descriptor: int, length: int) -> bytes | None:
    data = bytearray()
    while len(data) < length:
        piece = os.read(descriptor, min(1 << 20, length - len(data)))
        if not piece:
            return None
        data += piece
    return bytes(data)


def _send(descriptor: int, message: dict) -> None:
    body = json.dumps(message).encode()
    data = memoryview(struct.pack(">Q", len(body)) + body)
    while data:
        data = data[os.write(descriptor, data) :]


def _limit_memory(gigabytes: float) -> None:
    """Limit the address space, so that asking for too much memory is the student's error and not the machine's end."""
    try:
        import resource

        size = int(gigabytes * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # macOS has no RLIMIT_AS
        pass


class Student:
    """An IPython shell for the cells, and a probe for what they defined. It is made once, before the fork."""

    def __init__(self) -> None:
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        with tempfile.TemporaryDirectory() as folder:  # IPython wants a profile folder, and never looks at it again
            config.InteractiveShell.ipython_dir = folder
            self.shell = shell.Shell.instance(config=config)
        self.shell.run_cell("pass", store_history=False)  # what it imports with its first cell
        sys.path.append("")  # what a cell writes can be imported, as in Jupyter
        self.path = tuple(sys.path)
        os.environ.update(COURSE_GRADING="1", COURSE_BUDGET="short")  # no checks, and demos that must run are short

    def run(self, source: str) -> dict:
        """Run one cell; return its outputs in nbformat's form and its error."""
        from IPython.utils.capture import capture_output

        from course_lib.judging.probe import complaint

        with capture_output() as captured:
            result = self.shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        outputs: list[dict[str, Any]] = []
        if captured.stdout and error is None:  # with an error, IPython has printed the traceback there too
            outputs.append({"output_type": "stream", "name": "stdout", "text": captured.stdout[:20_000]})
        if captured.stderr and error is None:
            outputs.append({"output_type": "stream", "name": "stderr", "text": captured.stderr[:20_000]})
        for rich in captured.outputs[:50]:
            data = {k: v for k, v in rich.data.items() if k in ("text/plain", "image/png") and isinstance(v, str)}
            outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
        if error is None:
            return {"outputs": outputs, "error": ""}
        text = complaint(error)
        ename = type(error).__name__
        lines = text.split("\n")
        evalue = lines[-1].removeprefix(f"{ename}: ")
        outputs.append({"output_type": "error", "ename": ename, "evalue": evalue, "traceback": lines})
        return {"outputs": outputs, "error": text}

    def probe(self, name: str, setup: str, probe: str, arguments: object, withheld: list[str]) -> dict:
        """Probe what the cells defined under a name; return the outcome as a document."""
        import torch

        from course_lib.judging import wire
        from course_lib.judging.probe import run_probe

        if name not in self.shell.user_ns:
            return {"missing": True}
        sys.path += [place for place in self.path if place not in sys.path]  # setup and probe may import
        student = self.shell.user_ns[name]
        elsewhere = torch.get_default_device().type != "cpu"  # whatever default the student's cells have set
        with torch.device("cpu") if elsewhere else contextlib.nullcontext():
            outcome = run_probe(student, _probe(setup, probe), wire.decode(arguments), tuple(withheld))
            return outcome.to_document()

    def modules(self) -> dict:
        """Return the names of all modules that were imported up to now."""
        return {"modules": sorted(sys.modules)}

    def bind(self, name: str, tested: str) -> dict:
        """Bind a tested function of `course_lib` to a name, in place of the student's own."""
        module, _, attribute = tested.rpartition(".")
        self.shell.user_ns[name] = getattr(importlib.import_module(module), attribute)
        return {}


@functools.cache
def _probe(setup: str, source: str) -> Any:
    """Return the probe that these sources define, made once and not for each case."""
    from course_lib.judging.exercise import Exercise, ExerciseId

    return Exercise(ExerciseId("lesson.probe"), "function", 0, "", setup=setup, probe_source=source).probe


def serve(student: Student, requests: int, replies: int, hello: dict) -> None:
    """Say who this is, then answer the grader's messages until there are no more."""
    _send(replies, hello)
    while (request := _receive(requests)) is not None:
        action = request.pop("do")
        _send(replies, getattr(student, action)(**request))


def _warm_up() -> Student:
    """Import what nearly every submission needs; return the student that forks begin with.

    All in one thread: a fork of a process with threads may hang.
    """
    for module in (
        "torch", "numpy", "matplotlib.figure", "IPython.core.interactiveshell", "IPython.utils.capture",
        "course_lib.judging.exercise", "course_lib.judging.probe",
    ):  # fmt: skip
        importlib.import_module(module)
    _read_processor()
    student = Student()
    _freeze()
    return student


def _freeze() -> None:
    """Make sure that forks are safe, and that they share what is there by now."""
    assert threading.active_count() == 1
    assert not os.path.isdir("/proc/self/task") or len(os.listdir("/proc/self/task")) == 1
    gc.collect()
    gc.freeze()


def _import(modules: list[str]) -> None:
    """Import what the lesson's references were seen to import; a module that refuses is left to whoever needs it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in modules:
            with contextlib.suppress(Exception):
                importlib.import_module(module)
    _freeze()


def _read_processor() -> None:
    """Let torch look at /proc/cpuinfo while there is one: it does so at the first product in half precision."""
    torch = importlib.import_module("torch")
    half = torch.ones(2, 2, dtype=torch.float16)
    torch.mm(half, half)


def _fork(student: Student, library: str, requests: int, replies: int, folder: str, sandbox: str) -> int:
    """Fork a child that serves on these pipes, isolated as `sandbox` says; return its process id in the parent."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()
        # standard error was the parent's: whoever filled it would stop the next who writes there
        _lead_nowhere(0, 1, 2)
        _close_all_but(requests, replies)
        if sys.platform == "linux":  # never outlive the parent, which ends with the grader
            confine.die_with_parent()
            if os.getppid() != parent:
                os._exit(1)
        home, layers, process = folder, [], os.getpid()
        if sandbox == "none":
            os.chdir(folder)
            _limit_memory(MEMORY_GIGABYTES)
        else:
            try:
                layers, process = confine.confine([library], folder, sandbox == "strict")
                home = "/tmp"
            except confine.ConfineError as problem:
                _send(replies, {"layers": [], "problem": str(problem)})
                os._exit(1)
        os.environ.update(HOME=home, TMPDIR=home, COURSE_HOME=home)
        serve(student, requests, replies, {"layers": layers, "process": process})
        code = 0
    except BaseException:
        code = 1
    finally:
        os._exit(code)


def _lead_nowhere(*descriptors: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


def _close_all_but(*kept: int) -> None:
    """Close every inherited descriptor but the standard three, which lead nowhere, and these."""
    beginning = 3
    for descriptor in sorted(kept):
        os.closerange(beginning, descriptor)
        beginning = descriptor + 1
    os.closerange(beginning, 65536)


def main() -> None:
    """Fork and end children as the grader asks; end when its socket closes, or when there is nothing to do for long."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
    sys.path[:] = [sys.argv[2]] + [place for place in sys.path if not (Path(place) / "autograder").is_dir()]
    library, idle = sys.argv[2], float(sys.argv[3])
    sys.argv[:] = ["notebook"]
    student = _warm_up()
    control.send(b"{}")
    control.settimeout(idle)
    children = 0
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(control, 65536, 2)
        except TimeoutError:
            if children:
                continue
            return
        if not message:
            return
        request = json.loads(message)
        reply: dict[str, int | None] = {}
        if "import" in request:
            _import(request["import"])
        elif "fork" in request:
            requests, replies = descriptors
            reply["child"] = _fork(student, library, requests, replies, request["fork"], request["sandbox"])
            for descriptor in descriptors:
                os.close(descriptor)
            children += 1
        else:
            ended, status = os.waitpid(request["end"], os.WNOHANG)
            children -= 1 if ended else 0
            reply["code"] = os.waitstatus_to_exitcode(status) if ended else None
        control.send(json.dumps(reply).encode())


if __name__ == "__main__":
    main()
