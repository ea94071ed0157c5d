# ruff: noqa: E501 - students do not wrap their lines
"""Attempts to get out: new processes and programs, sockets, tracing, writing, mounts, namespaces, privileges, outliving."""

import platform

from tests.arena.cases import attempt, enter
from tests.arena.draft import Draft

SYSTEM_CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
result = libc.syscall({arguments})
if result < 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
return result
"""


def _out(name: str, what: str, body: str, control: bool = True) -> None:
    attempt("escaping", name, what, body, control)


# ---- processes and programs
_out("fork", "Fork.", "import os\nif (child := os.fork()) == 0:\n    os._exit(0)\nos.waitpid(child, 0)")
_out("run_program", "Run a program.", "import subprocess\nsubprocess.run(['/bin/true'], check=True)")
_out(
    "shell_command",
    "Run a shell command.",
    "import os\nif os.system('true') != 0:\n    raise OSError('it did not run')",
)
_out("spawn", "Spawn a program without fork.", "import os\nos.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)")
_out("exec", "Become another program.", "import os\nos.execv('/bin/true', ['true'])", control=False)
_out(
    "multiprocessing",
    "Start a process pool.",
    "import multiprocessing as m\nwith m.get_context('fork').Pool(1) as pool:\n    pass",
)
_out(
    "fork_in_c",
    "Fork from C.",
    "import ctypes, os\nchild = ctypes.CDLL(None).fork()\nif child < 0:\n    raise OSError('refused')\nif child == 0:\n    os._exit(0)",
)

# ---- network
_out("listen", "Listen on loopback.", "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 47113))\ns.listen()")
_out(
    "datagram",
    "Send a datagram.",
    "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
)
_out(
    "unix_socket",
    "Bind a socket in a file.",
    "import os, socket\nos.chdir('/tmp')\ns = socket.socket(socket.AF_UNIX)\ns.bind('arena-socket')\nos.unlink('arena-socket')",
)
_out(
    "abstract_socket",
    "Bind an abstract socket.",
    "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('\\0arena')\ns.listen()",
)
_out("netlink", "Open a netlink socket.", "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)")
_out("name_lookup", "Ask for a name.", "import socket\nsocket.getaddrinfo('example.org', 80)", control=False)
_out(
    "socket_pair",
    "Send to an address outside through half of a socket pair.",
    """
    import socket
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    a.sendto(b"x", "\\0arena-listener")
    """,
    control=False,
)

# ---- other processes
_out(
    "parent",
    "Signal the parent.",
    "import os\nif os.getppid() == 0:\n    raise LookupError('there is no parent here')\nos.kill(os.getppid(), 0)",
)
_out(
    "trace_me",
    "Ask to be traced.",
    "import ctypes\nif ctypes.CDLL(None).ptrace(0, 0, 0, 0) < 0:\n    raise OSError('refused')",
)
_out(
    "adopt_parents_death",
    "Not to die with the parent.",
    "import ctypes\nif ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) < 0:\n    raise OSError('refused')",
)
_out("own_session", "Leave the process group, so that a signal to it does not reach.", "import os\nos.setsid()")

# ---- writing
for _name, _path in {
    "write_root": "/arena-was-here",
    "write_usr": "/usr/arena-was-here",
    "write_course": "@COURSE@/arena-was-here",
    "write_marks": "@COURSE@/grades.csv",
    "write_neighbour": "@COURSE@/submitted/000-neighbour/98_arena/98_arena.ipynb",
    "write_shared_memory": "/dev/shm/arena-was-here",
    "write_null_device": "/dev/arena-was-here",
}.items():
    _out(_name, f"Write to {_path}.", f"open({_path!r}, 'a').write('')", control=False)
_out(
    "write_library",
    "Change the library that the next student imports.",
    "import course_lib.information as i\nopen(i.__file__, 'a').write('# mine')",
    control=False,
)
_out(
    "write_python", "Change Python's own files.", "import json\nopen(json.__file__, 'a').write('# mine')", control=False
)
_out(
    "unlink_library",
    "Remove a file of the library.",
    "import course_lib.information as i, os\nos.unlink(i.__file__)",
    control=False,
)
_out(
    "mode_of_library",
    "Change a file's mode.",
    "import course_lib.information as i, os\nos.chmod(i.__file__, 0o777)",
    control=False,
)
_out(
    "lease",
    "Take a lease on a file of the library, so that the next one who opens it waits.",
    "import course_lib.information as i, fcntl\nfcntl.fcntl(open(i.__file__), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
)

# ---- privileges and limits
_out(
    "become_root",
    "Become root.",
    "import os\nos.setuid(0)\nif os.getuid() != 0:\n    raise OSError('not root')",
    control=False,
)
_out("change_root", "Change the root.", "import os\nos.chroot('/tmp')", control=False)
_out(
    "make_device",
    "Make a device.",
    "import os, stat\nos.mknod('/tmp/arena-device', 0o666 | stat.S_IFBLK, os.makedev(254, 0))",
    control=False,
)
_out(
    "more_memory",
    "Raise the limit on memory.",
    "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**62, 2**62))",
    control=False,
)
_out("more_priority", "Raise the priority.", "import os\nos.setpriority(os.PRIO_PROCESS, 0, -10)", control=False)
_out("host_name", "Rename the machine.", "import socket\nsocket.sethostname('arena')", control=False)
_out(
    "watch_files",
    "Watch a folder for what others do in it.",
    SYSTEM_CALL.format(arguments="294, 0") if platform.machine() == "x86_64" else SYSTEM_CALL.format(arguments="26, 0"),
)
_out("memory_file", "Make a file in memory, beyond the disk's limit.", "import os\nos.memfd_create('arena')")
_out(
    "new_user_namespace",
    "Make a user namespace, and be root in it.",
    "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000) < 0:\n    raise OSError('refused')",
    control=False,
)
_out(
    "mount",
    "Mount a file system.",
    "import ctypes\nif ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) < 0:\n    raise OSError('refused')",
    control=False,
)
_out(
    "mount_proc",
    "Mount the list of processes.",
    "import ctypes, os\nos.makedirs('/tmp/p')\nif ctypes.CDLL(None).mount(b'proc', b'/tmp/p', b'proc', 0, None) < 0:\n    raise OSError('refused')",
    control=False,
)
_out(
    "unmount",
    "Unmount what hides the rest.",
    "import ctypes\nif ctypes.CDLL(None).umount2(b'/tmp', 2) < 0:\n    raise OSError('refused')",
    control=False,
)

if platform.machine() == "x86_64":
    for _name, _what, _arguments in [
        ("clone", "Clone a process by its system call.", "56, 17, 0, 0, 0, 0"),
        ("clone_namespace", "Clone into new namespaces.", "56, 0x10000000 | 17, 0, 0, 0, 0"),
        ("clone3", "Clone by the newer call.", "435, (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17), 88"),
        ("keyring", "Store a key with the kernel.", "248, b'user', b'arena', b'x', 1, -3"),
        ("bpf", "Load a program into the kernel.", "321, 0, 0, 0"),
        ("perf", "Count the kernel's events.", "298, 0, 0, -1, -1, 0"),
        ("userfaultfd", "Handle page faults.", "323, 0"),
        ("io_uring", "Queue system calls that no filter sees.", "425, 8, (ctypes.c_uint64 * 32)()"),
        ("asynchronous_io", "Use up the machine's asynchronous contexts.", "206, 1000, (ctypes.c_uint64 * 1)()"),
        ("shared_segment", "Make shared memory that outlives the process.", "29, 0, 4096, 0o1600"),
        ("message_queue", "Make a message queue that outlives the process.", "68, 4711, 0o1600"),
        ("semaphores", "Make semaphores that outlive the process.", "64, 4711, 1, 0o1600"),
        ("read_memory", "Read another process's memory.", "310, 1, 0, 0, 0, 0, 0"),
        ("take_descriptor", "Take a descriptor of another process.", "438, 3, 0, 0"),
        ("open_by_handle", "Open a file by its handle, past the mounts.", "304, 3, 0, 0"),
        ("join_namespace", "Join another namespace.", "308, 3, 0"),
        ("newer_call", "Open a mount by a call that kernels have had since 6.15.", "467, -100, b'/', 0, None, 0"),
        ("second_filter", "Replace the system call filter.", "317, 1, 0, 0"),
        ("sync_disks", "Make the machine write all its disks.", "162"),
    ]:  # fmt: skip
        _out(_name, _what, SYSTEM_CALL.format(arguments=_arguments), control=False)


# ---- outliving
@enter("harmless")
def outlives_as_thread(draft: Draft) -> None:
    """Threads that go on, and write after the student's code has ended."""
    draft.add(
        "import os, threading, time\n"
        "def later():\n    time.sleep(0.4)\n    open('/tmp/arena-later', 'w').write('x')\n    print('ARENA-OUT later')\n    time.sleep(600)\n"
        "for _ in range(4):\n    threading.Thread(target=later, daemon=False).start()",
        before="total",
    )


@enter("harmless")
def outlives_by_handlers(draft: Draft) -> None:
    """Exit and signal handlers that refuse to end."""
    draft.add(
        "import atexit, os, signal, time\n"
        "atexit.register(time.sleep, 600)\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGPIPE, signal.SIGQUIT):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "class Undying:\n    def __del__(self):\n        time.sleep(600)\n"
        "undying = Undying()",
        before="total",
    )


@enter("harmless")
def kills_everybody(draft: Draft) -> None:
    """Signal every process there is, and the own group."""
    draft.add(
        "import os, signal\n"
        "for target in (-1, 0, 1):\n"
        "    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):\n"
        "        try:\n            signal.signal(number, signal.SIG_IGN)\n            os.kill(target, number)\n"
        "        except OSError:\n            pass",
        before="total",
    )


@enter("accident", total="timeout")
def refuses_to_end(draft: Draft) -> None:
    """Code that is deaf to everything and has asked not to die with its parent; a killed grader must take it along."""
    draft.spoil(
        "total",
        "import ctypes, signal\n"
        "libc = ctypes.CDLL(None)\nlibc.prctl(1, 0, 0, 0, 0)\nlibc.setsid()\nlibc.setpgid(0, 0)\n"
        "for number in range(1, 65):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\n"
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
    )
