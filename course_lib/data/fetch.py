"""Files from the internet, kept on this computer: asked for once, resumed where they were cut off, checked.

The cache is the folder `downloads` in the course's own folder (`course_lib.store`). A file appears there whole or not
at all. Nothing is unpacked to the disk: what an archive holds is read from it, and no name in it becomes a path.
"""

import gzip
import hashlib
import os
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

from course_lib import store

TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True)
class Download:
    """A file on the internet.

    name       of the file in the cache; its ending tells how it is packed: `.zip`, `.gz`, or not at all
    urls       where it lies: the same file in each place, tried in this order
    megabytes  what neither the file nor anything unpacked from it may exceed, in 10⁶ bytes
    instead    what serves offline, for the message when it cannot be had
    sha256     its published checksum in hexadecimal. None: the first download is trusted and its checksum kept beside
               it, and every later download must have the same

    Raises ValueError for a name with a folder in it.
    """

    name: str
    urls: tuple[str, ...]
    megabytes: int
    instead: str
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not self.name or self.name.startswith(".") or {"/", "\\"}.intersection(self.name):
            raise ValueError(f"name must be the name of a file, without folders, got {self.name!r}")


def fetch(download: Download) -> Path:
    """Return the path of a file on this computer, after downloading it where it was not here yet.

    Raises ConnectionError, with what to do instead, when it cannot be had; and ValueError, after removing it, for a
    file that is too large or has another checksum than expected.
    """
    path = store.folder() / "downloads" / download.name
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part, problems = path.with_name(f"{path.name}.part"), []
    for url in download.urls:
        try:
            _complete(url, part, download)
            break
        except (OSError, HTTPException) as problem:
            problems.append(f"{urlsplit(url).netloc}: {problem or type(problem).__name__}")
    else:
        raise ConnectionError(
            f"{download.name} could not be downloaded ({'; '.join(problems)}). The course does not need it: "
            f"{download.instead}. If you have the file, put it at {path}"
        )
    _check(download, part, path)
    os.replace(part, path)
    _validator(part).unlink(missing_ok=True)
    return path


def lines(download: Download, member: str = "") -> Iterator[bytes]:
    """Yield the lines of a file, unpacked, each with its line break; it is downloaded where it is not here yet.

    member  which file of a zip archive

    Raises what `fetch` raises, KeyError for a member that there is not, and ValueError as soon as more than
    `download.megabytes` are unpacked.
    """
    path = fetch(download)
    if path.suffix != ".zip":
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from _lines(file, download)
    else:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            yield from _lines(file, download)


def _lines(file, download: Download) -> Iterator[bytes]:
    left = download.megabytes * 10**6
    while line := file.readline(left + 1):  # never more in memory than is allowed, even where it is all one line
        left -= len(line)
        if left < 0:
            raise ValueError(f"{download.name} must unpack to at most {download.megabytes} MB, and holds more")
        yield line


# ---- one file over HTTP


def _complete(url: str, part: Path, download: Download) -> None:
    """Download until the file is whole; ask again as long as each connection brings something."""
    while True:
        before = _size(part)
        try:
            return _continue(url, part, download)
        except (OSError, HTTPException):
            if _size(part) <= before:
                raise


def _continue(url: str, part: Path, download: Download) -> None:
    """Download what is missing of a file, over one connection. Raises OSError or HTTPException where it is cut."""
    start, headers = _size(part), {"User-Agent": "language-model-course", "Accept-Encoding": "identity"}
    if start and _validator(part).exists():
        # If-Range: what is there already counts only where the file on the server is still the same
        headers |= {"Range": f"bytes={start}-", "If-Range": _validator(part).read_text(encoding="latin-1")}
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as problem:
        if problem.code == 416 and "Range" in headers:  # nothing lies there: what is here is not a beginning of it
            part.unlink()
            return _continue(url, part, download)
        raise
    with response:
        if response.status != 206:
            start = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise OSError(f"asked for the bytes from {start}, got {response.headers.get('Content-Range')}")
        length = response.headers.get("Content-Length")
        _write(response, part, start, start + int(length) if length else None, download)


def _write(response, part: Path, start: int, total: int | None, download: Download) -> None:
    """Write a response into the file from position `start` on. Raises OSError when it ends before `total` bytes."""
    tag, done, shown = response.headers.get("ETag", "W/"), start, None
    same = response.headers.get("Last-Modified", "") if tag.startswith("W/") else tag  # If-Range takes no weak tag
    with part.open("r+b" if start else "wb") as file:
        _validator(part).unlink(missing_ok=True)
        if same:
            _validator(part).write_text(same, encoding="latin-1")
        file.seek(start)
        while block := response.read(1 << 16):
            file.write(block)
            done += len(block)
            if done > download.megabytes * 10**6:
                break
            now = f"{done / total:.0%}" if total else f"{done // 10**6} MB"
            if now != shown:
                shown = now
                print(f"\r{download.name}: {now}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if done > download.megabytes * 10**6:
        part.unlink()
        _validator(part).unlink(missing_ok=True)
        raise ValueError(f"{download.name} must have at most {download.megabytes} MB, and {response.url} sent more")
    if total is not None and done < total:
        raise OSError(f"the connection was cut after {done:,} of {total:,} bytes")


def _check(download: Download, part: Path, path: Path) -> None:
    """Compare the checksum of a finished download with the published one, or with that of the first download."""
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    record = path.with_name(f"{path.name}.sha256")
    expected = download.sha256 or (record.read_text(encoding="ascii").split()[0] if record.exists() else None)
    if expected is None:
        record.write_text(f"{found}  {path.name}\n", encoding="ascii")
        print(
            f"{path.name}: no checksum is published, so this first download is trusted. Later ones must have the same "
            f"SHA-256, which is kept in {record}",
            file=sys.stderr,
        )
    elif found != expected:
        part.unlink()
        _validator(part).unlink(missing_ok=True)
        known = "as published" if download.sha256 else f"from the first download, kept in {record}"
        raise ValueError(
            f"{path.name} must have the SHA-256 {expected} ({known}), got {found}. The file was removed: it was "
            f"damaged on its way, or is no longer the same. The course does not need it: {download.instead}"
        )


def _validator(part: Path) -> Path:
    """Return the file that keeps by what the server tells one version of the download from another."""
    return part.with_suffix(".version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
