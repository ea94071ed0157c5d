"""The trusted side's handle on a student's process: run cells, probe, and believe nothing that comes back.

The process is a fork of a warm parent (`warm.py`), isolated by `confine.py`. Who uses a Session sees `run`, `probe`,
`bind`, `close`, the two exceptions, and nothing of how that is done.
"""

import json
import os
import selectors
import shutil
import signal
import struct
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from autograder.sandbox.clock import Clock
from autograder.sandbox.library import own_folder
from autograder.sandbox.warm import parent_for
from course_lib.judging import wire
from course_lib.judging.case import Outcome
from course_lib.judging.endless import computed_too_long, did_nothing

START_SECONDS = 60.0
CELL_SECONDS = 20.0  # of computing
IDLE_SECONDS = 10.0
LOOK_SECONDS = 0.1  # so often the clock is looked at
PATIENCE = 4.0  # times what an answer may take on an idle machine, and more on a busy one: the limit on the wall clock
MAX_REPLY = 64 * 2**20
MAX_PUNCTUATION = 6_000_000  # commas and brackets in a reply: each may become an object of the grader's


class SessionEnded(Exception):
    """The student's process is gone. `why` is "timeout" or "died"; `sentence` says it to the student."""

    def __init__(self, why: str, sentence: str) -> None:
        super().__init__(sentence)
        self.why, self.sentence = why, sentence


class NotDefined(Exception):
    """The student's cells define no such name."""


class SandboxUnavailable(RuntimeError):
    """This machine cannot isolate a student's process as asked; the message says what is missing."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"Students' code cannot be sandboxed on this machine: {problem}\n"
            "Grade as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1; on Ubuntu also "
            "kernel.apparmor_restrict_unprivileged_userns=0), or grade people whom you trust with --sandbox none."
        )


@dataclass(frozen=True)
class Ran:
    """What a cell put out (nbformat outputs, plain text and pictures only) and the error it ended with, or ""."""

    outputs: tuple[dict, ...]
    error: str


class Session:
    """One student's process, for as long as it lives. Use it as a context manager: at the end nothing of it is left."""

    def __init__(
        self,
        withheld: frozenset[str] = frozenset(),
        sandbox: str = "auto",
        imports: tuple[str, ...] = (),
        idle: float = IDLE_SECONDS,
    ) -> None:
        """Start a process.

        withheld  names that are absent from its `course_lib`
        sandbox   "strict" demands every layer of isolation, "auto" at least no files, network and forks, "none" none
        imports   modules that it has imported before it starts, so that no cell pays for that
        idle      seconds that it may neither compute nor wait for a processor while it is asked for something

        Raises SandboxUnavailable when this machine cannot give what `sandbox` demands.
        """
        self.used = 0.0  # seconds of its own, computed and idle, in all that it was asked
        self._idle, self._process = idle, 0
        self._parent = parent_for(withheld, imports)
        self._folder = str(own_folder("student"))
        inward, self._requests = os.pipe()
        self._replies, outward = os.pipe()
        os.set_blocking(self._replies, False)
        os.set_blocking(self._requests, False)
        try:
            self._child: int | None = self._parent.fork(inward, outward, self._folder, sandbox)
        finally:
            os.close(inward)
            os.close(outward)
        try:
            hello = self._receive(_Limit(Clock(0), START_SECONDS, START_SECONDS), MAX_REPLY)
            if problem := hello.get("problem"):
                raise SandboxUnavailable(str(problem))
            self.layers: tuple[str, ...] = tuple(hello["layers"])
            self._process = int(hello["process"])  # no line of the student's has run yet: this can be believed
        except BaseException:
            self.close()
            raise

    def run(self, source: str, seconds: float = CELL_SECONDS) -> Ran:
        """Run a cell. Raises SessionEnded when it computes longer than `seconds`, idles, or ends the process."""
        reply = self._ask({"do": "run", "source": source}, seconds)
        outputs = reply.get("outputs")
        if not isinstance(outputs, list) or not isinstance(reply.get("error"), str):
            return Ran((), "The cell's output could not be read.")
        return Ran(tuple(clean for output in outputs[:50] if (clean := _clean(output))), reply["error"][:8000])

    def probe(
        self,
        name: str,
        setup: str,
        probe_source: str,
        arguments: dict[str, Any],
        withheld: tuple[str, ...],
        seconds: float = CELL_SECONDS,
        most: int = MAX_REPLY,
    ) -> Outcome:
        """Return the outcome of one probe. What is not a valid reply counts as raised, under the name "WireError".

        most  bytes of the reply; a longer one ends the session

        Raises NotDefined when there is nothing of that name, and SessionEnded like `run`.
        """
        request = {"do": "probe", "name": name, "setup": setup, "probe": probe_source, "withheld": list(withheld)}
        reply = self._ask({**request, "arguments": wire.encode(arguments)}, seconds, most)
        if reply.get("missing") is True:
            raise NotDefined(name)
        try:
            return Outcome.from_document(reply)
        except wire.WireError as problem:
            return Outcome(raised=("WireError",), complaint=f"The result is not usable: {problem}.")

    def modules(self) -> frozenset[str]:
        """Return the names of the modules that it has imported."""
        return frozenset(map(str, self._ask({"do": "modules"}, CELL_SECONDS)["modules"]))

    def bind(self, name: str, tested: str) -> None:
        """Bind the tested function `tested` (dotted, in course_lib, not withheld in this session) to a name."""
        self._ask({"do": "bind", "name": name, "tested": tested}, CELL_SECONDS)

    def close(self) -> None:
        """End the process with everything in its group, and remove its folder. Closing twice does nothing."""
        try:
            self._end()
        finally:
            for descriptor in (self._requests, self._replies):
                if descriptor >= 0:
                    os.close(descriptor)
            self._requests = self._replies = -1
            shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> int:
        """Kill what is left of the process; return its exit code."""
        child, self._child = self._child, None
        return 0 if child is None else self._parent.end(child)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- messages

    def _ask(self, request: dict, seconds: float, most: int = MAX_REPLY) -> dict:
        limit = _Limit(Clock(self._process), seconds, self._idle)
        try:
            self._send(request, limit)
            return self._receive(limit, most)
        finally:
            self.used += sum(limit.clock.used())

    def _send(self, request: dict, limit: "_Limit") -> None:
        body = json.dumps(request).encode()
        data = memoryview(struct.pack(">Q", len(body)) + body)
        while data:
            limit.wait(self._requests, selectors.EVENT_WRITE)
            try:
                data = data[os.write(self._requests, data) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise SessionEnded("died", self._obituary()) from None

    def _receive(self, limit: "_Limit", most: int) -> dict:
        (length,) = struct.unpack(">Q", self._read(8, limit))
        if length > most:
            raise SessionEnded("died", f"It returned more than {most / 2**20:.0f} MB.")
        body = self._read(length, limit)
        if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MAX_PUNCTUATION:
            return {}
        try:
            reply = json.loads(body)
        except (ValueError, RecursionError, MemoryError):
            reply = None
        return reply if isinstance(reply, dict) else {}

    def _read(self, length: int, limit: "_Limit") -> bytes:
        data = bytearray()
        while len(data) < length:
            limit.wait(self._replies, selectors.EVENT_READ)
            try:
                piece = os.read(self._replies, min(1 << 20, length - len(data)))
            except BlockingIOError:
                continue
            if not piece:
                raise SessionEnded("died", self._obituary())
            data += piece
        return bytes(data)

    def _obituary(self) -> str:
        """Say how the process ended. It has closed its pipe, so it is gone or about to go."""
        time.sleep(0.05)
        code = self._end()
        if code < 0:
            named = -code in set(signal.Signals)  # a real-time signal has no name
            return f"It ended the Python process (signal {signal.Signals(-code).name if named else -code})."
        return f"It ended the Python process (exit code {code})."


class _Limit:
    """How long the answer to one request may take.

    A limit on computing holds for loops that never end, one on idling for what sleeps or is locked. Waiting for a
    processor counts for neither; but nobody waits for ever: a process may have made itself the last in the queue.
    """

    def __init__(self, clock: Clock, seconds: float, idle: float) -> None:
        self.clock, self.seconds, self.idle = clock, seconds, idle
        self.looked = clock.began

    def wait(self, descriptor: int, event: int) -> None:
        """Wait until a descriptor is ready. Raises SessionEnded when a limit is over."""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            ready = False
            while not ready:
                ready = bool(selector.select(LOOK_SECONDS))
                if time.monotonic() - self.looked >= LOOK_SECONDS:
                    self.look()

    def look(self) -> None:
        """Look at the clock. Raises SessionEnded when a limit is over."""
        self.looked = time.monotonic()
        used = self.clock.used()
        if used.computed > self.seconds:
            raise _timeout(computed_too_long(self.seconds))
        if used.idle > self.idle:
            raise _timeout(did_nothing(self.idle))
        crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        if self.looked - self.clock.began > PATIENCE * crowd * (self.seconds + self.idle):
            raise _timeout("It did not finish, although it had more than its share of the processors' time to do so.")


def _timeout(sentence: str) -> SessionEnded:
    return SessionEnded("timeout", sentence)


def _clean(output: Any) -> dict | None:
    """Return an output with nothing in it but text and PNG pictures, or None."""
    if not isinstance(output, dict):
        return None
    kind = output.get("output_type")
    if kind == "stream" and isinstance(output.get("text"), str):
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": output["text"][:20_000]}
    if kind == "display_data" and isinstance(output.get("data"), dict):
        data = output["data"]
        kept = {k: data[k][:2_000_000] for k in ("text/plain", "image/png") if isinstance(data.get(k), str)}
        return {"output_type": "display_data", "data": kept, "metadata": {}}
    if kind == "error":
        lines = output.get("traceback")
        lines = lines[:20] if isinstance(lines, list) else []
        names = {key: _text(output.get(key)) for key in ("ename", "evalue")}
        return {"output_type": "error", **names, "traceback": [_text(line) for line in lines]}
    return None


def _text(value: Any) -> str:
    return value[:500] if isinstance(value, str) else ""
