"""The table of refused system calls: libseccomp has the same numbers, and what is in no table is no call at all."""

import ctypes
import ctypes.util
import errno
import os
import platform

import pytest

from autograder.sandbox import confine
from autograder.sandbox.session import Session

PROCESSORS = list(confine._ARCHITECTURES)
X32 = 0x40000000


@pytest.fixture(scope="module")
def number_of():
    """A function that returns the number of a call by its name on a processor, as libseccomp knows it; or below 0."""
    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("libseccomp is not installed (apt-get install libseccomp2)")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    resolve.argtypes = (ctypes.c_uint32, ctypes.c_char_p)
    return lambda call, processor: resolve(confine._ARCHITECTURES[processor][1], call.encode())


@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_refused_call_has_the_number_that_libseccomp_gives_it(number_of, processor):
    column, _ = confine._ARCHITECTURES[processor]
    ours = {call: pair[column] for call, pair in confine._DENIED.items()}
    theirs = {call: number if (number := number_of(call, processor)) >= 0 else None for call in ours}
    assert ours == theirs


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_calls_that_are_looked_at_by_their_arguments_have_libseccomps_numbers_too(number_of, processor):
    column, _ = confine._ARCHITECTURES[processor]
    named = {"clone": confine._CLONE, "clone3": confine._CLONE3}
    named |= dict(zip(("prctl", "fcntl"), (calls for calls, _, _ in confine._DENIED_ARGUMENTS), strict=True))
    assert {call: pair[column] for call, pair in named.items()} == {call: number_of(call, processor) for call in named}


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_gap_in_the_numbers_hides_no_call_of_the_table_nor_one_that_python_and_torch_use(number_of, processor):
    column, _ = confine._ARCHITECTURES[processor]
    below, above = confine._GAPS[column]
    for call in ("rseq", "statx", "membarrier", "pidfd_send_signal", "openat2", "futex_waitv", "close_range"):
        number = number_of(call, processor)
        assert 0 <= number <= below or above <= number <= confine._LAST
    assert all(not below < pair[column] < above for pair in confine._DENIED.values() if pair[column] is not None)


def _numbers():
    below, above = confine._GAPS[confine._ARCHITECTURES.get(platform.machine(), (0, 0))[0]]
    named = {"open_tree_attr": 467, "the first unknown": confine._LAST + 1, "far above": 9999, "minus one": 2**32 - 1}
    named |= {
        "in the gap": below + 50,
        "the gap's last": above - 1,
    }  # its first are uretprobe and uprobe: never filtered
    return named | ({"getpid of x32": X32 + 39, "fork of x32": X32 + 57} if platform.machine() == "x86_64" else {})


@pytest.mark.parametrize("number", _numbers().values(), ids=_numbers())
def test_a_call_that_is_in_no_table_does_not_exist_for_a_student(sandbox, number):
    if sandbox == "none":
        pytest.skip("this machine cannot shut a process in")
    source = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"def f():\n    result = libc.syscall(ctypes.c_ulong({number}), -1, None, 0, None, 0)\n"
        "    return [result, ctypes.get_errno()]"
    )
    with Session(frozenset(), sandbox) as session:
        session.run(source)
        outcome = session.probe("f", arguments={}, setup="", probe_source="", withheld=())
        assert (outcome.value, outcome.complaint) == ([-1, errno.ENOSYS], "")
        assert session.run("import os\nassert os.getpid()").error == ""


def test_this_kernel_has_the_first_of_them_so_that_the_filter_is_what_refuses():
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(467, -1, None, 0, None, 0)
    if result < 0 and ctypes.get_errno() == errno.ENOSYS:
        pytest.skip(f"Linux {os.uname().release} has no open_tree_attr")
    assert result < 0 and ctypes.get_errno() in (errno.EBADF, errno.EFAULT, errno.EINVAL, errno.EPERM)
