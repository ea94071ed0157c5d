"""Isolating a process: namespaces, a file system of its own, limits, no privileges, Landlock, a system call filter.

Linux only, and the only file that talks to the kernel. `confine` is called in a fresh fork of the single-threaded warm
parent; what it returns to can compute, and read Python and the student's `course_lib`, and little else. It imports only
the standard library, since it also runs where `autograder` is absent.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_THREAD = 0x10000000, 0x20000000, 0x40000000, 0x10000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 24, 22, 38

SYSTEM_FOLDERS = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
MEMORY = 2 * 2**30  # bytes of address space beyond what the warm parent has; Python and torch take a few
DISK = "size=64m,nr_inodes=4k,mode=1777"
FIRST_UID, UIDS = 200_000, 50_000

LAYERS = ("namespaces", "files", "limits", "privileges", "landlock", "seccomp")
NEEDED = ("namespaces", "files", "limits", "seccomp")  # no files, no network, no forks


class ConfineError(Exception):
    """A layer is not to be had on this machine; the message says which and what may help."""

    def __init__(self, layer: str, problem: str) -> None:
        super().__init__(f"{layer}: {problem}")
        self.layer = layer


def _call(layer: str, what: str, result: int) -> int:
    """Return a system call's result. Raises ConfineError, saying what was tried, when it is negative."""
    if result < 0:
        code = ctypes.get_errno()
        raise ConfineError(layer, f"{what} failed ({errno.errorcode.get(code, code)}: {os.strerror(code)})")
    return result


def confine(readable: list[str], folder: str, every_layer: bool) -> tuple[list[str], int]:
    """Isolate this process; return the layers that hold, and the id by which the outside knows the process.

    It returns in another process, the first of its namespace.

    readable     files and folders besides the system's that may be read, at the same paths
    folder       an empty folder of the host: the new root is mounted there, seen by nobody else
    every_layer  whether a missing layer is an error, and not only one of the NEEDED

    Raises ConfineError.
    """
    held, process, user, memory = [], os.getpid(), FIRST_UID + os.getpid() % UIDS, _address_space() + MEMORY

    def enter() -> None:
        nonlocal process
        process = _enter_namespaces()

    layers: dict[str, Callable[[], None]] = {
        "namespaces": enter,
        "files": lambda: _change_root(folder, readable, user),
        "limits": lambda: _set_limits(memory),
        "privileges": lambda: _drop_privileges(user),
        "landlock": _landlock,
        "seccomp": _filter_system_calls,
    }
    for layer, set_up in layers.items():
        try:
            set_up()
            held.append(layer)
        except (ConfineError, OSError) as problem:
            if every_layer or layer in NEEDED:
                raise problem if isinstance(problem, ConfineError) else ConfineError(layer, str(problem)) from problem
    return held, process


# ---- namespaces


def _enter_namespaces() -> int:
    """Leave the host's processes, network, mounts and users behind. The caller goes on as the first process inside;
    it is told the id that it has outside.

    The process that called stays outside as a supervisor that does nothing but wait, and ends with the same code.
    """
    flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
    user, group = os.getuid(), os.getgid()
    if user != 0:
        flags |= CLONE_NEWUSER
    _call("namespaces", "unshare", _libc.unshare(flags))
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"65534 {user} 1")
        Path("/proc/self/gid_map").write_text(f"65534 {group} 1")
    inside, outside = os.pipe()
    child = os.fork()
    if child:
        os.write(outside, str(child).encode())
        _supervise(child)
    die_with_parent()
    os.close(outside)
    process = int(os.read(inside, 20) or 0)
    os.close(inside)
    socket.sethostname("sandbox")
    return process


def _supervise(child: int) -> None:
    """Wait for the first process inside, and end as it ended. If the supervisor is killed, everything inside is too."""
    os.closerange(3, 65536)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends. Raises ConfineError."""
    _call("namespaces", "prctl(PDEATHSIG)", _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


# ---- files


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    result = _libc.mount(*arguments, flags, data.encode() if data is not None else None)
    _call("files", f"mounting {source or kind} on {target}", result)


def _change_root(folder: str, readable: list[str], user: int) -> None:
    """Make a new root: Python, the system's libraries and `readable` to read, a small /tmp to write, nothing else."""
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _mount("none", folder, "tmpfs", MS_NOSUID, "size=1m,nr_inodes=1k,mode=755")
    os.mkdir(f"{folder}/tmp")
    _mount("none", f"{folder}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, DISK)  # before what is bound below it
    python = [sys.prefix, sys.base_prefix, os.path.dirname(os.path.realpath(sys.executable))]
    for path in dict.fromkeys([*SYSTEM_FOLDERS, *python, *readable, *DEVICES]):
        _bind(path, folder, devices=path in DEVICES)
    _mount(None, folder, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID)
    os.chdir(folder)
    _call("files", "pivot_root", _libc.pivot_root(b".", b"."))
    _call("files", "leaving the old root", _libc.umount2(b".", MNT_DETACH))
    os.chdir("/tmp")


def _bind(path: str, root: str, devices: bool) -> None:
    """Show a file or folder of the host at the same path below the new root, read-only. Links are made again."""
    if not os.path.lexists(path):
        return
    target = f"{root}{path}"
    if os.path.lexists(target):  # inside something that is bound already
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path) and not devices:
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(path, target, None, MS_BIND | MS_REC)
    if not devices:
        _make_read_only(target)


MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
SYS_MOUNT_SETATTR, SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 442, 444, 445, 446


def _make_read_only(target: str) -> None:
    """Make a mount and everything mounted below it read-only (Linux 5.12; before that, the mount itself)."""
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0, 0)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    if _libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, target.encode(), AT_RECURSIVE, buffer, len(attributes)) < 0:
        _mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


# ---- limits and privileges


def _address_space() -> int:
    """Return the size of this process's address space in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _set_limits(memory: int) -> None:
    """Limit memory, files, processes. Wall time is the grader's business, who kills from outside."""
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 64 * 2**20,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_NPROC: 64,  # threads: more processes there cannot be
        resource.RLIMIT_CPU: 1800,
        resource.RLIMIT_MEMLOCK: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _drop_privileges(user: int) -> None:
    """Become an unprivileged user with no capability, that can never regain one."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # past the last one that this kernel knows
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header = struct.pack("Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _call("privileges", "capset", _libc.capset(header, struct.pack("IIIIII", 0, 0, 0, 0, 0, 0)))
    _call("privileges", "no_new_privs", _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    die_with_parent()  # a change of user had cleared it


# ---- Landlock


def _landlock() -> None:
    """Allow reading everywhere that is left, writing below /tmp, and no TCP, abstract sockets or signals outward."""
    version = _libc.syscall(SYS_LANDLOCK_CREATE, None, 0, 1)
    _call("landlock", "landlock_create_ruleset", version)
    rights = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)  # how many access rights this version handles
    handled = (1 << rights) - 1
    network = 0b11 if version >= 4 else 0
    scoped = 0b11 if version >= 6 else 0
    attributes = struct.pack("QQQ", handled, network, scoped)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = _libc.syscall(SYS_LANDLOCK_CREATE, attributes, len(attributes), 0)
    _call("landlock", "landlock_create_ruleset", ruleset)
    execute, read_file, read_folder = 1 << 0, 1 << 2, 1 << 3
    for path, allowed in (("/", execute | read_file | read_folder), ("/tmp", handled)):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", allowed & handled, place)
        _call("landlock", f"a rule for {path}", _libc.syscall(SYS_LANDLOCK_ADD, ruleset, 1, rule, 0))
        os.close(place)
    for device in DEVICES:
        if os.path.exists(device):
            place = os.open(device, os.O_PATH | os.O_CLOEXEC)
            rule = struct.pack("=Qi", (read_file | 1 << 1 | (1 << 14 if version >= 3 else 0)) & handled, place)
            _call("landlock", f"a rule for {device}", _libc.syscall(SYS_LANDLOCK_ADD, ruleset, 1, rule, 0))
            os.close(place)
    _call("landlock", "landlock_restrict_self", _libc.syscall(SYS_LANDLOCK_RESTRICT, ruleset, 0))
    os.close(ruleset)


# ---- system calls

# name: (x86_64, aarch64); None where there is none
_DENIED = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200), "listen": (50, 201),
    "accept4": (288, 242), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "syslog": (103, 116),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "acct": (163, 89), "quotactl": (179, 60), "personality": (135, 92), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "vhangup": (153, 58), "nfsservctl": (180, 42), "lookup_dcookie": (212, 18), "mknod": (133, None),
    "mknodat": (259, 33), "setpgid": (109, 154), "setsid": (112, 157), "fanotify_init": (300, 262),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "seccomp": (317, 277), "io_setup": (206, 0),
    "sync": (162, 81), "syncfs": (306, 267), "quotactl_fd": (443, 443), "process_mrelease": (448, 448),
}  # fmt: skip
# Refused with one value of an argument: (numbers of the call, which argument, value).
_DENIED_ARGUMENTS = (
    ((157, 167), 0, PR_SET_PDEATHSIG),  # prctl: to outlive a grader that is killed
    ((72, 25), 1, 1024),  # fcntl(F_SETLEASE): a lease on a file of the library holds up whoever opens it next
)
_CLONE, _CLONE3 = (56, 220), (435, 435)
# What the table was made for. Calls outside it do not exist here, whatever a newer kernel does with their numbers.
_LAST = 456  # futex_requeue, Linux 6.7; above are also the calls of x32, which are those of x86_64 once more
_GAPS = ((334, 424), (294, 424))  # nothing in between was a call then: rseq or kexec_file_load, and pidfd_send_signal
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _EQUAL, _GREATER, _GREATER_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000


def _filter_system_calls() -> None:
    """Refuse what a computation has no use for: new processes, programs, sockets, mounts, tracing, keys, and the like.

    A refused call fails with EPERM, so that Python raises an ordinary exception, and one that the table does not know
    with ENOSYS, as on the kernels that it was made for; a call of another architecture kills.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise ConfineError("seccomp", f"no list of system calls for a processor of kind {machine}")
    column, architecture = _ARCHITECTURES[machine]
    numbers = sorted(number for pair in _DENIED.values() if (number := pair[column]) is not None)
    deny, no_such_call = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    program = [
        (_LOAD, 0, 0, 4),  # the architecture
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # the number of the call
    ]
    below, above = _GAPS[column]
    program += [
        (_GREATER, 2, 0, _LAST),
        (_GREATER_EQUAL, 2, 0, above),
        (_GREATER, 0, 1, below),
        (_RETURN, 0, 0, no_such_call),
    ]
    for number in numbers:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, deny)]
    program += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, no_such_call)]  # glibc then takes clone
    for calls, argument, value in _DENIED_ARGUMENTS:
        program += [
            (_EQUAL, 0, 4, calls[column]),
            (_LOAD, 0, 0, 16 + 8 * argument),
            (_EQUAL, 0, 1, value),
            (_RETURN, 0, 0, deny),
            (_RETURN, 0, 0, _ALLOW),
        ]
    program += [
        (_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, 16),  # the flags of clone: only a thread may be made
        (_ANY_BIT, 1, 0, CLONE_THREAD),
        (_RETURN, 0, 0, deny),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(buffer))
    filter_ = ctypes.create_string_buffer(header, len(header))
    _call("seccomp", "prctl(NO_NEW_PRIVS)", _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call("seccomp", "prctl(SECCOMP)", _libc.prctl(PR_SET_SECCOMP, 2, ctypes.c_void_p(ctypes.addressof(filter_)), 0, 0))
