"""The program in the student's process: runs cells and answers probes, and knows neither expected outcomes nor marks.

It is started by path, with three arguments: two file descriptors (requests in, replies out) and the folder of the student's
`course_lib`. A message is eight bytes of length and a JSON document. It must not import `autograder`.
"""

import json
import os
import struct
import sys
from pathlib import Path


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
    try:
        import resource

        size = int(gigabytes * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # macOS has no RLIMIT_AS
        pass


class Student:
    """An IPython shell for the cells, and a probe for what they defined."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        self.shell = InteractiveShell.instance(config=config)

    def run(self, source: str) -> dict:
        """Run one cell; return its outputs in nbformat's form and its error."""
        from IPython.utils.capture import capture_output

        from course_lib.checks.probe import complaint

        with capture_output() as captured:
            result = self.shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        outputs = []
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
        outputs.append({"output_type": "error", "ename": ename, "evalue": str(error), "traceback": text.split("\n")})
        return {"outputs": outputs, "error": text}

    def probe(self, name: str, setup: str, probe: str, arguments: object, withheld: list[str]) -> dict:
        """Probe what the cells defined under a name; return the outcome as a document."""
        from course_lib.checks import wire
        from course_lib.checks.exercise import Exercise
        from course_lib.checks.probe import run_probe

        if name not in self.shell.user_ns:
            return {"missing": True}
        exercise = Exercise("lesson.probe", "function", 0, "", setup=setup, probe_source=probe)
        student = self.shell.user_ns[name]
        return run_probe(student, exercise.probe, wire.decode(arguments), tuple(withheld)).to_document()

    def bind(self, name: str, tested: str) -> dict:
        """Bind a tested function of `course_lib` to a name, in place of the student's own."""
        import importlib

        module, _, attribute = tested.rpartition(".")
        self.shell.user_ns[name] = getattr(importlib.import_module(module), attribute)
        return {}


def main() -> None:
    """Answer requests until there are no more."""
    requests, replies, library = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
    sys.path[:] = [library] + [place for place in sys.path if not (Path(place) / "autograder").is_dir()]
    sys.argv[:] = ["notebook"]
    import torch

    torch.set_num_threads(1)
    _limit_memory(6.0)
    student = Student()
    _send(replies, {"ready": True})
    while (request := _receive(requests)) is not None:
        action = request.pop("do")
        _send(replies, getattr(student, action)(**request))


if __name__ == "__main__":
    main()
