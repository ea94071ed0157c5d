"""A zip archive that was handed in: the notebooks in it, each unpacked in bounded memory."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from autograder.grading.plain_text import printable
from autograder.grading.refusal import NotGradable

MAX_MEMBERS = 10_000
_ENTRY = b"PK\x01\x02"  # begins each line of an archive's list
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack more than they are asked for


def notebooks_in_archive(name: str, data: bytes, most: int) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the notebooks in a zip archive: their names, and a function that returns their bytes.

    most  bytes that one of them may have. Raises NotGradable, also later, when one is unpacked
    """
    shown = printable(name)
    if data.count(_ENTRY) > MAX_MEMBERS:
        raise NotGradable(f"The archive {shown} holds more than {MAX_MEMBERS} files.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except Exception as problem:  # whatever its parser raises
        raise NotGradable(f"The archive {shown} cannot be read: {printable(str(problem))}.") from None
    for member in archive.infolist():
        path = PurePosixPath(member.filename)
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
        if path.suffix.casefold() == ".ipynb" and not hidden and not member.is_dir():
            yield path.name, lambda member=member: _unpacked(archive, member, shown, most)  # type: ignore[misc]


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: str, most: int) -> bytes:
    if member.compress_type not in _BOUNDED:
        raise NotGradable(f"The archive {shown} is compressed in an unusual way. Hand in the notebook itself.")
    try:
        with archive.open(member) as file:  # what it says of its size is not believed
            data = file.read(most + 1)
    except Exception as problem:  # it is broken, or needs a password
        raise NotGradable(f"The archive {shown} cannot be unpacked: {printable(str(problem))}.") from None
    if len(data) > most:
        raise NotGradable(f"The notebook in {shown} has more than {most >> 20} MB.")
    return data
