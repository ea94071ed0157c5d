"""What is in a download: its files, also those in archives in archives, each read on demand and in bounded memory.

Nothing is unpacked onto the disk, and no name from inside ever becomes a path, so that there is no way out of a folder.
What cannot be read is told and passed over; everything beside it is still found.
"""

import io
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from autograder.grading.plain_text import printable, spelled_out
from autograder.grading.refusal import NotGradable
from autograder.grading.regular_file import opened_inside, read_file
from course_lib.wrong_usage import WrongUsage

OTHER_ARCHIVES = (".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
MAX_FILE = 200 * 2**20
"""Bytes of one file: as many as `grade` takes."""

_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack more than they are asked for
_ENTRY = b"PK\x01\x02"  # begins each line of an archive's list
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Limits:
    """How much is read. Sizes are in bytes.

    entries  files in the whole download; inside: files in one archive that somebody handed in
    file     one file; archive: one archive in the download; unpacked: all that one of them holds
    ratio    how many times its size a file of more than `small` bytes may unpack to
    depth    archives inside one another, the download's own not counted
    """

    entries: int = 200_000
    inside: int = 10_000
    file: int = MAX_FILE
    archive: int = MAX_FILE
    unpacked: int = 2**30
    ratio: int = 200
    small: int = 10 * 2**20
    depth: int = 3


@dataclass(frozen=True)
class Found:
    """A file in a download.

    path     the names that lead to it, from outside in: folders, archives, and last the file's own
    read     returns its bytes, at most so many, as long as the next file is not asked for; raises NotGradable
    refusal  why it, or what is in it, cannot be read; "" when it can
    strays   whether its name would have led out of the archive
    """

    path: tuple[str, ...]
    read: Callable[[int], bytes]
    refusal: str = ""
    strays: bool = False

    @property
    def shown(self) -> str:
        """The path, for a terminal."""
        return spelled_out(printable("/".join(self.path)), keep="")


def files_in(download: Path, limits: Limits | None = None) -> Iterator[Found]:
    """Yield the files of a download in the order of their names: a folder, a zip archive, or one file.

    Raises WrongUsage when there is no such file, or it cannot be read at all.
    """
    walk = _Walk(limits or Limits())
    if download.is_dir():
        descriptor = os.open(download, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield from walk.folder((), descriptor)
        finally:
            os.close(descriptor)
    elif not download.exists():
        raise WrongUsage(f"{download} is not there.")
    elif zipfile.is_zipfile(download):
        with download.open("rb") as file:
            for found in walk.archive((), file, download.stat().st_size, 0):
                if not found.path:
                    raise WrongUsage(f"{download} cannot be unpacked: {found.refusal}.")
                yield found
    elif download.name.lower().endswith((".zip", *OTHER_ARCHIVES)):
        raise WrongUsage(f"{download} is no zip archive that can be read. Download it again, or unpack it to a folder.")
    else:
        yield from walk.file((download.name,), partial(_bytes_of, download), 0)


def _bytes_of(path: Path, most: int) -> bytes:
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return read_file(descriptor, path.name, most)
    finally:
        os.close(descriptor)


class _Walk:
    """One way through a download, which counts what it has seen."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.seen = limits, 0

    def file(
        self, path: tuple[str, ...], read: Callable[[int], bytes], depth: int, strays: bool = False
    ) -> Iterator[Found]:
        """Yield a file, or in its place what is in it when it is a zip archive."""
        if _is_left_behind(path):
            return
        self.seen += 1
        if self.seen > self.limits.entries:
            if self.seen == self.limits.entries + 1:
                yield _refused(path, f"there are more than {self.limits.entries} files; what follows was not looked at")
            return
        if not path[-1].lower().endswith(".zip"):
            yield Found(path, read, strays=strays)
        elif depth >= self.limits.depth:
            yield _refused(path, f"it is an archive inside {depth} others; hand in the notebook itself")
        else:
            try:
                data = read(self.limits.archive)
            except NotGradable as problem:
                yield _refused(path, str(problem))
                return
            yield from self.archive(path, io.BytesIO(data), len(data), depth + 1)

    def folder(self, path: tuple[str, ...], descriptor: int) -> Iterator[Found]:
        """Yield the files in an open folder and those below it. No link is followed."""
        with os.scandir(descriptor) as entries:
            kinds = sorted((entry.name, entry.stat(follow_symlinks=False).st_mode) for entry in entries)
        for name, mode in kinds:
            place = (*path, _plain(name))
            if stat.S_ISREG(mode):
                yield from self.file(place, partial(read_file, descriptor, name), 0)
            elif not stat.S_ISDIR(mode):
                yield _refused(place, "it is a link, a pipe or a device, which is not followed")
            elif len(path) < 20 and not _is_left_behind(place):
                try:
                    with opened_inside(descriptor, name) as inner:
                        yield from self.folder(place, inner)
                except (NotGradable, OSError) as problem:
                    yield _refused(place, str(problem))

    def archive(self, path: tuple[str, ...], file: IO[bytes], size: int, depth: int) -> Iterator[Found]:
        """Yield the files in an open zip archive of so many bytes."""
        most = self.limits.inside if depth else self.limits.entries
        if _entries(file) > most:
            yield _refused(path, f"the archive holds more than {most} files")
            return
        try:
            archive = zipfile.ZipFile(file)
        except Exception as problem:  # whatever its parser raises
            yield _refused(path, f"the archive is broken ({printable(str(problem))}); ask for the notebook itself")
            return
        members = [member for member in archive.infolist() if not member.is_dir()]
        if sum(member.compress_size for member in members) > size:
            yield _refused(path, "the archive is a bomb: its files overlap")
            return
        if depth and sum(member.file_size for member in members) > self.limits.unpacked:
            yield _refused(path, f"the archive holds more than {self.limits.unpacked >> 20} MB")
            return
        for member in sorted(members, key=lambda member: member.filename):
            names, strays = _parts(_name_of(member))
            place = (*path, *names)
            if why := self.fault(member):
                if not _is_left_behind(place):
                    yield _refused(place, why)
                continue
            yield from self.file(place, partial(_unpacked, archive, member), depth, strays)

    def fault(self, member: zipfile.ZipInfo) -> str:
        """Return why a file of an archive is not to be read, "" if it may be."""
        size = member.file_size
        most = self.limits.archive if member.filename.lower().endswith(".zip") else self.limits.file
        if stat.S_ISLNK(member.external_attr >> 16):
            return "it is a link to another place, which is not followed"
        if member.flag_bits & 1:
            return "it needs a password; ask for it without one"
        if member.compress_type not in _BOUNDED:
            return "it is compressed in an unusual way; ask for the notebook itself"
        if size > most:
            return f"it has {size >> 20} MB; at most {most >> 20} are read"
        if size > self.limits.small and size > self.limits.ratio * max(1, member.compress_size):
            return f"it is a bomb: it unpacks to {size // max(1, member.compress_size)} times its size"
        return ""


def _refused(path: tuple[str, ...], why: str) -> Found:
    def read(most: int) -> bytes:
        raise NotGradable(why)

    return Found(path, read, refusal=why)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    if member.file_size > most:
        raise NotGradable(f"it has {member.file_size / 2**20:.1f} MB; at most {most / 2**20:g} MB are accepted")
    try:
        with archive.open(member) as file:
            data = file.read(most + 1)
    except Exception as problem:  # it is broken
        raise NotGradable(f"it cannot be unpacked ({printable(str(problem))}); ask for it again") from None
    if len(data) > most:
        raise NotGradable(f"it has more than {most / 2**20:g} MB")
    return data


def _entries(file: IO[bytes]) -> int:
    """Return how many lines an archive's list has at most, before anything parses it."""
    file.seek(0)
    count, tail = 0, b""
    while block := file.read(2**20):
        count += (tail + block).count(_ENTRY)
        tail = block[-3:]
    file.seek(0)
    return count


def _name_of(member: zipfile.ZipInfo) -> str:
    """Return a name as it was meant: many programs write UTF-8 and do not say so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return member.filename


def _parts(name: str) -> tuple[tuple[str, ...], bool]:
    """Return the names in a path of an archive, and whether it would have led out of it.

    >>> _parts("../../etc/passwd"), _parts("C:\\\\a\\\\b.ipynb")
    ((('etc', 'passwd'), True), (('a', 'b.ipynb'), True))
    """
    pieces = name.replace("\\", "/").split("/")
    kept = tuple(_plain(piece) for piece in pieces if piece not in ("", ".", "..") and not _DRIVE.fullmatch(piece))
    strays = ".." in pieces or name.startswith(("/", "\\")) or bool(_DRIVE.match(name))
    return kept or ("nameless",), strays


def _plain(name: str) -> str:
    """Return a name in the form that people type: macOS takes letters and their accents apart."""
    return unicodedata.normalize("NFC", name)


def _is_left_behind(path: tuple[str, ...]) -> bool:
    """Whether tools and systems left a file behind, and nobody handed it in. Jupyter's checkpoints are kept."""
    return any(name == "__MACOSX" or (name.startswith((".", "~$")) and name != ".ipynb_checkpoints") for name in path)
