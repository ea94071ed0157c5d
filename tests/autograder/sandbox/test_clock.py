"""The clock of another process: computing and idling are its own, waiting for a processor is not."""

import subprocess
import sys
import threading
import time

import pytest

from autograder.sandbox.clock import Clock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the clocks of other processes")

COMPUTE = "import time\nwhile time.process_time() < {seconds}: pass\nprint(flush=True)\n"


@pytest.fixture
def run():
    """A function that starts Python on a source and returns its process; it is killed at the end."""
    started = []

    def starts(source: str, *options: str) -> subprocess.Popen:
        started.append(
            subprocess.Popen(
                [*options, sys.executable, "-S", "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        )
        return started[-1]

    yield starts
    for process in started:
        process.kill()
        process.communicate()


def after_computing(run, seconds: float) -> tuple[Clock, subprocess.Popen]:
    """Return a clock that ran while a process computed for so long, and the process, which is still there."""
    process = run("input()\n" + COMPUTE.format(seconds=seconds) + "input()")
    clock = Clock(process.pid)
    process.stdin.write(b"\n")
    process.stdin.flush()
    process.stdout.readline()
    return clock, process


def test_what_computes_is_seen_to_compute(run):
    clock, _ = after_computing(run, 1.0)
    assert 0.9 < clock.used().computed < 1.5


def test_what_sleeps_is_seen_to_be_idle(run):
    process = run("print(flush=True)\ninput()")
    process.stdout.readline()
    clock = Clock(process.pid)
    time.sleep(0.5)
    used = clock.used()
    assert used.computed < 0.1 and used.idle > 0.3


def test_what_waits_for_a_processor_is_neither(run, busy):
    with busy(8):
        process = run("print(flush=True)\n" + COMPUTE.format(seconds=0.5), "taskset", "-c", "0")
        rival = run("while True: pass", "taskset", "-c", "0")
        process.stdout.readline()
        clock, began = Clock(process.pid), time.monotonic()
        while time.monotonic() - began < 1.0:
            time.sleep(0.05)
        used = clock.used()
    assert rival.poll() is None
    assert used.computed < 0.7 and used.idle < 0.2, used


def test_all_threads_count(run):
    source = """
import threading

def compute():
    while True:
        pass

threading.Thread(target=compute, daemon=True).start()
print(flush=True)
threading.Event().wait()
"""
    process = run(source)
    process.stdout.readline()
    clock, began = Clock(process.pid), time.monotonic()
    while clock.used().computed <= 0.1 and time.monotonic() - began < 60:  # as long as a busy machine takes
        time.sleep(0.05)
    assert clock.used().computed > 0.1


def test_what_has_ended_keeps_what_it_had_used(run):
    clock, process = after_computing(run, 0.3)
    before = clock.used()
    process.kill()
    process.wait()
    after = clock.used()
    assert after.computed == before.computed > 0.2 and after.idle >= before.idle


def test_of_an_unknown_process_all_time_is_idle():
    clock = Clock(0)
    threading.Event().wait(0.05)
    assert clock.used().computed == 0.0 and clock.used().idle >= 0.05
